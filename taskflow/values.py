"""Values as bytes and files: how objects are pickled, stored, mapped and read back.

Plain pickle first, since it is quickest; cloudpickle where an object has no importable name
(scripts, notebooks, lambdas). Buffers of 64 kB and more stay out of the stream; a value of
1 MB and more goes to a file, and whoever reads it gets its buffers as private copy-on-write
maps: writable, without a copy until written, and seen by nobody else.

A file is: the stream's length, the number of buffers and their lengths (8 bytes each, little
endian), the stream, then each buffer at a multiple of 64 bytes.
"""

from __future__ import annotations

import functools
import io
import itertools
import mmap
import os
import pickle
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Chunk, Piece, Stored, fill
from taskflow.errors import ArgumentError, WorkerFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from taskflow.call import Value

#: Types that cannot hold anything mutable, nor anything that needs care.
SCALARS: Final = frozenset({int, float, str, bytes, bool, type(None), complex})

#: Below this, a copy is cheaper than the bookkeeping of a buffer of its own.
BUFFER_BYTES: Final = 64 * 1024
#: Elements of maps share a chunk up to about this size: a body that needs one of them loads all
#: before it.
CHUNK_BYTES: Final = 32 * 1024
#: From here on a value goes to a file instead of through the engine.
LARGE_BYTES: Final = 1024 * 1024
_ALIGN: Final = 64
_LENGTH: Final = struct.Struct("<Q")

_CACHE: Final = type(functools.cache(len))

_counter = itertools.count()

Reducers = dict[type, "Callable[[Any], Any]"]


def dumps(
    value: object,
    buffers: list[pickle.PickleBuffer] | None = None,
    reducers: Reducers | None = None,
) -> bytes:
    """Pickle an object; large buffers are appended to `buffers` if it is given.

    `reducers` say how objects of some types are replaced, wherever pickle meets them.
    """
    mark = 0 if buffers is None else len(buffers)
    data = _try_plain(value, buffers, reducers)
    if data is not None and b"__main__" not in data:
        return data
    if buffers is not None:
        del buffers[mark:]
    return _cloud_dumps(value, buffers, reducers)


def _try_plain(
    value: object, buffers: list[pickle.PickleBuffer] | None, reducers: Reducers | None
) -> bytes | None:
    """Pickled without cloudpickle; None where that fails, since cloudpickle knows more."""
    try:
        if buffers is None and reducers is None:
            return pickle.dumps(value, 5)
        return _plain_dumps(value, buffers, reducers)
    except Exception:  # noqa: BLE001 - cloudpickle raises what is left
        return None


def _plain_dumps(
    value: object, buffers: list[pickle.PickleBuffer] | None, reducers: Reducers | None
) -> bytes:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, 5, buffer_callback=_keeper(buffers))
    if reducers:
        pickler.dispatch_table = reducers
    pickler.dump(value)
    return stream.getvalue()


def _cloud_dumps(
    value: object, buffers: list[pickle.PickleBuffer] | None, reducers: Reducers | None
) -> bytes:
    import cloudpickle  # here: most programs never need it, and it costs 10 ms to import

    known = cloudpickle.Pickler.dispatch_table
    ours: dict[Any, Any] = {
        io.TextIOWrapper: _file_reducer(known),
        _CACHE: _reduce_cache,
        **(reducers or {}),
    }

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
        # Of the class: the pickler in C reads it when it is made.
        dispatch_table = known.new_child(ours)

    stream = io.BytesIO()
    Pickler(stream, 5, buffer_callback=_keeper(buffers)).dump(value)
    return stream.getvalue()


def _file_reducer(known: Mapping[type, Any]) -> Callable[[io.TextIOWrapper], Any]:
    """Refuses open files, of which cloudpickle would send the text that is left in them."""
    standard = known.get(io.TextIOWrapper)

    def reduce(file: io.TextIOWrapper) -> Any:
        if standard is not None and file in (sys.stdout, sys.stderr):
            return standard(file)
        raise TypeError(f"an open file cannot be pickled: {file.name!r}")

    return reduce


