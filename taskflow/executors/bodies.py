"""A task's function as a worker runs it: found by name or by value, with its worker-side policy."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import pickle
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.call import ASK_KEYS, IDENTITY, KNOWN_BLOB, Code, same
from taskflow.context import context
from taskflow.errors import CodeError
from taskflow.executors.answering import check_outputs
from taskflow.executors.failing import note, told
from taskflow.executors.keys import KeyFunction, limit_keys
from taskflow.secret import Hidden, secret_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskflow.call import Batch
    from taskflow.executors.printing import Printer


#: Defaults of these types each call gets for itself.
CHANGEABLE: Final = (list, dict, set, bytearray, deque)


class Body(NamedTuple):
    """What runs for a call: the function, how its value comes about, and who asks questions."""

    fn: Callable[..., Any]
    #: Makes the value of what a generator or async function returns.
    finish: Callable[[Any], Any] | None = None
    retry_on: Any = None
    key: KeyFunction | None = None
    timeout: float = 0.0
    outputs: int = 0
    limit_keys: tuple[KeyFunction, ...] = ()
    #: Whether the engine is to be told when it begins.
    announced: bool = False
    is_async: bool = False
    #: Makes digests of its arguments, if its results are looked for in the cache.
    printer: Printer | None = None

    def about(self, ask: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The answer to a question about its arguments, for which it does not run."""
        if ask == ASK_KEYS:
            return limit_keys(self.limit_keys, args, kwargs)
        assert self.printer is not None  # only such tasks are asked about
        return self.printer(args, kwargs)

    def element_key(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The map key of an element; None as a text, since alone it means that there is no map."""
        assert self.key is not None  # the caller has looked
        key = self.key(args, kwargs)
        return "None" if key is None else key


class Bodies:
    """The functions a worker knows, loaded when they are first called; threads may share it."""

    def __init__(self) -> None:
        self._codes: dict[int, Code] = {}
        self._blobs: dict[int, bytes] = {}
        self._loaded: dict[int, Any] = {}
        self._known: list[tuple[Any, Code]] = []  # what came by value, and where it is found
        self._bodies: dict[int, Body] = {IDENTITY: Body(same)}
        #: Whether code is being loaded: what it prints is nobody's; and what to call after that.
        self.are_loading = False
        self.on_load: Callable[[], None] = lambda: None
        # Held while code is loaded: bodies that run side by side must share their globals.
        self._loading = threading.RLock()

    def learn(self, batch: Batch) -> None:
        """Take note of the functions that come with a batch."""
        self._codes.update(batch.codes)
        self._blobs.update(batch.blobs)

    def get(self, spec: int) -> Body:
        """The body of a spec; raises whatever loading its code raises."""
        body = self._bodies.get(spec)
        if body is None:
            with self._loading:
                body = self._bodies.get(spec)
                if body is None:
                    body = self._bodies[spec] = self._loaded_aside(self._codes[spec])
        return body

    def _loaded_aside(self, code: Code) -> Body:
        """Load a function outside of the task run that happens to be its first."""
        token = context.set(None)
        self.are_loading = True
        try:
            return self._load(code)
        finally:
            self.on_load()
            self.are_loading = False
            context.reset(token)

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
            with_fresh_defaults(fn),
            _finisher(fn),
            retry_on,
            None if key is None else KeyFunction(key, fn),
            code.timeout,
            code.outputs,
            tuple(KeyFunction(each, fn) for each in limit_keys),
            code.announced or code.timeout > 0,
            _is_async(fn),
            None if code.ignore is None else _printer(fn, code.ignore),
        )

    def _expanding(self, expand: Callable[..., Any]) -> Callable[..., Any]:
        """What it traces refers to what came by value by its place: in this run, and no other."""

        @functools.wraps(expand)
        def marked(*args: Any, **kwargs: Any) -> Any:
            with self._loading:  # the marks are on what other threads expand, too
                known = list(self._known)
                for each, code in known:
                    each.__taskflow_code__ = code
                try:
                    return expand(*args, **kwargs)
                finally:
                    for each, _ in known:
                        del each.__taskflow_code__

        return marked


def _printer(fn: Callable[..., Any], ignore: tuple[str, ...]) -> Printer:
    from taskflow.executors.printing import Printer  # here: few tasks have a cache

    return Printer(fn, ignore)


def with_fresh_defaults(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with a copy for each call of its defaults that a body could change.

    Whether a call sees what an earlier one has put in there would hang on who ran where.
    """
    if not inspect.isfunction(fn) or not (fn.__defaults__ or fn.__kwdefaults__):
        return fn
    changeable = {
        name: (None if parameter.kind == parameter.KEYWORD_ONLY else place, parameter.default)
        for place, (name, parameter) in enumerate(inspect.signature(fn).parameters.items())
        if isinstance(parameter.default, CHANGEABLE) and parameter.kind != parameter.POSITIONAL_ONLY
    }
    if not changeable or hasattr(fn, "__wrapped__") or not _can_be_copied(changeable):
        return fn

    @functools.wraps(fn)
    def fresh(*args: Any, **kwargs: Any) -> Any:
        for name, (place, default) in changeable.items():
            if name not in kwargs and (place is None or place >= len(args)):
                kwargs[name] = copy.deepcopy(default)
        return fn(*args, **kwargs)

    return fresh


def _can_be_copied(defaults: object) -> bool:
    try:
        copy.deepcopy(defaults)
    except Exception:  # noqa: BLE001 - e.g. a lock in it, so it is meant to be shared
        return False
    return True


def finished(body: Body, value: Any) -> Any:
    """The value of a body that has returned: of a generator, the list of what it yields."""
    return checked(body, value if body.finish is None else body.finish(value))


def checked(body: Body, value: Any) -> Any:
    """The value of a body, if it is as many values as its task says."""
    if body.outputs:
        check_outputs(value, body.outputs)
    return value


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
    except BaseException as wrong:  # noqa: BLE001 - user code, it may also exit; its answer is "no"
        note(error, f"retry_on itself raised {type(wrong).__name__}: {told(wrong)}")
        return False


def named(body: Body | None, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by parameter name, as far as the signature tells."""
    try:
        names = list(inspect.signature(body.fn).parameters) if body else []
    except (TypeError, ValueError):
        names = []
    names += [f"argument {number}" for number in range(len(names), len(args))]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    secret = secret_names(body.fn) if body else ()
    return {name: Hidden(value) if name in secret else value for name, value in given.items()}


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
    if inspect.isgeneratorfunction(inspect.unwrap(fn)):
        return lambda value: list(value) if inspect.isgenerator(value) else value
    return _run_to_end if _is_async(fn) else None


def _is_async(fn: Callable[..., Any]) -> bool:
    inner = inspect.unwrap(fn)
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)


def _run_to_end(value: Any) -> Any:
    """The value of a coroutine or async generator that has an event loop for itself."""
    if not inspect.iscoroutine(value) and not inspect.isasyncgen(value):
        return value
    import asyncio  # here: it would be felt at each start of a worker
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    if asyncio._get_running_loop() is None:  # noqa: SLF001 - documented, and raises nothing
        made, left = asyncio.run(_until_it_leaves(value))
    else:  # a notebook has a loop in this very thread: another thread can have one of its own
        with ThreadPoolExecutor(1) as beside:
            run = contextvars.copy_context().run
            made, left = beside.submit(run, asyncio.run, _until_it_leaves(value)).result()
    if left is not None:
        raise left
    return made


async def _until_it_leaves(value: Any) -> tuple[Any, BaseException | None]:
    """The value, or the exit that a body asked for: one that leaves a loop is complained about."""
    try:
        return await awaitable(value), None
    except (SystemExit, KeyboardInterrupt) as error:
        return None, error


async def awaitable(value: Any) -> Any:
    """The value of what an async function returned: of an async generator, a list."""
    if inspect.isasyncgen(value):
        return [each async for each in value]
    return await value if inspect.iscoroutine(value) else value
