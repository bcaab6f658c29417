"""`@task`: an ordinary function whose calls, inside a pipeline, become nodes of a graph."""

from __future__ import annotations

import functools
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Self,
    TypeAlias,
    TypeVar,
    Unpack,
    overload,
)

from taskflow.authoring.advice import near
from taskflow.authoring.definition import Definition
from taskflow.authoring.options import TASK_NAMES, Options, placed
from taskflow.authoring.tracing import active_trace, refuse_plain_call
from taskflow.authoring.where import here, shown
from taskflow.errors import DefinitionError
from taskflow.values import SCALARS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

    from taskflow.authoring.keywords import CallOptions, TaskOptions

    # What the function of a generator task gives; the value of its task is the list of it all.
    _Yielded: TypeAlias = Iterator["T"] | AsyncIterator["T"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
S = TypeVar("S")

NO_EACH_IN_STARMAP: Final = (
    "the rows of starmap hold all mapped arguments: write f.starmap(zip(xs, ys)), "
    "or f.map(xs, y=each(ys))"
)


class Task(Definition, Generic[P, R_co]):
    """A task. Calling it inside a pipeline gives a future; anywhere else it is the function.

    `.fn` is the function itself, `.map` runs it for every element of something, `.options`
    gives a copy with other options.
    """

    # In the instance, so that a copy made by `functools.wraps` cannot pass for a task.
    fn: Callable[P, R_co]

    def __init__(self, fn: Callable[P, R_co], options: Options) -> None:
        self._set_up(fn, options, "task")

    # What a call gives in a pipeline: of `async def` what it returns, of a generator the list.
    @overload
    def __call__(self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def __call__(self: Task[P, _Yielded[T]], *args: P.args, **kwargs: P.kwargs) -> list[T]: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Trace a call, or call the function when nothing is traced."""
        trace = active_trace()
        if trace is not None:
            future = trace.call_again(self, args, kwargs)
            if future is not None:
                return future
        return self._called(args, kwargs)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        trace = active_trace()
        if trace is None:
            refuse_plain_call(self.short, (*args, *kwargs.values()))
            return self.__taskflow_body__(*args, **kwargs)
        self.check_arguments(args, kwargs)
        return trace.call(self, args, kwargs, self.returns)

    # Elements are checked when they are traced: a signature's names cannot become columns here.
    @overload
    def map(
        self: Task[..., Coroutine[Any, Any, T]], *columns: Iterable[Any], **constants: Any
    ) -> list[T]: ...
    @overload
    def map(
        self: Task[..., _Yielded[T]], *columns: Iterable[Any], **constants: Any
    ) -> list[list[T]]: ...
    @overload
    def map(self: Task[..., T], *columns: Iterable[Any], **constants: Any) -> list[T]: ...
    def map(self, *columns: Any, **constants: Any) -> Any:
        """Run the task once for each element; positional iterables are zipped strictly.

        Columns are lists, ranges, iterators, futures or other maps. Keywords are constants,
        unless they are marked with `each(xs)`. The future of a map, passed to a task, is the
        list of the elements' values; over a map, another map starts element by element.
        """
        return self._mapped(columns, constants, star=False)

    @overload
    def starmap(
        self: Task[..., Coroutine[Any, Any, T]], rows: Iterable[Any], **constants: Any
    ) -> list[T]: ...
    @overload
    def starmap(
        self: Task[..., _Yielded[T]], rows: Iterable[Any], **constants: Any
    ) -> list[list[T]]: ...
    @overload
    def starmap(self: Task[..., T], rows: Iterable[Any], **constants: Any) -> list[T]: ...
    def starmap(self, rows: Any, **constants: Any) -> Any:
        """Run the task once for each tuple of arguments, such as `d.items()` or `enumerate(xs)`."""
        return self._mapped((rows,), constants, star=True)

    def _mapped(self, columns: tuple[Any, ...], constants: dict[str, Any], *, star: bool) -> Any:
        return mapped(self, self.__taskflow_body__, (), columns, constants, star=star)

    def options(self, **changes: Unpack[CallOptions]) -> Task[P, R_co]:
        """A copy with other options: those of `@task`, and `after` and `key` of this call.

        `after=[a, b]` waits for futures without taking their values; `key=fn` names the
        elements of a map by a function of their arguments.
        """
        trace = active_trace()
        if trace is None or not SCALARS.issuperset(map(type, changes.values())):
            return self._with(changes)
        which = (self, *changes.items(), *map(type, changes.values()))
        if which not in trace.copies:  # a loop asks for the same copy again and again
            trace.copies[which] = self._with(changes)
        copy: Task[P, R_co] = trace.copies[which]
        return copy

    @overload
    def __get__(self, instance: None, owner: type) -> Task[P, R_co]: ...
    # As a callable: not every type checker splits the parameters of a generic class.
    @overload
    def __get__(
        self: Callable[Concatenate[S, Q], Any], instance: S, owner: type | None = None
    ) -> BoundTask[Q, R_co]: ...
    @overload  # below `@staticmethod`
    def __get__(self, instance: object, owner: type | None = None) -> Task[P, R_co]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """On a method: the instance, or the class, is the first argument, taken like any other."""
        first = self._first_argument(instance, owner)
        return self if first is None else BoundTask(self, first)


class BoundTask(Task[P, R_co]):
    """A task that is a method, with its instance."""

    def __init__(self, task: Task[..., R_co], instance: Any) -> None:
        self.__dict__.update(task.__dict__)
        self.task = task
        self.__self__ = instance
        self.fn = functools.partial(task.fn, instance)

    def __get__(self, instance: Any, owner: type | None = None) -> Self:  # type: ignore[override] # it has its instance
        return self

    def __repr__(self) -> str:
        return f"<bound {self.task!r} of {self.__self__!r}>"

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.task._called((self.__self__, *args), kwargs)

    def _mapped(self, columns: tuple[Any, ...], constants: dict[str, Any], *, star: bool) -> Any:
        body = self.__taskflow_body__
        return mapped(self.task, body, (self.__self__,), columns, constants, star=star)

    @property
    def __taskflow_body__(self) -> Callable[..., Any]:
        """What a worker calls that finds this by name: the instance is among the arguments."""
        return self.task.__taskflow_body__

    def options(self, **changes: Unpack[CallOptions]) -> BoundTask[P, R_co]:
        """A copy with other options; `key` is a function of the arguments without the instance."""
        key = changes.get("key")
        if callable(key):
            changes["key"] = _KeyOfMethod(key)
        return BoundTask(self.task._with(changes), self.__self__)


class _KeyOfMethod:
    """The map key of a method's elements, asked without the instance."""

    def __init__(self, key: Callable[..., Any]) -> None:
        self.key = key

    def __call__(self, instance: object, /, *args: Any, **kwargs: Any) -> Any:
        return self.key(*args, **kwargs)


class Each:
    """Marks a mapped keyword of `.map`; see `each`."""

    __slots__ = ("values",)
    __taskflow_uncalled__ = "a value, or a list of elements,"
    __taskflow_hint__ = "each(xs) marks a keyword of a map as mapped: f.map(xs, y=each(ys))"

    def __init__(self, values: Any) -> None:
        self.values = values

    def __repr__(self) -> str:
        return "each(...)"


def each(values: Iterable[T]) -> Any:
    """Mark a keyword of `.map` as mapped: `f.map(xs, y=each(ys))`; others are constants."""
    return Each(values)


def mapped(
    definition: Definition,
    fn: Callable[..., Any],
    bound: tuple[Any, ...],
    columns: tuple[Any, ...],
    constants: dict[str, Any],
    *,
    star: bool = False,
) -> Any:
    """Trace a map, or loop over `fn` when nothing is traced; `bound` comes before each element."""
    trace = active_trace()
    if trace is not None:
        # Here: `import taskflow` stays light.
        from taskflow.authoring.mapping import trace_map

        return trace_map(trace, definition, bound, columns, constants, star=star)
    refuse_plain_call(f"{definition.short}.map", columns)
    each_of = {name: value.values for name, value in constants.items() if isinstance(value, Each)}
    fixed = {name: value for name, value in constants.items() if name not in each_of}
    if star:
        if each_of:
            raise DefinitionError(NO_EACH_IN_STARMAP)
        return [fn(*bound, *row, **fixed) for row in columns[0]]
    rows = zip(*columns, *each_of.values(), strict=True)
    at = len(columns)
    return [
        fn(*bound, *row[:at], **fixed, **dict(zip(each_of, row[at:], strict=True))) for row in rows
    ]


@overload
def task(fn: Callable[P, R_co], /) -> Task[P, R_co]: ...
@overload
def task(
    **options: Unpack[TaskOptions],
) -> Callable[[Callable[P, R_co]], Task[P, R_co]]: ...
def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a function a task.

    `retries` more tries after an exception or a timeout, `retry_delay * retry_backoff ** n`
    seconds apart, stretched at random by the share `retry_jitter`; `retry_on` (classes, or a
    function of the exception) says which. `timeout` per attempt: worker processes are killed.
    `executor` says where bodies run, whatever the run's own is. `limit=n`: at most n bodies at
    once in a run, `rate="5/s"`: so many begin; `Limit` and `Rate` do so for each key. `priority`
    goes first. `trigger_rule` says when it runs although inputs failed. `outputs=n`: the value
    unpacks to n futures. `name`, `label` and `tags` are for people; durations are seconds, a
    `timedelta` or `"5m"`.

    `cache=True` takes the result of an earlier run where code and arguments are equal, for `ttl` at
    most; `version` counts as well, parameters that `ignore` names do not. What the body reads from
    elsewhere, a file or the time, is not seen: pass it as an argument, or raise `version`.

    A call is typed as the value that it stands for, of `async def` too, since no type can tell
    the body of a pipeline from other code. In an async function of yours that is no pipeline,
    `await f.fn(...)`: `.fn` is the function itself, to type checkers and to Python.
    """
    chosen = checked_options(options, "task")
    if fn is not None:
        return Task(fn, chosen)
    return lambda function: Task(function, chosen)


def checked_options(options: dict[str, Any], word: str) -> Options:
    """The options of a decorator; unknown names are refused with the nearest one."""
    for name in options:
        if name in {"after", "key"}:
            raise DefinitionError(f"{name}= belongs to a call: f.options({name}=...)(...)")
        if name not in TASK_NAMES:
            meant = near(name, TASK_NAMES, repr)
            raise DefinitionError(f"@{word} has no option {name!r}{meant}\n  here: {shown(here())}")
    return placed(lambda: Options(**options))
