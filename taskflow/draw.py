"""A graph as a drawing: Graphviz text, and the files that `dot` makes of it.

    box                 a task; `#2` its second call there
    stack of boxes      a map with its count, `×n` where only the run can tell
    dashed double box   a dynamic pipeline, which becomes a graph while running
    frame               a nested pipeline; dashed: one side of a `when`
    diamond             `when`; at the empty diamond its sides meet again
    ellipse             a parameter, `flatten`, the result
    thick edge          element by element, nobody waits for the rest of the map
    edge from a fork    a whole map, collected into a list
    edge into a fork    one value, taken apart into the elements of a map
    dashed edge         order only, nothing is handed on

A point joins many with many. Large graphs draw calls of one task in one pipeline as one box.
"""

from __future__ import annotations

import re
import reprlib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.errors import TaskflowError
from taskflow.events import BAD, PENDING
from taskflow.graph import graph as g

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from os import PathLike

    import graphviz

FORMATS: Final = ("svg", "png", "pdf", "dot", "gv")
FOLD_ABOVE: Final = 300  #: `dot` takes minutes for thousands of boxes, and nobody reads them
JOIN_ABOVE: Final = 12  #: edges that a GATHER may turn into where it is left out; a guess


def _look(text: str) -> dict[str, str]:
    """Attributes, written as Graphviz writes them."""
    return dict(pair.split("=") for pair in text.split())


#: Line and fill. A box that stands for many takes the first state here that occurs among them:
#: what a person should look at comes before what went well.
TINTS: Final = _look(
    "failed=#cf3a35/#fde0de crashed=#b3174f/#fbd5e2 timed_out=#cc5a14/#ffe3cf "
    "running=#2f6fde/#d9e8ff retrying=#b97a10/#fff0cf ready=#6a70d0/#e6e8fd "
    "cancelled=#7f6aa6/#eae4f4 upstream_failed=#c08a84/#f7e9e7 pending=#5b6b80/#eef2f7 "
    "skipped=#a2aab4/#f4f5f6 cached=#2b8f8c/#d6f1ef succeeded=#2f9154/#dcf4e3"
)
#: What lies on the page itself is half way between white and black, to be read on both.
GREY: Final = "#727c8a"
INK: Final = "#1d2733"
FONT: Final = f"fontname=Helvetica,Arial,sans-serif fontcolor={GREY} fontsize"
PAGE: Final = _look(f"{FONT}=11 bgcolor=transparent labelloc=t labeljust=l nodesep=0.3 ranksep=0.4")
EDGE: Final = _look(f"{FONT}=9 color={GREY} arrowsize=0.6")
BOX: Final = _look(f"{FONT}=11 shape=box style=rounded,filled height=0.38 margin=0.17,0.05")
PILL: Final = _look(f"{FONT}=10 shape=ellipse style=solid color={GREY} height=0.28 margin=0.1,0.02")
POINT: Final = _look(f"shape=point width=0.07 color={GREY} fillcolor={GREY}")
SHAPES: Final = {
    g.FLAT: PILL,
    g.DYNAMIC: _look("style=rounded,filled,dashed peripheries=2"),
    g.GATHER: POINT,
    g.TRUTH: _look("shape=diamond style=filled fontsize=10 margin=0.01,0.01"),
    g.CHOICE: _look("shape=diamond style=filled width=0.2 height=0.2"),
    g.BARRIER: POINT,
    g.INPUT: PILL,
}
WORDS: Final = {g.FLAT: "flatten", g.TRUTH: "when", g.CHOICE: ""}
FRAMES: Final = {
    "pipeline": _look(f"fontsize=10 style=rounded,filled fillcolor=#8080801a color={GREY}80"),
    "branch": _look(f"style=rounded,dashed color={GREY}b0"),
}
#: A map: a box, and below it the edges of two more that lie behind.
STACK: Final = """<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">
<TR><TD COLSPAN="5"><TABLE STYLE="ROUNDED{dashed}" BORDER="1" CELLBORDER="0" CELLSPACING="0"
 CELLPADDING="0" BGCOLOR="{fill}" COLOR="{line}"><TR><TD WIDTH="12" HEIGHT="27"></TD><TD>{name}
<FONT POINT-SIZE="9.5" COLOR="{line}">&#160; {count}</FONT></TD><TD WIDTH="12"></TD></TR></TABLE>
</TD></TR><TR><TD WIDTH="9" HEIGHT="3"></TD><TD COLSPAN="3" BORDER="1" SIDES="LRB" COLOR="{line}"
 BGCOLOR="{fill}"></TD><TD WIDTH="9"></TD></TR><TR><TD></TD><TD WIDTH="9" HEIGHT="3"></TD>
<TD WIDTH="{width:.0f}" BORDER="1" SIDES="LRB" COLOR="{line}" BGCOLOR="{fill}"></TD>
<TD WIDTH="9"></TD><TD></TD></TR></TABLE>>"""

