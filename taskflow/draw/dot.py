"""A picture in the language of Graphviz, and the files that its program `dot` makes of it."""

from __future__ import annotations

import re
from typing import Final

import graphviz

from taskflow.draw import picture as p
from taskflow.draw.looks import DARK, LIGHT, LINES, TINTS, Theme, in_order
from taskflow.draw.text import width
from taskflow.draw.words import DrawError, checked_theme


def _look(text: str) -> dict[str, str]:
    """Attributes, written as Graphviz writes them."""
    return dict(pair.split("=") for pair in text.split())


#: Without a theme the page is clear, and what lies on it is half way between white and black.
CLEAR: Final = Theme("transparent", LIGHT.ink, "#727c8a", "#8080801a", "#727c8a80")
PAGE: Final = _look("labelloc=t labeljust=l nodesep=0.3 ranksep=0.4 fontsize=11")
EDGE: Final = _look("fontsize=9 arrowsize=0.6")
BOX: Final = _look("fontsize=11 shape=box style=rounded,filled height=0.38 margin=0.17,0.05")
PILL: Final = _look("fontsize=10 shape=ellipse style=solid height=0.28 margin=0.1,0.02")
SHAPES: Final = {
    p.PILL: PILL,
    p.DYNAMIC: _look("style=rounded,filled,dashed peripheries=2"),
    p.POINT: _look("shape=point width=0.07"),
    p.WHEN: _look("shape=diamond style=filled fontsize=10 margin=0.01,0.01"),
    p.CHOICE: _look("shape=diamond style=filled width=0.2 height=0.2"),
}
FRAMES: Final = {
    "pipeline": _look("fontsize=10 style=rounded,filled"),
    "expansion": _look("fontsize=10 style=rounded,filled,dashed"),
    "branch": _look("style=rounded,dashed"),
}
EDGES: Final = {
    p.EACH: _look("penwidth=2.4"),
    p.COLLECTED: _look("dir=both arrowtail=crow tailport=s"),
    p.SPLIT: _look("arrowhead=crownormal"),
    p.ORDER: _look("style=dashed"),
    p.EXPANDS: _look("style=dotted"),
}
#: The lines as letters, for a legend.
SIGNS: Final = {p.EACH: "━", p.COLLECTED: "≻", p.SPLIT: "≺", p.ORDER: "╌", p.EXPANDS: "┈"}
_GAP: Final = "&#160;&#160; "  #: between words in a row
#: A map: a box, and below it the edges of two more that lie behind.
STACK: Final = """<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">
<TR><TD COLSPAN="5"><TABLE STYLE="ROUNDED{dashed}" BORDER="1" CELLBORDER="0" CELLSPACING="0"
 CELLPADDING="0" BGCOLOR="{fill}" COLOR="{line}"><TR><TD WIDTH="12" HEIGHT="27"></TD><TD>{name}
<FONT POINT-SIZE="9.5" COLOR="{line}">&#160; {count}</FONT>{note}</TD><TD WIDTH="12"></TD></TR>
</TABLE></TD></TR><TR><TD WIDTH="9" HEIGHT="3"></TD><TD COLSPAN="3" BORDER="1" SIDES="LRB"
 COLOR="{line}" BGCOLOR="{fill}"></TD><TD WIDTH="9"></TD></TR><TR><TD></TD><TD WIDTH="9"
 HEIGHT="3"></TD><TD WIDTH="{width:.0f}" BORDER="1" SIDES="LRB" COLOR="{line}" BGCOLOR="{fill}">
</TD><TD WIDTH="9"></TD><TD></TD></TR></TABLE>>"""


def to_graphviz(picture: p.Picture, theme: str = "auto") -> graphviz.Digraph:
    """The picture as a graph of Graphviz; "auto" suits light and dark pages alike."""
    look = {"light": LIGHT, "dark": DARK}.get(checked_theme(theme), CLEAR)
    words = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": look.grey}
    name = re.sub(r"\W+", "_", picture.title)[:60] or "pipeline"
    page = {**PAGE, **words, "bgcolor": look.page, "label": _title(picture, look)}
    edge = {**EDGE, **words, "color": look.grey}
    canvas = graphviz.Digraph(name, graph_attr=page, node_attr={**BOX, **words}, edge_attr=edge)
    _write_boxes(canvas, picture, look)
    ids = {box.number: box.id for box in picture.boxes}
    for line in picture.lines:
        label = _plain(f" {line.label}") if line.label else None
        canvas.edge(ids[line.tail], ids[line.head], label, **EDGES.get(line.kind, {}))
    return canvas


