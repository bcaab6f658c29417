"""The live table: which rows there is room for, how they are nested, what is told below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.progress import rows
from taskflow.progress.clean import one_line
from taskflow.progress.paint import cells, padded
from taskflow.progress.tally import segments
from taskflow.progress.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.progress.paint import Line
    from taskflow.progress.tally import Again, Part, Row, Tally

#: Lines of the terminal left to the header and to what scrolls above.
_LEFT: Final = 4
_FEWEST: Final = 3
#: Lines that a row may have below it.
_DETAILS: Final = 4
#: Narrower than this, what stands below a row has shorter keys and bars.
_NARROW: Final = 60


class Entry(NamedTuple):
    """A line of the table: the row of a task, or the name of a nested pipeline around some."""

    depth: int
    name: str
    row: Row | None


class Table:
    """Lays out the frames of one run, one after another, so that they do not sway."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._columns = rows.Columns()

    def frame(self, now: float, width: int, height: int | None) -> list[Line]:
        """The header and as many lines as there is room for; all rows without a `height`."""
        tally = self._tally
        if tally.started is None:
            return []
        tally.look(now)
        over = tally.finished is not None
        room = None if height is None else max(_FEWEST, height - _LEFT)
        entries, rest = _laid_out(list(tally.rows.values()), room)
        columns = rows.Columns() if over else self._columns
        told = [(entry.depth, entry.row) for entry in entries if entry.row]
        self._columns = columns = columns.widened(told, width, now)
        spare = 0 if room is None or over else room - len(entries) - bool(rest)
        seconds = tally.finished.seconds if tally.finished else now - tally.began
        lines = [rows.header(tally.started, seconds)]
        for depth, name, row in entries:
            indent = " " * (2 + depth * rows.INDENT)
            if row is None:
                lines.append([(f"{indent}▾ {one_line(name, rows.NAME_LIMIT)}", "dim")])
                continue
            below = details(row, min(spare, _DETAILS), now, narrow=width < _NARROW)
            spare -= len(below)
            lines.append(rows.table_row(row, columns, now, depth, over=over))
            lines += [[(f"{indent}    ", ""), *line] for line in below]
        return [*lines, rows.folded(rest)] if rest else lines


def _laid_out(every: list[Row], room: int | None) -> tuple[list[Entry], list[Row]]:
    """The lines to show, and the rows that there is no room for: what runs goes first."""
    entries = list(_nested(every, 0))
    if room is None or len(entries) <= room:
        return entries, []
    kept = sorted(every, key=_urgency)[: room if len(every) <= room else room - 1]
    chosen = {row.name for row in kept}
    shown = [Entry(0, row.name, row) for row in every if row.name in chosen]
    return shown, [row for row in every if row.name not in chosen]


def _nested(every: Sequence[Row], depth: int) -> Iterator[Entry]:
    """The rows in their order, each below the nested pipelines that it is part of."""
    branches: dict[str, list[Row]] = {}
    for row in every:
        branches.setdefault((*row.path, row.name)[depth], []).append(row)
    for name, inside in branches.items():
        # A dynamic pipeline has a row itself.
        own = next((row for row in inside if len(row.path) == depth), None)
        yield Entry(depth, name, own)
        yield from _nested([row for row in inside if row is not own], depth + 1)


def _urgency(row: Row) -> int:
    """Smaller for what a person should see first."""
    if row.began is not None and not row.done:
        return 0
    return 1 if row.bad else 3 if row.done else 2


def details(row: Row, room: int, now: float, *, narrow: bool) -> list[Line]:
    """At most `room` lines about single task runs: how far they are, or when they come again."""
    if room <= 0 or row.done:
        return []
    # A single task run has its bar in the row itself.
    parts = list(row.parts.items()) if row.total > 1 else []
    again = [(key, mark) for key, mark in row.again.items() if mark.due > now]
    unsaid = len(parts) + len(again) - room
    if unsaid > 0:  # one line says how many are not shown
        again = again[: max(room - 1 - len(parts), (room - 1) // 2)]
        parts = parts[: room - 1 - len(again)]
    said = [(key, _part(part, 8 if narrow else 16)) for key, part in parts]
    said += [(key, _again(mark, now)) for key, mark in again]
    # The row stands below its pipelines.
    keys = [one_line(segments(key)[-1], 12 if narrow else 28) for key, _ in said]
    column = max(map(cells, keys), default=0)
    lines: list[Line] = [
        [(f"{padded(key, column)}  ", "dim"), *line]
        for key, (_, line) in zip(keys, said, strict=True)
    ]
    return [*lines, [(f"… {unsaid + 1:,} more", "dim")]] if unsaid > 0 else lines


def _part(part: Part, width: int) -> Line:
    said = f"  {_number(part.done)}/{_number(part.total)}"
    return [*rows.bar(part.done / part.total, width, "blue"), (said, "")]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"


def _again(mark: Again, now: float) -> Line:
    text = f"↻ attempt {mark.attempt + 1} in {duration(max(0.1, mark.due - now))}"
    return [(text, "yellow"), (f"  {one_line(mark.why, 160)}" if mark.why else "", "dim")]
