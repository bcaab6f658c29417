"""Cron expressions in words.

What has a usual name gets it: "every 5 minutes", "at 02:30 on Monday and Friday". All else is told
field by field, which reads worse and is as true.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final

from taskflow.cron.expression import Cron, Every

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.cron.fields import Field, Special

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS: Final = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
_ORDINALS: Final = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_UNITS: Final = (("hour", 3600), ("minute", 60), ("second", 1))
#: More times of day than these are not told one by one.
_MANY: Final = 4


def said(known: Cron | Every, timezone: str | None) -> str:
    """What an expression says, with its zone."""
    if isinstance(known, Every):
        return f"every {_duration(known.period)}"
    times, days = _times(known), _days(known)
    if times.startswith("at ") and not _either_or_both(known) and not known.hour.is_all:
        times = f"every day {times}"
    return f"{' '.join(filter(None, (times, days)))} ({timezone or 'UTC'})"


def _duration(period: timedelta) -> str:
    """A duration by its units: `1 hour 30 minutes`, but `90 seconds` and not 1 minute 30."""
    left = period // timedelta(seconds=1)
    if period.microseconds:
        return f"{period.total_seconds():.6f}".rstrip("0") + " seconds"
    if left < 120:
        return "second" if left == 1 else "minute" if left == 60 else f"{left} seconds"
    found = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            found.append(_counted(count, unit))
    return found[0].removeprefix("1 ") if len(found) == 1 else " ".join(found)


def _times(cron: Cron) -> str:
    """When in a day."""
    seconds, minutes, hours = cron.second.values, cron.minute.values, cron.hour.values
    if len(seconds) * len(minutes) * len(hours) <= _MANY:
        clock = [_clock(*each) for each in product(hours, minutes, seconds)]
        return f"at {_joined(clock)}"
    evenly = _evenly(cron)
    if evenly:
        return evenly
    return _by_field(cron)


def _evenly(cron: Cron) -> str:
    """`every 5 minutes`, of what has the same distance all day long; empty for all else."""
    second, minute, hour = cron.second, cron.minute, cron.hour
    if minute.is_all and hour.is_all and (step := _cycle(second)):
        return f"every {_unit(step, 'second')}"
    if second.values == (0,) and hour.is_all and (step := _cycle(minute)):
        return f"every {_unit(step, 'minute')}"
    if second.values == minute.values == (0,) and (step := _cycle(hour)):
        return f"every {_unit(step, 'hour')}" + (" from 00:00" if step > 1 else "")
    return ""


def _cycle(field: Field) -> int:
    """The distance of the values of a field, if it is the same over its end; else 0."""
    values = field.values
    around = [*values, values[0] + field.kind.count]
    steps = {after - before for before, after in pairwise(around)}
    is_even = len(steps) == 1 and values[0] == 0 and len(values) > 1
    return steps.pop() if is_even else 0


def _by_field(cron: Cron) -> str:
    """`at minute 5 of every hour`, `every minute of hour 6`."""
    parts = [_values(cron.minute), _values(cron.hour)]
    if cron.second.values != (0,):
        parts.insert(0, _values(cron.second))
    if cron.minute.is_all and cron.hour.is_all:
        del parts[-1]
    told = " of ".join(parts)
    return told if told.startswith("every") else f"at {told}"


def _values(field: Field) -> str:
    """`minute 0 and 45`, `hour 8 to 17`, `every minute`."""
    if field.is_all:
        return f"every {field.kind.name}"
    return f"{field.kind.name} {_joined(_spans(field.values, str))}"


def _days(cron: Cron) -> str:
    """On which days; empty for all."""
    found = [f"on {days}"] if (days := _either_or_both(cron)) else []
    if not cron.month.is_all:
        found.append(f"in {_joined(_spans(cron.month.values, lambda at: _MONTHS[at - 1]))}")
    if not cron.year.is_all:
        found.append(f"in {_joined(_spans(cron.year.values, str))}")
    return " ".join(found)


def _either_or_both(cron: Cron) -> str:
    """What day of month and day of week say together; empty if they say nothing."""
    days, weekdays = _days_of_month(cron.day), _weekdays(cron.weekday)
    if not days:
        return "" if cron.weekday.is_all else weekdays
    if not weekdays:
        return "" if cron.day.is_all else days
    return f"{days} if it is {weekdays}" if cron.needs_both_days else f"{days} or on {weekdays}"


def _days_of_month(field: Field) -> str:
    """`day 1 and 15 of the month`; empty if the field was left open."""
    if field.is_any:
        return ""
    plain = [f"day {_joined(_spans(field.values, str))} of the month"] if field.values else []
    return _joined([*plain, *map(_special_day, field.specials)])


def _weekdays(field: Field) -> str:
    """`Monday to Friday`; empty if the field was left open."""
    if field.is_any:
        return ""
    if field.is_all:
        return "any day of the week"
    # A week begins on Monday where its end would be torn apart.
    week = sorted(field.values, key=lambda at: at or 7)
    plain = _spans(week, lambda at: _WEEKDAYS[at % 7], last=7)
    return _joined([*plain, *map(_special_day, field.specials)])


def _special_day(special: Special) -> str:
    if special.letter == "L":
        return "the last day of the month"
    if special.letter == "W":
        return f"the weekday nearest to day {special.value} of the month"
    return f"the {_ORDINALS[special.nth]} {_WEEKDAYS[special.value]} of the month"


def _spans(values: Sequence[int], name: Callable[[int], str], last: int | None = None) -> list[str]:
    """Values by name, three and more in a row as `a to b`; a 0 after others is the `last`."""
    numbers = [
        last if last and place and not value else value for place, value in enumerate(values)
    ]
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] + 1 == number:
            rows[-1].append(number)
        else:
            rows.append([number])
    found = []
    for row in rows:
        names = [name(number) for number in row]
        found += [f"{names[0]} to {names[-1]}"] if len(row) > 2 else names
    return found


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _unit(count: int, unit: str) -> str:
    return unit if count == 1 else _counted(count, unit)


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'s' * (count != 1)}"
