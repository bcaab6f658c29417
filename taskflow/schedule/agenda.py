"""When each schedule is to be looked at next: a heap, in which what is no longer true stays.

An entry is true as long as it says what was put last of its schedule. Others are thrown away when
they come up, so a change costs no more than a look.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from taskflow.schedule.judging import is_ahead, wakes_at

if TYPE_CHECKING:
    from taskflow.planned import ScheduleRow

Entry = tuple[float, str]


class Agenda:
    """Schedules by when their next tick is to be judged; times are seconds since the epoch."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._wakes: dict[str, float] = {}
        self._decided: dict[str, float] = {}
        self._latest = -math.inf  # of what is decided, or later

    def __len__(self) -> int:
        return len(self._wakes)

    def put(self, row: ScheduleRow) -> None:
        """Take up a schedule as it stands now; one that is not active has nothing to come."""
        schedule = row.planned.id
        if row.state != "active" or not row.planned.cron:
            self.remove(schedule)
            return
        wakes = wakes_at(row.planned, row.decided)
        # One without a tick to come is kept: it has some again if the clock is set back.
        self._wakes[schedule] = math.inf if wakes is None else wakes
        self._decided[schedule] = row.decided
        self._latest = max(self._latest, row.decided)
        if wakes is not None:
            heapq.heappush(self._heap, (wakes, schedule))
        if len(self._heap) > 2 * len(self._wakes) + 100:
            self._tidy()

    def remove(self, schedule: str) -> None:
        """Forget a schedule, if it is known."""
        self._wakes.pop(schedule, None)
        self._decided.pop(schedule, None)

    def due(self, now: float) -> list[str]:
        """The schedules that are to be judged, the longest due first, until they are put anew.

        Those that are decided beyond `now` are due as well: the clock was set back. Another service
        may have decided a schedule already, or somebody has paused it: what is put is how it stands
        in the store.
        """
        found: dict[str, None] = {}  # one that was put twice alike has two true entries
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_true(entry):
                found[entry[1]] = None
        for schedule in found:
            heapq.heappush(self._heap, (self._wakes[schedule], schedule))
        return [*found, *self._ahead(now)]

    def next(self) -> float | None:
        """When there is something to do, if the clock goes on as it does; None for never."""
        while self._heap and not self._is_true(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    # --- inside ---

    def _is_true(self, entry: Entry) -> bool:
        return self._wakes.get(entry[1]) == entry[0]

    def _ahead(self, now: float) -> list[str]:
        """The schedules that are decided beyond the present; nobody looks while the clock goes on.

        None of them is due by its next tick, which lies further ahead.
        """
        if not is_ahead(self._latest, now):
            return []
        self._latest = max(self._decided.values(), default=-math.inf)
        return [each for each, decided in self._decided.items() if is_ahead(decided, now)]

    def _tidy(self) -> None:
        """Leave only what is true: much was put anew long before it was due."""
        self._heap = [(wakes, each) for each, wakes in self._wakes.items() if wakes < math.inf]
        heapq.heapify(self._heap)
