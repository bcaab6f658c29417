"""What is legal in an expression, and probably not meant."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from taskflow.cron import fields
from taskflow.cron.expression import Cron, Every
from taskflow.cron.ticking import ticker_of
from taskflow.cron.walls import Walls
from taskflow.cron.zones import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from taskflow.cron.fields import Field
    from taskflow.cron.zones import Zone

#: Of a clock that changes once a year or more, one change of each sort is in these seconds.
_AHEAD: Final = 370 * 86400
_STEP: Final = re.compile(r"(?:\*|0|1)/(\d+)", re.ASCII)
_SHORTEST_MONTH: Final = 28


def hints_on(known: Cron | Every, zone: Zone, timezone: str | None, now: datetime) -> Iterator[str]:
    """One sentence for each thing that is probably not meant; `now` is for changes of clocks."""
    if isinstance(known, Every):
        return
    if timezone is None:
        yield 'no timezone is given: times are UTC; write timezone="UTC", or the one that is meant'
    for field in (known.second, known.minute, known.hour, known.day, known.month, known.weekday):
        yield from _on_step(field)
    yield from _on_open_time(known)
    yield from _on_days(known)
    yield from _on_clocks(known, zone, (now - EPOCH) // timedelta(seconds=1))


def _on_step(field: Field) -> Iterator[str]:
    """Steps that do not go around evenly, and those that are no steps."""
    match = _STEP.fullmatch(field.text)
    if match is None or int(match[1]) == 1:
        return
    name, first, last = field.kind.name, field.values[0], field.values[-1]
    if first == last:
        yield f"the {name} {field.text} is {first} only: write {first}"
    elif field.kind is fields.DAY:
        yield (
            f"the day of month {field.text} begins anew on the first of each month: "
            f"from day {last} to day {first} it is not {match[1]} days"
        )
    elif field.kind.count % int(match[1]):
        around = first + field.kind.count - last
        fix = f"write a step that divides {field.kind.count}"
        if field.kind is fields.WEEKDAY:
            fix = "write the days, such as mon,wed,fri"
        yield (
            f"the {name} {field.text} is uneven: after {last} comes {first}, a step of {around}; "
            f"{fix}"
        )


def _on_open_time(cron: Cron) -> Iterator[str]:
    """A `*` before a field that is restricted: `* 6 * * *` is sixty times, and six is meant."""
    if cron.minute.text == "*" and not cron.hour.has_star:
        yield (
            "the minute * fires in every minute of the hours "
            f"{cron.hour.text}; write 0 for once an hour"
        )
    if cron.second.text == "*" and not cron.minute.has_star:
        yield (
            "the second * fires in every second of the minutes "
            f"{cron.minute.text}; write 0 for once a minute"
        )


def _on_days(cron: Cron) -> Iterator[str]:
    """Two fields of days, and days that some months do not have."""
    day, weekday = cron.day, cron.weekday
    if cron.has_both_days and not (day.is_all or weekday.is_all):
        if cron.needs_both_days:
            both = "both must match, since one starts with *"
        else:
            both = "one of them is enough"
        yield (
            f"day of month {day.text} and day of week {weekday.text} are both given: {both}; "
            "write * for one of them if that is not meant"
        )
    is_late = not day.is_any and not day.specials and day.values[0] > _SHORTEST_MONTH
    if is_late and weekday.is_any and len(cron.month.values) > 1:
        yield (
            f"months without a day {day.text} are left out; write L for the last day of each month"
        )


def _on_clocks(cron: Cron, zone: Zone, now: int) -> Iterator[str]:
    """Times that the zone's clocks skip or repeat within a year."""
    if cron.hour.has_star:  # nobody waits for a certain hour
        return
    walls, seen = Walls(cron), set()
    for at, before, after in zone.changes(now, now + _AHEAD):
        low, high = sorted((at + before, at + after))
        wall = walls.first(low)
        is_skip = after > before
        if wall is None or wall >= high or is_skip in seen:
            continue
        seen.add(is_skip)
        yield _on_change(cron, zone, at, wall, is_skip=is_skip)


def _on_change(cron: Cron, zone: Zone, at: int, wall: int, *, is_skip: bool) -> str:
    """What becomes of a time of day on the day that the clocks are changed."""
    date, time = f"{EPOCH + timedelta(seconds=wall):%Y-%m-%d %H:%M}".split()
    what = f"clocks {'skip' if is_skip else 'show twice'} {time} on {date}: "
    if not cron.is_wildcard:
        instead = (EPOCH + timedelta(seconds=at)).astimezone(zone.zone)
        then = f"it fires at {instead:%H:%M}" if is_skip else "it fires the first time only"
    elif is_skip:
        tick = ticker_of(cron).first_after(at - 1, zone)
        when = tick is not None and (EPOCH + timedelta(seconds=tick)).astimezone(zone.zone)
        then = f"the next tick is {when:%Y-%m-%d %H:%M}" if when else "there is no tick after it"
    else:
        then = "it fires both times"
    return f'{what}{then}; other hours, and timezone="UTC", have no such days'
