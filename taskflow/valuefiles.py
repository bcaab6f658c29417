"""Files of large values: complete before they have a name, mapped by those who read them.

    magic, version     8 bytes
    crc32              8 bytes, of all that comes after them; 0 until the file is sealed
    stream             what pickle wrote
    buffers            each at a multiple of 64 bytes
    lengths            of each buffer, of the stream, and how many buffers: 8 bytes each

Numbers are little endian. The lengths come last, since a large value is pickled straight into its
file. Who writes a file neither sums it up nor waits for the disk, either of which takes longer than
to write it: the store has it sealed, before it commits what names it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, Self

from taskflow.call import Stored
from taskflow.context import context
from taskflow.crashing import reach
from taskflow.errors import ValueDamagedError, WorkerFault

if TYPE_CHECKING:
    import io
    import pickle

    from typing_extensions import Buffer

    from taskflow.call import Value

_MAGIC: Final = b"tfvalue\x01"
_HEAD: Final = struct.Struct("<8sQ")
_UNSEALED: Final = _HEAD.pack(_MAGIC, 0)
_LENGTH: Final = struct.Struct("<Q")
_ALIGN: Final = 64
#: Pickle writes frames of 64 kB and a bit; what is larger is a text or bytes of the user's.
_FRAME_BYTES: Final = 256 * 1024
#: What is summed up at once: it is still in the processor's cache after it was read.
_PART_BYTES: Final = 256 * 1024


class Draft:
    """A value that is being pickled: in memory while it is small, then in a file without a name.

    A stream for a pickler to write to. What is not finished leaves nothing behind.
    """

    __slots__ = (
        "_directory",
        "_fd",
        "_parts",
        "_path",
        "_room",
        "_size",
        "buffers",
        "names_main",
    )

    def __init__(self, directory: str, room: int) -> None:
        self._directory = directory
        self._room = room  # bytes that stay in memory, at most
        self._fd = -1
        self.clear()

    def clear(self) -> None:
        """Forget all that was written."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            with contextlib.suppress(OSError):  # the folder of the run may be gone
                os.remove(self._path)
        self._parts: list[Buffer] = []
        self._size = 0  # of the parts
        #: Large buffers of the value, which stay out of the stream.
        self.buffers: list[pickle.PickleBuffer] = []
        #: Whether the stream refers to `__main__`, which is another module in another process.
        self.names_main = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def write(self, data: Buffer) -> None:
        """Take more of the stream."""
        if type(data) is bytes and len(data) < _FRAME_BYTES and b"__main__" in data:
            self.names_main = True
        if self._fd >= 0:
            self._put(data)
            return
        self._parts.append(data)
        self._size += memoryview(data).nbytes
        if self._size >= self._room:
            self._spill()

    def finish(self) -> Value:
        """The value: its bytes, or its file under its name."""
        if self._fd < 0:
            if not self.buffers:
                return b"".join(self._parts)
            self._spill()
        lengths = [os.lseek(self._fd, 0, os.SEEK_CUR) - _HEAD.size]
        for buffer in self.buffers:
            raw = buffer.raw()
            self._put(bytes(-os.lseek(self._fd, 0, os.SEEK_CUR) % _ALIGN))
            self._put(raw)
            lengths.insert(-1, raw.nbytes)
        self._put(b"".join(map(_LENGTH.pack, [*lengths, len(self.buffers)])))
        return self._named()

    def _spill(self) -> None:
        """Go on in a file."""
        # At random: runs are resumed by other processes, and on other hosts.
        self._path = os.path.join(self._directory, f"{os.urandom(12).hex()}.value.part")
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.lseek(self._fd, _HEAD.size, os.SEEK_SET)
        except OSError as error:
            raise self._fault(error) from error
        parts, self._parts = self._parts, []
        for part in parts:
            self._put(part)

    def _put(self, data: Buffer) -> None:
        left = memoryview(data)
        try:
            while left.nbytes:  # the kernel takes 2 GB at once, at most
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            raise self._fault(error) from error

    def _named(self) -> Stored:
        path = self._path.removesuffix(".part")
        try:
            size = os.lseek(self._fd, 0, os.SEEK_CUR)
            os.pwrite(self._fd, _UNSEALED, 0)
            reach("value written")
            os.rename(self._path, path)
            reach("value named")
        except OSError as error:
            raise self._fault(error) from error
        os.close(self._fd)
        self._fd = -1
        return Stored(path, size)

    def _fault(self, error: OSError) -> WorkerFault:
        return WorkerFault(
            f"a large value cannot be written to {self._directory}: {error.strerror or error}; "
            "free some space there, and leave the folder of a run alone while it goes on"
        )


