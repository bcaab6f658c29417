"""When an expression fires: wall times become instants, by the rule of Debian's cron.

    times of day    fire once for each wall time: when clocks first show it; when they are set
                    forward over it, at that moment, and once for all that were skipped
    wildcards       (minute or hour starts with `*`) fire whenever clocks show such a time: not at
                    all in what is skipped, twice in what is repeated

The rule holds for every change of a clock, be it by an hour, half of one, or a day. Instants are
seconds from the start of 1970; each is a function of the expression and the zone only, so it does
not matter from where they are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from taskflow.cron.walls import Walls
from taskflow.cron.zones import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.cron.expression import Cron
    from taskflow.cron.zones import Zone


class Ticker(Protocol):
    """The instants of an expression, in any zone."""

    def first_after(self, at: int, zone: Zone) -> int | None:
        """The first instant after `at`; None if there is none."""
        ...

    def last_until(self, at: int, zone: Zone) -> int | None:
        """The last instant that is not after `at`; None if there is none."""
        ...

    def between(self, at: int, until: int, zone: Zone) -> Iterator[int]:
        """All instants after `at` that are not after `until`."""
        ...


def ticker_of(cron: Cron) -> Ticker:
    """What knows the instants of an expression."""
    return Wildcards(Walls(cron)) if cron.is_wildcard else TimesOfDay(Walls(cron))


class TimesOfDay:
    """Each wall time once.

    The instant of a wall time never comes before that of an earlier wall time, so they can be
    taken in the order of the wall.
    """

    def __init__(self, walls: Walls) -> None:
        self._walls = walls

    def first_after(self, at: int, zone: Zone) -> int | None:
        wall = self._walls.first(zone.reached(at) + 1)
        return None if wall is None else zone.instant(wall)

    def last_until(self, at: int, zone: Zone) -> int | None:
        wall = self._walls.last(zone.reached(at))
        return None if wall is None else zone.instant(wall)

    def between(self, at: int, until: int, zone: Zone) -> Iterator[int]:
        before = at
        for wall in self._walls.starting(zone.reached(at) + 1):
            instant = zone.instant(wall)
            if instant > until:
                return
            if instant != before:  # several that were skipped are one
                yield instant
            before = instant


class Wildcards:
    """Every moment at which clocks show a wall time."""

    def __init__(self, walls: Walls) -> None:
        self._walls = walls

    def first_after(self, at: int, zone: Zone) -> int | None:
        begin = at + 1
        while True:
            piece = zone.piece(begin)
            wall = self._walls.first(begin + piece.offset)
            if wall is not None and wall < piece.end + piece.offset:
                return wall - piece.offset
            # Later pieces cannot have an earlier wall time than this, however clocks are changed:
            # what is far ahead is not looked for piece by piece.
            wall = self._walls.first(piece.end + piece.offset - FARTHEST)
            if wall is None:
                return None
            begin = max(piece.end, wall - piece.offset - FARTHEST)

    def last_until(self, at: int, zone: Zone) -> int | None:
        while True:
            piece = zone.piece(at)
            wall = self._walls.last(at + piece.offset)
            if wall is not None and wall >= piece.start + piece.offset:
                return wall - piece.offset
            wall = self._walls.last(piece.start + piece.offset + FARTHEST)
            if wall is None:
                return None
            at = min(piece.start - 1, wall - piece.offset + FARTHEST)

    def between(self, at: int, until: int, zone: Zone) -> Iterator[int]:
        first = self.first_after(at, zone)
        while first is not None and first <= until:
            piece = zone.piece(first)
            end = min(piece.end, until + 1) + piece.offset
            for wall in self._walls.starting(first + piece.offset):
                if wall >= end:
                    break
                yield wall - piece.offset
            first = self.first_after(piece.end - 1, zone)
