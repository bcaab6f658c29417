"""Times and rates as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime


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
    return f"{whole}s" if whole < 60 else duration(10 * math.ceil(whole / 10))


def rate(per_second: float) -> str:
    """How many a second, a minute or an hour: `52,300/s`, `4.2/s`, `12/min`."""
    if per_second >= 10:
        digits = len(str(int(per_second)))
        return f"{round(per_second, min(0, 3 - digits)):,.0f}/s"
    if per_second >= 1:
        return f"{per_second:.1f}/s"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f}/min"
    return f"{per_second * 3600:.0f}/h"


def counted(number: int, what: str) -> str:
    """So many of something: `1 tick`, `2,000 ticks`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def iso(moment: float) -> str:
    """Seconds since the epoch in ISO 8601, as UTC with milliseconds: `2026-03-29T06:00:00.000Z`."""
    told = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")
