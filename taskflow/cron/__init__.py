"""When schedules fire: cron expressions and their ticks.

    minute  hour  day of month  month  day of week        five fields
    second  minute  hour  ...                             six: seconds come first
    second  minute  hour  ...  day of week  year          seven: the year comes last

    *  5  1-5  */10  5/10  1-30/10  1,15,30               values, ranges, steps, lists
    jan  mon-fri  fri-sun  7                              names; Sunday is 0 and 7
    L  15W  fri#2  L5                                     last day, weekday nearest to the 15th,
                                                          second Friday, last Friday
    H  H/15  H(0-29)                                      drawn from the schedule's id
    @hourly @daily @weekly @monthly @yearly @every 90s

Day of month and day of week, when both are given: one of them is enough (`0 0 13 * 5`: each 13th
and each Friday), but if one starts with `*`, both must match (`0 0 */2 * 1`). So does cron(8).

Each schedule has a zone, UTC if none is given. When its clocks are changed, the rule is that of
Debian's cron; see `ticking`. Ticks lie in the years 1970 to 2099.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from taskflow.cron.expression import Every, read, refuse
from taskflow.cron.series import series_of
from taskflow.cron.zones import EPOCH, zone_of
from taskflow.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from taskflow.cron.series import Series

__all__ = [
    "check",
    "expand",
    "in_words",
    "next_tick",
    "previous_tick",
    "ticks",
    "warnings_of",
]

# What few programs need, and what loads much, is imported where it is used.


def check(expression: str, timezone: str | None = None) -> None:
    """Refuse an expression or a time zone that cannot be used.

    Args:
        expression: as a schedule gives it; `H` need not be resolved.
        timezone: an IANA name, None for UTC.

    Raises:
        DefinitionError: it is no expression, it has no one meaning, it never fires again, or there
            is no such zone. The message quotes the field and ends with what to write instead.
    """
    zone = zone_of(timezone).zone
    resolved = expand(expression, "check")
    cron = read(resolved, written=expression)
    now = datetime.now(UTC)
    if isinstance(cron, Every) or next_tick(resolved, zone, now) is not None:
        return
    last = previous_tick(resolved, zone, now)
    if last is not None:
        refuse(
            expression,
            f"never fires again: its last tick was on {last:%Y-%m-%d}",
            "write a later year, or leave the year out",
        )
    year = "" if cron.year.is_all else f" of {cron.year.text}"
    refuse(
        expression,
        f"never fires: no month {cron.month.text!r}{year} has a day {cron.day.text!r}",
        "write a day that exists, or L for the last day of the month",
    )


def expand(expression: str, ident: str) -> str:
    """The expression to store: `H` resolved, an alias written out, single spaces.

    Args:
        expression: as a schedule gives it.
        ident: of the schedule; one id always has the same values for `H`.

    Returns:
        A plain expression, which expands to itself.

    Raises:
        DefinitionError: it is no expression, or its `H` cannot be drawn.
    """
    from taskflow.cron.hashed import resolved

    return resolved(expression, ident)


def next_tick(
    expression: str, zone: str | tzinfo | None, after: datetime, *, start: datetime | None = None
) -> datetime | None:
    """The first tick after a moment; a pure function of its arguments.

    Args:
        expression: with `H` resolved.
        zone: an IANA name or a time zone of Python, None for UTC.
        after: any aware datetime.
        start: no tick comes before it, and `@every` counts from it; without it, from the epoch.

    Returns:
        An aware datetime in the zone, None when there are no more.

    Raises:
        DefinitionError: the expression or the zone cannot be used, or a datetime is naive.
    """
    tick = _series(expression, zone, start).after(_moment("after", after))
    return _shown(tick, zone)


def previous_tick(
    expression: str, zone: str | tzinfo | None, before: datetime, *, start: datetime | None = None
) -> datetime | None:
    """The last tick that is not after a moment; how long ago it was costs nothing.

    Args:
        expression: with `H` resolved.
        zone: an IANA name or a time zone of Python, None for UTC.
        before: any aware datetime; a tick at that very moment counts.
        start: no tick comes before it, and `@every` counts from it; without it, from the epoch.

    Returns:
        An aware datetime in the zone, None when there was none.

    Raises:
        DefinitionError: the expression or the zone cannot be used, or a datetime is naive.
    """
    tick = _series(expression, zone, start).until(_moment("before", before))
    return _shown(tick, zone)


def ticks(
    expression: str,
    zone: str | tzinfo | None,
    after: datetime,
    until: datetime,
    *,
    start: datetime | None = None,
) -> Iterator[datetime]:
    """All ticks of a span of time, as they are asked for: what `next_tick` gives again and again.

    Args:
        expression: with `H` resolved.
        zone: an IANA name or a time zone of Python, None for UTC.
        after: an aware datetime; a tick at that very moment does not count.
        until: an aware datetime; a tick at that very moment counts.
        start: no tick comes before it, and `@every` counts from it; without it, from the epoch.

    Returns:
        Aware datetimes in the zone.

    Raises:
        DefinitionError: the expression or the zone cannot be used, or a datetime is naive.
    """
    series = _series(expression, zone, start)
    shown_in = zone_of(zone).zone
    span = series.between(_moment("after", after), _moment("until", until))
    return ((EPOCH + tick).astimezone(shown_in) for tick in span)


def in_words(expression: str, timezone: str | None = None) -> str:
    """What an expression says, such as `every day at 06:00 (Europe/Brussels)`.

    Args:
        expression: with `H` resolved.
        timezone: the schedule's zone, None for UTC.

    Raises:
        DefinitionError: the expression cannot be used.
    """
    from taskflow.cron.words import said

    return said(read(expression), timezone)


def warnings_of(expression: str, timezone: str | None = None) -> tuple[str, ...]:
    """What is legal, and probably not meant: a sentence each, with what to write instead.

    Args:
        expression: with `H` resolved.
        timezone: the schedule's zone; None is UTC, and a warning says so.

    Raises:
        DefinitionError: the expression or the zone cannot be used.
    """
    from taskflow.cron.hints import hints_on

    known, zone = read(expression), zone_of(timezone)
    return tuple(hints_on(known, zone, timezone, datetime.now(UTC)))


def _series(expression: str, zone: str | tzinfo | None, start: datetime | None) -> Series:
    begin = None if start is None else _moment("start", start)
    return series_of(expression, zone_of(zone), begin)


def _moment(name: str, value: object) -> timedelta:
    """A moment as its distance from 1970, which does not know of zones any more."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise DefinitionError(
            f"{name}={value!r} is no moment: it has no time zone; "
            "write an aware datetime, such as datetime.now(UTC)"
        )
    return value - EPOCH


def _shown(tick: timedelta | None, zone: str | tzinfo | None) -> datetime | None:
    """A tick as clocks of the zone show it; None if it is beyond what a datetime can say."""
    if tick is None:
        return None
    try:
        return (EPOCH + tick).astimezone(zone_of(zone).zone)
    except OverflowError:
        return None
