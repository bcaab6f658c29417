"""Counts, times, rates and bars as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from taskflow import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskflow.progress.paint import Line, Span

#: What is said of states other than success, in this order.
STATE_WORDS: Final = (
    (events.CACHED, "cached", "cyan"),
    (events.FAILED, "failed", "red"),
    (events.CRASHED, "crashed", "red"),
    (events.TIMED_OUT, "timed out", "red"),
    (events.UPSTREAM_FAILED, "upstream failed", "yellow"),
    (events.SKIPPED, "skipped", "dim"),
    (events.CANCELLED, "cancelled", "yellow"),
)


def counted(counts: Mapping[str, int]) -> list[Span]:
    """How many task runs ended how; what went well first."""
    good = counts.get(events.SUCCEEDED, 0)
    spans: list[Span] = [(f"{good:,} ok", "green" if good else "dim")]
    return [*spans, *not_good(counts)]


def not_good(counts: Mapping[str, int]) -> list[Span]:
    """How many task runs ended in each of the states other than success."""
    return [
        (f"{counts[state]:,} {word}", style)
        for state, word, style in STATE_WORDS
        if counts.get(state)
    ]


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


def remaining(seconds: float) -> str:
    """A span of time to come, without a precision that nobody has: `9s`, `3m 10s`, `2h 05m`."""
    whole = math.ceil(seconds)
    if whole >= 60:
        whole = -10 * (-whole // 10)
    return duration(whole).replace(".0s", "s")


def rate(per_second: float) -> str:
    """How many a second, a minute or an hour: `52,300/s`, `4.2/s`, `12/min`."""
    if per_second >= 10:
        digits = len(str(int(per_second)))
        return f"{round(per_second, 3 - digits) if digits > 3 else per_second:,.0f}/s"
    if per_second >= 1:
        return f"{per_second:.1f}/s"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f}/min"
    return f"{per_second * 3600:.0f}/h"


def number(value: float) -> str:
    """A number that a task gave: whole ones without a point."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def bar(share: float, width: int, style: str, bad: float = 0.0) -> Line:
    """A bar of which a share is done; of what is done, the `bad` share is red, or one letter."""
    full, half = divmod(int(share * width * 2), 2)
    done = "━" * full + "╸" * half
    red = min(len(done), max(1, round(bad * len(done)))) if bad else 0
    line: Line = [(done[: len(done) - red], style), (done[len(done) - red :], "red")]
    return [*filter(_has_text, line), ("─" * (width - full - half), "dim")]


def _has_text(span: Span) -> bool:
    return bool(span[0])
