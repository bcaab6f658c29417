"""A picture as Mermaid, which sites that host code show within Markdown.

Mermaid chooses colours of its own for day and night; only states are coloured here. A text stands
in quotes, and whatever could end them or mean something is written as a number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from taskflow.draw import picture as p
from taskflow.draw.looks import LIGHT, TINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What stands around the text of a box.
SHAPES: Final = {
    p.TASK: ("[", "]"),
    p.MAP: ("[[", "]]"),
    p.DYNAMIC: ("{{", "}}"),
    p.DYNAMIC_MAP: ("{{", "}}"),
    p.PILL: ("([", "])"),
    p.WHEN: ("{", "}"),
    p.CHOICE: ("{", "}"),
    p.POINT: ("((", "))"),
}
ARROWS: Final = {p.EACH: "==>", p.ORDER: "-.->", p.EXPANDS: "-.->"}
_WORDS: Final = {p.COLLECTED: "list", p.SPLIT: "each", p.EXPANDS: "expands"}
_INDENT: Final = "    "


def to_mermaid(picture: p.Picture) -> str:
    """The text of a flow chart."""
    lines = ["flowchart TD", *_boxes(picture)]
    ids = {box.number: box.id for box in picture.boxes}
    for line in picture.lines:
        label = line.label or _WORDS.get(line.kind, "")
        words = f"|{_quoted(label)}|" if label else ""
        arrow = ARROWS.get(line.kind, "-->")
        lines.append(f"{_INDENT}{ids[line.tail]} {arrow}{words} {ids[line.head]}")
    found: dict[str, list[str]] = defaultdict(list)
    for box in picture.boxes:
        found[box.state].append(box.id)
    for state, members in found.items():
        if state:
            tint = TINTS[state]
            look = f"stroke:{tint.line},fill:{tint.fill},color:{LIGHT.ink}"
            lines.append(f"{_INDENT}classDef {state} {look}")
            lines.append(f"{_INDENT}class {','.join(members)} {state}")
    return "\n".join([*lines, ""])


def _boxes(picture: p.Picture) -> Iterator[str]:
    """Each box in the frames around it."""
    depth = 1
    for each in picture.walk():
        if each is None:
            depth -= 1
            yield f"{_INDENT * depth}end"
        elif isinstance(each, p.Box):
            yield f"{_INDENT * depth}{each.id}{_text(each)}"
        else:
            yield f"{_INDENT * depth}subgraph f{each.number}[{_quoted(each.label)}]"
            depth += 1


def _text(box: p.Box) -> str:
    before, after = SHAPES[box.shape]
    mark = f"{TINTS[box.state].mark} " if box.state else ""
    name = mark + " ".join(filter(None, [box.name, box.count]))
    return f"{before}{_quoted(name, box.note)}{after}"


def _quoted(*lines: str) -> str:
    """A text that is only a text: letters, digits and a few signs stand for themselves."""
    safe = (
        re.sub(r"[^\w\s.,:()×✓✗↯⧖▶↻•⊘↥◦◆–·…-]", lambda found: f"#{ord(found[0])};", each)
        for each in lines
        if each
    )
    return f'"{"<br/>".join(safe) or " "}"'
