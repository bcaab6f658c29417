"""Stubs: what runs in place of a task's own function for a while, and what it was called with."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from taskflow.authoring.definition import STAND_INS
from taskflow.authoring.task import BoundTask, Task
from taskflow.context import context, current
from taskflow.errors import DefinitionError
from taskflow.policies import seconds
from taskflow.progress.tally import name_in
from taskflow.world import world, worlds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from taskflow.authoring.definition import Definition
    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Clock, Executor, Listener
    from taskflow.policies import Duration

_NOTHING: Final = object()
#: What runs and tasks may ask for and run their bodies in this process, where stubs are.
_HERE: Final = {"", "inline", "threads", "async"}


class StubCall(NamedTuple):
    """One call of a stub: what it was given, for which task run, and when on its clock."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: dict[str, Any]  #: all of them by parameter name, with the defaults
    task_key: str | None  #: None where the task was called as the plain function
    element: Any
    attempt: int
    time: float


class Stub:
    """A task whose function is replaced while this is entered; see `stub` and `spy`."""

    def __init__(self, task: Any, answers: dict[str, Any], takes: Duration, *, real: bool) -> None:
        self._task = task.task if isinstance(task, BoundTask) else task
        if not isinstance(self._task, (str, Task)):
            raise DefinitionError(
                f"a stub takes the place of a @task, or of its name, not of {task!r}"
                + ("; stub the tasks in it" if hasattr(task, "__taskflow_pipeline__") else "")
            )
        given = [name for name, value in answers.items() if value is not _NOTHING]
        if len(set(given) - {"at"}) > 1:
            raise DefinitionError(f"a stub does one thing: give one of {', '.join(given)}")
        self._answers = {name: answers[name] for name in given}
        self._check()
        self._takes = seconds(takes)
        self._real = real
        #: What it was called with, in order.
        self.calls: list[StubCall] = []

    def _check(self) -> None:
        raises = self._answers.get("raises", Exception)
        if not isinstance(raises, BaseException) and not isinstance(raises, type):
            raise DefinitionError(f"raises={raises!r} is not an exception; a value is returns=")
        does, at = self._answers.get("does"), self._answers.get("at", {})
        if does is not None and not callable(does):
            raise DefinitionError(f"does={does!r} is not a function; a value is returns=")
        if not isinstance(at, Mapping):
            raise DefinitionError(
                f"at={at!r} is not a dict of answers by element, such as {{2: 0}}"
            )
        listed = self._answers.get("in_turn", ())
        if not isinstance(listed, Sequence) or isinstance(listed, (str, bytes)):
            raise DefinitionError(f"in_turn={listed!r} is not a list of answers, one for each call")

    def __repr__(self) -> str:
        name = getattr(self._task, "short", self._task)
        return f"<{'spy' if self._real else 'stub'} of {name}: {len(self.calls)} calls>"

    # --- for how long ---

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

    # --- what it was called with ---

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

    # --- what a definition asks ---

    def instead_of(self, fn: Callable[..., Any], definition: Definition) -> Callable[..., Any]:
        """The function that runs instead, of the same kind: plain, generator or async."""
        if not self._may_mean(definition):
            return fn
        inner = inspect.unwrap(fn)
        answer = functools.partial(self._called, fn, definition)
        if inspect.iscoroutinefunction(inner):
            chosen: Callable[..., Any] = _async(answer)
        elif inspect.isasyncgenfunction(inner):
            chosen = _async_generator(answer)
        elif inspect.isgeneratorfunction(inner):
            chosen = _generator(answer)
        else:
            chosen = answer
        return functools.wraps(fn)(chosen)

    def _may_mean(self, definition: Definition) -> bool:
        if isinstance(self._task, str):
            return True  # a copy may bear the name: only a call can tell
        # What travelled by value, from a script or a test, is a copy: its name tells it.
        return self._task.name == definition.name or _home(self._task) == _home(definition)

    def _means(self, definition: Definition) -> bool:
        """Whether the call that goes on is one of the task, or of the copy, that a text names."""
        if not isinstance(self._task, str):
            return True
        running = name_in(current.task_key or "")
        return self._task in (definition.short, definition.name, running)

    # --- answering ---

    def _called(
        self, fn: Callable[..., Any], definition: Definition, /, *args: Any, **kwargs: Any
    ) -> Any:
        if not self._means(definition):
            return fn(*args, **kwargs)
        self.calls.append(_call(definition, args, kwargs))
        if self._takes:
            _spend(self._takes)
        answers = self._answers
        if "at" in answers and current.element in answers["at"]:
            return _given(answers["at"][current.element])
        if "in_turn" in answers:
            return _given(self._next(definition.short))
        if "does" in answers:
            return answers["does"](*args, **kwargs)
        if "raises" in answers:
            return _given(answers["raises"])
        return fn(*args, **kwargs) if self._real else answers.get("returns")

    def _next(self, name: str) -> Any:
        listed = self._answers["in_turn"]
        if len(self.calls) > len(listed):
            raise AssertionError(
                f"the stub of {name} was given {len(listed)} answers, and this is call "
                f"{len(self.calls)}: give in_turn= one for each, attempts and elements included"
            )
        return listed[len(self.calls) - 1]


