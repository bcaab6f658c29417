"""Stubs: what runs in place of a task's own function for a while, and what it was called with."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, Self

from taskflow.authoring.advice import near
from taskflow.authoring.definition import STAND_INS
from taskflow.authoring.task import BoundTask, Task
from taskflow.context import context, current
from taskflow.errors import DefinitionError
from taskflow.world import World, worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from taskflow.authoring.definition import Definition
    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Executor

P = ParamSpec("P")

#: What tasks may ask for and run their bodies in this process, where stubs are.
_HERE: Final = {"", "threads", "async"}


class StubCall(NamedTuple):
    """One call of a stub: what it was given, and for which task run."""

    arguments: dict[str, Any]  #: all of them by parameter name, with the defaults
    task_key: str | None  #: None where the task was called as the plain function
    element: Any
    attempt: int


class Stub:
    """A task whose function is replaced while this is entered; see `stub` and `spy`."""

    def __init__(
        self, task: Any, answer: Callable[..., Any] | None, at: Mapping[Any, Any] | None
    ) -> None:
        self._task: Task[..., Any] = task.task if isinstance(task, BoundTask) else task
        if not isinstance(self._task, Task):
            raise DefinitionError(
                f"a stub takes the place of a @task, not of {task!r}"
                + ("; stub the tasks in it" if hasattr(task, "__taskflow_pipeline__") else "")
            )
        self._answer = answer
        self._at = at or {}
        #: What it was called with, in order.
        self.calls: list[StubCall] = []

    def __repr__(self) -> str:
        return f"<stub of {self._task.short}: {len(self.calls)} calls>"

    def __enter__(self) -> Self:
        """Replace the function from now on."""
        if not STAND_INS:
            worlds.insert(0, _GUARD)
        STAND_INS.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Let the task be what it was."""
        STAND_INS.remove(self)
        if not STAND_INS:
            worlds.remove(_GUARD)

    @property
    def count(self) -> int:
        """How often it was called: attempts and elements of maps count each."""
        return len(self.calls)

    def arguments(self, name: str) -> list[Any]:
        """What one parameter was in each call: `stub.arguments("url")`."""
        try:
            return [call.arguments[name] for call in self.calls]
        except KeyError:
            known = ", ".join(self.calls[0].arguments)
            raise KeyError(f"it was called with no {name!r}; its parameters are {known}") from None

    def instead_of(self, fn: Callable[..., Any], definition: Definition) -> Callable[..., Any]:
        """What runs in place of a definition's function; the function if it is another's."""
        if _home(self._task) != _home(definition):
            return fn

        @functools.wraps(fn)
        def answer(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(_call(definition, args, kwargs))
            if self._at and current.element in self._at:
                return _given(self._at[current.element])
            return (self._answer or fn)(*args, **kwargs)

        @functools.wraps(fn)
        async def answer_async(*args: Any, **kwargs: Any) -> Any:
            value = answer(*args, **kwargs)
            return await value if inspect.isawaitable(value) else value

        # A generator may be answered by a list: what it yields becomes one anyway.
        return answer_async if inspect.iscoroutinefunction(inspect.unwrap(fn)) else answer


def _advised(make: Callable[P, Stub]) -> Callable[P, Stub]:
    """A maker of stubs that says what may have been meant by arguments it does not take."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def advised(*args: P.args, **kwargs: P.kwargs) -> Stub:
        known = [name for name in signature.parameters if name != "task"]
        for name in kwargs:
            if name not in signature.parameters:
                raise DefinitionError(
                    f"{make.__name__} has no {name!r}{near(name, known, '{}='.format)}; "
                    f"it takes a task and {', '.join(f'{each}=' for each in known)}"
                )
        if len(args) > 1:
            meant = "does=" if callable(args[1]) else "returns="
            meant = meant if meant[:-1] in known else "at="
            raise DefinitionError(
                f"{make.__name__} takes only the task by position; did you mean {meant}...?"
            )
        return make(*args, **kwargs)

    return advised


@_advised
def stub(
    task: Task[..., Any] | BoundTask[..., Any],
    *,
    returns: Any = None,
    raises: BaseException | type[BaseException] | None = None,
    does: Callable[..., Any] | None = None,
    in_turn: Iterable[Any] | None = None,
    at: Mapping[Any, Any] | None = None,
) -> Stub:
    """Let something else run in place of a task's function, in a `with` block.

    `returns` a value, `raises` an exception, `does` what a function does that is called with the
    task's arguments, or answers `in_turn`, one for each call; where an answer is an exception,
    it is raised. `at` gives answers for elements of a map by index or key, before all others.
    With none of these it returns None.

    All else stays as it is: options, retries, timeouts, the graph. It reaches calls in this
    process, so runs that are inline or in threads, and calls of the task as a plain function.

    >>> from taskflow import pipeline, task
    >>> @task(retries=2)
    ... def fetch(url: str) -> str:
    ...     raise OSError("tests have no network")
    >>> @pipeline
    ... def scrape(urls: list[str]) -> list[str]:
    ...     return fetch.map(urls)
    >>> with stub(fetch, in_turn=["one", OSError("busy"), "two"]) as fetched:
    ...     scrape(["a", "b"])
    ['one', 'two']
    >>> fetched.count, fetched.arguments("url")
    (3, ['a', 'b', 'b'])
    """
    if sum(each is not None for each in (returns, raises, does, in_turn)) > 1:
        raise DefinitionError("a stub does one thing: give returns=, raises=, does= or in_turn=")
    if raises is not None and not _is_exception(raises):
        raise DefinitionError(f"raises={raises!r} is not an exception; a value is returns=")
    if in_turn is not None:
        does = _in_turn(in_turn)
    if raises is not None:
        does = _in_turn(itertools.repeat(raises))
    return Stub(task, does or (lambda *_, **__: returns), at)


@_advised
def spy(task: Task[..., Any] | BoundTask[..., Any], *, at: Mapping[Any, Any] | None = None) -> Stub:
    """Let a task run as it is and keep what it is called with; `at` as in `stub`.

    >>> from taskflow import task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> with spy(double) as seen:
    ...     double(4)
    8
    >>> seen.calls[0].arguments
    {'x': 4}
    """
    return Stub(task, None, at)


class _Guard(World):
    """The outermost world while anything is stubbed: refuses runs that stubs cannot reach."""

    def executor_for(self, asked: str | Executor | None, graph: Graph) -> Executor | None:
        """The one that was asked for, if stubs reach it."""
        refuse_elsewhere(asked, graph)
        return None


_GUARD: Final = _Guard()


def refuse_elsewhere(asked: str | Executor | None, graph: Graph) -> None:
    """Raise for a run on an executor in whose processes a stub would not be found."""
    chosen = asked or os.environ.get("TASKFLOW_EXECUTOR") or "processes"
    if not isinstance(chosen, str):
        here = not any(lane.can_kill for lane in chosen.lanes)
    elif chosen == "threads":
        here = all(spec.executor in _HERE for spec in graph.specs)
    else:
        here = chosen == "inline"
    if STAND_INS and not here:
        name = chosen if isinstance(chosen, str) else type(chosen).__name__
        raise DefinitionError(
            f"{STAND_INS[-1]!r} does not reach the workers of this run, which are other processes "
            f"(executor={name!r}); run it with the fixture taskflow_run, inside `with Harness():`, "
            'or as p.options(executor="inline")'
        )


# --- inside ----------------------------------------------------------------------------------


def _home(definition: Definition) -> tuple[str, str]:
    """Where the function was written: the same for copies, with other options or by value."""
    origin = definition.origin
    return definition.module, getattr(origin, "__qualname__", repr(origin))


def _call(definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StubCall:
    named: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
    if definition.signature is not None:
        bound = definition.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = dict(bound.arguments)
    facts = context.get()
    element = None if facts is None else facts.element
    return StubCall(named, current.task_key, element, current.attempt)


def _in_turn(answers: Iterable[Any]) -> Callable[..., Any]:
    left = iter(answers)

    def answer(*_: Any, **__: Any) -> Any:
        for each in left:
            return _given(each)
        raise AssertionError(
            "the stub has no answer left: give in_turn= one for each call, attempts and elements "
            "included"
        )

    return answer


def _given(answer: Any) -> Any:
    """An answer, or raise it if it is an exception."""
    if not _is_exception(answer):
        return answer
    # Not with the traceback of the last time.
    raise answer if isinstance(answer, type) else answer.with_traceback(None)


def _is_exception(value: Any) -> bool:
    kind = value if isinstance(value, type) else type(value)
    return issubclass(kind, BaseException)
