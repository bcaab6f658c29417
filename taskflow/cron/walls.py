"""The times of an expression as a clock on the wall shows them, where no clock ever changes.

They are counted in seconds from the start of 1970 on that clock. A day that matches has all the
times of day that hour, minute and second allow, so only days have to be searched for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from taskflow.cron.days import Days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.cron.expression import Cron

HOUR: Final = 3600
DAY: Final = 86400


class Walls:
    """The wall times of an expression, in order."""

    def __init__(self, cron: Cron) -> None:
        self._days = Days(cron)
        self._hours = cron.hour.values
        self._marks = _marks(cron.minute.values, cron.second.values)

    def first(self, at: int) -> int | None:
        """The first one that is not before `at`."""
        day = self._days.first(at // DAY)
        if day is None:
            return None
        if day == at // DAY:
            found = self._first_of_day(at % DAY)
            if found is not None:
                return day * DAY + found
            day = self._days.first(day + 1)
        return None if day is None else day * DAY + self._hours[0] * HOUR + self._marks[0]

    def last(self, at: int) -> int | None:
        """The last one that is not after `at`."""
        day = self._days.last(at // DAY)
        if day is None:
            return None
        if day == at // DAY:
            found = self._last_of_day(at % DAY)
            if found is not None:
                return day * DAY + found
            day = self._days.last(day - 1)
        return None if day is None else day * DAY + self._hours[-1] * HOUR + self._marks[-1]

    def starting(self, at: int) -> Iterator[int]:
        """All of them that are not before `at`."""
        day = self._days.first(at // DAY)
        while day is not None:
            for hour in self._hours:
                start = day * DAY + hour * HOUR
                if start >= at:
                    yield from [start + mark for mark in self._marks]
                elif start + HOUR > at:
                    yield from [start + mark for mark in self._marks if start + mark >= at]
            day = self._days.first(day + 1)

    def _first_of_day(self, second: int) -> int | None:
        hour, rest = divmod(second, HOUR)
        place = bisect_left(self._hours, hour)
        if place < len(self._hours) and self._hours[place] == hour:
            mark = bisect_left(self._marks, rest)
            if mark < len(self._marks):
                return hour * HOUR + self._marks[mark]
            place += 1
        return self._hours[place] * HOUR + self._marks[0] if place < len(self._hours) else None

    def _last_of_day(self, second: int) -> int | None:
        hour, rest = divmod(second, HOUR)
        place = bisect_right(self._hours, hour)
        if place and self._hours[place - 1] == hour:
            mark = bisect_right(self._marks, rest)
            if mark:
                return hour * HOUR + self._marks[mark - 1]
            place -= 1
        return self._hours[place - 1] * HOUR + self._marks[-1] if place else None


@lru_cache(maxsize=512)
def _marks(minutes: tuple[int, ...], seconds: tuple[int, ...]) -> array[int]:
    """The seconds of an hour that match; shared, since every second is 3600 of them."""
    return array("H", [minute * 60 + second for minute in minutes for second in seconds])