def stub(
    task: Task[..., Any] | BoundTask[..., Any] | str,
    *,
    returns: Any = _NOTHING,
    raises: BaseException | type[BaseException] | object = _NOTHING,
    does: Callable[..., Any] | object = _NOTHING,
    in_turn: Sequence[Any] | object = _NOTHING,
    at: Mapping[Any, Any] | object = _NOTHING,
    takes: Duration = 0,
) -> Stub:
    """Let something else run in place of a task's function, in a `with` block.

    `returns` a value, `raises` an exception, `does` what a function does that is called with the
    task's arguments, or answers `in_turn`, one for each call; where an answer is an exception,
    it is raised. `at` gives answers for elements of a map by index or key, before all others.
    With none of these it returns None. `takes` so long on the clock of the test.

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
    answers = {"returns": returns, "raises": raises, "does": does, "in_turn": in_turn, "at": at}
    return Stub(task, answers, takes, real=False)


def spy(
    task: Task[..., Any] | BoundTask[..., Any] | str,
    *,
    at: Mapping[Any, Any] | object = _NOTHING,
    takes: Duration = 0,
) -> Stub:
    """Let a task run as it is and keep what it is called with; `at` and `takes` as in `stub`.

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
    return Stub(task, {"at": at}, takes, real=True)


class _Guard:
    """The outermost world while anything is stubbed: refuses runs that stubs cannot reach."""

    def clock_for(self, asked: str | Executor | None) -> Clock | None:
        """The machine's own."""
        return None

    def executor_for(self, asked: str | Executor | None, graph: Graph) -> Executor | None:
        """The one that was asked for, if stubs reach it."""
        refuse_elsewhere(asked, graph)
        return None

    def listeners(self) -> list[Listener]:
        """None of its own."""
        return []


_GUARD: Final = _Guard()


def refuse_elsewhere(asked: str | Executor | None, graph: Graph) -> None:
    """Raise for a run on an executor in whose processes a stub would not be found."""
    chosen = asked or os.environ.get("TASKFLOW_EXECUTOR") or "processes"
    if chosen == "inline":
        here = True
    elif isinstance(chosen, str):
        here = chosen in _HERE and all(spec.executor in _HERE for spec in graph.specs)
    else:
        here = not any(lane.can_kill for lane in chosen.lanes)
    if STAND_INS and not here:
        name = chosen if isinstance(chosen, str) else type(chosen).__name__
        raise DefinitionError(
            f"{STAND_INS[-1]!r} does not reach the workers of this run, which are other processes "
            f"(executor={name!r}); run it with the fixture taskflow_run, inside `with Harness():`, "
            'or as p.options(executor="inline")'
        )


# --- inside ----------------------------------------------------------------------------------


def _home(definition: Definition) -> tuple[str, str]:
    """Where the function was written; copies of a task with other options have it in common."""
    origin = definition.origin
    return definition.module, getattr(origin, "__qualname__", repr(origin))


def _call(definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StubCall:
    named: dict[str, Any] = dict(kwargs)
    if definition.signature is not None:
        bound = definition.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = dict(bound.arguments)
    clock = _clock()
    facts = context.get()
    element = facts.element if facts is not None else None
    now = time.monotonic() if clock is None else clock.monotonic()
    return StubCall(args, kwargs, named, current.task_key, element, current.attempt, now)


def _spend(span: float) -> None:
    advance = getattr(_clock(), "advance", None)
    if advance is None:
        raise DefinitionError(
            "takes= needs a clock that can be moved: run this with the fixture taskflow_run, or "
            "inside `with Harness():`"
        )
    advance(span)


def _clock() -> Clock | None:
    around = world()
    return around.clock_for("inline") if around else None


def _given(answer: Any) -> Any:
    """An answer, or raise it if it is an exception."""
    if isinstance(answer, BaseException):
        raise answer.with_traceback(None)  # not that of the last time
    if isinstance(answer, type) and issubclass(answer, BaseException):
        raise answer
    return answer


def _async(answer: Callable[..., Any]) -> Callable[..., Any]:
    async def chosen(*args: Any, **kwargs: Any) -> Any:
        value = answer(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return chosen


def _generator(answer: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from answer(*args, **kwargs) or ()

    return chosen


def _async_generator(answer: Callable[..., Any]) -> Callable[..., Any]:
    async def chosen(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        values = answer(*args, **kwargs) or ()
        if hasattr(values, "__aiter__"):
            async for value in values:
                yield value
        else:
            for value in values:
                yield value

    return chosen
