"""The nursery's own process: it has taskflow imported, and forks a child for each file to read.

It has one thread, so that forking it is safe, and imports nothing of anybody's, so that each child
starts clean. It ends when the service does: children that read end with it, runs go on.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from taskflow.executors.deaths import how_it_ended
from taskflow.schedule.children import CUT_OFF, Ends, read_and_end, run_and_end
from taskflow.schedule.messages import (
    ChildSaid,
    Ended,
    Frames,
    Ping,
    ReadFile,
    StartRun,
    StopRun,
    decode,
    encode,
)

if TYPE_CHECKING:
    from taskflow.schedule.messages import Message

#: Bytes that are read at once, and that are kept of what a child writes.
_CHUNK: Final = 1 << 16
_TAIL: Final = 4096
#: Pieces that are read from one child before the others have their turn.
_PIECES: Final = 64
#: With so much to be sent no more files are read: the service is busy.
_BACKLOG: Final = 1 << 25


#: What is imported only where it is needed, and is needed in each child: a run is to begin at once.
_NEEDED: Final = (
    "loky.process_executor",
    "taskflow.authoring.fingerprint",
    "taskflow.authoring.parameters",
    "taskflow.cron.hashed",
    "taskflow.cron.hints",
    "taskflow.cron.words",
    "taskflow.executors.processes",
    "taskflow.keeper",
    "taskflow.progress.choose",
    "taskflow.schedule.running",
    "taskflow.store.sqlite",
)


class Child:
    """A child that reads a file, as the nursery sees it."""

    def __init__(self, file: str, pid: int, ends: Ends, limit: float) -> None:
        self.file = file
        self.pid = pid
        #: The other ends: what it found, what it writes, and what keeps it alive.
        self.ends = ends
        self.began = time.monotonic()
        self.deadline = self.began + limit
        self.tail = b""
        self.said: list[bytes] = []
        self.how = ""
        self._frames = Frames()

    @property
    def is_done(self) -> bool:
        """Whether it has said what is in the file, or will not any more."""
        return len(self.said) >= 2 or bool(self.how)

    def hear(self, fd: int) -> bool:
        """Take what has arrived at one of its ends; False if nothing will come any more."""
        pieces, is_open = _arrived(fd)
        for data in pieces:
            if fd == self.ends.output:
                self.tail = (self.tail + data)[-_TAIL:]
            else:
                self._understand(data)
        return is_open

    def _understand(self, data: bytes) -> None:
        try:
            self.said += self._frames.feed(data)
        except ValueError as error:
            self.how = f"it wrote into a pipe that is not its own: {error}"

    def hear_all(self) -> None:
        """Take what has arrived at either end."""
        for fd in (self.ends.result, self.ends.output):
            self.hear(fd)

    def end(self) -> ChildSaid:
        """End it and all that it has started; what is to be told of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for fd in self.ends:
            os.close(fd)
        seconds = time.monotonic() - self.began
        return ChildSaid(self.file, tuple(self.said[:2]), self.how, self.tail, seconds)


