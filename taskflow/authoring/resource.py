"""`@resource`: what tasks share in a worker, made at first use and closed when the run ends."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, ParamSpec, TypeVar, overload

from taskflow import resources
from taskflow.authoring.tracing import active_trace, refuse_plain_call
from taskflow.authoring.where import here, shown
from taskflow.context import context
from taskflow.errors import DefinitionError, FutureError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

_EXAMPLE: Final = "write:  @resource\n          def db(): yield connect()"


class Resource(Generic[P, R_co]):
    """A resource. Calling it in a task gives this worker's instance; see `resource`."""

    #: What should have been written where one of these stands in place of its call.
    __taskflow_uncalled__ = "a value"
    __taskflow_hint__ = (
        "resources stay in their worker: leave the argument out, and call it in the task's body"
    )

    fn: Callable[P, Any]
    __name__: str

    def __init__(self, fn: Callable[P, Any], per: str = "process") -> None:
        self.is_async = _checked(fn, per)
        self.fn = fn
        self.per = per
        self.takes_arguments = bool(inspect.signature(fn).parameters)
        # Copies that travel by value, in whichever blob, are one resource; what travels by name
        # is one anyway.
        self.id = f"{fn.__module__}:{fn.__qualname__} {os.urandom(8).hex()}"
        functools.update_wrapper(self, fn)
        self.__wrapped__ = fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """This worker's instance for these arguments; of an async resource, to be awaited."""
        name = self.__name__
        if active_trace() is not None:
            raise FutureError(
                f"the resource {name} was called in a pipeline's body\n"
                f"  here:    {shown(here())}\n"
                "  why:     the body runs once, before any worker; an instance stays where it is\n"
                f"  instead: call {name}(...) in the tasks that use it"
            )
        refuse_plain_call(name)
        key = self._key(args, kwargs)
        obtain: Any = resources.obtain_async if self.is_async else resources.obtain
        made: R_co = obtain(key, name, functools.partial(self._made, args, kwargs))
        return made

    def close(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Close the instance of these arguments now, say because its connection has broken.

        The next call makes a new one. Whoever else uses the instance just now finds it closed.
        """
        if self.is_async:
            raise DefinitionError(f"{self!r} is async: write await {self.__name__}.aclose()")
        resources.close_one(self._key(args, kwargs))

    async def aclose(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """`close`, of an async resource."""
        if not self.is_async:
            raise DefinitionError(f"{self!r} is not async: write {self.__name__}.close()")
        await resources.aclose_one(self._key(args, kwargs))

    def _made(self, args: Any, kwargs: Any) -> Any:
        """What opens and closes it: a context manager, or at once the instance and its end."""
        value: Any = self.fn(*args, **kwargs)
        if self.is_async:
            return self._opened_async(value)
        if not inspect.isgenerator(value):
            return value, _nothing
        for instance in value:
            return instance, lambda: self._expect_end(value)
        raise self._yields_once("never")

    def _expect_end(self, generator: Iterator[Any]) -> None:
        for _ in generator:
            raise self._yields_once("twice")

    @contextlib.asynccontextmanager
    async def _opened_async(self, value: Any) -> AsyncIterator[Any]:
        if not inspect.isasyncgen(value):
            yield await value
            return
        count = 0
        async for instance in value:
            count += 1
            if count > 1:
                raise self._yields_once("twice")
            yield instance
        if not count:
            raise self._yields_once("never")

    def _yields_once(self, found: str) -> DefinitionError:
        return DefinitionError(
            f"the resource {self.__name__} yields {found}; it has to yield once: the instance"
        )

    def _key(self, args: Any, kwargs: Any) -> resources.Key:
        facts = context.get()
        run_id = resources.home if facts is None else facts.run_id
        place = None
        if self.is_async:
            place = self._loop()
        elif self.per == "thread":
            place = resources.this_thread()
        arguments = self._bound(args, kwargs) if args or kwargs or self.takes_arguments else ()
        return resources.Key(run_id, self.id, arguments, place)

    def _loop(self) -> Any:
        import asyncio

        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            name = self.__name__
            raise DefinitionError(
                f"the resource {name} is async and belongs to an event loop, and none runs here\n"
                f"  here:    {shown(here())}\n"
                f"  instead: await {name}(...) in an `async def` task"
            ) from None

    def _bound(self, args: Any, kwargs: Any) -> Any:
        """The arguments, the same however they were spelled, and 1 apart from True."""
        signature = _signature(self.fn)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise DefinitionError(f"{self.__name__}{signature}: {error}") from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            each = tuple(sorted(value.items())) if isinstance(value, dict) else value
            bound.arguments[name] = (type(each), each)
        arguments = tuple(bound.arguments.items())
        try:
            hash(arguments)
        except TypeError as error:
            raise DefinitionError(
                f"{self.__name__}: {error}\n"
                "  the arguments of a resource tell its instances apart: there is one for each, "
                "kept until the worker ends\n"
                "  give numbers, texts, tuples or frozen dataclasses"
            ) from None
        return arguments

    def __reduce__(self) -> str | tuple[Any, ...]:
        """By name where there is one; else by value, in two steps, since it may contain itself."""
        module, name = self.fn.__module__, self.fn.__qualname__
        if module != "__main__" and getattr(sys.modules.get(module), name, None) is self:
            return name
        return object.__new__, (type(self),), self.__dict__

    def __repr__(self) -> str:
        return f"<resource {self.__name__}>"


_signature: Final = functools.cache(inspect.signature)


def _nothing() -> None:
    """What closes an instance that was returned, not yielded."""


def _checked(fn: Any, per: str) -> bool:
    """Whether a function makes an async resource; raises if it cannot make any."""
    if not inspect.isfunction(inspect.unwrap(fn)) or hasattr(type(fn), "__taskflow_uncalled__"):
        raise DefinitionError(f"@resource decorates a plain function, not {fn!r}; {_EXAMPLE}")
    if getattr(fn, "__globals__", None) is vars(contextlib):
        raise DefinitionError(f"{fn.__name__}: leave the decorator of contextlib out; {_EXAMPLE}")
    inner = inspect.unwrap(fn)
    is_async = inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
    if per not in {"process", "thread"}:
        raise DefinitionError(f"per={per!r} is unknown: write per='process' or per='thread'")
    if is_async and per == "thread":
        raise DefinitionError(
            f"{fn.__name__} is async, so there is one instance for each event loop; leave per= out"
        )
    return is_async


@overload
def resource(fn: Callable[P, AsyncIterator[T]], /) -> Resource[P, Awaitable[T]]: ...
@overload
def resource(fn: Callable[P, Coroutine[Any, Any, T]], /) -> Resource[P, Awaitable[T]]: ...
@overload
def resource(fn: Callable[P, Iterator[T]], /) -> Resource[P, T]: ...
@overload
def resource(fn: Callable[P, T], /) -> Resource[P, T]: ...
@overload
def resource(*, per: Literal["process", "thread"]) -> _Decorator: ...
def resource(fn: Any = None, /, *, per: str = "process") -> Any:
    """Make a function a resource: a connection, a client, a model that tasks share in a worker.

        @resource
        def db():
            with connect() as connection:
                yield connection        # what follows runs when the run ends

        @task
        def count(table: str) -> int:
            return db().execute(f"select count(*) from {table}").fetchone()[0]

    Called in a task it gives this worker's instance, made at first use, and closed when the
    worker's part of the run ends; if it cannot be made, the task fails, and the next one tries
    again. It is never pickled. With arguments there is one instance for each: `db("north")`.
    A function that returns in place of `yield` is fine too: nothing is closed then.

    All threads of a worker share an instance; `@resource(per="thread")` gives each its own, for
    what is bound to a thread as `sqlite3` connections are. `async def` makes one for each event
    loop, opened and closed in it: `await client()`. Outside of a run there is one for the
    process, closed when Python ends.
    """
    if fn is not None:
        return Resource(fn, per)
    return lambda function: Resource(function, per)


if TYPE_CHECKING:
    from typing import Protocol

    class _Decorator(Protocol):
        """`resource` with its option given."""

        @overload
        def __call__(self, fn: Callable[P, Iterator[T]], /) -> Resource[P, T]: ...
        @overload
        def __call__(self, fn: Callable[P, T], /) -> Resource[P, T]: ...
