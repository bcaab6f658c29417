"""What a worker sends: outcomes, which wait a moment for others, and what its bodies write."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.executors.columns import Finished
from taskflow.executors.wire import ring
from taskflow.lifecycle import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.call import Outcome
    from taskflow.executors.logs import Record
    from taskflow.executors.wire import WorkerLink

#: Outcomes wait about so long for others to travel with them.
FLUSH_SECONDS: Final = 0.005
#: Outcomes that travel in one message at most.
FLUSH_COUNT: Final = 2000
#: How often the output of a body that goes on is looked at.
OUTPUT_SECONDS: Final = 0.1
#: What a worker is given at its end to close what its bodies have opened.
CLOSE_SECONDS: Final = 10.0
#: Text that does not wait for others, and what an engine that rests may leave in a socket.
LONG_BYTES: Final = 64 * 1024
#: Output of one task run that travels at once; of more, the middle is left out.
OUTPUT_BYTES: Final = 256 * 1024


class Outbox:
    """The worker's end of its connection, and of the log that its native output goes to."""

    def __init__(self, link: WorkerLink, bell: int, log: str) -> None:
        self._link = link
        self._bell = bell
        self._unheard = 0  # bytes that were sent since it rang
        self._is_urgent = False  # whether something waits that the engine should read at once
        # One of C's: an exception that is raised in a thread cannot come between the lock and us.
        self._lock = threading.RLock()
        self._log = open(log, "a+b", buffering=0)  # noqa: SIM115 - as long as the worker
        self._read = 0
        self._marks: deque[_Mark] = deque()
        #: What succeeded with small values; it is sent with the outcomes.
        self.done = Finished()
        self._messages: list[tuple[Any, ...]] = []
        self._waiting = 0  # outcomes and texts in them
        self._flushed = time.monotonic()
        #: Set while something waits that must not wait for long.
        self.soon = threading.Event()

    def send(self, *message: Any) -> None:
        """Send a message, now, behind all that waits."""
        with self._lock:
            self._wait(message)
            self.flush()

    def _wait(self, message: tuple[Any, ...]) -> None:
        self._collect()
        self._messages.append(message)
        self._waiting += 1

    def add(self, outcome: Outcome) -> None:
        """Send an outcome, soon."""
        with self._lock:
            self._collect()
            self._is_urgent |= outcome.state != SUCCEEDED
            if self._messages and self._messages[-1][0] == "ended":
                self._messages[-1][1].append(tuple(outcome))
                self._waiting += 1
            else:
                self._wait(("ended", [tuple(outcome)]))
        self.flush_if_due()

    def _collect(self) -> None:
        """Take over what has come together in columns, behind what came before it."""
        if self.done:
            columns = self.done.take()
            self._messages.append(("done", *columns))
            self._waiting += len(columns[0])

    def flush_if_due(self) -> None:
        """Send what waits, if that is much or has waited long; there is more to come."""
        if self.is_late or self._waiting + len(self.done.nodes) >= FLUSH_COUNT:
            self.pass_on()
        elif self.is_waiting:
            self.soon.set()

    @property
    def is_late(self) -> bool:
        """Whether the last outcomes were sent so long ago that nothing should wait any more."""
        return time.monotonic() - self._flushed > FLUSH_SECONDS

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to be sent."""
        return bool(self._messages or self.done)

    def flush(self) -> None:
        """Send all that waits, in one message that the engine should read at once."""
        with self._lock:
            self._is_urgent = True
            self.pass_on()

    def pass_on(self) -> None:
        """Send all that waits; an engine that rests may leave it for a while."""
        with self._lock:
            self._collect()
            messages, self._messages = self._messages, []
            self._waiting = 0
            self._flushed = time.monotonic()
            if messages:
                data = pickle.dumps(messages, 5)
                self._unheard += len(data)
                if self._unheard > LONG_BYTES:  # the socket may be full before somebody looks
                    self._ring()
                self._link.send(data)
            if self._is_urgent:
                self._is_urgent = False
                self._ring()

    def _ring(self) -> None:
        self._unheard = 0
        ring(self._bell)

    @property
    def is_sending_here(self) -> bool:
        """Whether this very thread is in the midst of a message."""
        return self._lock._is_owned()  # type: ignore[attr-defined,no-any-return] # noqa: SLF001 - of use to Condition, too

    def send_text(self, key: str, text: bytes) -> None:
        """Send what a task wrote through a stream of Python's."""
        left_out = len(text) - 2 * OUTPUT_BYTES
        if left_out > 0:
            text = text[:OUTPUT_BYTES] + _left_out(left_out) + text[-OUTPUT_BYTES:]
        self.send("wrote", key, [(_decoded(text), 0, "")], self._read)

    def send_record(self, key: str, record: Record) -> None:
        """Send a record of `logging` that stands in no log."""
        self.send("wrote", key, [(record.text, record.level, record.logger)], self._read)

    def log_record(self, record: Record) -> None:
        """Write a record to the log: there it has its place in the output, and survives a crash."""
        data = record.text.encode()
        with self._lock:
            os.write(self._log.fileno(), data)
            end = os.lseek(self._log.fileno(), 0, os.SEEK_CUR)
            self._marks.append(_Mark(end - len(data), end, record))

    def send_log(self, key: str, *, whole_lines: bool) -> None:
        """Send what was written to the log since the last time, soon; an unfinished line may wait.

        If the worker dies before, the engine finds it in the log.
        """
        if os.fstat(self._log.fileno()).st_size <= self._read:
            return
        with self._lock:
            start, end = self._read, os.fstat(self._log.fileno()).st_size
            head, tail = start + OUTPUT_BYTES, end - OUTPUT_BYTES
            if tail > head:
                left_out = _left_out(tail - head).decode(), 0, ""
                said = [
                    *self._apart(start, self._part(start, head)),
                    left_out,
                    *self._apart(tail, self._part(tail, end)),
                ]
            else:
                data = self._part(start, end)
                if whole_lines:
                    data = data[: data.rfind(b"\n") + 1]
                end = start + len(data)
                said = list(self._apart(start, data))
            if said:
                self._read = end
                self._wait(("wrote", key, said, end))
                if end - start > LONG_BYTES:
                    self.flush()

    def _part(self, start: int, end: int) -> bytes:
        return os.pread(self._log.fileno(), end - start, start)

    def _apart(self, start: int, data: bytes) -> Iterator[tuple[str, int, str]]:
        """What stands in a part of the log: records, and what else was written around them."""
        at, end = start, start + len(data)
        while self._marks and self._marks[0].end <= end:
            mark = self._marks.popleft()
            if mark.start < at:
                continue  # its beginning was left out
            if mark.start > at:
                yield _decoded(data[at - start : mark.start - start]), 0, ""
            yield mark.record.text, mark.record.level, mark.record.logger
            at = mark.end
        if at < end:
            yield _decoded(data[at - start :]), 0, ""

    def close(self) -> None:
        """Send nothing any more."""
        self._log.close()

    def is_logged(self, *fds: int) -> bool:
        """Whether these file descriptors are the log."""
        log = os.fstat(self._log.fileno())
        try:
            return all(os.path.samestat(os.fstat(fd), log) for fd in fds)
        except OSError:
            return False


class _Mark(NamedTuple):
    """Where a record stands in the log."""

    start: int
    end: int
    record: Record


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _left_out(count: int) -> bytes:
    return f"\n... {count:,} bytes left out ...\n".encode()
