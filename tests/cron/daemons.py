"""What a cron daemon would do that looks at the clock every minute: slow, plain, sure.

It knows nothing of how taskflow finds ticks: it reads five simple fields by itself, and learns of
changes of the clock by looking at it. `watched` are the minutes of some hours around a change.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

MINUTE = timedelta(minutes=1)
#: Five fields each; both sorts of the rule, every field restricted in one of them.
EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "45 * * * *",
    "*/20 1-3 * * *",
    "0 */2 * * *",
    "0 0 * * *",
    "30 1 * * *",
    "30 2 * * *",
    "15,45 0,1,2,3 * * *",
    "0 1,2,3 * * *",
    "10-50/20 0-4 * * 0,6",
    "30 23 1-15 * *",
)


class Change(NamedTuple):
    """The clocks of a zone are changed: the first minute after that, and by how much."""

    zone: str
    at: datetime
    by: timedelta


class Daemon:
    """Fires an expression by the rule of Debian's cron, as minutes go by."""

    def __init__(self, expression: str) -> None:
        texts = expression.split()
        self.wildcard = "*" in (texts[0][0], texts[1][0])
        bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
        self.fields = [read(text, *bound) for text, bound in zip(texts, bounds, strict=True)]
        self.days_or = "*" not in (texts[2][0], texts[4][0])

    def ticks(self, minutes):
        """The minutes at which it fires, of (instant, wall time) one after another."""
        latest = minutes[0][1]
        for instant, wall in minutes[1:]:
            if self.wildcard:
                due = self.matches(wall)
            else:
                # All that clocks have come past since the latest time they have ever shown.
                passed = (wall - latest) // MINUTE
                due = any(self.matches(latest + n * MINUTE) for n in range(1, passed + 1))
                latest = max(latest, wall)
            if due:
                yield instant

    def matches(self, wall):
        """Whether a wall time is one of the expression."""
        minutes, hours, days, months, weekdays = self.fields
        if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
            return False
        day, weekday = wall.day in days, (wall.weekday() + 1) % 7 in weekdays
        return (day or weekday) if self.days_or else (day and weekday)


def read(text, low, high):
    """The values of numbers, ranges and steps, in the simplest way."""
    values = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return values


def watched(zone, begin, end):
    """Every minute of a span with what clocks show in it."""
    where = zoneinfo.ZoneInfo(zone)
    count = (end - begin) // MINUTE
    instants = [begin + n * MINUTE for n in range(count + 1)]
    return [(each, each.astimezone(where).replace(tzinfo=None)) for each in instants]


@cache
def changes(first_year, last_year):
    """Changes of clocks in some years, once for all zones in which they look the same."""
    found = {}
    for zone in sorted(zoneinfo.available_timezones()):
        for at, by in changes_of(zone, first_year, last_year):
            shown = offset(at, zoneinfo.ZoneInfo(zone))
            found.setdefault((at, by, shown), Change(zone, at, by))
    return list(found.values())


def changes_of(zone, first_year, last_year):
    """When the clocks of a zone are changed, and by how much.

    They are looked at every four days, since no zone has changed twice in less than six, and the
    minute is found by halving.
    """
    where = zoneinfo.ZoneInfo(zone)
    day = datetime(first_year, 1, 1, tzinfo=UTC)
    while day.year <= last_year:
        low, high = day, day + timedelta(days=4)
        before, after = offset(low, where), offset(high, where)
        while before != after and high - low > MINUTE:
            middle = low + (high - low) // MINUTE // 2 * MINUTE
            low, high = (middle, high) if offset(middle, where) == before else (low, middle)
        if before != after:
            yield high, after - before
        day += timedelta(days=4)


def offset(instant, where):
    """By how much clocks are ahead."""
    return instant.astimezone(where).utcoffset()
