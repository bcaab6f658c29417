"""What a service and its nursery tell each other, and how: plain data, which runs no code.

What a child says was made beside code of users, so nothing of it is taken on trust: it is decoded
to texts, numbers and bytes, and checked against the records that it should be.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

# What msgspec reads of the annotations below is needed while the program runs.
from taskflow.call import Source  # noqa: TC001
from taskflow.planned import Deployed  # noqa: TC001
from taskflow.store.codec import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD: Final = struct.Struct("!Q")
#: Longer than what any file leads to; a child that announces more talks nonsense.
LONGEST: Final = 1 << 28


class Reading(NamedTuple):
    """What reading a file gave: its pipelines, or an error."""

    file: str
    digest: str = ""  #: of the content that was imported; empty if it could not be read at all
    deployed: tuple[Deployed, ...] = ()
    #: by module, what runs of its pipelines may need
    sources: dict[str, Source] = {}  # noqa: RUF012 - plain data, never changed
    #: by path, the digests of the sources that it was read from; of what was missed, empty
    parts: dict[str, str] = {}  # noqa: RUF012 - as above
    error: str = ""
    seconds: float = 0.0


class Ended(NamedTuple):
    """A process that was started for a run has ended."""

    ident: str
    #: as of `os.waitstatus_to_exitcode`; None if it could not be started
    status: int | None
    how: str = ""  #: in words, if it did not end by itself and well


class ReadFile(NamedTuple):
    """Read a file below a folder of pipelines."""

    path: str
    folder: str


class StartRun(NamedTuple):
    """Start a process for a run."""

    ident: str
    payload: bytes


class StopRun(NamedTuple):
    """Send a signal to the process of a run."""

    ident: str
    signal: int


class Ping(NamedTuple):
    """Asks the nursery whether it is there; it sends the same back."""

    number: int


class ChildSaid(NamedTuple):
    """A child that read a file is done with, one way or another."""

    file: str
    said: tuple[bytes, ...]  #: readings, encoded: one from before the import, one from after it
    how: str  #: how it ended, if not as it should
    tail: bytes  #: the end of what it wrote
    seconds: float


_KINDS: Final = (ReadFile, StartRun, StopRun, Ping, ChildSaid, Ended)
Message = ReadFile | StartRun | StopRun | Ping | ChildSaid | Ended


def encode(message: Message) -> bytes:
    """A message as bytes with their length before them."""
    return framed(pack(_plain((_KINDS.index(type(message)), message))))


def decode(data: bytes) -> Message:
    """The message that was encoded."""
    kind, fields = unpack(data)
    message: Message = _KINDS[kind](*fields)
    return message


def encode_reading(reading: Reading) -> bytes:
    """A reading as bytes with their length before them."""
    return framed(pack(_plain(reading)))


def decode_reading(data: bytes) -> Reading:
    """The reading that was encoded; raises ValueError for what is none."""
    try:
        return msgspec.convert(unpack(data), Reading)
    except (LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a reading: {error!r}") from error


def framed(data: bytes) -> bytes:
    """Bytes with their length before them."""
    return _HEAD.pack(len(data)) + data


class Frames:
    """Puts together again what arrives in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole with these bytes; raises ValueError for one that is absurd."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > LONGEST:
                raise ValueError(f"a message of {length} bytes")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            yield bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]


def _plain(value: Any) -> Any:
    """Named tuples as tuples, wherever they are."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value
