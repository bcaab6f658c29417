"""The lines below a row: how far its long task runs are, and which come back when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.progress.clean import one_line
from taskflow.progress.paint import cells, padded
from taskflow.progress.words import bar, duration, number

if TYPE_CHECKING:
    from taskflow.progress.paint import Line
    from taskflow.progress.tally import Again, Part, Row

_KEY: Final = 28
_NARROW_KEY: Final = 12
_NARROW: Final = 60
_BAR: Final = 16
_NARROW_BAR: Final = 8


def details(row: Row, room: int, now: float, depth: int, width: int) -> list[Line]:
    """At most `room` lines about single task runs of a row."""
    if room <= 0 or row.done or not (row.parts or row.again):
        return []
    # A single task run has its bar in the row itself.
    parts = list(row.parts.items()) if row.total > 1 else []
    again = [(key, mark) for key, mark in row.again.items() if mark.due > now]
    lines = len(parts) + len(again)
    if lines > room:  # one line says how many are not shown
        again = again[: max(room - 1 - len(parts), (room - 1) // 2)]
        parts = parts[: room - 1 - len(again)]
    limit, wide = (_NARROW_KEY, _NARROW_BAR) if width < _NARROW else (_KEY, _BAR)
    shown = [_short(key, limit) for key, _ in (*parts, *again)]
    column = max(map(cells, shown), default=0)
    indent = " " * (6 + 2 * depth)
    said = [*(_part(part, wide) for _, part in parts), *(_again(mark, now) for _, mark in again)]
    found: list[Line] = [
        [(f"{indent}{padded(key, column)}  ", "dim"), *line]
        for key, line in zip(shown, said, strict=True)
    ]
    if lines > len(found):
        found.append([(f"{indent}… {lines - len(found):,} more", "dim")])
    return found


def _part(part: Part, width: int) -> Line:
    said = f"  {number(part.done)}/{number(part.total)}"
    return [*bar(part.done / part.total, width, "blue"), (said, "")]


def _again(mark: Again, now: float) -> Line:
    text = f"↻ attempt {mark.attempt + 1} in {duration(max(0.1, mark.due - now))}"
    return [(text, "yellow"), (f"  {one_line(mark.why, 160)}" if mark.why else "", "dim")]


def _short(key: str, limit: int) -> str:
    """The last part of a key: the row stands below its pipelines."""
    depth = 0
    for at in range(len(key) - 1, -1, -1):
        depth += (key[at] == "]") - (key[at] == "[")
        if key[at] == "/" and depth <= 0:
            return one_line(key[at + 1 :], limit)
    return one_line(key, limit)