def piped(canvas: graphviz.Digraph, suffix: str) -> bytes:
    """What `dot` makes of a drawing: the bytes of a file with this suffix."""
    if suffix == "png":
        canvas.attr(dpi="144")  # a screen of today shows two pixels for one
    try:
        return bytes(canvas.pipe(format=suffix, quiet=True))
    except graphviz.ExecutableNotFound:
        raise DrawError(
            f"a .{suffix} file is made by the program `dot`, which is not installed: get it with "
            "`apt install graphviz` (Debian, Ubuntu), `brew install graphviz` (macOS) or "
            "`conda install graphviz`; or draw to a .svg file, which needs no program: -o out.svg"
        ) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise DrawError(f"the program `dot` could not draw this: {said}") from error


# --- boxes -----------------------------------------------------------------------------------


def _write_boxes(canvas: graphviz.Digraph, picture: p.Picture, look: Theme) -> None:
    """Write each box in the frames around it; what is in none lies on the page."""
    colours = {"fillcolor": look.frame, "color": look.frame_line}
    for each in picture.walk():
        if each is None:
            canvas.body.append("\t}\n")
        elif isinstance(each, p.Box):
            canvas.node(each.id, tooltip=_plain(each.tip), **_face(each, look))
        else:
            canvas.body.append(f"\tsubgraph cluster_{each.number} {{\n")
            canvas.attr(label=_plain(each.label), **FRAMES[each.kind], **colours)


def _face(box: p.Box, look: Theme) -> dict[str, str]:
    """How a box looks and what it says."""
    if box.shape in {p.POINT, p.PILL}:
        fill = look.grey if box.shape == p.POINT else "none"
        colours = {"color": look.grey, "fillcolor": fill}
        return {**colours, "label": _plain(box.name), **SHAPES[box.shape]}
    line, fill = look.of(box.state)
    face = {"fillcolor": fill, "color": line, "fontcolor": look.ink}
    name = f"{TINTS[box.state].mark} {box.name}" if box.state else box.name
    note = f'<BR/><FONT POINT-SIZE="9.5" COLOR="{line}">{_markup(box.note)}</FONT>'
    note = note if box.note else ""
    if box.shape not in p.MAPS:
        label = f"<{_markup(name)}{note}>" if note else _plain(name)
        return {**face, "label": label, **SHAPES.get(box.shape, {})}
    stack = STACK.format(
        name=_markup(name),
        count=box.count,
        note=note,
        # About as wide as the text; where the guess is too small, the sheets below get narrower.
        width=max(9, width(name, 11) + width(box.count, 9.5) - 12),
        fill=fill,
        line=line,
        dashed=",DASHED" if box.shape == p.DYNAMIC_MAP else "",
    )
    return {**face, "shape": "plain", "style": "solid", "label": stack}


# --- words -----------------------------------------------------------------------------------


def _title(picture: p.Picture, look: Theme) -> str:
    """The name, what is folded, how many tasks are in which state, and what the lines mean."""
    kinds = {line.kind for line in picture.lines}
    states = (
        f'<FONT COLOR="{look.of(state)[0]}">{TINTS[state].mark}</FONT>'
        f"&#160;{count:,} {state.replace('_', ' ')}"
        for state, count in in_order(picture.tally)
    )
    lines = [
        f'<B><FONT POINT-SIZE="13">{_markup(picture.title)}</FONT></B>',
        _markup(picture.subtitle) if picture.subtitle else "",
        _GAP.join(states),
        _GAP.join(f"{SIGNS[kind]}&#160;{LINES[kind]}" for kind in LINES if kind in kinds),
        " ",  # keeps the boxes away
    ]
    return "<" + "".join(f'{line}<BR ALIGN="LEFT"/>' for line in lines if line) + ">"


def _plain(text: str) -> str:
    """A label in which nothing means anything to Graphviz: no markup, escapes or entities."""
    escaped: str = graphviz.escape(text.replace("&", "&amp;"))
    return escaped


def _markup(text: str) -> str:
    """The same for a text within markup: not empty, and only letters stand for themselves."""
    backslashed = text.replace("\\", "\\\\") or " "
    return re.sub(r"[!-/:-@[-^`{-~]", lambda found: f"&#{ord(found[0])};", backslashed)
