"""What a command writes, passed on line by line while it runs, and kept within bounds."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import selectors
import subprocess
import time
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How soon the end of the command, the end of its time, and a cancel are noticed, in seconds.
POLL_SECONDS: Final = 0.05
#: A line without an end is passed on when it is so long.
_LINE_CHARACTERS: Final = 4096
#: Read at once.
_CHUNK: Final = 65536
#: Reads that empty a pipe, even one of the largest size.
_LAST_READS: Final = 32
#: Progress bars end their lines with a carriage return.
_LINE_END: Final = re.compile(r"[\r\n]")


class Stream:
    """One stream of a command: `say` gets it line by line, and its end is kept."""

    def __init__(self, say: Callable[[str], object], keep: int) -> None:
        self._say = say
        self._keep = keep
        self._kept = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._line = ""
        self.left_out = 0

    def feed(self, data: bytes) -> None:
        """Take what was just read; nothing means that the stream has ended."""
        self._kept += data
        if len(self._kept) > 2 * self._keep + _CHUNK:
            self._cut()
        text = self._line + self._decoder.decode(data, final=not data)
        self._line = ""
        ends = [found.end() for found in _LINE_END.finditer(text)]
        end = len(text) if not data or len(text) > _LINE_CHARACTERS else max(ends, default=0)
        if end:
            self._say(text[:end])
        self._line = text[end:]

    @property
    def kept(self) -> bytes:
        """The end of the stream, as long as is kept; `left_out` says how much is not there."""
        self._cut()
        return bytes(self._kept)

    def _cut(self) -> None:
        beyond = max(0, len(self._kept) - self._keep)
        del self._kept[:beyond]
        self.left_out += beyond


def follow(
    process: subprocess.Popen[bytes],
    streams: list[tuple[IO[bytes] | None, Stream]],
    deadline: float,
) -> None:
    """Pass on what a command writes until it has ended; raises `TimeoutError` at the deadline.

    What it has started may hold its streams open, and write on: they are read as long as it runs.
    """
    with selectors.DefaultSelector() as selector:
        for file, stream in streams:
            if file is not None and not file.closed:
                selector.register(file, selectors.EVENT_READ, stream)
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError
            if selector.get_map():
                _read(selector, POLL_SECONDS)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
        for _ in range(_LAST_READS):  # what it wrote itself lies in the pipe and is soon read
            if not _read(selector, 0):
                break
        for file, stream in streams:
            if file is not None and not file.closed:
                stream.feed(b"")
                file.close()


def _read(selector: selectors.BaseSelector, timeout: float) -> bool:
    """Read what is there; whether anything was."""
    ready: list[tuple[selectors.SelectorKey, Any]] = selector.select(timeout)
    for key, _ in ready:
        data = os.read(key.fd, _CHUNK)
        if data:
            key.data.feed(data)
        else:
            selector.unregister(key.fileobj)
    return bool(ready)
