"""A timeout inside this process: raises `TaskTimeout` in the thread that runs the body.

The exception comes at the next bytecode, so a body stuck in C code goes on until it returns;
only worker processes can be stopped against their will.

One thread watches all bodies. (A timer for each would be a thread started by each: while that
starts, Python takes it for the thread that starts it, and may raise the exception in the wrong
one of the two.)
"""

from __future__ import annotations

import contextlib
import ctypes
import heapq
import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NoReturn

from taskflow.errors import TaskTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Python waits for no longer at once.
LONGEST: Final = 86_400.0
#: Deadlines of bodies that have ended are forgotten when there are more than so many.
KEPT: Final = 1000


class Deadline:
    """By when a body in this thread must have ended."""

    def __init__(self, seconds: float) -> None:
        self.due = time.monotonic() + seconds
        self.is_open = True
        self.is_late = False
        self._thread = threading.get_ident()
        self._lock = threading.Lock()

    def __lt__(self, other: Deadline) -> bool:
        return self.due < other.due

    def fire(self) -> None:
        """Raise `TaskTimeout` in the body, if it still runs."""
        with self._lock:
            if self.is_open:
                self.is_late = True
                raise_in(self._thread, TaskTimeout)

    def close(self) -> None:
        """The body has ended."""
        with self._lock:
            self.is_open = False
        if self.is_late:
            # Asked for and perhaps not delivered: let it come up here. Taking it back, by NULL,
            # would leave CPython's eval breaker set: slow for ever, and a hang under a profiler.
            try:
                for _ in range(10):
                    pass
            except TaskTimeout:
                return


class Watch:
    """A thread that waits for deadlines."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a fork has no such thread
        self.add: SimpleQueue[Deadline] = SimpleQueue()
        threading.Thread(target=self._wait, name="taskflow timeouts", daemon=True).start()

    def _wait(self) -> NoReturn:
        waiting: list[Deadline] = []
        most = KEPT
        while True:
            now = time.monotonic()
            while waiting and waiting[0].due <= now:
                heapq.heappop(waiting).fire()
            with contextlib.suppress(Empty):
                left = min(waiting[0].due - now, LONGEST) if waiting else None
                heapq.heappush(waiting, self.add.get(timeout=left))
            if len(waiting) > most:
                waiting = [each for each in waiting if each.is_open]
                heapq.heapify(waiting)
                most = max(KEPT, 2 * len(waiting))


_watches: list[Watch] = []


def start_watch() -> Watch:
    """The watch of this process."""
    if not _watches or _watches[-1].pid != os.getpid():
        _watches[:] = [Watch()]
    return _watches[-1]


@contextlib.contextmanager
def raising_timeout(seconds: float) -> Iterator[None]:
    """Raise `TaskTimeout` in this thread if the block takes longer than `seconds`."""
    deadline = Deadline(seconds)
    try:
        try:
            start_watch().add.put(deadline)
            yield
        finally:
            deadline.close()
    except TaskTimeout as error:  # it may come up in the lines above, too
        if deadline.is_late and not error.args:
            raise TaskTimeout(f"it ran longer than its timeout of {seconds:g} s") from None
        raise


def raise_in(thread: int, kind: type[BaseException]) -> None:
    """Raise an exception in a thread at its next bytecode."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
