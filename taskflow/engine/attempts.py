"""How often each task run was tried: exceptions, lost workers and waits are counted apart."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.engine.work import Work

#: A task run that has lost so many workers ends as `crashed`.
MAX_LOSSES: Final = 3

Unit = tuple[int, int]


class Attempts:
    """Counters by (node, element); only those that did not succeed at once have any."""

    def __init__(self, draw: Callable[[], float] | None = None) -> None:
        self.draw = draw or (lambda: 0.5)
        self.tries: dict[Unit, tuple[int, int]] = {}  # failures, losses
        self.postponed: Counter[Unit] = Counter()  # how often each came back later, as it asked
        #: Units that were in flight when a worker died, by group: each group runs by itself, until
        #: its units have ended or the one to blame is alone in its own.
        self.suspects: dict[Unit, int] = {}
        self._groups = itertools.count()
        self._timers: list[tuple[float, int, Work]] = []
        self._serial = itertools.count()

    def failed(self, unit: Unit) -> int:
        """Count an exception or a timeout; returns how many there were."""
        failures, losses = self.tries.get(unit, (0, 0))
        self.tries[unit] = (failures + 1, losses)
        return failures + 1

    def lost(self, unit: Unit) -> int:
        """Count a worker that died under this unit alone; returns how many there were."""
        failures, losses = self.tries.get(unit, (0, 0))
        self.tries[unit] = (failures, losses + 1)
        return losses + 1

    def suspect(self, units: list[Unit], groups: int) -> None:
        """These were in flight together when their worker died: they run again in groups."""
        size = -(-len(units) // groups)
        for start in range(0, len(units), size):
            group = next(self._groups)
            self.suspects |= dict.fromkeys(units[start : start + size], group)

    def number(self, unit: Unit) -> int:
        """Which attempt the next, or the running, one is."""
        failures, losses = self.tries.get(unit, (0, 0))
        return 1 + failures + losses + self.postponed[unit]

    def last(self, unit: Unit) -> int:
        """Which attempt was the last one of a unit that has failed; 1 if it never did."""
        failures, losses = self.tries.get(unit, (1, 0))
        return max(1, failures + losses) + self.postponed[unit]

    # --- waiting for the next one ---

    def wait(self, when: float, work: Work) -> None:
        """Keep work until its time has come; what has equal time keeps its order."""
        heapq.heappush(self._timers, (when, next(self._serial), work))

    def due(self, now: float) -> Iterator[Work]:
        """The work whose time has come."""
        while self._timers and self._timers[0][0] <= now:
            yield heapq.heappop(self._timers)[2]

    def next_time(self, is_stale: Callable[[Work], bool]) -> float | None:
        """When `due` has something next."""
        while self._timers and is_stale(self._timers[0][2]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None
