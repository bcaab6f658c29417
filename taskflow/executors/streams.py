"""Streams for bodies that run side by side: each line bears the key of the task that wrote it.

Only what is written through Python's `sys.stdout` and `sys.stderr` asks who writes. What goes to
the file descriptors themselves, by C code or by subprocesses, is known to be the worker's at most.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from taskflow.context import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

    from taskflow.executors.logs import Record
    from taskflow.executors.outbox import Outbox

#: After silence for so long, a line is sent at once: it may be the last before a crash.
QUIET_SECONDS: Final = 0.05
#: Text that is kept in memory at most before it is sent.
KEPT_BYTES: Final = 1 << 20


class HandOver(Protocol):
    """Has something sent by a thread that no timeout can interrupt."""

    def __call__(self, send: Callable[[], None], *, wait: bool) -> None: ...


class KeyedOutput:
    """Takes what bodies write, and sends it on under the key of each, in whole lines."""

    def __init__(self, outbox: Outbox, hand_over: HandOver) -> None:
        self._outbox = outbox
        self._hand_over = hand_over
        # Appended to without a lock: whoever writes may be a finaliser in the midst of a `send`.
        self._written: deque[tuple[str, bytes | Record]] = deque()
        self._size = 0
        self._lines: dict[str, bytearray] = {}
        self._sent = 0.0
        self._sending = threading.Lock()

    def write(self, data: bytes) -> None:
        """Take what the current task writes."""
        self._take(data, len(data), ends=b"\n" in data)

    def log(self, record: Record) -> None:
        """Take a record of `logging` that the current task makes."""
        self._take(record, len(record.text), ends=True)

    def _take(self, said: bytes | Record, size: int, *, ends: bool) -> None:
        self._written.append((current.task_key or "", said))
        self._size += size
        alone = ends and time.monotonic() - self._sent > QUIET_SECONDS
        if not alone and self._size < KEPT_BYTES:
            return
        # Of a finaliser in the midst of a message nobody waits: that message is in the way.
        busy = self._outbox.is_sending_here or self._sending.locked()
        self._hand_over(self.flush, wait=not busy)

    def flush(self) -> None:
        """Send all whole lines."""
        if self._written:
            with self._sending:
                self._send_lines()

    def end(self, key: str) -> None:
        """A body has ended: send the rest of what it wrote."""
        if self._written or key in self._lines:
            with self._sending:
                self._send_lines()
                self._send_rest(key)

    def _send_rest(self, key: str) -> None:
        rest = self._lines.pop(key, None)
        if rest:
            self._outbox.send_text(key, bytes(rest))

    def _send_lines(self) -> None:
        self._sent = time.monotonic()
        self._size = 0
        for key, said in self._taken():
            if isinstance(said, bytes):
                self._lines.setdefault(key, bytearray()).extend(said)
            else:
                self._send_rest(key)  # what was written before comes before
                self._outbox.send_record(key, said)
        for key, text in list(self._lines.items()):
            size = text.rfind(b"\n") + 1
            if size:
                self._outbox.send_text(key, bytes(text[:size]))
                del text[:size]
            if not text:
                del self._lines[key]

    def _taken(self) -> Iterator[tuple[str, bytes | Record]]:
        with contextlib.suppress(IndexError):
            while True:
                yield self._written.popleft()


class KeyedStream(io.RawIOBase):
    """The bytes below `sys.stdout` or `sys.stderr`; no task can close it for the others."""

    def __init__(self, output: KeyedOutput, fd: int) -> None:
        super().__init__()
        self._output = output
        self._fd = fd

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        taken = bytes(data)
        self._output.write(taken)
        return len(taken)

    def fileno(self) -> int:
        """Where subprocesses write that are given this stream."""
        return self._fd

    def close(self) -> None:
        """Other tasks go on writing."""


def install(output: KeyedOutput) -> None:
    """Have `sys.stdout` and `sys.stderr` ask who writes."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(
            KeyedStream(output, fd),  # type: ignore[type-var] # it need not be buffered
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,  # at once: later another task may be running
        )
        setattr(sys, name, stream)
