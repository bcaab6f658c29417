"""A thread that says to the engine what bodies want to say.

A body that is out of time has an exception raised in it, at any point of its thread: also in the
midst of a message, which would be torn, and all later ones with it. So it hands over what is to
be said, which is one step and no two.
"""

from __future__ import annotations

import contextlib
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

#: A body waits at most so long for its words to be said.
PATIENCE_SECONDS: Final = 0.1


class Courier:
    """Does what it is handed, one after another."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], None], SimpleQueue[None] | None]] = SimpleQueue()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._serve, name="taskflow courier", daemon=True)
        self._thread.start()

    def soon(self, job: Callable[[], None]) -> None:
        """Do this after all that was handed over before."""
        if os.getpid() == self._pid:
            self._jobs.put((job, None))
        else:  # in a child that a body has forked there is no such thread
            job()

    def now(self, job: Callable[[], None]) -> None:
        """The same, and wait a moment for it: what comes next may be the end of the process."""
        mine = threading.get_ident() == self._thread.ident  # a finaliser, in the midst of a job
        if mine or os.getpid() != self._pid:
            self.soon(job)
            return
        done: SimpleQueue[None] = SimpleQueue()
        self._jobs.put((job, done))
        with contextlib.suppress(Empty):
            done.get(timeout=PATIENCE_SECONDS)

    def _serve(self) -> NoReturn:
        while True:
            job, done = self._jobs.get()
            job()
            if done is not None:
                done.put(None)