class Nursing:
    """Starts children, listens to them, and tells the service."""

    def __init__(self, service: socket.socket, at_once: int, limit: float, target: str) -> None:
        self._service = service
        self._at_once = at_once
        self._limit = limit
        self._target = target
        self._selector = selectors.DefaultSelector()
        self._frames = Frames()
        self._unsent = bytearray()
        self._waiting: deque[ReadFile] = deque()
        self._children: dict[int, Child] = {}
        self._runs: dict[int, str] = {}
        #: Killed, but still to be waited for.
        self._dying: set[int] = set()

    def serve(self) -> None:
        """Do as the service says, until it hangs up."""
        self._service.setblocking(False)
        wakes, wakened = os.pipe()
        os.set_blocking(wakes, False)
        os.set_blocking(wakened, False)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake)
        self._selector.register(wakes, selectors.EVENT_READ, lambda: self._reap(wakes))
        self._selector.register(self._service, selectors.EVENT_READ, lambda: None)
        try:
            while self._obey():
                self._fill()
                self._tell()
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                self._look_after()
        finally:
            for child in self._children.values():
                child.end()

    # --- the service -----------------------------------------------------------------------

    def _obey(self) -> bool:
        """Do what the service has asked for; False when it is gone."""
        try:
            data = self._service.recv(_CHUNK)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        for frame in self._frames.feed(data):
            self._take(decode(frame))
        return bool(data)

    def _take(self, message: Message) -> None:
        if isinstance(message, ReadFile):
            self._waiting.append(message)
        elif isinstance(message, StartRun):
            self._start_run(message)
        elif isinstance(message, Ping):
            self._say(message)
        elif isinstance(message, StopRun):
            for pid, ident in self._runs.items():
                if ident == message.ident:  # not waited for yet, so the pid is still its own
                    os.kill(pid, message.signal)

    def _say(self, message: Message) -> None:
        self._unsent += encode(message)

    def _tell(self) -> None:
        """Send what the service has room for."""
        try:
            while self._unsent:
                del self._unsent[: self._service.send(self._unsent[:_CHUNK])]
        except (BlockingIOError, ConnectionError):
            pass  # it is busy; or gone, as the next look at it will show
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._selector.modify(self._service, events, lambda: None)

    # --- children --------------------------------------------------------------------------

    def _fill(self) -> None:
        """Read as many files at once as may be."""
        while (
            self._waiting and len(self._children) < self._at_once and len(self._unsent) < _BACKLOG
        ):
            self._start_reading(self._waiting.popleft())

    def _start_reading(self, message: ReadFile) -> None:
        file = message.path
        result, output, life = os.pipe(), os.pipe(), os.pipe()
        theirs = Ends(result[1], output[1], life[0])
        ours = Ends(result[0], output[0], life[1])
        try:
            pid = os.fork()
        except OSError as error:
            for fd in (*theirs, *ours):
                os.close(fd)
            self._say(ChildSaid(file, (), f"no process could be started for it: {error}", b"", 0.0))
            return
        if pid == 0:
            read_and_end(file, message.folder, theirs)
        for fd in theirs:
            os.close(fd)
        os.set_blocking(ours.result, False)
        os.set_blocking(ours.output, False)
        child = self._children[pid] = Child(file, pid, ours, self._limit)
        for fd in (ours.result, ours.output):
            self._selector.register(fd, selectors.EVENT_READ, partial(self._hear, child, fd))

    def _hear(self, child: Child, fd: int) -> None:
        if not child.hear(fd):
            self._selector.unregister(fd)

    def _look_after(self) -> None:
        """End the children that are done, and those that take too long."""
        now = time.monotonic()
        for child in list(self._children.values()):
            if now >= child.deadline and not child.is_done:
                child.how = (
                    f"its import took longer than {self._limit:g} s; move what takes so long into "
                    'a task, or under `if __name__ == "__main__":`'
                )
            if child.is_done:
                self._let_go(child)

    def _let_go(self, child: Child) -> None:
        child.hear_all()  # what it wrote last
        del self._children[child.pid]
        for fd in (child.ends.result, child.ends.output):
            if fd in self._selector.get_map():
                self._selector.unregister(fd)
        self._say(child.end())
        self._dying.add(child.pid)
        self._wait_for(child.pid)

    def _patience(self) -> float | None:
        """Seconds until a child has taken too long."""
        first = min((child.deadline for child in self._children.values()), default=None)
        return None if first is None else max(0.0, first - time.monotonic())

    def _start_run(self, message: StartRun) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._say(Ended(message.ident, None, f"no process could be started for it: {error}"))
            return
        if pid == 0:
            run_and_end(self._target, message.payload)
        self._runs[pid] = message.ident

    # --- their ends ------------------------------------------------------------------------

    def _reap(self, wakes: int) -> None:
        """Wait for those that have ended."""
        _arrived(wakes)
        for pid in [*self._dying, *self._runs]:
            self._wait_for(pid)
        for child in self._children.values():
            # It stays to be waited for, so that its process group can be ended with it.
            ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                child.hear_all()
                child.how = "" if child.is_done else _death(ended)

    def _wait_for(self, pid: int) -> None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return
        self._dying.discard(pid)
        ident = self._runs.pop(pid, None)
        if ident is not None:
            code = os.waitstatus_to_exitcode(status)
            self._say(Ended(ident, code, how_it_ended(code) if code else ""))


def _death(ended: Any) -> str:
    """How a child ended that has not said all that it should."""
    by_itself = ended.si_code == os.CLD_EXITED
    if by_itself and ended.si_status == CUT_OFF:
        return "it closed files that were not its own while it was imported"
    code = ended.si_status if by_itself else -ended.si_status
    return f"its import ended the process: {how_it_ended(code)}"


def _wake(number: int, frame: object) -> None:
    """Nothing: that there is a handler is what writes to the pipe that wakes the loop."""


def _arrived(fd: int) -> tuple[list[bytes], bool]:
    """What can be read at once, not more than some pieces, and whether more may come."""
    pieces: list[bytes] = []
    with suppress(BlockingIOError):
        while len(pieces) < _PIECES:
            data = os.read(fd, _CHUNK)
            if not data:
                return pieces, False
            pieces.append(data)
    return pieces, True


def main(arguments: list[str]) -> None:
    """The nursery of the service at the other end of a socket."""
    fd, at_once, limit, target = arguments
    # Ctrl-C and the like are for the service, which hangs up when it is done.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    service = socket.socket(fileno=int(fd))
    service.set_inheritable(False)
    for module in _NEEDED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is there stays there: no child need look at it, and copy it so
    Nursing(service, int(at_once), float(limit), target).serve()
