"""Calls run in the engine's own process: in threads, async ones on an event loop.

For work that waits for others, and for values that are costly to move: nothing is started but
threads. What a thread does cannot be ended against its will; tasks that ask for processes get
worker processes.
"""

from __future__ import annotations

import os
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow import resources
from taskflow.call import Call, Ended, Lost, Outcome, Output, Started
from taskflow.context import current
from taskflow.executors.bodies import Bodies
from taskflow.executors.crews import END_SECONDS
from taskflow.executors.logs import RecordHandler
from taskflow.executors.machine import cores
from taskflow.executors.processes import ASYNC_WIDTH, ProcessExecutor
from taskflow.executors.running import Place
from taskflow.executors.units import units_of
from taskflow.executors.wide import crew_of
from taskflow.interfaces import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from taskflow.call import Batch, Report, Setup
    from taskflow.executors.crews import Crew
    from taskflow.executors.logs import Record
    from taskflow.interfaces import Executor

#: Threads, unless the user says how many.
MOST_THREADS: Final = 32


class ThreadExecutor:
    """Threads of this process, an event loop for async tasks, processes for who asks for them.

    Two executors as one: the slots of the far one, which starts when it is first given something,
    are numbered after those of the near one.
    """

    name = "threads"

    def __init__(self, workers: int | None = None) -> None:
        self._near = Threads(workers or min(MOST_THREADS, cores() + 4))
        self._far = ProcessExecutor(wide=False)
        self._far_runs = False
        self.lanes = (*self._near.lanes, *self._far.lanes)
        self._first = sum(lane.slots for lane in self._near.lanes)  # slot of the far one

    def start(self, setup: Setup) -> None:
        self._setup = setup
        self._near.start(setup)

    def _at(self, slot: int) -> tuple[Executor, int]:
        if slot < self._first:
            return self._near, slot
        if not self._far_runs:
            self._far_runs = True
            self._far.start(self._setup)
            self._near.notify(self._far.wake)
        return self._far, slot - self._first

    def submit(self, slot: int, batch: Batch) -> None:
        executor, number = self._at(slot)
        executor.submit(number, batch)

    def capacity(self, slot: int) -> int:
        executor, number = self._at(slot)
        return executor.capacity(number)

    def withdraw(self, slot: int) -> dict[int, int]:
        executor, number = self._at(slot)
        return executor.withdraw(number)

    def kill(self, slot: int) -> None:
        executor, number = self._at(slot)
        executor.kill(number)

    def go_on(self, slot: int) -> None:
        executor, number = self._at(slot)
        executor.go_on(number)

    def rest(self, seconds: float) -> None:
        if self._far_runs:
            self._far.rest(seconds)

    def wait(self, timeout: float | None) -> list[Report]:
        if not self._far_runs:
            return self._near.wait(timeout)
        reports = self._near.wait(0.0)
        # What is reported near meanwhile ends this, too.
        for each in self._far.wait(0.0 if reports else self._near.patience(timeout)):
            reports.append(each._replace(slot=each.slot + self._first))
        return [*reports, *self._near.wait(0.0)]

    def wake(self) -> None:
        self._near.wake()

    def stop(self) -> None:
        try:
            self._near.stop()
        finally:
            self._far.stop()

    @property
    def first_error(self) -> BaseException | None:
        """The first exception that a body raised in this process, with its traceback."""
        return self._near.first_error


