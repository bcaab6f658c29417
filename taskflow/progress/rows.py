"""A run in lines: its header, a row for each task name, its summary.

    ● scrape_site  brisk-otter  18.9s  8 processes  domain='example.com'
      ✔ fetch_sitemap       1/1                                                        0.4s
      ▾ scrape_domain
        ✔ fetch_page    312/312  61 cached                                   17/s     18.2s
        ◐ extract       204/312  3 failed  8 running  ━━━━━━━━━━━━╸───────   24/s    eta 9s
      ○ write_parquet       0/1  waiting

    failed in 42.1s · 118 ok · 61 cached · 3 failed · 40 upstream failed

Names, parameters and reasons come from users: what of them is shown goes through `one_line`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from taskflow import lifecycle
from taskflow.progress.clean import one_line
from taskflow.progress.paint import cells, padded, spaced, text_of
from taskflow.progress.words import duration, rate, remaining

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskflow.events import RunEnded, RunStarted
    from taskflow.progress.paint import Line, Span
    from taskflow.progress.tally import Row, Tally

NAME_LIMIT: Final = 32
INDENT: Final = 2  # for each nested pipeline around a row
_BAR: Final = 20
_SHORTEST_BAR: Final = 6
_SHORTEST_NAME: Final = 4
_TIME: Final = 10
_NARROW_TIME: Final = 7
_RATE: Final = 8
#: Fewer task runs than this have no rate worth a column.
_FEW: Final = 10
_SPINNER: Final = "◐◓◑◒"
_TURNS: Final = 4  # of the spinner's signs, a second

#: What is said of states other than success, in this order.
_STATE_WORDS: Final = (
    (lifecycle.CACHED, "cached", "cyan"),
    (lifecycle.FAILED, "failed", "red"),
    (lifecycle.CRASHED, "crashed", "red"),
    (lifecycle.TIMED_OUT, "timed out", "red"),
    (lifecycle.UPSTREAM_FAILED, "upstream failed", "yellow"),
    (lifecycle.SKIPPED, "skipped", "dim"),
    (lifecycle.CANCELLED, "cancelled", "yellow"),
)
#: What is said of reasons for which a run ended early, beside its state.
_REASONS: Final = {
    "interrupt": "interrupted",
    "fail_fast": "the rest was cancelled, since fail_fast is set",
    "timeout": "",
    "cancel": "",
}
_RUN_WORDS: Final = {"succeeded": "bold green", "failed": "bold red", "timed_out": "bold red"}
#: One and many of what runs tasks.
_SLOTS: Final = {"processes": ("process", "processes"), "threads": ("thread", "threads")}


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide the columns of a table of rows are; a bar or a rate of 0 is not shown.

    In a `narrow` terminal the time stands before the notes, which are cut.
    """

    name: int = 0
    count: int = 0
    notes: int = 0
    bar: int = 0
    rate: int = 0
    narrow: bool = False

    def widened(self, rows: Sequence[tuple[int, Row]], width: int, now: float) -> Columns:
        """Columns that fit rows, each with its depth, and into the width if they can.

        They are not narrower than these, so that a live table does not sway.
        """
        name = max([self.name, *(depth * INDENT + cells(_name(row)) for depth, row in rows)])
        count = max([self.count, *(len(_total(row)) for _, row in rows)])
        notes = max([self.notes, *(cells(text_of(_notes(row))) for _, row in rows)])
        left = width - sum((4, name, 2, 2 * count + 1, 2, notes, 2, 2, _TIME))
        if left < -2:
            return Columns(min(name, max(8, width // 3)), count, notes, narrow=True)
        rated = self.rate > 0 or any(_rate(row, now) for _, row in rows)
        rate = _RATE if rated and left >= _BAR // 2 + _RATE + 2 else 0
        left -= rate + 2 if rate else 0
        return Columns(name, count, notes, min(_BAR, left) if left >= _SHORTEST_BAR else 0, rate)


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


def table_row(row: Row, columns: Columns, now: float, depth: int, *, over: bool) -> Line:
    """A row in columns, as the live table shows it."""
    notes, time = _notes(row), _time(row, now)
    indent = depth * INDENT
    room = max(_SHORTEST_NAME, columns.name - indent) if columns.narrow else columns.name - indent
    line: Line = [
        (" " * (2 + indent), ""),
        _sign(row, now, over=over),
        (f" {padded(one_line(row.name, room), room)}  ", "dim" if row.began is None else ""),
        (f"{row.ended:>{columns.count},}/{_total(row):<{columns.count}}  ", ""),
    ]
    if columns.narrow:
        return [*line, (f"{time:>{_NARROW_TIME}}  ", "dim"), *notes]
    line += [*notes, (" " * (columns.notes - cells(text_of(notes))), "")]
    if columns.bar and not over:
        line += [("  ", ""), *_bar_of(row, columns.bar)]
    if columns.rate:
        line.append((f"  {_rate(row, now):>{columns.rate}}", "dim"))
    return [*line, (f"  {time:>{_TIME}}", "dim")]


def plain_row(row: Row, now: float) -> Line:
    """A row as a line of its own, for a log."""
    time, pace = _time(row, now), _rate(row, now)
    groups: list[Line] = [
        [_sign(row, 0.0), (f" {_name(row)}", "")],
        [(f"{row.ended:,}/{_total(row)}", "")],
        _notes(row),
        [(pace, "dim")] if pace else [],
        [(time, "dim")] if time else [],
    ]
    return spaced(groups)


def bar(share: float, width: int, style: str, bad: float = 0.0) -> Line:
    """A bar of which a share is done; of what is done, the `bad` share is red, or one letter."""
    full, half = divmod(int(share * width * 2), 2)
    done = "━" * full + "╸" * half
    red = min(len(done), max(1, round(bad * len(done)))) if bad else 0
    good = len(done) - red
    return [(done[:good], style), (done[good:], "red"), ("─" * (width - full - half), "dim")]


def summary(tally: Tally, ended: RunEnded) -> Line:
    """The one line that ends it all."""
    counts = ended.counts or tally.counts()
    state = ended.state.replace("_", " ")
    good = counts.get(lifecycle.SUCCEEDED, 0)
    said = [
        (f"{state} in {duration(ended.seconds)}", _RUN_WORDS.get(ended.state, "bold yellow")),
        (f"{good:,} ok", "green" if good else "dim"),
        *not_good(counts),
    ]
    reason = _REASONS.get(ended.why, ended.why)
    if reason and state not in {reason, "paused"}:
        said.append((one_line(reason, 200), ""))
    return spaced([[span] for span in said], (" · ", "dim"))


def folded(rows: Sequence[Row]) -> Line:
    """One line for rows that there is no room for."""
    done = sum(row.done for row in rows)
    waiting = sum(row.began is None and not row.ended for row in rows)
    parts = [(done, "done"), (len(rows) - done - waiting, "running"), (waiting, "waiting")]
    said = ", ".join(f"{count} {word}" for count, word in parts if count)
    return [(f"    … {len(rows)} more tasks: {said}", "dim")]


def _slots(started: RunStarted) -> str:
    """Where tasks run: `inline`, `1 process`, `8 threads`, `dask, 16 slots`."""
    name, count = one_line(started.executor), started.slots
    if name in _SLOTS:
        return f"{count:,} {_SLOTS[name][count != 1]}"
    return f"{name}, {count:,} slots" if count > 1 else name


def _name(row: Row) -> str:
    return one_line(row.name, NAME_LIMIT)


def _total(row: Row) -> str:
    """How many there are; of a map whose elements are not known yet, nobody can say."""
    return f"{row.total:,}" if row.total else "?"


def _sign(row: Row, now: float, *, over: bool = False) -> Span:
    """How a row stands, in one sign; it turns while something runs and the time goes on."""
    if row.done or row.broken or over:
        if row.bad:
            return ("✘", "red")
        unmet = row.states[lifecycle.UPSTREAM_FAILED] + row.states[lifecycle.CANCELLED]
        return ("✔", "green") if row.good and not unmet else ("–", "dim")
    if row.began is None and not row.ended:
        return ("○", "dim")
    return (_SPINNER[int(now * _TURNS) % len(_SPINNER)], "red" if row.bad else "blue")


def _notes(row: Row) -> Line:
    said = not_good(row.states)
    if row.retrying:
        said.append((f"{row.retrying:,} retrying", "yellow"))
    elif row.retries:
        said.append((f"{row.retries:,} retried", "dim"))
    if row.broken:
        said.append(("cannot go on", "red"))
    elif row.at_work > 0:
        said.append((f"{row.at_work:,} running", "blue"))
    elif not row.ended and not row.retrying:
        said.append(("waiting", "dim"))
    return spaced([span] for span in said)


def not_good(counts: Mapping[str, int]) -> list[Span]:
    """How many task runs ended in each of the states other than success."""
    return [
        (f"{counts[state]:,} {word}", style)
        for state, word, style in _STATE_WORDS
        if counts.get(state)
    ]


def _bar_of(row: Row, width: int) -> Line:
    """A bar of the work known so far; nothing but space once it is over or before it begins."""
    if row.done or row.began is None or (row.total == 1 and not row.parts):
        return [(" " * width, "")]
    return bar(row.share(), width, "green", row.bad / row.ended if row.ended else 0.0)


def _rate(row: Row, now: float) -> str:
    found = row.rate(now) if row.total >= _FEW else None
    return rate(found) if found else ""


def _time(row: Row, now: float) -> str:
    left = None if row.done else row.remaining(now)
    if left is not None:
        return f"eta {remaining(left)}"
    seconds = row.seconds(now)
    return "" if seconds is None else duration(seconds)
