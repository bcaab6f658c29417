"""A run in lines: its header, a row for each task name, its summary.

    ● scrape_site  brisk-otter  18.9s  8 processes  domain='example.com'
      ✔ fetch_sitemap       1/1                                                    0.4s
      ✔ fetch_page      312/312  61 cached                                        18.2s
      ◐ extract         204/312  3 failed  8 running  ━━━━━━━━━━━━╸───────  eta 9s
      ○ write_parquet       0/1  waiting

    failed in 42.1s · 118 ok · 61 cached · 3 failed · 40 upstream failed

Names, parameters and reasons come from users: what of them is shown goes through `one_line`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from taskflow import events
from taskflow.progress.clean import one_line
from taskflow.progress.paint import cells, padded, spaced, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskflow.events import RunEnded, RunStarted
    from taskflow.progress.paint import Line, Span
    from taskflow.progress.tally import Row, Tally

NAME_LIMIT: Final = 32
BAR: Final = 20
_SHORTEST_BAR: Final = 6
_TIME: Final = 9
_NARROW_TIME: Final = 7
_SPINNER: Final = "◐◓◑◒"
_TURNS: Final = 4  # of the spinner's signs, a second

#: What is said of states other than success, in this order.
_WORDS: Final = (
    (events.CACHED, "cached", "cyan"),
    (events.FAILED, "failed", "red"),
    (events.CRASHED, "crashed", "red"),
    (events.TIMED_OUT, "timed out", "red"),
    (events.UPSTREAM_FAILED, "upstream failed", "yellow"),
    (events.SKIPPED, "skipped", "dim"),
    (events.CANCELLED, "cancelled", "yellow"),
)
#: What is said of reasons for which a run ended early, beside its state.
_REASONS: Final = {
    "interrupt": "interrupted",
    "fail_fast": "the rest was cancelled, since fail_fast is set",
    "timeout": "",
    "cancel": "",
}
_RUN_WORDS: Final = {"succeeded": "bold green", "failed": "bold red", "timed_out": "bold red"}


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide the columns of a table of rows are; a bar of 0 is not shown.

    In a `narrow` terminal the time stands before the notes, which are cut.
    """

    name: int
    count: int
    notes: int
    bar: int
    narrow: bool = False

    @classmethod
    def of(cls, rows: Sequence[Row], width: int, before: Columns | None = None) -> Columns:
        """Columns that fit the rows, and into the width if they can.

        They are not narrower than those `before`, so that a live table does not sway.
        """
        name = max((cells(_name(row)) for row in rows), default=0)
        count = max((len(_total(row)) for row in rows), default=0)
        notes = max((cells(text_of(_notes(row))) for row in rows), default=0)
        if before is not None:
            name, count = max(name, before.name), max(count, before.count)
            notes = max(notes, before.notes)
        left = width - sum((4, name, 2, 2 * count + 1, 2, notes, 2, 2, _TIME))
        if left < -2:
            return cls(min(name, max(8, width // 3)), count, notes, bar=0, narrow=True)
        return cls(name, count, notes, min(BAR, left) if left >= _SHORTEST_BAR else 0)


def header(started: RunStarted, seconds: float | None = None) -> Line:
    """The line above the rows: which run this is."""
    params = ", ".join(f"{one_line(name)}={one_line(text, 60)}" for name, text in started.params)
    groups: list[Line] = [
        [("● ", "cyan"), (one_line(started.pipeline), "bold")],
        [(one_line(started.run_id), "dim")] if started.run_id else [],
        [(duration(seconds), "")] if seconds is not None else [],
        [(_slots(started), "dim")],
        [(params, "dim")] if params else [],
    ]
    return spaced(groups)


def table_row(row: Row, columns: Columns, now: float, *, over: bool = False) -> Line:
    """A row in columns, as the live table shows it."""
    notes, time = _notes(row), _time(row, now)
    line: Line = [
        ("  ", ""),
        _sign(row, now, over=over),
        (f" {padded(one_line(row.name, columns.name), columns.name)}  ", _weight(row)),
        (f"{row.ended:>{columns.count},}/{_total(row):<{columns.count}}  ", ""),
    ]
    if columns.narrow:
        return [*line, (f"{time:>{_NARROW_TIME}}  ", "dim"), *notes]
    gap = " " * (columns.notes - cells(text_of(notes)))
    bar = _bar(row, columns.bar) if columns.bar and not over else []
    line += [*notes, (gap, ""), ("  " if bar else "", ""), *bar, (f"  {time:>{_TIME}}", "dim")]
    while not line[-1][0].strip():
        line.pop()
    return line


def plain_row(row: Row, now: float) -> Line:
    """A row as a line of its own, for a log."""
    time = _time(row, now)
    groups: list[Line] = [
        [_sign(row, None), (f" {_name(row)}", "")],
        [(f"{row.ended:,}/{_total(row)}", "")],
        _notes(row),
        [(time, "dim")] if time else [],
    ]
    return spaced(groups)


def summary(tally: Tally, ended: RunEnded) -> Line:
    """The one line that ends it all."""
    counts = ended.counts or tally.counts()
    style = _RUN_WORDS.get(ended.state, "bold yellow")
    state = ended.state.replace("_", " ")
    line: Line = [(f"{state} in {duration(ended.seconds)}", style)]
    for span in counted(counts):
        line += [(" · ", "dim"), span]
    reason = _REASONS.get(ended.why, ended.why)
    if reason:
        line += [(" · ", "dim"), (one_line(reason, 200), "")]
    return line


def counted(counts: Mapping[str, int]) -> list[Span]:
    """How many task runs ended how; what went well first."""
    good = counts.get(events.SUCCEEDED, 0)
    spans: list[Span] = [(f"{good:,} ok", "green" if good else "dim")]
    for state, word, style in _WORDS:
        if counts.get(state):
            spans.append((f"{counts[state]:,} {word}", style))
    return spans


def duration(seconds: float) -> str:
    """A span of time as people say it: `37ms`, `4.2s`, `3m 07s`, `1h 05m`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 48 else f"{hours // 24}d {hours % 24}h"


def folded(rows: Sequence[Row]) -> Line:
    """One line for rows that there is no room for."""
    done = sum(row.done for row in rows)
    waiting = sum(row.began is None and not row.ended for row in rows)
    parts = [(done, "done"), (len(rows) - done - waiting, "running"), (waiting, "waiting")]
    said = ", ".join(f"{count} {word}" for count, word in parts if count)
    return [(f"    … {len(rows)} more tasks: {said}", "dim")]


def _slots(started: RunStarted) -> str:
    """Where tasks run: `inline`, `1 process`, `8 processes`."""
    kind = one_line(started.executor.removesuffix("es"))
    if kind not in {"process", "thread"}:
        return one_line(started.executor)
    plural = "" if started.slots == 1 else "es" if kind.endswith("s") else "s"
    return f"{started.slots} {kind}{plural}"


def _name(row: Row) -> str:
    return one_line(row.name, NAME_LIMIT)


def _total(row: Row) -> str:
    """How many there are; of a map whose elements are not known yet, nobody can say."""
    return f"{row.total:,}" if row.total else "?"


def _sign(row: Row, now: float | None, *, over: bool = False) -> Span:
    """How a row stands, in one sign; it turns while something runs and the time goes on."""
    if row.done or row.broken or over:
        if row.bad:
            return ("✘", "red")
        unmet = row.states.get(events.UPSTREAM_FAILED, 0) + row.states.get(events.CANCELLED, 0)
        return ("✔", "green") if row.good and not unmet else ("–", "dim")
    if row.began is None and not row.ended:
        return ("○", "dim")
    turn = 0 if now is None else int(now * _TURNS) % len(_SPINNER)
    return (_SPINNER[turn], "red" if row.bad else "blue")


def _weight(row: Row) -> str:
    return "dim" if row.began is None else ""


def _notes(row: Row) -> Line:
    groups: list[Line] = [
        [(f"{row.states[state]:,} {word}", style)]
        for state, word, style in _WORDS
        if row.states.get(state)
    ]
    if row.retrying:
        groups.append([(f"{row.retrying:,} retrying", "yellow")])
    if row.broken:
        groups.append([("cannot go on", "red")])
    elif row.at_work > 0:
        groups.append([(f"{row.at_work:,} running", "blue")])
    elif not row.ended and not row.retrying:
        groups.append([("waiting", "dim")])
    return spaced(groups)


def _bar(row: Row, width: int) -> Line:
    """A bar of the work known so far; nothing but space once it is over or before it begins."""
    if row.done or row.began is None or (row.total == 1 and not row.parts):
        return [(" " * width, "")]
    halves = int(row.share() * width * 2)
    full, half = divmod(halves, 2)
    done = "━" * full + "╸" * half
    return [(done, "red" if row.bad else "green"), ("─" * (width - full - half), "dim")]


def _time(row: Row, now: float) -> str:
    left = None if row.done else row.remaining(now)
    if left is not None:
        return f"eta {duration(math.ceil(left)).replace('.0', '')}"
    seconds = row.seconds(now)
    return "" if seconds is None else duration(seconds)
