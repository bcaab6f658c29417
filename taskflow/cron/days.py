"""Which days an expression means; the only module that touches croniter.

croniter is asked about day of month and day of week: lists, `L`, `W`, `#`, and what cron makes of
both fields at once. It works on naive dates, five fields, one month at a time, so its years, its
seconds, its aliases and its idea of time zones stay out of play. A month is known by its length
and the weekday of its first day: there are 28, and each is asked for once.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from taskflow.cron.fields import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.cron.expression import Cron

#: Days are counted from the first of 1970, which is 0.
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date(LAST_YEAR, 12, 31).toordinal() - _EPOCH


class Days:
    """The days of an expression, counted from the first of 1970."""

    def __init__(self, cron: Cron) -> None:
        open_fields = cron.day.is_any and cron.weekday.is_any
        self._is_any = open_fields and cron.month.is_any and cron.year.is_any
        self._texts = (cron.day.text, cron.weekday.text)
        self._months = cron.month.values
        # As a range, a year is found in it at once.
        self._years = range(FIRST_YEAR, LAST_YEAR + 1) if cron.year.is_all else cron.year.values

    def first(self, day: int) -> int | None:
        """The first day of the expression that is not before `day`."""
        day = max(day, 0)
        if day > _LAST_DAY or self._is_any:
            return day if day <= _LAST_DAY else None
        for before, days in self._walk(day, 1):
            place = bisect_left(days, day - before)
            if place < len(days):
                return before + days[place]
        return None

    def last(self, day: int) -> int | None:
        """The last day of the expression that is not after `day`."""
        day = min(day, _LAST_DAY)
        if day < 0 or self._is_any:
            return day if day >= 0 else None
        for before, days in self._walk(day, -1):
            place = bisect_right(days, day - before)
            if place:
                return before + days[place - 1]
        return None

    def _walk(self, day: int, step: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Months from that of `day` on, or back: the day before each, and its days."""
        start = date.fromordinal(day + _EPOCH)
        months = start.year * 12 + start.month - 1
        while FIRST_YEAR * 12 <= months < LAST_YEAR * 12 + 12:
            year, month = divmod(months, 12)
            if month + 1 in self._months and year in self._years:
                weekday, length = calendar.monthrange(year, month + 1)
                before = date(year, month + 1, 1).toordinal() - _EPOCH - 1
                yield before, _days_of_month(*self._texts, weekday, length)
            months += step


@lru_cache(maxsize=8192)
def _days_of_month(day: str, weekday: str, first: int, length: int) -> tuple[int, ...]:
    """The days of a month of that length that begins on the weekday `first`; Monday is 0.

    With `implement_cron_bug`, two restricted day fields are read as by Vixie's cron and all its
    heirs: both must match if one of them starts with `*`, else one is enough.
    """
    from croniter import croniter  # here: it takes long to load, and few expressions restrict days

    month = _month_like(first, length)
    dates = croniter(
        f"0 0 {day} * {weekday}",
        month - timedelta(minutes=1),
        ret_type=datetime,
        implement_cron_bug=True,
        max_years_between_matches=1,  # of which the search ends, and does not raise
    ).all_next()
    found = []
    for each in dates:
        if (each.year, each.month) != (month.year, month.month):
            break
        found.append(each.day)
    return tuple(found)


@cache
def _month_like(first: int, length: int) -> datetime:
    """Some month that begins on that weekday and has that length."""
    return next(
        datetime(year, month, 1)  # noqa: DTZ001 - a date of the calendar, in no zone
        for year in range(2000, 2028)
        for month in range(1, 13)
        if calendar.monthrange(year, month) == (first, length)
    )
