"""What stands between calls in a pipeline's body: branches, order, failures as values."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar

from taskflow.authoring.future import Future, Handle, MapFuture, OutcomeFuture
from taskflow.authoring.tracing import active_trace
from taskflow.call import Failure
from taskflow.errors import FutureError
from taskflow.graph.graph import GATHER, OUTCOMES, SUCCESSES, VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from taskflow.authoring.tracing import Trace

R = TypeVar("R")
T = TypeVar("T")


def successes(values: Iterable[R]) -> list[R]:
    """Only the values of what succeeded, of a map or a list of futures.

    Failures are taken: they do not fail the run. Skipped elements are left out as well.
    """
    kept: list[R] = _taken(values, SUCCESSES, _keep_successes)
    return kept


def outcomes(values: Iterable[R]) -> list[R | Failure]:
    """All values of a map or a list of futures, with a `Failure` in place of what failed."""
    kept: list[R | Failure] = _taken(values, OUTCOMES, _keep_all)
    return kept


def outcome(value: R) -> R | Failure:
    """The value of a future, or its `Failure` (error, task key); the failure is taken."""
    plain = _unwrapped(value)
    if isinstance(plain, MapFuture):
        raise FutureError(f"{plain!r} is a map: write outcomes(...) or successes(...)")
    if isinstance(plain, Future):
        return OutcomeFuture(plain._trace, plain._node, plain._path)  # type: ignore[return-value] # the lie of the DSL: a future passes for its value
    return value


def flatten(lists: Iterable[Iterable[T]]) -> list[T]:
    """All elements of a map of lists, as one map; each list enters as it arrives."""
    from taskflow.authoring.mapping import flatten_map

    trace = active_trace()
    plain = _unwrapped(lists)
    if trace is None or (not isinstance(plain, Future) and not _has_futures(plain)):
        return [element for each in lists for element in each]
    flat: Any = flatten_map(trace, plain)
    chained: list[T] = _chained(trace, plain) if flat is None else flat
    return chained


def order(*steps: Any) -> None:
    """Let each step begin after the one before it has succeeded; lists are steps of several.

    `order(a, b, c)` is `a >> b >> c`, spelled so that type checkers agree.
    """
    trace = active_trace()
    if trace is None:
        return
    for before, after in itertools.pairwise(steps):
        trace.order(before, after)


def when(
    condition: Any, then: Callable[[], T], otherwise: Callable[[], T] | None = None
) -> T | None:
    """A branch on a value that is not known yet: only one side runs, the other is skipped.

    Both sides are functions without arguments; they are called once each, while tracing. The
    result is the value of the side that ran, or None where there is no `otherwise`.
    """
    given: list[Any] = [then] if otherwise is None else [then, otherwise]
    if not all(map(callable, given)):
        raise FutureError(
            "when() takes functions: when(ok, then=lambda: task(x), otherwise=lambda: other(x)); "
            "a call without lambda would run in any case"
        )
    trace = active_trace()
    plain = _unwrapped(condition)
    if trace is None or not isinstance(plain, Future):
        if condition:
            return then()
        return None if otherwise is None else otherwise()
    return trace.branch(plain, then, otherwise)  # type: ignore[return-value] # the lie of the DSL


def _unwrapped(value: Any) -> Any:
    while type(value) is Handle:
        value = value._structure
    return value


def _has_futures(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and any(isinstance(each, Future) for each in values)


def _taken(values: Any, take: str, keep: Callable[[list[Any]], list[Any]]) -> Any:
    trace = active_trace()
    plain = _unwrapped(values)
    if isinstance(plain, MapFuture):
        if plain._take != VALUE:
            return plain
        return MapFuture(plain._trace, plain._node, plain._returns, None, take)
    if isinstance(plain, Future):
        raise FutureError(
            f"{plain!r} is one value, not a map\n"
            "  write outcome(x) for one value, successes(xs) or outcomes(xs) for a map or a list"
        )
    each = [outcome(value) for value in plain]
    if trace is None or not any(isinstance(value, Future) for value in each):
        return keep(each)
    return _helper(trace, each, keep)


def _keep_successes(values: list[Any]) -> list[Any]:
    """The values that are no failures."""
    return [value for value in values if not isinstance(value, Failure)]


def _keep_all(values: list[Any]) -> list[Any]:
    """All values; only what was skipped is left out."""
    return [
        value for value in values if not (isinstance(value, Failure) and value.state == "skipped")
    ]


def _chain(lists: list[list[Any]]) -> list[Any]:
    """The elements of all lists."""
    return [element for each in lists for element in each]


def _chained(trace: Trace, lists: Any) -> Any:
    return _helper(trace, lists, _chain)


def _helper(trace: Trace, value: Any, function: Callable[[list[Any]], list[Any]]) -> Future:
    """A call of one of our own functions, shown as part of the construct, not as a task."""
    from taskflow.authoring.task import Task, checked_options

    name = function.__name__.strip("_")
    definition = Task(function, checked_options({"name": f"taskflow.{name}"}, "task"))
    definition.name = f"taskflow:{name}"
    definition.origin = function
    payload, inputs = trace.taker.structure(value, name)
    return Future(trace, trace.add(GATHER, definition, payload, inputs))