def _reduce_cache(cached: Any) -> Any:
    """A cached function without an importable name goes by value, with an empty cache."""
    if cached.__module__ != "__main__" and "<locals>" not in cached.__qualname__:
        return cached.__reduce__()
    return _cached, (cached.__wrapped__, *cached.cache_parameters().values())


def _cached(fn: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize, typed)(fn)


def _keeper(
    buffers: list[pickle.PickleBuffer] | None,
) -> Callable[[pickle.PickleBuffer], bool] | None:
    if buffers is None:
        return None

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            large = buffer.raw().nbytes >= BUFFER_BYTES
        except BufferError:  # not contiguous: pickle copies it into the stream
            large = False
        if large:
            buffers.append(buffer)
        return not large

    return keep


# --- one value -----------------------------------------------------------------------------


def encode(value: object, directory: str, reducers: Reducers | None = None) -> Value:
    """An object as a value: bytes, or a file in `directory` when it is large."""
    if type(value) in SCALARS:
        data = pickle.dumps(value, 5)
        return data if len(data) < LARGE_BYTES else store(data, [], directory)
    buffers: list[pickle.PickleBuffer] = []
    data = dumps(value, buffers, reducers)
    if buffers or len(data) >= LARGE_BYTES:
        return store(data, buffers, directory)
    return data


def store(data: bytes, buffers: Sequence[pickle.PickleBuffer], directory: str) -> Stored:
    """Write a stream and its buffers to a new file, complete before it gets its name."""
    raws = [buffer.raw() for buffer in buffers]
    head = b"".join(map(_LENGTH.pack, [len(data), len(raws), *(raw.nbytes for raw in raws)]))
    path = os.path.join(directory, f"{os.getpid()}-{next(_counter)}.value")
    try:
        with open(path + ".part", "wb") as file:
            file.write(head)
            file.write(data)
            for raw in raws:
                file.seek(_aligned(file.tell()))
                file.write(raw)
            size = file.tell()
        os.rename(path + ".part", path)
    except OSError as error:
        raise WorkerFault(
            f"a value of {len(data) + sum(raw.nbytes for raw in raws):,} bytes cannot be written "
            f"to {directory}: {error.strerror or error}; free some space there, or point TMPDIR "
            "to a larger disk"
        ) from error
    return Stored(path, size)


def decode(value: Value, inputs: Sequence[Any] = ()) -> Any:
    """The object of a value; `inputs` fill the holes of a payload."""
    if isinstance(value, bytes):
        if not inputs:
            return pickle.loads(value)
        return fill(lambda: pickle.loads(value), inputs)
    data, buffers = _mapped(value)
    return fill(lambda: pickle.loads(data, buffers=buffers), inputs)