SIDES: Final = ("otherwise", "then")
#: How an input is taken: whole; element by element; a whole map as a list; a value that is taken
#: apart into the elements of a map. Then what is no input: order, and a side of a `when`.
VALUE, EACH, COLLECTED, SPLIT, ORDER, SIDE = range(6)
LINES: Final = {
    EACH: _look("penwidth=2.4"),
    COLLECTED: _look("dir=both arrowtail=crow tailport=s"),
    SPLIT: _look("arrowhead=crownormal"),
    ORDER: _look("style=dashed"),
}


class DrawError(TaskflowError):
    """A drawing cannot be written: its format is unknown, or `dot` is missing or fails."""


def to_graphviz(graph: g.Graph, states: Mapping[int, str] | None = None) -> graphviz.Digraph:
    """The drawing of a graph; coloured by `states`, the task state of each node, if given."""
    import graphviz  # only who draws needs it

    name = re.sub(r"\W+", "_", graph.pipeline)[:60] or "pipeline"
    page = {**PAGE, "label": _title(graph, states)}
    canvas = graphviz.Digraph(name, graph_attr=page, node_attr=BOX, edge_attr=EDGE)
    arrows, homes, counts = _arrows(graph), _homes(graph), _counts(graph)
    boxes = _boxes(graph, homes, _left_out(graph, arrows))
    looks = {nodes[0]: _face(graph, nodes, states or {}, counts) for nodes in boxes}
    _write_boxes(canvas, graph, homes, looks)
    if arrows[-1]:
        canvas.node("result", **PILL)
    _write_edges(canvas, arrows, {node: f"n{nodes[0]}" for nodes in boxes for node in nodes})
    return canvas


def render(drawing: g.Graph | graphviz.Digraph, path: str | PathLike[str]) -> None:
    """Write a graph, or the drawing of one, to a file; its suffix says the format."""
    import graphviz  # only who draws needs it

    target = Path(path)
    suffix = target.suffix[1:].lower()
    if suffix not in FORMATS:
        known = ", ".join(f".{each}" for each in FORMATS)
        raise DrawError(f"cannot draw to {str(path)!r}: the name has to end in one of {known}")
    canvas = to_graphviz(drawing) if isinstance(drawing, g.Graph) else drawing.copy()
    if suffix in {"dot", "gv"}:
        target.write_text(canvas.source, encoding="utf-8")
        return
    if suffix == "png":
        canvas.attr(dpi="144")  # a screen of today shows two pixels for one
    try:
        picture: bytes = canvas.pipe(format=suffix, quiet=True)
    except graphviz.ExecutableNotFound:
        raise DrawError(
            f"a .{suffix} file is made by the program `dot`, which is not installed: get it with "
            "`apt install graphviz` (Debian, Ubuntu), `brew install graphviz` (macOS) or "
            "`conda install graphviz`; or write Graphviz text, which needs no program: -o out.dot"
        ) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise DrawError(f"the program `dot` could not draw this: {said}") from error
    target.write_bytes(picture)


