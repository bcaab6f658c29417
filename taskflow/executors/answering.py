"""Questions about values, answered where the values are: their elements, items and exceptions."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Piece
from taskflow.errors import (
    RemoteError,
    ResultError,
    RunawayError,
    TaskCrashed,
    TaskError,
    TaskTimeout,
)
from taskflow.executors.failing import note, preview, type_name
from taskflow.values import encode_each

if TYPE_CHECKING:
    from taskflow.call import ErrorReport

#: Elements of a split value in one chunk: small enough to be loaded in a moment.
SPLIT_ELEMENTS: Final = 4096
#: About what the engine keeps of each element of a map, in bytes.
ELEMENT_BYTES: Final = 200

_OURS: Final = {
    f"{kind.__module__}.{kind.__qualname__}": kind
    for kind in (RunawayError, TaskError, TaskTimeout, TaskCrashed)
}


def split(value: Any, directory: str) -> tuple[int, tuple[Piece, ...]]:
    """The elements of a value apart, for a map: how many, and their pieces.

    Raises for what is no list of elements, or of more than can be, with the fix.
    """
    if isinstance(value, (str, bytes, bytearray, dict, set, frozenset)):
        raise TypeError(refusal(value))
    if not isinstance(value, Iterable) and not hasattr(value, "__getitem__"):
        raise TypeError(
            f"a map runs over this value, which is {preview(value)} ({type_name(type(value))}) and "
            "no list; return a list, or write f.map([x]) for one element"
        )
    if isinstance(value, range):
        # Not its len, which a range of more than 2**63 does not have.
        count = max(0, -((value.start - value.stop) // value.step))
        if refused := too_many(count):
            raise ResultError(f"a map over {refused}")
        return count, (Piece(value, 0, count),)
    elements = list(value)
    pieces: list[Piece] = []
    for start in range(0, len(elements), SPLIT_ELEMENTS):
        pieces += encode_each(elements[start : start + SPLIT_ELEMENTS], directory)
    return len(elements), tuple(pieces)


def refusal(value: object) -> str:
    """Why a map does not run over a text, dict or set, and what to write instead."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return "a map over a dict is ambiguous; write f.starmap(d.items()) or f.map(list(d))"
    if isinstance(value, (set, frozenset)):
        return f"a {kind} has no stable order; write f.map(sorted(xs))"
    return f"a map over {kind} would run once for each character; write f.map([text])"


def too_many(count: int) -> str:
    """Why a map cannot run over so many elements, and what to write instead; empty if it can."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if count * ELEMENT_BYTES <= memory:
        return ""
    return (
        f"{count:,} elements: a run keeps account of each, which would take "
        f"{count * ELEMENT_BYTES >> 30:,} GB of memory, and there are {memory >> 30:,}; "
        "map over larger pieces, and loop over each inside the task: "
        "f.map(range(0, n, 1_000_000), size=1_000_000)"
    )


def follow(value: Any, path: tuple[tuple[str, Any], ...]) -> Any:
    """The item or field of a value that a lifted future stands for."""
    taken = ""
    for kind, step in path:
        text = f".{step}" if kind == "field" else f"[{step!r}]"
        try:
            value = getattr(value, step) if kind == "field" else value[step]
        except Exception as error:
            raise ResultError(
                f"what was passed on as `...{taken}{text}` is not there: "
                f"{type(error).__name__}: {error}; the value is {_described(value)}"
            ) from error
        taken += text
    return value


def _described(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(repr, list(value)[:8]))}"
    size = f" of {len(value)}" if isinstance(value, (list, tuple)) else ""
    return f"a {kind}{size}"


def check_outputs(value: Any, count: int) -> None:
    """Raise when a task with `outputs=count` returns another number of values."""
    try:
        found = len(value)
    except TypeError:
        raise ResultError(
            f"it has outputs={count}, but returned one {type(value).__name__}; return {count} "
            "values, or leave outputs= out"
        ) from None
    if found != count:
        raise ResultError(
            f"it has outputs={count}, but returned {found} values; return {count}, or write "
            f"outputs={found}"
        )


def revive(report: ErrorReport, key: str) -> BaseException:
    """The exception of a report, or a `RemoteError` in its place, with the remote traceback."""
    error: BaseException | None = None
    if report.pickled:
        try:
            error = pickle.loads(report.pickled)
        except Exception:  # noqa: BLE001 - its class may not exist in this process
            error = None
    if not isinstance(error, BaseException):
        # What the engine itself reports, a timeout or a lost worker, was never pickled.
        ours = _OURS.get(report.type)
        error = RemoteError(report.line) if ours is None else ours(report.message)
    if report.traceback:
        note(error, f"in task {key}, there:\n{report.traceback.rstrip()}")
    return error
