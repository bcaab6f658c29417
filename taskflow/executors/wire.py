"""Messages over a stream socket, tokens over a pipe: how a slot talks with its worker.

A message is its length (8 bytes, little endian) and then its bytes. The engine's side never
blocks: what the socket does not take waits in a buffer. The worker's side does.

A token is a batch number in 4 bytes. The engine writes one for each call (or map element) of a
batch before it sends the batch; the worker reads one for each before its body begins. Both ends
hold the reading end, and a read of whole tokens is atomic, so each token is read once: by the
worker, which runs the call, or by the engine, which has thereby withdrawn it.

The worker rings a bell, a pipe of its own, behind a message that should be read at once: it has
run out of work, something failed, somebody waits. An engine whose workers are all busy listens to
bells only: to be woken by each message would take time from their bodies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

#: What the engine says when all is kept that a body waits for, and when it has withdrawn what a
#: worker has given back; a batch is longer.
KEPT: Final = b"kept"
WITHDRAWN: Final = b"withdrawn"

_LENGTH: Final = struct.Struct("<Q")
_TOKEN: Final = struct.Struct("<I")
#: Asked of the kernel for the token pipe; it may give less.
_PIPE_BYTES: Final = 1 << 20
#: What a pipe holds at the least where the kernel cannot be asked.
_PIPE_BYTES_ELSEWHERE: Final = 1 << 14
_READ_BYTES: Final = 1 << 18


class EngineLink:
    """The engine's end of a socket: never blocks."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._out: deque[memoryview] = deque()
        self._in = bytearray()

    @property
    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def send(self, message: bytes) -> None:
        """Queue a message and send what the socket takes now."""
        self._out.append(memoryview(_LENGTH.pack(len(message)) + message))
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now; a broken connection shows when reading."""
        while self._out:
            try:
                sent = self.sock.send(self._out[0])
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._out.clear()
                return
            if sent == len(self._out[0]):
                self._out.popleft()
            else:
                self._out[0] = self._out[0][sent:]

    def receive(self) -> tuple[list[bytes], bool]:
        """All whole messages that have arrived, and whether the connection is still open."""
        is_open = True
        while True:
            try:
                data = self.sock.recv(_READ_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                data = b""
            if not data:
                is_open = False
                break
            self._in += data
            if len(data) < _READ_BYTES:
                break
        return list(self._whole()), is_open

    def _whole(self) -> Iterator[bytes]:
        at = 0
        while len(self._in) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._in, at)
            end = at + _LENGTH.size + length
            if end > len(self._in):
                break
            yield bytes(memoryview(self._in)[at + _LENGTH.size : end])
            at = end
        if at:
            del self._in[:at]


class WorkerLink:
    """The worker's end of a socket: blocks."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.set_blocking(fd, True)

    def send(self, message: bytes) -> None:
        """Send a message whole."""
        view = memoryview(_LENGTH.pack(len(message)) + message)
        while view:
            view = view[os.write(self.fd, view) :]

    def receive(self) -> bytes | None:
        """The next message, or None when the engine has closed the connection."""
        head = self._exactly(_LENGTH.size)
        return None if head is None else self._exactly(_LENGTH.unpack(head)[0])

    def _exactly(self, count: int) -> bytes | None:
        parts = []
        while count:
            data = os.read(self.fd, min(count, 1 << 20))
            if not data:
                return None
            parts.append(data)
            count -= len(data)
        return b"".join(parts)

    def waiting(self) -> bool:
        """Whether a message, or the end of the connection, can be read now."""
        return bool(select.select([self.fd], [], [], 0)[0])


class EngineTokens:
    """The engine's side of a token pipe: grants and withdraws."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self._writer, False)
        with contextlib.suppress(AttributeError, OSError):  # not Linux; above the user's limit
            fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        get_size = getattr(fcntl, "F_GETPIPE_SZ", None)
        size = fcntl.fcntl(self._writer, get_size) if get_size else _PIPE_BYTES_ELSEWHERE
        #: How many tokens fit at most; half stays free, since the kernel fills whole pages and a
        #: write that does not fit into the last one begins a new one.
        self.capacity = size // 2 // _TOKEN.size

    def grant(self, batch: int, count: int) -> None:
        """Allow the worker to run `count` calls of a batch."""
        data = memoryview(_TOKEN.pack(batch & 0xFFFFFFFF) * count)
        while data:
            data = data[os.write(self._writer, data[: select.PIPE_BUF]) :]

    def withdraw(self) -> Counter[int]:
        """Take back every token that the worker has not read: how many for each batch."""
        found: Counter[int] = Counter()
        while True:
            try:
                data = os.read(self.reader, _READ_BYTES)
            except (BlockingIOError, OSError):
                return found
            if not data:
                return found
            found.update(batch for (batch,) in _TOKEN.iter_unpack(data))

    def close(self) -> None:
        """Close both ends; safe to call twice."""
        if self.reader >= 0:
            os.close(self.reader)
            os.close(self._writer)
        self.reader = self._writer = -1


class WorkerTokens:
    """The worker's side of a token pipe: claims."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held: Counter[int] = Counter()

    def claim(self, batch: int, count: int) -> int:
        """Claim up to `count` calls of a batch; 0 when the engine has withdrawn the rest."""
        held = self._held[batch]
        if held < count and not any(other != batch for other in self._held):
            # Tokens come in the order of batches: once one of a later batch was read, none of
            # this batch can be left in the pipe.
            try:
                data = os.read(self._fd, _TOKEN.size * (count - held))
            except BlockingIOError:
                data = b""
            self._held.update(token for (token,) in _TOKEN.iter_unpack(data))
        granted = min(count, self._held[batch])
        self._held[batch] -= granted
        if not self._held[batch]:
            del self._held[batch]
        return granted


def hush(bell: int) -> None:
    """Hear a bell only when it is rung anew."""
    with contextlib.suppress(BlockingIOError):
        os.read(bell, _READ_BYTES)


def ring(bell: int) -> None:
    """Have the engine read at once what was sent before."""
    with contextlib.suppress(BlockingIOError):  # it is full: it rings
        os.write(bell, b".")
