"""Questions about values, answered where the values are: their elements, items and exceptions."""

from __future__ import annotations

import pickle
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
from taskflow.values import encode_each

if TYPE_CHECKING:
    from taskflow.call import ErrorReport

#: Elements of a split value in one chunk: small enough to be loaded in a moment.
SPLIT_ELEMENTS: Final = 4096


_OURS: Final = {
    f"{kind.__module__}.{kind.__qualname__}": kind
    for kind in (RunawayError, TaskError, TaskTimeout, TaskCrashed)
}


def split(value: Any, directory: str) -> tuple[int, tuple[Piece, ...]]:
    """The elements of a value apart, for a map: how many, and their pieces.

    Raises TypeError for what is no list of elements, with the fix.
    """
    if isinstance(value, (str, bytes, bytearray, dict, set, frozenset)):
        raise TypeError(refusal(value))
    elements = value if isinstance(value, range) else list(value)
    if isinstance(elements, range):
        return len(elements), (Piece(elements, 0, len(elements)),)
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
        error.add_note(f"in task {key}, there:\n{report.traceback.rstrip()}")
    return error
