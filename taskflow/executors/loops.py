"""A crew of async bodies: tasks of one event loop, which has a thread to itself."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.executors.crews import END_SECONDS, Running
from taskflow.executors.outbox import CLOSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from taskflow.call import Outcome
    from taskflow.executors.units import Unit

#: An event loop that does not come round in this time is blocked by a body.
ROUND_SECONDS: Final = 0.25


class LoopCrew:
    """Bodies that take turns on an event loop, each an asyncio task with a context of its own."""

    def __init__(
        self,
        report: Callable[[Outcome], None],
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._report = report
        self._close = close
        self._running: Running[asyncio.Task[None]] = Running()
        self._loops: list[Loop] = []  # the last one is in use

    def give(self, units: Sequence[Unit]) -> None:
        """Begin these bodies."""
        if not self._loops:
            self._loops.append(Loop(self._close))
        loop = self._loops[-1]
        loop.soon(self._begin, loop, units)

    def _begin(self, loop: Loop, units: Sequence[Unit]) -> None:
        with self._running.lock:
            for unit in units:
                self._running.add(unit, loop.events.create_task(self._run(unit)))

    async def _run(self, unit: Unit) -> None:
        # Reported in here: the task itself may be cancelled, by its own body, as it returns.
        outcome = await unit.run_async()
        if self._running.remove(unit):
            self._report(outcome)

    def abandon(self, now: float) -> list[Unit]:
        """Give up bodies that did not stop; if one of them blocks the loop, begin another loop."""
        late = self._running.overdue(now)
        if late and not self._loops[-1].comes_round():
            self._loops.append(Loop(self._close))
        return list(late)

    @property
    def next_time(self) -> float | None:
        """When to call `abandon` again."""
        return self._running.next_time

    def end(self, seconds: float) -> None:
        """Cancel what runs, close what was opened in the loop, and end it."""
        with self._running.lock:
            bodies = list(self._running.clear().values())
        for loop in self._loops:
            loop.tell_end([each for each in bodies if each.get_loop() is loop.events])
        until = time.monotonic() + seconds
        for loop in self._loops:
            loop.join(max(0.0, until - time.monotonic()))


class Loop:
    """An event loop that runs in a thread of its own until it is told to end."""

    def __init__(self, close: Callable[[], Awaitable[None]] | None = None) -> None:
        self.events = asyncio.new_event_loop()
        self._close = close
        self._is_over = False
        self._is_closing = False
        self._bodies: Sequence[asyncio.Task[None]] = ()
        self._thread = threading.Thread(target=self._drive, name="taskflow loop", daemon=True)
        self._thread.start()

    def soon(self, call: Callable[..., Any], *args: Any) -> None:
        """Call a function in the loop."""
        self.events.call_soon_threadsafe(call, *args)

    def comes_round(self) -> bool:
        """Whether the loop takes turns, and is not held up by a body that blocks."""
        came = threading.Event()
        self.soon(came.set)
        return came.wait(ROUND_SECONDS)

    def tell_end(self, bodies: Sequence[asyncio.Task[None]]) -> None:
        """Ask to cancel these tasks first, then to close what is open, then to end the rest."""
        if self._is_over:
            return
        self._bodies = bodies
        self._is_over = True
        with contextlib.suppress(RuntimeError):  # the program ends, and the thread has
            self.soon(self.events.stop)

    def join(self, seconds: float) -> None:
        """Wait for the end; a loop that a body blocks is left behind."""
        self._thread.join(seconds)
        if self._is_closing:
            self._thread.join(CLOSE_SECONDS)

    def _drive(self) -> None:
        asyncio.set_event_loop(self.events)
        while not self._is_over:
            # What a task raises that a body has started: whoever awaits it is told as well.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                self.events.run_forever()
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            self.events.run_until_complete(self._finish())
        self.events.close()

    async def _finish(self) -> None:
        await _cancelled(self._bodies)
        if self._close is not None:
            self._is_closing = True
            await self._close()
            self._is_closing = False
        await _cancelled(asyncio.all_tasks() - {asyncio.current_task()})
        await self.events.shutdown_asyncgens()


async def _cancelled(tasks: Collection[asyncio.Task[Any]]) -> None:
    for each in tasks:
        each.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_SECONDS)
