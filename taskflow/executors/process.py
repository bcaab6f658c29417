"""A worker process, and the engine's ends of its pipes: it serves one run after another."""

from __future__ import annotations

import contextlib
import multiprocessing.process
import os
import pickle
import signal
import socket
import time
import weakref
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from taskflow.executors import worker
from taskflow.executors.machine import heritage
from taskflow.executors.wire import EngineLink, EngineTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.call import Setup
    from taskflow.executors.snapshot import Loaded
    from taskflow.interfaces import Lane


class Process:
    """A single-worker loky executor whose one call is `worker.serve`."""

    link: EngineLink
    #: What the worker rings behind a message that should be read at once.
    bell: int

    def __init__(self) -> None:
        self.tokens = EngineTokens()
        #: Its number, which is that of its process group, once it has said hello.
        self.pid = 0
        #: Called from any thread when it has died.
        self.on_death: Callable[[], object] = nobody_waits
        #: What it took over from this process when it started.
        self.heritage: object = None
        #: When it started, by the clock of files.
        self.since = 0.0
        #: The code that it has loaded, of one that has served a run to its end.
        self.loaded: Loaded | None = None
        self._future: Any = None  # from the start to the end

    def start(self, env: dict[str, str]) -> None:
        """Start it, with these variables in its environment; what is sent waits in the socket."""
        from loky.process_executor import ProcessPoolExecutor

        self.heritage = heritage(env)
        self.since = time.time()
        mine, theirs = socket.socketpair()
        life, self._life = os.pipe()
        self.bell, bell = os.pipe()
        os.set_blocking(self.bell, False)
        os.set_blocking(bell, False)
        self.link = EngineLink(mine)
        ends = (
            Connection(theirs.detach()),
            Connection(os.dup(self.tokens.reader), writable=False),
            Connection(life, writable=False),
            Connection(bell, readable=False),
        )
        try:
            self._pool = ProcessPoolExecutor(
                max_workers=1, timeout=None, initializer=worker.begin, initargs=ends, env=env
            )
            with _without_ctrl_c():
                self._future = self._pool.submit(worker.serve)
        except BaseException:
            self._close()
            raise
        finally:
            for end in ends:
                end.close()
        self._future.add_done_callback(lambda _: self.on_death())
        _started.add(self)

    @property
    def has_started(self) -> bool:
        """Whether there is a process, alive or not yet buried."""
        return self._future is not None

    @property
    def is_dead(self) -> bool:
        """Whether it has died: its one long call has come back."""
        return self._future is not None and self._future.done()

    @property
    def is_zombie(self) -> bool:
        """Whether it has died, as the kernel sees it, which is a moment earlier."""
        if not self.pid or not hasattr(os, "waitid"):
            return False
        try:  # without taking its exit code away from loky
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return found is not None

    @property
    def error(self) -> BaseException | None:
        """What loky says of its death."""
        found: BaseException | None = self._future.exception() if self.is_dead else None
        return found

    def serve(self, setup: Setup, log: str, lane: Lane) -> None:
        """Have it serve a run."""
        self.link.send(pickle.dumps((setup, log, lane), 5))

    def release(self) -> None:
        """Tell it that the run is over."""
        self.link.send(worker.OVER)

    def kill(self) -> None:
        """Kill it, with all of its process group."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        else:
            self._pool.shutdown(wait=False, kill_workers=True)

    def end(self, *, wait: bool) -> None:
        """Kill it, if there is one, and free everything; perhaps wait until loky has, too."""
        if self._future is not None:
            self.kill()
            self._pool.shutdown(wait=wait, kill_workers=True)
            self._close()
            self._future = None
        self.tokens.close()

    def _close(self) -> None:
        """Close the ends, of which that of the life pipe ends the worker."""
        self.link.sock.close()
        os.close(self._life)
        os.close(self.bell)

    def let_go(self) -> None:
        """Close the ends in a fork of this process, which has no part in the run."""
        if self._future is not None:
            self._close()
            # At its end it would wait for these as for children of its own, and cannot.
            ours = self._pool._processes or {}  # noqa: SLF001 - loky says it nowhere else
            multiprocessing.process._children.difference_update(ours.values())  # type: ignore[attr-defined] # noqa: SLF001


def nobody_waits() -> None:
    """What follows on a death that concerns no run."""


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile do not see Ctrl-C until they say how to take it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# Those that have started, for a fork of this process: it must not hold their life pipes open.
_started: weakref.WeakSet[Process] = weakref.WeakSet()


def _let_go_after_fork() -> None:
    for process in list(_started):
        process.let_go()
    _started.clear()  # a fork of this fork would close what has got their numbers since


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)
