"""Digests of what calls are given: two task runs with equal code and digests are the same work.

An argument counts by its pickled bytes, the value of a task by its stored bytes, a large one by
the name of its file, which no other value ever has. Elements of maps count one by one, however
they were packed into chunks, so a list with one more element in front finds all others again.
"""

from __future__ import annotations

import os
import pickle
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NoReturn

from taskflow.call import ASK_SPLIT, Failed, Gathered, Part, Piece, Stored
from taskflow.content import elements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskflow.call import Call, Chunk, Input, Value

#: Bytes of a digest.
SIZE: Final = 16


def plain_path(path: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """The steps of a lifted item as texts and whole numbers; slices and the like as their repr."""
    return tuple((kind, step if type(step) in (int, str) else f"={step!r}") for kind, step in path)


def digest(data: bytes) -> bytes:
    """The digest of some bytes."""
    return blake2b(data, digest_size=SIZE).digest()


class Digests:
    """Makes digests, and remembers those of arguments and chunks that come again.

    `made` are values that calls of the same batch have made, by node.
    """

    def __init__(self, made: Mapping[int, Value] | None = None) -> None:
        self._made = made or {}
        self._payloads: dict[bytes, bytes] = {}
        self._chunks: dict[Chunk, list[bytes]] = {}

    def of(self, call: Call) -> bytes:
        """The digest of what a call is given; of elements, one after another."""
        head = self._payload(call.payload) + b"".join([self._input(each) for each in call.inputs])
        if call.first < 0 or call.ask == ASK_SPLIT:
            return digest(head)
        columns = [self._column(pieces) for pieces in call.columns]
        return b"".join([digest(head + b"".join(row)) for row in zip(*columns, strict=True)])

    def of_element(self, call: Call, element: int) -> bytes:
        """The digest of one element of a call for several."""
        columns = tuple([_part(pieces, element - call.first) for pieces in call.columns])
        return self.of(call._replace(first=element, count=1, columns=columns))

    def _payload(self, payload: bytes) -> bytes:
        known = self._payloads.get(payload)
        if known is None:
            known = self._payloads[payload] = digest(payload)
        return known

    def _input(self, source: Input) -> bytes:
        if isinstance(source, bytes):
            return digest(source)
        if isinstance(source, Stored):
            return digest(os.path.basename(source.path).encode())
        if isinstance(source, Part):
            return digest(self._input(source.input) + repr(plain_path(source.path)).encode())
        if isinstance(source, Gathered):
            return digest(b"list" + b"".join(self._column(source.pieces)))
        if isinstance(source, Failed):
            return digest(repr((source.key, source.state, source.report.line)).encode())
        if source is None:
            return digest(b"none")
        return self._input(self._made[source])

    def _column(self, pieces: Sequence[Piece | Failed]) -> list[bytes]:
        found: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, Failed):
                found.append(self._input(piece))
                continue
            chunk, start, count = piece
            if isinstance(chunk, range):
                found += [_scalar(each) for each in chunk[start : start + count]]
            else:
                found += self._chunk(chunk)[start : start + count]
        return found

    def _chunk(self, chunk: Chunk) -> list[bytes]:
        known = self._chunks.get(chunk)
        if known is None:
            known = self._chunks[chunk] = _elements(chunk)
        return known


def _part(pieces: Sequence[Piece | Failed], offset: int) -> tuple[Piece | Failed, ...]:
    """What a column has for one of its elements."""
    for piece in pieces:
        if isinstance(piece, Failed):
            if not offset:
                return (piece,)
            offset -= 1
        elif offset < piece.count:
            return (Piece(piece.chunk, piece.start + offset, 1),)
        else:
            offset -= piece.count
    return ()


class _ByPlace(list[bytes]):
    """Elements of a chunk in a file, which count by the name of the file and their place in it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, span: Any) -> Any:
        return [digest(f"{self._name}/{each}".encode()) for each in range(span.start, span.stop)]


def _elements(chunk: Chunk) -> list[bytes]:
    if isinstance(chunk.value, Stored):
        return _ByPlace(os.path.basename(chunk.value.path))
    if chunk.whole:
        return [_scalar(each) for each in scalars(chunk.value)]
    return [digest(each) for each in elements(chunk.value)]


def scalars(data: bytes) -> list[Any]:
    """The elements of a chunk that is one pickled list."""
    found: list[Any] = _Scalars(BytesIO(data)).load()
    return found


def _scalar(value: object) -> bytes:
    return digest(pickle.dumps(value, 5))


class _Scalars(pickle.Unpickler):
    """Reads a list of scalars, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} is no scalar")
