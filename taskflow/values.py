"""Values as bytes and files: how objects are pickled, stored, mapped and read back.

Plain pickle first, since it is quickest; cloudpickle where an object has no importable name
(scripts, notebooks, lambdas). Buffers of 64 kB and more stay out of the stream; a value of
1 MB and more goes to a file, and whoever reads it gets its buffers as private copy-on-write
maps: writable, without a copy until written, and seen by nobody else.
"""

from __future__ import annotations

import functools
import io
import itertools
import pickle
import sys
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Chunk, Piece, Stored, fill
from taskflow.errors import ArgumentError, WorkerFault
from taskflow.valuefiles import Draft, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from _typeshed import SupportsWrite

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

_CACHE: Final = type(functools.cache(len))

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
    _plain_dump(value, stream, buffers, reducers)
    return stream.getvalue()


def _plain_dump(
    value: object,
    stream: SupportsWrite[bytes],
    buffers: list[pickle.PickleBuffer] | None,
    reducers: Reducers | None,
) -> None:
    pickler = pickle.Pickler(stream, 5, buffer_callback=_keeper(buffers))
    if reducers:
        pickler.dispatch_table = reducers
    pickler.dump(value)


def _cloud_dumps(
    value: object, buffers: list[pickle.PickleBuffer] | None, reducers: Reducers | None
) -> bytes:
    stream = io.BytesIO()
    _cloud_dump(value, stream, buffers, reducers)
    return stream.getvalue()


def _cloud_dump(
    value: object,
    stream: SupportsWrite[bytes],
    buffers: list[pickle.PickleBuffer] | None,
    reducers: Reducers | None,
) -> None:
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

    Pickler(stream, 5, buffer_callback=_keeper(buffers)).dump(value)


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
    # A text may be twice as long as UTF-8.
    if type(value) in SCALARS and sys.getsizeof(value) < LARGE_BYTES // 2:
        return pickle.dumps(value, 5)
    with Draft(directory, LARGE_BYTES) as draft:
        if not _fits_plainly(value, draft, reducers) or draft.names_main:
            draft.clear()
            _cloud_dump(value, draft, draft.buffers, reducers)
        return draft.finish()


def _fits_plainly(value: object, draft: Draft, reducers: Reducers | None) -> bool:
    """Pickle without cloudpickle; whether that was possible."""
    try:
        _plain_dump(value, draft, draft.buffers, reducers)
    except WorkerFault:  # the disk is full: it would be for cloudpickle, too
        raise
    except Exception:  # noqa: BLE001 - cloudpickle raises what is left
        return False
    return True


def decode(value: Value, inputs: Sequence[Any] = ()) -> Any:
    """The object of a value; `inputs` fill the holes of a payload."""
    if isinstance(value, bytes):
        if not inputs:
            return pickle.loads(value)
        return fill(lambda: pickle.loads(value), inputs)
    data, buffers = read(value)
    return fill(lambda: pickle.loads(data, buffers=buffers), inputs)


# --- many values: the elements of maps -------------------------------------------------------


def encode_each(
    values: Sequence[object], directory: str, reducers: Reducers | None = None
) -> list[Piece]:
    """Objects as chunks of independent values; a large one has its own chunk."""
    if SCALARS.issuperset(map(type, values)):
        return _scalars(list(values), directory)
    pieces: list[Piece] = []
    parts: list[bytes] = []
    size = 0
    for value in values:
        made = encode(value, directory, reducers)
        if isinstance(made, bytes):
            parts.append(made)
            size += len(made)
            if size < CHUNK_BYTES:
                continue
        _close(parts, pieces)
        size = 0
        if isinstance(made, Stored):
            pieces.append(Piece(Chunk(made, whole=False), 0, 1))
    _close(parts, pieces)
    return pieces


def _scalars(values: list[object], directory: str) -> list[Piece]:
    if len(values) == 1:
        return [Piece(Chunk(encode(values, directory), whole=True), 0, 1)]
    data = pickle.dumps(values, 5)
    if len(data) < CHUNK_BYTES or not values:
        return [Piece(Chunk(data, whole=True), 0, len(values))]
    # In steps of about the right size, at most half; what is larger than the others is split again.
    step = max(1, len(values) * CHUNK_BYTES // (2 * len(data)))
    parts = (values[start : start + step] for start in range(0, len(values), step))
    return [piece for part in parts for piece in _scalars(part, directory)]


def _close(parts: list[bytes], pieces: list[Piece]) -> None:
    if parts:
        pieces.append(Piece(Chunk(b"".join(parts), whole=False), 0, len(parts)))
        parts.clear()


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
    if isinstance(chunk.value, Stored):  # a large element is alone
        yield decode(chunk.value)
        return
    stream = io.BytesIO(chunk.value)
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