# --- edges ---------------------------------------------------------------------------------


class Arrow(NamedTuple):
    """An edge, as the node at its head sees it."""

    source: int
    kind: int = VALUE
    label: str = ""


def _arrows(graph: g.Graph) -> list[list[Arrow]]:
    """The edges into each node and, last, into the result."""
    arrows = [_arrows_into(graph, node) for node in range(len(graph))]
    above = cache(lambda node: frozenset(graph.upstream(node)))
    for node, after in graph.after.items():
        # Order with a nested pipeline is order with all calls in it: the first or last say enough.
        known, wanted = {arrow.source for arrow in arrows[node]}, frozenset(after)
        known.update(*(wanted & above(each) for each in above(node)))
        arrows[node] += [Arrow(each, ORDER) for each in after if each not in known]
    return [*arrows, _data(graph, graph.result[1]) if graph.result else []]


def _arrows_into(graph: g.Graph, node: int) -> list[Arrow]:
    """The edges of what a node takes; from a `when` only to where its branch begins."""
    found = _data(graph, graph.inputs[node])
    if node in graph.maps:
        found += _elements(graph, graph.maps[node])
    gate = graph.gates.get(node)
    if gate is None or graph.kind[node] == g.CHOICE:
        return found
    inside = gate in map(graph.gates.get, graph.upstream(node))
    return found if inside else [*found, Arrow(gate[0], SIDE, SIDES[gate[1]])]


def _data(graph: g.Graph, refs: Iterable[g.Ref | bytes], lone: int = VALUE) -> list[Arrow]:
    """Edges for what is handed on whole; `lone` is their kind where that is no map."""
    found = []
    for ref in refs:
        node = -1 if isinstance(ref, bytes) else g.node_of(ref)
        path, take = (ref.path, ref.take) if isinstance(ref, g.Link) else ((), g.VALUE)
        if node >= 0:
            whole = graph.kind[node] in {g.MAP, g.FLAT} and not path
            label = f"{'' if take == g.VALUE else take} {''.join(map(_step, path))}"
            found.append(Arrow(node, COLLECTED if whole else lone, label.strip()))
    return found


def _step(step: tuple[str, Any]) -> str:
    how, key = step
    if how == "field":
        return f".{key}"
    # A key can be of any class: reprlib survives a repr that is endless or raises.
    return f'["{key}"]' if isinstance(key, str) else f"[{reprlib.repr(key)}]"


def _elements(graph: g.Graph, spec: g.MapSpec) -> Iterator[Arrow]:
    star = "*" if spec.star else ""
    for source in spec.sources:
        if isinstance(source, g.Elements):
            yield Arrow(source.node, EACH, star + source.take.removeprefix(g.VALUE))
        elif isinstance(source, g.Split):
            arrows = _data(graph, [source.ref], lone=SPLIT)
            yield from (Arrow(node, kind, star + label) for node, kind, label in arrows)
        elif isinstance(source, g.Nodes):
            yield from _data(graph, source.items)


def _left_out(graph: g.Graph, arrows: list[list[Arrow]]) -> dict[int, list[Arrow]]:
    """GATHER nodes that only pass on few things: edges from them now come from their inputs."""
    uses = Counter(each.source for into in arrows for each in into)
    late = {each.source for node, into in enumerate(arrows) for each in into if each.source > node}
    ends: dict[int, list[Arrow]] = {}
    for node, into in enumerate(arrows):
        into[:] = [
            Arrow(end.source, each.kind or end.kind, each.label or end.label)
            for each in into
            for end in ends.get(each.source, [Arrow(each.source)])
        ]
        few = len(into) == 1 or 0 < len(into) * uses[node] <= JOIN_ABOVE
        if few and node < len(graph) and graph.kind[node] == g.GATHER and node not in late:
            ends[node] = into
    return ends


