"""The nursery: reads files of pipelines in processes of their own, for a service.

A service imports no file itself. It asks the nursery, a process that has taskflow imported and
forks a child for each file, which costs some milliseconds where a new interpreter would cost
hundreds. The processes of runs are forked there, too.

Where forking is not safe, as beside some frameworks of macOS, files that use those frameworks while
they are imported may end their child; they are then told of as any other that does.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from typing import Final

from taskflow.errors import ExecutorError
from taskflow.executors.deaths import how_it_ended, last_words
from taskflow.schedule.folder import digest_of
from taskflow.schedule.messages import (
    ChildSaid,
    Ended,
    Frames,
    Message,
    Ping,
    ReadFile,
    Reading,
    StartRun,
    StopRun,
    decode,
    decode_reading,
    encode,
)

#: What a run is started with: a module, and the function in it that takes the payload.
RUNNER: Final = "taskflow.schedule.running:main"
#: Where the package is that this process uses: the nursery is to use no other.
_HOME: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PROGRAM: Final = (
    "import sys; home = sys.argv[1]; home in sys.path or sys.path.insert(0, home); "
    "from taskflow.schedule.nursing import main; main(sys.argv[2:])"
)
_CHUNK: Final = 1 << 16
#: Seconds that it has to end when the service hangs up.
_GRACE: Final = 5.0
#: Seconds that it has to take what it is told.
_PATIENCE: Final = 30
#: A file that was read alone when its nursery died, so often, is to blame for it.
_DEATHS: Final = 2


class Nursery:
    """Reads files of pipelines, and starts runs: each in a process of its own."""

    def __init__(self, *, at_once: int = 2, limit: float = 60.0, runner: str = RUNNER) -> None:
        self._at_once, self._reads_at_once = at_once, at_once
        self._options = [str(limit), runner]
        #: By file, how many nurseries died while they read it and no other.
        self._deaths: Counter[str] = Counter()
        self._given_up: list[Reading] = []
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours  # at once: should the process not start, it is closed with the rest
        options = [str(self._reads_at_once), *self._options]
        with theirs:
            fd = theirs.fileno()
            self._process = subprocess.Popen(
                # -P: what lies in the working directory is not to stand for a module of ours.
                [sys.executable, "-P", "-c", _PROGRAM, _HOME, str(fd), *options],
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the service
            )
        # Not `settimeout`, which makes `recv` wait in spite of MSG_DONTWAIT.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE, 0))
        self._pinged = self._answered = 0
        self._frames = Frames()
        self._asked: dict[str, str] = {}

    def start_anew(self) -> None:
        """Take the place of one that is gone, and read what it has not told of.

        Raises ExecutorError if no process can be started now; it may be asked for again.

        One after another: should it be a file that ends its nursery, it is known which, and given
        up. The others are not to wait for it for ever.
        """
        asked = self._asked
        if asked and self._reads_at_once == 1:
            self._blame(next(iter(asked)))
        self.close()
        self._reads_at_once = 1 if asked else self._at_once
        try:
            self._start()
        except OSError as error:
            self._asked = asked
            raise ExecutorError(
                f"the process that imports pipelines cannot start: {error}"
            ) from error
        for path, folder in asked.items():
            self.ask(path, folder)

    def _blame(self, path: str) -> None:
        """A nursery died while it read this file alone."""
        self._deaths[path] += 1
        if self._deaths[path] < _DEATHS:
            return
        del self._deaths[path], self._asked[path]
        error = (
            f"{path}: the process that reads files died each time it read this one; does it send "
            "signals to its parent (os.getppid) while it is imported?"
        )
        self._given_up.append(Reading(path, parts={path: digest_of(path)}, error=error))

    @property
    def waiting(self) -> list[str]:
        """The files that were asked for and not told of yet."""
        return list(self._asked)

    def ask(self, path: str, folder: str = "") -> None:
        """Have a file read; what is in it comes by `receive`.

        It may import from its own folder, and from `folder`, which is above it.
        """
        self._asked[path] = folder
        self._send(ReadFile(path, folder or os.path.dirname(path)))

    def start_run(self, ident: str, payload: bytes) -> None:
        """Start a process for a run; it lives on when this one ends."""
        self._send(StartRun(ident, payload))

    def stop_run(self, ident: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process of a run, if it has not ended."""
        self._send(StopRun(ident, int(number)))

    def check(self) -> None:
        """Ask whether it is there; one that has not answered since the last time is killed.

        A nursery never waits for anything: one that does not answer is stopped (SIGSTOP), or worse.
        """
        if self._answered < self._pinged:
            self._process.kill()
        else:
            self._pinged += 1
            self._send(Ping(self._pinged))

    def fileno(self) -> int:
        """What becomes readable when there is something to receive."""
        return self._socket.fileno()

    def receive(self) -> list[Reading | Ended]:
        """What has arrived; does not wait.

        Raises:
            ExecutorError: the nursery is gone, so what was `waiting` never comes. Runs go on.
        """
        found: list[Reading | Ended] = [*self._given_up]
        self._given_up.clear()
        while data := self._arrived():
            for message in map(decode, self._frames.feed(data)):
                if isinstance(message, Ping):
                    self._answered = message.number
                else:
                    found.append(self._told(message))
        if data == b"" and not found:
            raise ExecutorError(f"the process that imports pipelines is gone: {self._death()}")
        return found

    def close(self) -> None:
        """End it, and the children that read; runs go on."""
        self._socket.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Message) -> None:
        try:
            self._socket.sendall(encode(message))
        except BlockingIOError:  # what it does not take for so long, it never does
            self._process.kill()
        except OSError:
            return  # it is gone: `receive` says so

    def _arrived(self) -> bytes | None:
        """Some bytes, none if the nursery is gone; None if there are none just now."""
        try:
            return self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b""

    def _told(self, message: Message) -> Reading | Ended:
        if isinstance(message, Ended):
            return message
        assert isinstance(message, ChildSaid)  # it says nothing else
        self._asked.pop(message.file, None)
        self._deaths.pop(message.file, None)
        return reading_of(message)

    def _death(self) -> str:
        try:
            return how_it_ended(self._process.wait(_GRACE))
        except subprocess.TimeoutExpired:
            return "it has closed its socket"


def reading_of(said: ChildSaid) -> Reading:
    """What a child has said of a file; how it ended, and what it wrote, if that is an error."""
    how = said.how
    found = Reading(said.file)
    try:
        for data in said.said:
            found = decode_reading(data)
    except ValueError as odd:
        how = f"it wrote into a pipe that is not its own: {odd}"
    error = f"{said.file}: {how}" if how else found.error
    if how:
        found = Reading(said.file, found.digest, parts=found.parts)
    if not found.parts:  # it is read again when it has changed
        found = found._replace(parts={said.file: digest_of(said.file)})
    tail = last_words(said.tail.decode("utf-8", "replace")).strip() if error else ""
    if tail:
        error += f"\nwhat it wrote last:\n{tail}"
    return found._replace(file=said.file, error=error, seconds=said.seconds)
