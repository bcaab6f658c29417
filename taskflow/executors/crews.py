"""Crews run the bodies of a wide slot side by side: in threads, or in an event loop.

A crew begins what it is given at once, up to its width, and reports each body as it ends, from
whichever thread that is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from taskflow.call import Abort
from taskflow.executors.deadline import raise_in
from taskflow.executors.units import STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from taskflow.call import Outcome
    from taskflow.executors.units import Unit

#: A body that goes on for so long after its timeout, and through so many looks at it, is stubborn.
LINGER_SECONDS: Final = 1.0
LOOKS: Final = 5
#: How long bodies that were told to stop are waited for, when all ends.
END_SECONDS: Final = 1.0


Holder = TypeVar("Holder")


class Crew(Protocol):
    """Runs bodies side by side. Used from one thread."""

    def give(self, units: Sequence[Unit]) -> None:
        """Begin these bodies; each is reported when it ends, from any thread."""
        ...

    def abandon(self, now: float) -> list[Outcome]:
        """Give up bodies whose timeout was over long ago: how they, and who hung on them, end."""
        ...

    def stubborn(self, now: float) -> list[Unit]:
        """Bodies that go on long after they were asked to stop, and through no fault of others.

        To be asked now and then; each is told once.
        """
        ...

    @property
    def next_time(self) -> float | None:
        """When to call `abandon` again, in `time.monotonic`; None if no body has a timeout."""
        ...

    def end(self, seconds: float) -> None:
        """Report nothing any more, stop what runs as far as that can be done, free everything.

        Waits so long for bodies to stop. Safe to call twice.
        """
        ...


class Running(Generic[Holder]):
    """The bodies of a crew that run, and what holds each; who takes one out is to report it."""

    def __init__(self) -> None:
        self._units: dict[Unit, Holder] = {}
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._units)

    def add(self, unit: Unit, holder: Holder) -> None:
        """A body begins; the caller has the lock."""
        self._units[unit] = holder

    def remove(self, unit: Unit) -> bool:
        """A body has ended; whether it is still to be reported."""
        with self.lock:
            return self._units.pop(unit, None) is not None

    def lingering(self, now: float) -> list[Unit]:
        """The bodies that go on although their timeout was over a while ago."""
        with self.lock:
            return [each for each in self._units if each.due and each.due + LINGER_SECONDS <= now]

    def held_by(self, holder: Holder) -> Unit | None:
        """The body that this one holds."""
        with self.lock:
            return next((unit for unit, each in self._units.items() if each is holder), None)

    def overdue(self, now: float) -> dict[Unit, Holder]:
        """Take out the bodies that go on although their timeout was over long ago."""
        with self.lock:
            late = [each for each in self._units if each.due and each.due + STOP_SECONDS <= now]
            return {unit: self._units.pop(unit) for unit in late}

    def take(self, chosen: Callable[[Holder], bool]) -> dict[Unit, Holder]:
        """Take out those whose holders are chosen."""
        with self.lock:
            units = [unit for unit, holder in self._units.items() if chosen(holder)]
            return {unit: self._units.pop(unit) for unit in units}

    def clear(self) -> dict[Unit, Holder]:
        """Take out all; the caller has the lock."""
        units, self._units = self._units, {}
        return units

    @property
    def next_time(self) -> float | None:
        """When the next body is overdue that has a timeout."""
        with self.lock:
            return min((each.due + STOP_SECONDS for each in self._units if each.due), default=None)


class Looks:
    """Counts how often bodies were seen to go on: once might be just before they stop."""

    def __init__(self) -> None:
        self._counts: dict[Unit, int] = {}

    def at(self, units: Iterable[Unit]) -> list[Unit]:
        """These go on; which of them have now been seen often enough."""
        self._counts = {unit: self._counts.get(unit, 0) + 1 for unit in units}
        return [unit for unit, count in self._counts.items() if count == LOOKS]


class ThreadCrew:
    """Threads that are made as they are needed, each with one body at a time."""

    def __init__(self, width: int, report: Callable[[Outcome], None]) -> None:
        self._width = width
        self._report = report
        self._waiting: deque[Unit] = deque()
        self._running: Running[threading.Thread] = Running()
        self._changed = threading.Condition(self._running.lock)
        self._threads: set[threading.Thread] = set()  # less those with abandoned bodies
        self._over = False
        self._looks = Looks()

    def give(self, units: Sequence[Unit]) -> None:
        """Begin these bodies."""
        with self._changed:
            self._waiting.extend(units)
            self._changed.notify(len(units))
        self._hire()

    def _hire(self) -> None:
        """Start as many threads as there are bodies, up to the width."""
        missing = min(self._width, len(self._waiting) + len(self._running)) - len(self._threads)
        for _ in range(missing):
            thread = threading.Thread(target=self._work, name="taskflow body", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has no more: those that are there must do
                if not self._threads:
                    raise
                return
            self._threads.add(thread)

    def _work(self) -> None:
        # `end` raises Abort in this thread, and it may come up when the body has just ended.
        try:
            try:
                self._serve()
            finally:
                for _ in range(10):  # one that is on its way comes up here
                    pass
        except Abort:
            pass

    def _serve(self) -> None:
        while (unit := self._next()) is not None:
            outcome = unit.run()
            if not self._running.remove(unit):
                return  # abandoned: another thread has this one's place
            self._report(outcome)

    def _next(self) -> Unit | None:
        with self._changed:
            while not self._waiting and not self._over:
                self._changed.wait()
            if self._over:
                return None
            unit = self._waiting.popleft()
            self._running.add(unit, threading.current_thread())
            return unit

    def stubborn(self, now: float) -> list[Unit]:
        """Bodies that go on: whoever can look has the interpreter, so they might have stopped."""
        return self._looks.at(self._running.lingering(now))

    def abandon(self, now: float) -> list[Outcome]:
        """Give up bodies that did not stop; other threads take the places of theirs."""
        late = self._running.overdue(now)
        self._threads.difference_update(late.values())
        self._hire()
        return [unit.abandoned() for unit in late]

    @property
    def next_time(self) -> float | None:
        """When to call `abandon` again."""
        return self._running.next_time

    def end(self, seconds: float) -> None:
        """Raise `Abort` in the bodies that run; one that is stuck in C code is left behind."""
        with self._changed:
            self._over = True
            self._waiting.clear()
            self._changed.notify_all()
            for thread in self._running.clear().values():
                raise_in(thread.ident or 0, Abort)
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