def _write_edges(
    canvas: graphviz.Digraph, arrows: list[list[Arrow]], names: Mapping[int, str]
) -> None:
    edges: dict[tuple[str, str, int], dict[str, None]] = defaultdict(dict)
    for node, head in [*names.items(), (-1, "result")]:
        for source, kind, label in arrows[node]:
            edges[names[source], head, kind][label] = None
    for (tail, head, kind), labels in edges.items():
        label = _short(", ".join(filter(None, labels)))
        canvas.edge(tail, head, _plain(f" {label}") if label else None, **LINES.get(kind, {}))


# --- boxes ---------------------------------------------------------------------------------


def _homes(graph: g.Graph) -> dict[int, int]:
    """The scope that each scope is drawn as: itself or, in a large graph, the first one like it.

    A pipeline that calls itself is drawn as one, however deep it went.
    """
    homes = {-1: -1}
    first: dict[object, int] = {}
    for scope, (parent, label, kind) in enumerate(graph.scopes):
        around, name = homes[parent], (_bare(label), kind)
        home = first.setdefault((around, name), scope) if len(graph) > FOLD_ABOVE else scope
        first.setdefault((home, name), home)
        homes[scope] = home
    return homes


def _boxes(graph: g.Graph, homes: Mapping[int, int], left_out: Container[int]) -> list[list[int]]:
    """The nodes of each box: one or, in a large graph, all of a name in a scope."""
    boxes: dict[object, list[int]] = defaultdict(list)
    for node in range(len(graph)):
        alike = (homes[graph.scope[node]], graph.kind[node], graph.name_of(node))
        if node not in left_out:
            boxes[alike if len(graph) > FOLD_ABOVE else node].append(node)
    return list(boxes.values())


def _write_boxes(
    canvas: graphviz.Digraph,
    graph: g.Graph,
    homes: Mapping[int, int],
    looks: Mapping[int, dict[str, str]],
) -> None:
    """Write each box in the frames around it; the outermost scope is the page."""
    inside: dict[int, list[int]] = defaultdict(list)
    frames: dict[int, list[int]] = defaultdict(list)
    for node in looks:
        inside[homes[graph.scope[node]]].append(node)
    for scope in range(len(graph.scopes) - 1, -1, -1):
        if homes[scope] == scope and (inside[scope] or frames[scope]):
            frames[homes[graph.scopes[scope][0]]].append(scope)
    copies = Counter(homes.values())
    todo = [-1]
    while todo:
        scope = todo.pop()
        if scope < -1:
            canvas.body.append("\t}\n")
            continue
        parent, label, kind = graph.scopes[scope] if scope >= 0 else (-1, "", "")
        # A side of one box needs no frame; and which side it is, the edges into it say.
        if parent >= 0 and (kind != "branch" or len(inside[scope] + frames[scope]) > 1):
            many = f" ×{copies[scope]:,}" if copies[scope] > 1 else ""
            text = _plain(_short(_bare(label) if many else label) + many)
            canvas.body.append(f"\tsubgraph cluster_{scope} {{\n")
            canvas.attr(label="" if kind == "branch" else text, **FRAMES[kind])
            todo.append(-2)
        for node in inside[scope]:
            canvas.node(f"n{node}", **looks[node])
        todo += frames[scope]


def _counts(graph: g.Graph) -> dict[int, int | None]:
    """How many elements each map has, as far as the graph can tell."""
    counts: dict[int, int | None] = {}
    for node, spec in graph.maps.items():
        like = [each for each in spec.sources if isinstance(each, g.Elements)]
        told = [counts.get(each.node) for each in like if each.take != g.SUCCESSES]
        known = [each for each in (g.known_count(spec), *told) if each is not None]
        counts[node] = known[0] if known and graph.kind[node] == g.MAP else None
    return counts


