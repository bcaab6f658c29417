"""What stands between calls in a pipeline's body: branches, order, failures as values."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar, overload

from taskflow.authoring.future import Future, MapFuture, OutcomeFuture, unwrapped
from taskflow.authoring.tracing import active_trace
from taskflow.authoring.where import here, shown
from taskflow.call import Failure
from taskflow.errors import DefinitionError, FutureError
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
    kept: list[R] = _taken(values, SUCCESSES, _successes)
    return kept


def outcomes(values: Iterable[R]) -> list[R | Failure]:
    """All values of a map or a list of futures, with a `Failure` in place of what failed."""
    kept: list[R | Failure] = _taken(values, OUTCOMES, _outcomes)
    return kept


def outcome(value: R) -> R | Failure:
    """The value of a future, or its `Failure` (error, task key); the failure is taken."""
    plain: Any = unwrapped(value)
    if isinstance(plain, OutcomeFuture):
        return plain  # type: ignore[return-value] # the lie of the DSL: a future passes for its value
    if isinstance(plain, MapFuture):
        plain._refuse("outcome() takes one value, and it is a map", "outcomes")
    trace = active_trace()
    if not isinstance(plain, Future) and trace is not None and trace.taker.holds_future(plain):
        plain = Future(trace, trace.gather(plain, "outcome"))
    if isinstance(plain, Future):
        return OutcomeFuture(plain._trace, plain._node, plain._path)  # type: ignore[return-value] # as above
    return value


def flatten(lists: Iterable[Iterable[T]]) -> list[T]:
    """All elements of a map of lists, as one map; each list enters as it arrives."""
    from taskflow.authoring.mapping import flatten_map

    trace = active_trace()
    plain = unwrapped(lists)
    if trace is not None and not isinstance(plain, (Future, list, tuple, range)):
        raise DefinitionError(
            f"flatten() takes a map or a list of lists, not {plain!r}\n  here: {shown(here())}\n"
            "  write flatten(list(xs))"
        )
    if trace is None or not (isinstance(plain, Future) or _has_futures(plain)):
        return [element for each in lists for element in each]
    if isinstance(plain, MapFuture):
        return flatten_map(trace, plain)  # type: ignore[return-value] # as above
    return _helper(trace, plain, _flatten)  # type: ignore[return-value] # as above


def order(*steps: Any) -> None:
    """Let each step begin after the one before it has succeeded; lists are steps of several.

    `order(a, b, c)` is `a >> b >> c`, spelled so that type checkers agree.
    """
    trace = active_trace()
    if trace is None:
        return
    trace.order((), steps)  # so that one step alone is looked at too
    for before, after in itertools.pairwise(steps):
        trace.order(before, after)


@overload
def when(condition: Any, then: Callable[[], T], otherwise: None = None) -> T | None: ...
@overload
def when(condition: Any, then: Callable[[], T], otherwise: Callable[[], R]) -> T | R: ...
def when(
    condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any] | None = None
) -> Any:
    """A branch on a value that is not known yet: only one side runs, the other is skipped.

    Both sides are functions without arguments; they are called once each, while tracing. The
    result is the value of the side that ran, or None where there is no `otherwise`.
    """
    sides: list[Any] = [then] if otherwise is None else [then, otherwise]
    for side in sides:
        if not callable(side) or isinstance(side, Future):
            raise FutureError(
                f"when() takes functions, not {side!r}: what is called here runs in any case\n"
                f"  here:    {shown(here())}\n"
                "  instead: when(ok, then=lambda: task(x), otherwise=lambda: other(x))"
            )
    trace = active_trace()
    plain = unwrapped(condition)
    if trace is not None:
        trace.taker.refuse_uncalled(plain, "when")
    if trace is None or not isinstance(plain, Future):
        if plain:
            return then()
        return None if otherwise is None else otherwise()
    return trace.branch(plain, then, otherwise)


def _has_futures(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and any(isinstance(each, Future) for each in values)


def _taken(values: Any, take: str, keep: Callable[[list[Any]], list[Any]]) -> Any:
    trace = active_trace()
    plain = unwrapped(values)
    if isinstance(plain, MapFuture):
        if plain._take != VALUE:
            return plain
        return MapFuture(plain._trace, plain._node, plain._returns, None, take)
    if isinstance(plain, Future):
        plain._refuse(f"{take}() takes a map or a list, and it is one value", "outcome")
    if not isinstance(plain, (list, tuple, range)):
        raise DefinitionError(
            f"{take}() takes a map or a list, not {plain!r}\n  here: {shown(here())}\n"
            f"  write {take}(list(xs)), or outcome(x) for one value"
        )
    each = [outcome(value) for value in plain]
    if trace is None or not any(isinstance(value, Future) for value in each):
        return keep(each)
    return _helper(trace, each, keep)


def _successes(values: list[Any]) -> list[Any]:
    """The values that are no failures."""
    return [value for value in values if not isinstance(value, Failure)]


def _outcomes(values: list[Any]) -> list[Any]:
    """All values; only what was skipped is left out."""
    return [
        value for value in values if not (isinstance(value, Failure) and value.state == "skipped")
    ]


def _flatten(lists: list[list[Any]]) -> list[Any]:
    """The elements of all lists."""
    for index, each in enumerate(lists):
        if not isinstance(each, (list, tuple, range)):
            raise TypeError(f"flatten takes lists of lists; element {index} is {each!r}")
    return [element for each in lists for element in each]


def _helper(trace: Trace, value: Any, function: Callable[[list[Any]], list[Any]]) -> Future:
    """A call of one of our own functions, shown as part of the construct, not as a task."""
    from taskflow.authoring.options import Options
    from taskflow.authoring.task import Task

    name = function.__name__.strip("_")
    definition = Task(function, Options(name=f"taskflow.{name}"))
    definition.name = f"taskflow:{name}"
    payload, inputs = trace.taker.structure(value, name)
    return Future(trace, trace.add(GATHER, definition, payload, inputs))
