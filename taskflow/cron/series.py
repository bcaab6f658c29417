"""The ticks of one schedule: of a cron expression in a zone, or of an `@every` from its start.

Moments are durations since the start of 1970: unlike datetimes they compare by real time in the
hour that a zone repeats, and reach beyond the year 9999.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from taskflow.cron.expression import Every, check_text, read
from taskflow.cron.fields import LAST_YEAR
from taskflow.cron.ticking import ticker_of
from taskflow.cron.zones import EPOCH, FARTHEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.cron.ticking import Ticker
    from taskflow.cron.zones import Zone

_SECOND: Final = timedelta(seconds=1)
_ZERO: Final = timedelta()
#: Instants between which all ticks are, in whatever zone.
_FIRST: Final = -FARTHEST
_LAST: Final = (EPOCH.replace(year=LAST_YEAR + 1) - EPOCH) // _SECOND + FARTHEST


class Series(Protocol):
    """Moments in order."""

    def after(self, moment: timedelta) -> timedelta | None:
        """The first one after a moment."""
        ...

    def until(self, moment: timedelta) -> timedelta | None:
        """The last one that is not after a moment."""
        ...

    def between(self, moment: timedelta, end: timedelta) -> Iterator[timedelta]:
        """All after a moment that are not after `end`."""
        ...


def series_of(expression: str, zone: Zone, start: timedelta | None) -> Series:
    """The ticks of an expression in a zone, none of them before `start`.

    Raises:
        DefinitionError: the expression cannot be used.
    """
    check_text(expression)
    known = _known(expression)
    if isinstance(known, Every):
        return Intervals(known.period, start or _ZERO)
    return Clocked(known, zone, start)


# By its text: the hash of all fields would take longer than the next tick.
@lru_cache(maxsize=4096)
def _known(expression: str) -> Ticker | Every:
    cron = read(expression)
    return cron if isinstance(cron, Every) else ticker_of(cron)


class Intervals:
    """Ticks at the same distance in real time, from a first one on."""

    def __init__(self, period: timedelta, first: timedelta) -> None:
        self._period = period
        self._first = first

    def after(self, moment: timedelta) -> timedelta:
        return self._first + max(0, self._count(moment) + 1) * self._period

    def until(self, moment: timedelta) -> timedelta | None:
        count = self._count(moment)
        return None if count < 0 else self._first + count * self._period

    def between(self, moment: timedelta, end: timedelta) -> Iterator[timedelta]:
        tick = self.after(moment)
        while tick <= end:
            yield tick
            tick += self._period

    def _count(self, moment: timedelta) -> int:
        return (moment - self._first) // self._period


class Clocked:
    """Ticks of a cron expression."""

    def __init__(self, ticker: Ticker, zone: Zone, start: timedelta | None) -> None:
        self._ticker = ticker
        self._zone = zone
        self._before = _FIRST if start is None else max(_FIRST, -(-start // _SECOND) - 1)

    def after(self, moment: timedelta) -> timedelta | None:
        tick = self._ticker.first_after(self._bound(moment), self._zone)
        return None if tick is None else timedelta(seconds=tick)

    def until(self, moment: timedelta) -> timedelta | None:
        tick = self._ticker.last_until(self._bound(moment), self._zone)
        return None if tick is None or tick <= self._before else timedelta(seconds=tick)

    def between(self, moment: timedelta, end: timedelta) -> Iterator[timedelta]:
        begin, until = self._bound(moment), min(end // _SECOND, _LAST)
        for tick in self._ticker.between(begin, until, self._zone):
            yield timedelta(seconds=tick)

    def _bound(self, moment: timedelta) -> int:
        return min(max(moment // _SECOND, self._before), _LAST)