class Threads:
    """Two wide slots in this process: one of threads, one with an event loop.

    Output goes where it always goes. `kill` stops what stops: what goes on is reported no more.
    """

    def __init__(self, width: int) -> None:
        self.lanes = (
            Lane("threads", width=width, crowd=True),
            Lane("async", width=ASYNC_WIDTH, crowd=True),
        )
        self._places: list[Place] = []
        self._crews: list[Crew] = []
        self._ended: list[Crew] = []
        # Not an Event: a signal handler may wake this thread in the midst of its own waiting.
        self._reports: SimpleQueue[Report | _Over | None] = SimpleQueue()
        self._wakers: list[Callable[[], None]] = []

    def start(self, setup: Setup) -> None:
        os.makedirs(os.path.join(setup.run_dir, "values"), exist_ok=True)
        self._setup = setup
        self._pid = os.getpid()
        bodies = Bodies()  # one set of globals, whoever runs what refers to them
        self._places = [self._place(slot, bodies) for slot in range(len(self.lanes))]
        self._crews = [self._crew(slot) for slot in range(len(self.lanes))]

    def _place(self, slot: int, bodies: Bodies) -> Place:
        place = Place(self._setup, bodies)
        place.on_start = lambda *said: self._report(Started(slot, *said))
        place.on_progress = lambda key, done, total: self._report(
            Output(slot, key, "", (done, total))
        )
        place.on_end = self._body_ended
        place.records = RecordHandler(lambda record: self._logged(slot, record))
        return place

    def _logged(self, slot: int, record: Record) -> None:
        level, logger, text = record
        key = current.task_key or ""
        self._report(Output(slot, key, text, None, level, logger, seen=True))

    def _crew(self, slot: int) -> Crew:
        lane = self.lanes[slot]
        place = self._places[slot]
        return crew_of(place, lane, lambda each: self._report(_Over(slot, each)))

    def _body_ended(self, key: str) -> None:
        del key
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the body forked has come back from it, into our threads

    def submit(self, slot: int, batch: Batch) -> None:
        place = self._places[slot]
        place.bodies.learn(batch)
        calls = [call for call in batch.calls if isinstance(call, Call)]  # it asks for no columns
        self._crews[slot].give([unit for call in calls for unit in units_of(place, call)])

    def capacity(self, slot: int) -> int:
        return self.lanes[slot].width

    def withdraw(self, slot: int) -> dict[int, int]:
        """All that is here has begun, or is about to."""
        del slot
        return {}

    def kill(self, slot: int) -> None:
        self._crews[slot].end(0.0)
        self._ended.append(self._crews[slot])
        self._crews[slot] = self._crew(slot)
        self._report(Lost(slot, "it was told to end", "", {}, killed=True))

    def go_on(self, slot: int) -> None:
        """Nobody waits: threads share the process of the engine."""

    def rest(self, seconds: float) -> None:
        """Not here: each body reports by itself."""

    def wait(self, timeout: float | None) -> list[Report]:
        found: list[Report | _Over | None] = []
        try:
            found.append(self._reports.get(timeout=self.patience(timeout)))
            while True:
                found.append(self._reports.get_nowait())
        except Empty:
            pass
        now = time.monotonic()
        for slot, crew in enumerate(self._crews):
            found += [_Over(slot, outcome) for outcome in crew.abandon(now)]
        return list(_together(found))

    def patience(self, timeout: float | None) -> float | None:
        """How long a `wait` may be put off at most."""
        times = [crew.next_time for crew in self._crews]
        left = [time_ - time.monotonic() for time_ in times if time_ is not None]
        return max(0.0, min(left if timeout is None else [timeout, *left])) if left else timeout

    def notify(self, wake: Callable[[], None]) -> None:
        """From now on call this, too, when there is something to report."""
        self._wakers.append(wake)

    def wake(self) -> None:
        self._report(None)

    def _report(self, report: Report | _Over | None) -> None:
        self._reports.put(report)
        for wake in self._wakers:
            wake()

    @property
    def first_error(self) -> BaseException | None:
        """The first exception that a body raised."""
        found = (place.first_error for place in self._places)
        return next((error for error in found if error is not None), None)

    def stop(self) -> None:
        """Stop what runs, and close what bodies have opened."""
        crews, self._crews, self._ended = [*self._crews, *self._ended], [], []
        for crew in crews:
            crew.end(END_SECONDS)
        if crews:
            resources.close(self._setup.run_id)


class _Over(NamedTuple):
    """An outcome, on its way to the others of its slot."""

    slot: int
    outcome: Outcome


def _together(found: Iterable[Report | _Over | None]) -> Iterator[Report]:
    """Reports in their order, with outcomes of a slot that follow each other as one."""
    ended: Ended | None = None
    for each in found:
        if isinstance(each, _Over):
            if ended is not None and ended.slot == each.slot:
                ended.outcomes.append(each.outcome)
                continue
            if ended is not None:
                yield ended
            ended = Ended(each.slot, [each.outcome])
        elif each is not None:
            if ended is not None:
                yield ended
                ended = None
            yield each
    if ended is not None:
        yield ended