def _face(
    graph: g.Graph,
    nodes: list[int],
    states: Mapping[int, str],
    counts: Mapping[int, int | None],
) -> dict[str, str]:
    """How a box looks and what it says."""
    node, kind, spec = nodes[0], graph.kind[nodes[0]], graph.spec[nodes[0]]
    found = {states.get(each, PENDING) for each in nodes}
    state = next((each for each in TINTS if each in found), PENDING)
    line, _, fill = TINTS[state].partition("/")
    name = _short(WORDS.get(kind, graph.name_of(node)))
    if spec >= 0:
        name += f"#{graph.nth[node]}" if graph.nth[node] > 1 and len(nodes) == 1 else ""
        name = f"✗ {name}" if state in BAD else name
    tip = f"{graph.key_of(node)}  {Path(graph.line_of(node)).name}  {state if states else ''}"
    look = {"fillcolor": fill, "color": line, "fontcolor": INK, "tooltip": _plain(_short(tip, 200))}
    if spec < 0 or (kind != g.MAP and len(nodes) == 1):
        return {**look, "label": _plain(name), **SHAPES.get(kind, {})}
    parts = [counts.get(each, 1) for each in nodes]
    many = "×n" if None in parts else f"×{sum(filter(None, parts)):,}"
    many = f"{len(nodes):,} maps {many}" if kind == g.MAP and len(nodes) > 1 else many
    # About as wide as the text; where the guess is too small, the sheets below get narrower.
    width = max(9, 6.3 * len(name) + 5.5 * len(many) - 12)
    dashed = ",DASHED" if kind == g.DYNAMIC or graph.specs[spec].dynamic else ""
    stack = STACK.format(
        name=_markup(name), count=many, width=width, fill=fill, line=line, dashed=dashed
    )
    return {**look, "shape": "plain", "style": "solid", "label": stack}


# --- words ---------------------------------------------------------------------------------


def _title(graph: g.Graph, states: Mapping[int, str] | None) -> str:
    """The name of the pipeline, whether it is folded, how many tasks are in which state."""
    name = _markup(_short(graph.scopes[0][1] if graph.scopes else graph.pipeline))
    lines = [f'<B><FONT POINT-SIZE="13">{name}</FONT></B>']
    tasks = [node for node, kind in enumerate(graph.kind) if kind not in g.HELPERS]
    if len(graph) > FOLD_ABOVE:
        lines.append(f"{len(tasks):,} calls, equal ones drawn as one")
    if states is not None:
        found = Counter(states.get(node, PENDING) for node in tasks)
        seen = [state for state in reversed(TINTS) if found[state]]
        dots = (
            f'<FONT COLOR="{TINTS[each][:7]}">●</FONT>&#160;{found[each]:,} {each}' for each in seen
        )
        lines.append("&#160;&#160; ".join(dots).replace("_", " "))
    # The last line is empty: it keeps the boxes away.
    return "<" + "".join(f'{line}<BR ALIGN="LEFT"/>' for line in [*lines, " "]) + ">"


def _bare(label: str) -> str:
    """The label of a scope without its `#2` or `[key]`."""
    return re.sub(r"#\d+$", "", label.partition("[")[0]) or label


def _short(text: str, longest: int = 40) -> str:
    """A text in one line that a drawing can show; 40 is a guess at what an eye takes in."""
    words = " ".join(text[: 4 * longest].split())
    words = "".join(each if each.isprintable() else "�" for each in words)
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _plain(text: str) -> str:
    """A label in which nothing means anything to Graphviz: no markup, escapes or entities."""
    import graphviz  # only who draws needs it

    escaped: str = graphviz.escape(text.replace("&", "&amp;"))
    return escaped


def _markup(text: str) -> str:
    """The same for a text within markup: not empty, and only letters stand for themselves."""
    backslashed = text.replace("\\", "\\\\") or " "
    return re.sub(r"[!-/:-@[-^`{-~]", lambda found: f"&#{ord(found[0])};", backslashed)
