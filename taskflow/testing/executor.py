"""The executor of tests: bodies run in this thread, one at a time, on a clock that may skip."""

from __future__ import annotations

import contextlib
import weakref
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Ended
from taskflow.executors.deadline import raising_timeout
from taskflow.executors.inline import InlineExecutor
from taskflow.lifecycle import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.call import Outcome, Report, Setup
    from taskflow.testing.clock import FakeClock

#: Bodies that are reported together, at most.
AT_ONCE: Final = 100


class VirtualExecutor(InlineExecutor):
    """Runs calls in the thread of the engine, where time passes only on the given clock.

    Nothing depends on how fast this machine is: a body takes the seconds that it let pass on the
    clock, and what is reported together happened at one time. A body that hangs for real ends at
    its timeout all the same.
    """

    name = "virtual"

    def __init__(self, clock: FakeClock, iterators: Sequence[Any] = ()) -> None:
        super().__init__()
        self._clock = clock
        self._iterators = iterators
        self._seat = clock.enter()
        # Also when it is never started: a seat that nobody leaves would stop the time.
        self._leave = weakref.finalize(self, clock.leave, self._seat)

    def start(self, setup: Setup) -> None:
        """Get ready to run calls."""
        super().start(setup)
        assert self._runner is not None  # it was just made
        self._runner.limited = self._limited

    def wait(self, timeout: float | None) -> list[Report]:
        """Run bodies until one takes time or does not succeed; with none queued, let time pass."""
        if not self._queue:
            self._pass(timeout)
        with contextlib.suppress(Empty):
            while True:
                self._wakes.get_nowait()
        outcomes: list[Outcome] = []
        while self._queue and len(outcomes) < AT_ONCE and self._wakes.empty():
            began = self._clock.monotonic()
            with self._clock.seated(self._seat):
                outcome = self._next()
            if outcome is None:
                continue
            took = self._clock.monotonic() - began
            outcomes.append(outcome._replace(seconds=took))
            if took or outcome.state != SUCCEEDED:
                break  # the engine is to know when it happened, and may want to stop
        reports, self._reports = self._reports, []
        return [*reports, Ended(0, outcomes)] if outcomes else reports

    def _pass(self, timeout: float | None) -> None:
        if timeout is None or any(each.is_reading for each in self._iterators):
            self._wakes.get()  # something is on its way that takes no time on the clock
        else:
            self._clock.sleep(self._seat, timeout, self._wakes)

    def _claim(self, batch: int, count: int) -> int:
        return super()._claim(batch, min(count, 1))

    @contextlib.contextmanager
    def _limited(self, limit: float) -> Iterator[None]:
        with raising_timeout(limit), self._clock.cut(limit):
            yield

    def stop(self) -> None:
        """Free everything."""
        super().stop()
        self._leave()
