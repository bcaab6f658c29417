"""Calls run one after another in the thread of the engine: for tests, debuggers and small runs."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from taskflow import resources
from taskflow.call import Call, Ended, Output, Started, bodies_in
from taskflow.context import current
from taskflow.executors.claims import Granted
from taskflow.executors.deadline import raising_timeout
from taskflow.executors.logs import RecordHandler
from taskflow.executors.running import Runner
from taskflow.interfaces import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.call import Batch, Outcome, Report, Setup
    from taskflow.executors.logs import Record

#: Short calls are reported together for this long, so that reporting costs little.
REPORT_SECONDS: Final = 0.02


class InlineExecutor:
    """One slot, in this thread: a `wait` runs calls; output goes where it always goes."""

    name = "inline"
    lanes = (Lane("inline"),)

    def __init__(self) -> None:
        self._runner: Runner | None = None
        self._queue: deque[tuple[Batch, int]] = deque()  # a batch, and its next call
        self._open: Iterator[Outcome] | None = None
        self._unclaimed: dict[int, int] = {}
        self._reports: list[Report] = []
        # Not an Event: a signal handler may wake this thread in the midst of its own waiting.
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def start(self, setup: Setup) -> None:
        """Get ready to run calls."""
        os.makedirs(os.path.join(setup.run_dir, "values"), exist_ok=True)
        self._runner = Runner(setup)
        self._runner.limited = raising_timeout
        self._runner.on_start = lambda *said: self._reports.append(Started(0, *said))
        self._runner.context.report_progress = self._progressed
        self._runner.context.records = RecordHandler(self._logged)

    def submit(self, slot: int, batch: Batch) -> None:
        """Queue the calls of a batch."""
        del slot
        assert self._runner is not None, "submit comes after start"
        # At once: the engine names a function only once, and the batch may be withdrawn.
        self._runner.know(batch)
        self._queue.append((batch, 0))
        self._unclaimed[batch.id] = bodies_in(batch)

    def capacity(self, slot: int) -> int:
        """Any number of calls can be queued."""
        del slot
        return 1 << 30

    def withdraw(self, slot: int) -> dict[int, int]:
        """Take back what has not begun; a call that has goes on with what it had claimed."""
        del slot
        taken = {batch: count for batch, count in self._unclaimed.items() if count}
        self._unclaimed.clear()
        if self._open is None:
            self._queue.clear()
        else:
            batch, index = self._queue[0]
            self._queue.clear()
            self._queue.append((batch._replace(calls=batch.calls[: index + 1]), index))
        return taken

    def kill(self, slot: int) -> None:
        """Nothing can be ended here; the engine does not ask."""

    def rest(self, seconds: float) -> None:
        """Not here: bodies run in `wait`."""

    def wait(self, timeout: float | None) -> list[Report]:
        """Run calls for a moment and report how they ended; with none queued, wait."""
        with contextlib.suppress(Empty):
            if not self._queue:
                self._wakes.get(timeout=timeout)
            while True:
                self._wakes.get_nowait()
        outcomes: list[Outcome] = []
        until = time.monotonic() + REPORT_SECONDS
        while self._queue and time.monotonic() < until and self._wakes.empty():
            outcome = self._next()
            if outcome is not None:
                outcomes.append(outcome)
        reports, self._reports = self._reports, []
        return [*reports, Ended(0, outcomes)] if outcomes else reports

    def _next(self) -> Outcome | None:
        """One more outcome; None when a call turned out to be over."""
        assert self._runner is not None, "submit comes after start"
        batch, index = self._queue[0]
        if self._open is None:
            if index == 0:
                self._runner.learn(batch)
            call = batch.calls[index]
            assert isinstance(call, Call)  # the lane asks for no columns
            self._open = self._runner.run(call, Granted(lambda n: self._claim(batch.id, n)))
        outcome = next(self._open, None)
        if outcome is None and self._queue:
            self._open = None
            self._queue.popleft()
            if index + 1 < len(batch.calls):
                self._queue.appendleft((batch, index + 1))
            else:
                self._unclaimed.pop(batch.id, None)
        return outcome

    def _claim(self, batch: int, count: int) -> int:
        granted = min(count, self._unclaimed.get(batch, 0))
        if granted:
            self._unclaimed[batch] -= granted
        return granted

    def _progressed(self, done: float, total: float | None) -> None:
        facts = self._runner.context if self._runner else None
        if facts is not None:
            self._reports.append(Output(0, facts.task_key or "", "", (done, total)))

    def _logged(self, record: Record) -> None:
        level, logger, text = record
        key = current.task_key or ""
        self._reports.append(Output(0, key, text, None, level, logger, seen=True))

    @property
    def first_error(self) -> BaseException | None:
        """The first exception that a body raised, with its traceback."""
        return self._runner.first_error if self._runner else None

    def go_on(self, slot: int) -> None:
        """Nobody waits here: a body runs in the thread that would have to let it go on."""

    def wake(self) -> None:
        """Make `wait` return."""
        self._wakes.put(None)

    def stop(self) -> None:
        """Forget everything, and close what bodies have opened."""
        self._queue.clear()
        self._open = None
        if self._runner is not None:
            resources.close(self._runner.setup.run_id)
