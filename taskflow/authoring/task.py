"""`@task`: an ordinary function whose calls, inside a pipeline, become nodes of a graph."""

from __future__ import annotations

import dataclasses
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    TypeAlias,
    TypeVar,
    Unpack,
    overload,
)

from taskflow.authoring.definition import FUNCTIONS_WELCOME, Definition
from taskflow.authoring.options import Options, near
from taskflow.authoring.tracing import active_trace, refuse_plain_call
from taskflow.authoring.where import here, shown
from taskflow.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

    from taskflow.authoring.keywords import TaskOptions
    from taskflow.policies import Cache, Duration, Limit, Rate, Retry

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

# Typed as anything: an option that is not given keeps its value.
_NOT_GIVEN: Any = object()


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
        return self._called((), args, kwargs)

    def _called(self, bound: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if bound:
            args = (*bound, *args)
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
        return self._mapped((), columns, constants, star=False)

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
        return self._mapped((), (rows,), constants, star=True)

    def _mapped(
        self,
        bound: tuple[Any, ...],
        columns: tuple[Any, ...],
        constants: dict[str, Any],
        *,
        star: bool,
    ) -> Any:
        trace = active_trace()
        if trace is None:
            refuse_plain_call(f"{self.short}.map", columns)
            return _map_plainly(self.__taskflow_body__, bound, columns, constants, star=star)
        # Here: `import taskflow` stays light.
        from taskflow.authoring.mapping import trace_map

        return trace_map(trace, self, bound, columns, constants, star=star)

    def options(  # noqa: PLR0913 - one keyword for each option, so that editors know them
        self,
        *,
        after: Any = _NOT_GIVEN,
        key: Callable[..., Any] | None = _NOT_GIVEN,
        retries: int = _NOT_GIVEN,
        retry_delay: Duration = _NOT_GIVEN,
        retry_backoff: float = _NOT_GIVEN,
        retry_jitter: float = _NOT_GIVEN,
        retry_on: Any = _NOT_GIVEN,
        retry: Retry | None = _NOT_GIVEN,
        timeout: Duration | None = _NOT_GIVEN,
        cache: bool | Cache = _NOT_GIVEN,
        version: str | int | None = _NOT_GIVEN,
        ttl: Duration | None = _NOT_GIVEN,
        ignore: str | Iterable[str] = _NOT_GIVEN,
        executor: str | None = _NOT_GIVEN,
        limit: int | Limit | Iterable[Limit] | None = _NOT_GIVEN,
        rate: str | Rate | Iterable[Rate] | None = _NOT_GIVEN,
        priority: int = _NOT_GIVEN,
        trigger_rule: str = _NOT_GIVEN,
        outputs: int | None = _NOT_GIVEN,
        name: str | None = _NOT_GIVEN,
        label: str | None = _NOT_GIVEN,
        tags: str | Iterable[str] = _NOT_GIVEN,
        **unknown: Any,
    ) -> Task[P, R_co]:
        """A copy with other options; `after` and `key` exist only here.

        `after=[a, b]` waits for futures without taking their values; `key=fn` names the
        elements of a map by a function of their arguments.
        """
        given = {name: value for name, value in locals().items() if value is not _NOT_GIVEN}
        del given["self"], given["unknown"]
        return self._with({**given, **unknown})

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
        """On a method: the instance is the first argument, taken like any other."""
        return self if instance is None else BoundTask(self, instance)


class BoundTask(Generic[P, R_co]):
    """A task that is a method, with its instance."""

    #: What should have been written where one of these stands in place of its call.
    __taskflow_uncalled__ = "a call, {0.__name__}(...),"
    __taskflow_hint__ = FUNCTIONS_WELCOME

    def __init__(self, task: Task[..., R_co], instance: Any) -> None:
        self.task = task
        self.__self__ = instance
        self.__name__ = task.short

    def __repr__(self) -> str:
        return f"<bound {self.task!r} of {self.__self__!r}>"

    @overload
    def __call__(
        self: BoundTask[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    def __call__(self: BoundTask[P, _Yielded[T]], *args: P.args, **kwargs: P.kwargs) -> list[T]: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Trace a call with the instance as first argument."""
        return self.task._called((self.__self__,), args, kwargs)

    def fn(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """The plain method."""
        return self.task.fn(self.__self__, *args, **kwargs)

    @overload
    def map(
        self: BoundTask[..., Coroutine[Any, Any, T]], *columns: Iterable[Any], **constants: Any
    ) -> list[T]: ...
    @overload
    def map(
        self: BoundTask[..., _Yielded[T]], *columns: Iterable[Any], **constants: Any
    ) -> list[list[T]]: ...
    @overload
    def map(self: BoundTask[..., T], *columns: Iterable[Any], **constants: Any) -> list[T]: ...
    def map(self, *columns: Any, **constants: Any) -> Any:
        """Run the method once for each element."""
        return self.task._mapped((self.__self__,), columns, constants, star=False)

    @overload
    def starmap(
        self: BoundTask[..., Coroutine[Any, Any, T]], rows: Iterable[Any], **constants: Any
    ) -> list[T]: ...
    @overload
    def starmap(
        self: BoundTask[..., _Yielded[T]], rows: Iterable[Any], **constants: Any
    ) -> list[list[T]]: ...
    @overload
    def starmap(self: BoundTask[..., T], rows: Iterable[Any], **constants: Any) -> list[T]: ...
    def starmap(self, rows: Any, **constants: Any) -> Any:
        """Run the method once for each tuple of arguments."""
        return self.task._mapped((self.__self__,), (rows,), constants, star=True)

    def options(self, **changes: Unpack[TaskOptions]) -> BoundTask[P, R_co]:
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


def _map_plainly(
    fn: Callable[..., Any],
    bound: tuple[Any, ...],
    columns: tuple[Any, ...],
    constants: dict[str, Any],
    *,
    star: bool,
) -> list[Any]:
    """What a map is when nothing is traced: a loop."""
    mapped = {name: value.values for name, value in constants.items() if isinstance(value, Each)}
    fixed = {name: value for name, value in constants.items() if name not in mapped}
    if star:
        if mapped:
            raise DefinitionError(NO_EACH_IN_STARMAP)
        return [fn(*bound, *row, **fixed) for row in columns[0]]
    rows = zip(*columns, *mapped.values(), strict=True)
    at = len(columns)
    return [
        fn(*bound, *row[:at], **fixed, **dict(zip(mapped, row[at:], strict=True))) for row in rows
    ]


@overload
def task(fn: Callable[P, R_co], /) -> Task[P, R_co]: ...
@overload
def task(
    *,
    retries: int = ...,
    retry_delay: Duration = ...,
    retry_backoff: float = ...,
    retry_jitter: float = ...,
    retry_on: Any = ...,
    retry: Retry | None = ...,
    timeout: Duration | None = ...,
    cache: bool | Cache = ...,
    version: str | int | None = ...,
    ttl: Duration | None = ...,
    ignore: str | Iterable[str] = ...,
    executor: str | None = ...,
    limit: int | Limit | Iterable[Limit] | None = ...,
    rate: str | Rate | Iterable[Rate] | None = ...,
    priority: int = ...,
    trigger_rule: str = ...,
    outputs: int | None = ...,
    name: str | None = ...,
    label: str | None = ...,
    tags: str | Iterable[str] = ...,
) -> Callable[[Callable[P, R_co]], Task[P, R_co]]: ...
def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a function a task.

    `retries` more tries after an exception or a timeout, `retry_delay * retry_backoff ** n`
    seconds apart, stretched at random by the share `retry_jitter`; `retry_on` (classes, or a
    function of the exception) says which. `timeout` per attempt: worker processes are killed.
    `trigger_rule` says when it runs although inputs failed. `outputs=n`: the value unpacks to n
    futures. `limit=n`: at most n bodies at once in a run. `name`, `label` and `tags` are for
    people; durations are seconds, a `timedelta` or `"5m"`. Checked, but without effect yet:
    `cache`, `version`, `ttl`, `ignore`. Refused for now: `rate`, `priority`, `executor`, and a
    `Limit` with a key.
    """
    chosen = checked_options(options, "task")
    if fn is not None:
        return Task(fn, chosen)
    return lambda function: Task(function, chosen)


def checked_options(options: dict[str, Any], word: str) -> Options:
    """The options of a decorator; unknown names are refused with the nearest one."""
    known = {field.name for field in dataclasses.fields(Options)} - {"after", "key"}
    for name in options:
        if name in {"after", "key"}:
            raise DefinitionError(f"{name}= belongs to a call: f.options({name}=...)(...)")
        if name not in known:
            raise DefinitionError(
                f"@{word} has no option {name!r}{near(name, known)}\n  here: {shown(here())}"
            )
    return Options(**options)