def seal(path: str) -> None:
    """Wait until a file is on the disk, with a sum that shows what becomes of it from here on."""
    with open(path, "r+b", buffering=0) as file:
        # A second sum would make good what was damaged after the first.
        if file.read(_HEAD.size) == _UNSEALED:
            os.pwrite(file.fileno(), _HEAD.pack(_MAGIC, _sum(file)), 0)
        os.fsync(file.fileno())


def _sum(file: io.FileIO) -> int:
    """Of the rest of a file; read and not mapped: where a disk is bad, a map kills who looks."""
    crc = 0
    part = memoryview(bytearray(_PART_BYTES))
    while count := file.readinto(part):
        crc = zlib.crc32(part[:count], crc)
    return crc


# --- reading -----------------------------------------------------------------------------------

# Files that were checked in this process: a value is loaded once for each element that takes it.
_checked: set[str] = set()


class _DamageError(Exception):
    """Why a file is not what was written."""


def read(stored: Stored) -> tuple[memoryview, list[memoryview]]:
    """The stream and the buffers of a file, mapped: private, writable, no copy until written."""
    try:
        view = _mapped(stored)
        parts = _taken_apart(view)
        if stored.check and stored.path not in _checked:
            _check(view)
            _checked.add(stored.path)
        return parts
    except _DamageError as error:
        raise _damaged(stored, str(error)) from None
    except OSError as error:
        if stored.check:
            raise _damaged(stored, _in_words(error)) from error
        raise WorkerFault(
            f"the file of a value is gone or unreadable: {error}; leave the folder of a run alone "
            "while it goes on"
        ) from error


def verify(stored: Stored) -> str:
    """Why the file of a value is damaged; empty if it is what was written. Reads all of it."""
    try:
        view = _mapped(stored)
        _taken_apart(view)
        _check(view)
    except _DamageError as error:
        return str(error)
    except OSError as error:
        return _in_words(error)
    return ""


def _mapped(stored: Stored) -> memoryview:
    with open(stored.path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size != stored.size or not size:
            raise _DamageError(f"it has {size:,} bytes in place of {stored.size:,}")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


def _check(view: memoryview) -> None:
    crc = _HEAD.unpack_from(view)[1]
    if crc not in (0, zlib.crc32(view[_HEAD.size :])):
        raise _DamageError("its bytes are not those that were written")


def _taken_apart(view: memoryview) -> tuple[memoryview, list[memoryview]]:
    try:
        if _HEAD.unpack_from(view)[0] != _MAGIC:
            raise _DamageError("it does not begin as the file of a value does")
        (count,) = _LENGTH.unpack_from(view, len(view) - _LENGTH.size)
        last = len(view) - _LENGTH.size * (count + 2)
        *sizes, length, _ = struct.unpack_from(f"<{count + 2}Q", view, last)
    except struct.error:
        raise _DamageError("its lengths are not those of a value") from None
    end = _HEAD.size + length
    stream = view[_HEAD.size : end]
    buffers = []
    for size in sizes:
        start = -(-end // _ALIGN) * _ALIGN
        end = start + size
        buffers.append(view[start:end])
    if end != last:
        raise _DamageError("its lengths are not those of a value")
    return stream, buffers


def _in_words(error: OSError) -> str:
    return f"it cannot be read ({error.strerror or error})"


def _damaged(stored: Stored, why: str) -> ValueDamagedError:
    facts = context.get()
    run = facts.run_id if facts is not None else "RUN"
    return ValueDamagedError(
        f"the value in {stored.path} is damaged: {why}; `taskflow resume {run} --repair` runs the "
        "task that made it again"
    )
