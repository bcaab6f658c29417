"""Bodies that take long: told once a second while they change, so that people see what a run is at.

Most bodies end before anybody could look, and are not told at all.
"""

from __future__ import annotations

import heapq
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from taskflow.records import AtWork

if TYPE_CHECKING:
    from taskflow.engine.dispatch import Dispatcher
    from taskflow.engine.work import Work

#: A body that goes on for so long is told, and what is told changes no more often.
LASTING_SECONDS: Final = 1.0
#: Bodies that are told by name, those that have gone on longest; the others are counted.
MOST: Final = 100


class Lasting:
    """Looks now and then which bodies run for long."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._next: float | None = None
        self._told: tuple[list[tuple[float, Work]], int] = ([], 0)

    @property
    def next_time(self) -> float | None:
        """When to look again, if nothing happens before."""
        return self._next if any(slot.units for slot in self._dispatcher.slots) else None

    def look(self, now: float, to_date: float) -> AtWork | None:
        """What is at work, if that has changed; `to_date` makes a date of a time of the clock."""
        if self._next is None:  # something happened since the last look
            self._next = now + LASTING_SECONDS
        if now < self._next:
            return None
        bodies = [body for slot in self._dispatcher.slots for body in slot.at_work()]
        old = [body for body in bodies if now - body[0] >= LASTING_SECONDS]
        # Those that are told already may go on as long as they like.
        self._next = now + LASTING_SECONDS if len(old) < len(bodies) else None
        old = [body for body in old if self._dispatcher.is_shown(body[1])]
        longest = heapq.nsmallest(MOST, old, key=itemgetter(0))
        if (longest, len(old)) == self._told:
            return None
        self._told = longest, len(old)
        key_of = self._dispatcher.plan.key_of_call
        named = [(key_of(work.node, work.first), since + to_date) for since, work in longest]
        return AtWork(tuple(named), len(old) - len(named))