def _mapped(value: Stored) -> tuple[memoryview, list[memoryview]]:
    try:
        with open(value.path, "rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    except (OSError, ValueError) as error:
        raise WorkerFault(
            f"the file of a value is gone or unreadable: {error}; leave the folder of a run alone "
            "while it goes on"
        ) from error
    length, count = _LENGTH.unpack_from(view, 0)[0], _LENGTH.unpack_from(view, 8)[0]
    sizes = [_LENGTH.unpack_from(view, 16 + 8 * each)[0] for each in range(count)]
    start = 16 + 8 * count
    data = view[start : start + length]
    at = start + length
    buffers = []
    for size in sizes:
        at = _aligned(at)
        buffers.append(view[at : at + size])
        at += size
    return data, buffers


def _aligned(position: int) -> int:
    return -(-position // _ALIGN) * _ALIGN


# --- many values: the elements of maps -------------------------------------------------------


def encode_each(
    values: Sequence[object], directory: str, reducers: Reducers | None = None
) -> list[Piece]:
    """Objects as chunks of independent values; one with large buffers gets its own chunk."""
    if SCALARS.issuperset(map(type, values)):
        return _scalars(list(values), directory)
    pieces: list[Piece] = []
    parts: list[bytes] = []
    size = 0
    for value in values:
        buffers: list[pickle.PickleBuffer] = []
        data = dumps(value, buffers, reducers)
        if not buffers:
            parts.append(data)
            size += len(data)
            if size >= CHUNK_BYTES:
                _close(parts, pieces, directory)
                size = 0
            continue
        _close(parts, pieces, directory)
        pieces.append(Piece(Chunk(store(data, buffers, directory), whole=False), 0, 1))
    _close(parts, pieces, directory)
    return pieces


def _scalars(values: list[object], directory: str) -> list[Piece]:
    data = pickle.dumps(values, 5)
    if len(data) < CHUNK_BYTES or len(values) <= 1:
        return [Piece(Chunk(_inline_or_stored(data, directory), whole=True), 0, len(values))]
    # In steps of about the right size, at most half; what is larger than the others is split again.
    step = max(1, len(values) * CHUNK_BYTES // (2 * len(data)))
    parts = (values[start : start + step] for start in range(0, len(values), step))
    return [piece for part in parts for piece in _scalars(part, directory)]


def _close(parts: list[bytes], pieces: list[Piece], directory: str) -> None:
    if parts:
        chunk = Chunk(_inline_or_stored(b"".join(parts), directory), whole=False)
        pieces.append(Piece(chunk, 0, len(parts)))
        parts.clear()


def _inline_or_stored(data: bytes, directory: str) -> Value:
    return data if len(data) < LARGE_BYTES else store(data, [], directory)


def decode_piece(piece: Piece) -> list[Any]:
    """The objects of a piece, each its own copy."""
    chunk, start, count = piece
    if isinstance(chunk, range):
        return list(chunk[start : start + count])
    if chunk.whole:
        values: list[Any] = decode(chunk.value)
        return values if len(values) == count else values[start : start + count]
    return list(itertools.islice(_one_by_one(chunk), start, start + count))


def _one_by_one(chunk: Chunk) -> Iterator[Any]:
    if isinstance(chunk.value, bytes):
        stream = io.BytesIO(chunk.value)
    else:
        data, buffers = _mapped(chunk.value)
        if buffers:
            yield pickle.loads(data, buffers=buffers)
            return
        stream = io.BytesIO(data)
    while True:
        try:
            # Not one Unpickler for all: its memo would leak from one element to the next.
            yield pickle.load(stream)
        except EOFError:
            return


# --- what cannot be pickled ----------------------------------------------------------------


def check_picklable(value: object, where: str, reducers: Reducers | None = None) -> None:
    """Raise `ArgumentError` naming the path to what in `value` cannot be pickled."""
    try:
        dumps(value, [], reducers)
    except Exception as error:
        raise ArgumentError(why_unpicklable(value, where, error, reducers)) from error


def why_unpicklable(
    value: object, where: str, error: BaseException, reducers: Reducers | None = None
) -> str:
    """One sentence: which part of `value` cannot be pickled, and why."""
    if isinstance(error, RecursionError) or "recursion" in str(error):
        return f"{where} is nested too deeply to be pickled"
    path, culprit = _culprit(value, where, reducers)
    kind = f"{type(culprit).__module__}.{type(culprit).__qualname__}".removeprefix("builtins.")
    return f"{path} ({kind}) cannot be pickled: {_line(error)}"


def _line(error: BaseException) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _culprit(value: object, where: str, reducers: Reducers | None) -> tuple[str, object]:
    """Go down into whichever part cannot be pickled, as long as one part is to blame."""
    seen: set[int] = set()
    for _ in range(50):  # deeper than this nobody reads
        seen.add(id(value))
        for step, part in _parts(value):
            if id(part) not in seen and not _fits(part, reducers):
                where, value = where + step, part
                break
        else:
            break
    return where, value


def _fits(value: object, reducers: Reducers | None) -> bool:
    try:
        dumps(value, [], reducers)
    except Exception:  # noqa: BLE001 - any failure is the answer
        return False
    return True


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", each) for key, each in list(value.items()))
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", each) for index, each in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from (("{...}", each) for each in value)
    elif not isinstance(value, type):
        yield from ((f".{name}", each) for name, each in list(_attributes(value).items()))


def _attributes(value: object) -> dict[str, object]:
    try:
        found = dict(vars(value))
    except TypeError:
        found = {}
    closure = getattr(value, "__closure__", None) or ()
    names = getattr(getattr(value, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, closure, strict=False):
        try:
            found[f"<closure {name}>"] = cell.cell_contents
        except ValueError:
            continue  # an empty cell holds nothing to blame
    return found
