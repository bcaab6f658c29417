"""A task's function as a worker runs it: found by name or by value, with its worker-side policy."""

from __future__ import annotations

import functools
import importlib
import inspect
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

from taskflow.call import IDENTITY, KNOWN_BLOB, Code, same
from taskflow.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from taskflow.call import Batch


class Body(NamedTuple):
    """What runs for a call: the function, what finishes its value, and who asks questions."""

    fn: Callable[..., Any]
    finish: Callable[[Any], Any] | None = None
    retry_on: Any = None
    key: Callable[..., Any] | None = None
    timeout: float = 0.0
    outputs: int = 0
    limit_keys: tuple[Callable[..., Any], ...] = ()
    announced: bool = False


class Bodies:
    """The functions a worker knows, loaded when they are first called."""

    def __init__(self) -> None:
        self._codes: dict[int, Code] = {}
        self._blobs: dict[int, bytes] = {}
        self._loaded: dict[int, Any] = {}
        self._known: list[tuple[Any, Code]] = []  # what came by value, and where it is found
        self._bodies: dict[int, Body] = {IDENTITY: Body(same)}

    def learn(self, batch: Batch) -> None:
        """Take note of the functions that come with a batch."""
        self._codes.update(batch.codes)
        self._blobs.update(batch.blobs)

    def get(self, spec: int) -> Body:
        """The body of a spec; raises whatever loading its code raises."""
        body = self._bodies.get(spec)
        if body is None:
            body = self._bodies[spec] = self._load(self._codes[spec])
        return body

    def _load(self, code: Code) -> Body:
        if code.blob >= 0:
            if code.blob not in self._loaded:
                # One blob for all functions of a script: they share one set of globals.
                loaded = self._loaded[code.blob] = pickle.loads(self._blobs[code.blob])
                for index, each in enumerate(loaded):
                    self._known.append((each, Code("", "", KNOWN_BLOB - code.blob, index)))
            found = self._loaded[code.blob][code.index]
        else:
            found = _imported(code.module, code.qualname)
        fn = getattr(found, "__taskflow_body__", found)
        if code.blob >= 0 and getattr(type(found), "__taskflow_pipeline__", False):
            fn = self._expanding(fn)
        retry_on, key, limit_keys = pickle.loads(code.policy) if code.policy else (None, None, ())
        return Body(
            fn, _finisher(fn), retry_on, key, code.timeout, code.outputs, limit_keys, code.announced
        )

    def _expanding(self, expand: Callable[..., Any]) -> Callable[..., Any]:
        """What it traces refers to what came by value by its place: in this run, and no other."""

        @functools.wraps(expand)
        def marked(*args: Any, **kwargs: Any) -> Any:
            known = list(self._known)
            for each, code in known:
                each.__taskflow_code__ = code
            try:
                return expand(*args, **kwargs)
            finally:
                for each, _ in known:
                    del each.__taskflow_code__

        return marked


def retryable(error: BaseException, body: Body | None) -> bool:
    """Whether another attempt may help: decided by `retry_on`, where the exception is."""
    if body is None or isinstance(error, CodeError):
        return False
    asked = body.retry_on
    if asked is None:
        return isinstance(error, Exception)
    if isinstance(asked, (type, tuple)):
        return isinstance(error, asked)
    try:
        return bool(asked(error))
    except Exception as wrong:  # noqa: BLE001 - a predicate is user code; its answer is "no"
        error.add_note(f"retry_on itself raised {type(wrong).__name__}: {wrong}")
        return False


def named(body: Body | None, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by parameter name, as far as the signature tells."""
    try:
        names = list(inspect.signature(body.fn).parameters) if body else []
    except (TypeError, ValueError):
        names = []
    names += [f"argument {number}" for number in range(len(names), len(args))]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _imported(module: str, qualname: str) -> Any:
    found: Any = importlib.import_module(module)
    try:
        for name in qualname.split("."):
            found = getattr(found, name)
    except AttributeError:
        raise CodeError(
            f"the worker finds no {qualname} in module {module} "
            f"({getattr(found, '__file__', 'no file')}); define it at the top level of a module, "
            "without a condition that is false in the worker"
        ) from None
    outer = found
    while outer is not None and not hasattr(outer, "__taskflow_body__"):
        outer = getattr(outer, "__wrapped__", None)  # a decorator stands above @task
    return found if outer is None else outer


def _finisher(fn: Callable[..., Any]) -> Callable[[Any], Any] | None:
    """What turns the return value of a generator or async function into a value."""
    inner = inspect.unwrap(fn)
    if inspect.isgeneratorfunction(inner):
        return lambda value: list(value) if inspect.isgenerator(value) else value
    if inspect.iscoroutinefunction(inner):
        return lambda value: _awaited(value) if inspect.iscoroutine(value) else value
    if inspect.isasyncgenfunction(inner):
        return lambda value: _awaited(_drained(value))
    return None


def _awaited(value: Coroutine[Any, Any, Any]) -> Any:
    import asyncio  # here: it would be felt at each start of a worker

    return asyncio.run(value)


async def _drained(values: AsyncGenerator[Any]) -> list[Any]:
    return [value async for value in values]
