"""A crew of async bodies: tasks of one event loop, which has a thread to itself."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.executors.crews import END_SECONDS, Looks, Running
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
        self._over = False
        self._looks = Looks()
        self._has_looked = True
        self._found: list[Unit] = []  # stubborn bodies that nobody was told of yet

    def give(self, units: Sequence[Unit]) -> None:
        """Begin these bodies."""
        if not self._loops:
            self._loops.append(Loop(self._close))
        loop = self._loops[-1]
        loop.soon(self._begin, loop, units)

    def _begin(self, loop: Loop, units: Sequence[Unit]) -> None:
        with self._running.lock:
            if self._over:  # it was ended while the loop was held up
                return
            for unit in units:
                task = loop.events.create_task(self._run(unit))
                self._running.add(unit, task)
                task.add_done_callback(functools.partial(self._never_ran, unit))

    async def _run(self, unit: Unit) -> None:
        # Reported in here: the task itself may be cancelled, by its own body, as it returns.
        outcome = await unit.run_async()
        if self._running.remove(unit):
            self._report(outcome)

    def _never_ran(self, unit: Unit, _: asyncio.Task[None]) -> None:
        """Report what another body has cancelled before it began: then nothing of it has run."""
        if self._running.remove(unit):
            self._report(unit.never_ran())

    def stubborn(self, now: float) -> list[Unit]:
        """Bodies that go on although the loop takes turns, or since they themselves hold it up."""
        if not self._loops:
            return []
        lingering = self._running.lingering(now)
        if lingering and self._has_looked:
            self._has_looked = False
            self._loops[-1].soon(self._look)
        elif lingering:
            holder = self._holder(self._loops[-1])
            self._found += self._looks.at(unit for unit in lingering if unit is holder)
        found, self._found = self._found, []
        return found

    def _look(self) -> None:
        """Called in the loop: what goes on now could have taken its turn, and stopped."""
        self._found += self._looks.at(self._running.lingering(time.monotonic()))
        self._has_looked = True

    def _holder(self, loop: Loop) -> Unit | None:
        """The body whose turn it is in a loop."""
        task = asyncio.current_task(loop.events)
        return None if task is None else self._running.held_by(task)

    def abandon(self, now: float) -> list[Outcome]:
        """Give up bodies that did not stop; if the loop is held up, the others get a new one."""
        late = self._running.overdue(now)
        if not late or self._loops[-1].comes_round():
            return [unit.abandoned() for unit in late]
        blocked = self._loops[-1]
        holder = asyncio.current_task(blocked.events)
        self._loops.append(Loop(self._close))
        others = self._running.take(
            lambda each: each.get_loop() is blocked.events and each is not holder
        )
        # Where it is known who holds up the loop, the others could not stop when asked to.
        if holder is not None and (holder in late.values() or self._running.held_by(holder)):
            others.update({unit: task for unit, task in late.items() if task is not holder})
        for task in others.values():
            blocked.soon(task.cancel)
        given_up = [unit.abandoned() for unit in late if unit not in others]
        return given_up + [unit.given_back() for unit in others]

    @property
    def next_time(self) -> float | None:
        """When to call `abandon` again."""
        return self._running.next_time

    def end(self, seconds: float) -> None:
        """Cancel what runs, close what was opened in the loop, and end it."""
        with self._running.lock:
            self._over = True
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
