"""The live table: which rows there is room for, how they are nested, what is told below them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.progress import rows
from taskflow.progress.details import details

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.progress.paint import Line
    from taskflow.progress.tally import Row, Tally

#: Lines of the terminal left to the header and to what scrolls above.
_LEFT: Final = 4
_FEWEST: Final = 3
#: Lines that a row may have below it.
_DETAILS: Final = 4


class Entry(NamedTuple):
    """A line of the table: the row of a task, or the name of a nested pipeline around some."""

    depth: int
    name: str
    row: Row | None


@dataclass(slots=True)
class _Branch:
    row: Row | None = None
    branches: dict[str, _Branch] = field(default_factory=dict)


class Table:
    """Lays out the frames of one run, one after another, so that they do not sway."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._columns: rows.Columns | None = None

    def frame(self, now: float, width: int, height: int | None) -> list[Line]:
        """The header and as many lines as there is room for; all rows without a `height`."""
        tally = self._tally
        if tally.started is None:
            return []
        over = tally.finished is not None
        seconds = tally.finished.seconds if tally.finished else now - tally.began
        tally.look(now)
        room = None if height is None else max(_FEWEST, height - _LEFT)
        entries, rest = _laid_out(list(tally.rows.values()), room)
        before = None if over else self._columns
        columns = self._columns = rows.Columns.of(
            [(entry.depth, entry.row) for entry in entries if entry.row], width, now, before
        )
        spare = 0 if room is None or over else room - len(entries) - bool(rest)
        lines = [rows.header(tally.started, seconds)]
        for entry in entries:
            if entry.row is None:
                lines.append(rows.nested(entry.name, entry.depth))
                continue
            lines.append(rows.table_row(entry.row, columns, now, entry.depth, over=over))
            below = details(entry.row, min(spare, _DETAILS), now, entry.depth, width)
            spare -= len(below)
            lines += below
        return [*lines, rows.folded(rest)] if rest else lines


def nested(every: Sequence[Row]) -> list[Entry]:
    """The rows in their order, each below the nested pipelines that it is part of."""
    root = _Branch()
    for row in every:
        at = root
        for name in (*row.path, row.name):
            at = at.branches.setdefault(name, _Branch())
        at.row = row
    return list(_walked(root, 0))


def _walked(branch: _Branch, depth: int) -> Iterator[Entry]:
    for name, inner in branch.branches.items():
        yield Entry(depth, name, inner.row)
        yield from _walked(inner, depth + 1)


def _laid_out(every: list[Row], room: int | None) -> tuple[list[Entry], list[Row]]:
    """The lines to show, and the rows that there is no room for: what runs goes first."""
    entries = nested(every)
    if room is None or len(entries) <= room:
        return entries, []
    if len(every) <= room:
        return [Entry(0, row.name, row) for row in every], []
    chosen = {row.name for row in sorted(every, key=_urgency)[: room - 1]}
    shown = [Entry(0, row.name, row) for row in every if row.name in chosen]
    return shown, [row for row in every if row.name not in chosen]


def _urgency(row: Row) -> int:
    """Smaller for what a person should see first."""
    if row.began is not None and not row.done:
        return 0
    return 1 if row.bad else 3 if row.done else 2
