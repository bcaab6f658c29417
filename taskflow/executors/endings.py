"""How a body ended, as plain data: what it returned, what it raised."""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Any

from taskflow.call import (
    ASK_SPLIT,
    ASK_TRUTH,
    ASK_VALUE,
    OF_ARGUMENTS,
    RETRY_LATER,
    Chunk,
    Outcome,
)
from taskflow.errors import ResultError, RetryLater, Skip, TaskTimeout, WorkerFault
from taskflow.executors.answering import split
from taskflow.executors.bodies import named, retryable
from taskflow.executors.failing import report_of
from taskflow.executors.previews import preview_of
from taskflow.lifecycle import FAILED, SKIPPED, SUCCEEDED, TIMED_OUT
from taskflow.policies import seconds
from taskflow.values import dumps, encode, encode_each, why_unpicklable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.call import Call
    from taskflow.executors.bodies import Body


def answer(ask: int, value: Any, directory: str) -> Any:
    """What a call asks for of a value: the value itself, encoded, or something about it."""
    if ask == ASK_VALUE:
        try:
            return encode(value, directory)
        except Exception as error:
            raise result_error(value, error) from error
    if ask == ASK_TRUTH:
        return bool(value)
    return split(value, directory) if ask == ASK_SPLIT else dumps(value)  # the graph, pickled


def result_error(value: Any, error: Exception) -> Exception:
    """Why a result cannot travel, and what to return instead."""
    if isinstance(error, WorkerFault):
        return error
    why = why_unpicklable(value, "the result", error)
    fix = "return plain data, and open connections where they are used"
    if isinstance(value, GeneratorType):
        fix = "return list(...) of it, or yield its elements"
    return ResultError(f"{why}; {fix}")


def packed(
    call: Call,
    first: int,
    values: list[Any],
    keys: list[Any],
    seconds_each: float,
    directory: str,
) -> Iterator[Outcome]:
    """Outcomes for values of consecutive elements, packed into as few chunks as can be."""
    if not values:
        return
    if call.ask in OF_ARGUMENTS:
        count, took, said = len(values), seconds_each * len(values), tuple(keys) or None
        yield Outcome(call.node, first, count, SUCCEEDED, tuple(values), took, call.attempt, said)
        return
    try:
        pieces = encode_each(values, directory)
    except Exception as error:  # noqa: BLE001 - some element cannot be pickled: find it
        if len(values) > 1:
            half = len(values) // 2
            yield from packed(call, first, values[:half], keys[:half], seconds_each, directory)
            first += half
            yield from packed(call, first, values[half:], keys[half:], seconds_each, directory)
            return
        report = report_of(result_error(values[0], error))
        yield Outcome(call.node, first, 1, FAILED, report, seconds_each, call.attempt)
        return
    done = 0
    for piece in pieces:
        count = piece.count
        mine = tuple(keys[done : done + count]) or None
        preview = ""
        if count == 1 and call.ask == ASK_VALUE and isinstance(piece.chunk, Chunk):
            preview = preview_of(values[done], piece.chunk.value)
        took = seconds_each * count
        yield Outcome(
            call.node, first + done, count, SUCCEEDED, piece, took, call.attempt, mine, preview
        )
        done += count


def on_purpose(error: BaseException) -> tuple[str, Any] | None:
    """The state and value of what a body raised on purpose; None for anything else.

    Raises when the delay that it asks for is none.
    """
    if isinstance(error, Skip):
        return SKIPPED, str(error.why)
    if isinstance(error, RetryLater):
        return RETRY_LATER, (seconds(error.delay), str(error.why))
    return None


def failed(
    error: BaseException,
    body: Body | None,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    final: bool = False,
) -> tuple[str, Any]:
    """The state and report of an exception; of a `final` one another attempt cannot help."""
    state = TIMED_OUT if isinstance(error, TaskTimeout) else FAILED
    again = not final and retryable(error, body)
    return state, report_of(error, named(body, args, kwargs), retryable=again)
