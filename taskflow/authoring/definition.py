"""What tasks and pipelines have in common: a function, a name, options, and a way to workers."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, Self

from taskflow.authoring.advice import near
from taskflow.authoring.future import Future
from taskflow.authoring.options import CALL_NAMES, Options, as_tuple, placed
from taskflow.authoring.returns import Outputs, arity_of, return_hint
from taskflow.authoring.where import here, short_path, shown
from taskflow.call import Code
from taskflow.errors import DefinitionError, FutureError
from taskflow.graph.graph import TaskSpec
from taskflow.naming import module_name
from taskflow.policies import seconds
from taskflow.values import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from taskflow.policies import Cache

#: How a task is given to a task.
FUNCTIONS_WELCOME: Final = (
    "a task that does take functions says so in its signature: def apply(f: Callable[..., int], x)"
)


#: How many arguments stand by position, and the names of the others: all that a signature looks at.
Shape = tuple[int | str, ...]


class StandIn(Protocol):
    """What `taskflow.testing` puts in the place of a task's function."""

    def instead_of(self, fn: Callable[..., Any], definition: Definition) -> Callable[..., Any]:
        """What is called in place of a definition's function; the function if it is another's."""
        ...


#: What stands in just now, in this process; of two for one task the later comes first.
STAND_INS: Final[list[StandIn]] = []


class Definition:
    """A function that can be called in a trace: a task, or a pipeline."""

    fn: Callable[..., Any]
    chosen: Options
    #: What should have been written where one of these stands in place of its call.
    __taskflow_uncalled__ = "a call, {0.short}(...),"
    __taskflow_hint__ = FUNCTIONS_WELCOME

    #: What kind of method the function is, if it is one of a class and not of its instances.
    method_of: type | None = None

    def _set_up(self, fn: Any, chosen: Options, word: str) -> None:
        if isinstance(fn, (classmethod, staticmethod)):
            self.method_of, fn = type(fn), fn.__func__
        check_function(fn, word)
        if self.method_of is None:
            _refuse_classmethod_above(fn, word)
        self.fn = fn
        self.chosen = chosen
        #: What this was made from; copies made by `.options()` have the same.
        self.origin: Any = fn
        functools.update_wrapper(self, fn)  # type: ignore[arg-type] # subclasses are callable
        self.__wrapped__ = fn
        own_name = getattr(fn, "__name__", type(fn).__name__)
        self.short = chosen.name or own_name
        self.module = module_name(getattr(fn, "__module__", None) or "__main__")
        qualname = getattr(fn, "__qualname__", own_name)
        self.name = chosen.name or f"{self.module}:{qualname}"
        if any(isinstance(each, Future) for each in _defaults(fn)):
            raise FutureError(
                f"a default argument of {self.short} is a future\n  here: {shown(here())}\n"
                "  defaults are made once, futures belong to one trace: pass it at the call"
            )

    def _first_argument(self, instance: Any, owner: type | None) -> Any:
        """What calls get first when this is read off an instance or its class; None: nothing."""
        if self.method_of is staticmethod:
            return None
        return owner if self.method_of is classmethod else instance

    # --- options ---

    def _with(self, changes: Mapping[str, Any], names: Collection[str] = CALL_NAMES) -> Self:
        """A copy with other options, of those that are known by name."""
        for name in changes:
            if name not in names:
                raise DefinitionError(
                    f"{self.short}.options has no {name!r}{near(name, names, repr)}\n"
                    "  engine options go into .options(...), the function's own arguments into "
                    "the call"
                )
        copy: Self = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        if "after" in changes:
            changes = {**changes, "after": (changes["after"],)}
        copy.chosen = placed(lambda: self.chosen.changed(changes), f"{self.short}.options: ")
        if copy.chosen.name:
            copy.short = copy.name = copy.chosen.name
        return copy

    @property
    def dynamic(self) -> bool:
        """Whether it is a pipeline that is traced while running, when its arguments are known."""
        return self.chosen.dynamic

    # --- signature ---

    @functools.cached_property
    def signature(self) -> inspect.Signature | None:
        """The signature of the function, if it has one that can be read."""
        try:
            return inspect.signature(self.fn)
        except (TypeError, ValueError):
            return None

    @functools.cached_property
    def fitting(self) -> set[Shape]:
        """The shapes of arguments that are known to fit the signature."""
        return set()

    def check_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise a TypeError for arguments that do not fit the signature."""
        shape: Shape = (len(args), *kwargs)
        if shape in self.fitting or self.signature is None:
            return
        try:
            self.signature.bind(*args, **kwargs)
            self.fitting.add(shape)
        except TypeError as error:
            unknown = [name for name in kwargs if name not in self.signature.parameters]
            hint = near(unknown[0], self.signature.parameters, repr) if unknown else ""
            if unknown and unknown[0] not in str(error):  # Python tells first what is missing
                hint = f"; {unknown[0]!r} is unknown{hint}"
            option = next((name for name in unknown if name in CALL_NAMES), None)
            if option:
                hint = f"; for the engine's option write {self.short}.options({option}=...)(...)"
            raise DefinitionError(
                f"{self.short}{self.signature}: {error}{hint}\n  here: {shown(here())}"
            ) from None

    @functools.cached_property
    def takes_functions(self) -> bool:
        """Whether a parameter is annotated as a function, so that tasks may be arguments."""
        given = () if self.signature is None else self.signature.parameters.values()
        return any(_is_for_functions(each.annotation) for each in given)

    def __rshift__(self, other: Any) -> NoReturn:
        """Say that a call is ordered, not a task."""
        raise FutureError(
            f"{self!r} was not called: write {self.short}(...) >> ...\n  here: {shown(here())}"
        )

    @functools.cached_property
    def returns(self) -> Any:
        """What a future of this may know about its value."""
        hint = return_hint(self.fn)
        outputs = self.chosen.outputs
        if outputs is not None and arity_of(hint) != outputs:
            return Outputs(outputs)
        return hint

    @property
    def place(self) -> str:
        """Where the function is defined."""
        code = getattr(inspect.unwrap(self.fn), "__code__", None)
        return f"{short_path(code.co_filename)}:{code.co_firstlineno}" if code else "?"

    # --- the way to workers ---

    @property
    def __taskflow_body__(self) -> Callable[..., Any]:
        """What a worker calls."""
        fn = self.fn
        for each in STAND_INS:
            fn = each.instead_of(fn, self)
        return fn

    def spec(self, code: Code) -> TaskSpec:
        """This definition as the engine sees it."""
        chosen, inner = self.chosen, getattr(inspect.unwrap(self.fn), "__code__", None)
        policy = chosen.policy
        limits, rates = chosen.limits(self.name), chosen.rates()
        keys = (*(limit.key for limit in limits), *(rate.key for rate in rates))
        limit_keys = tuple(key for key in keys if key is not None)
        wants = policy.on is not None or chosen.key is not None or bool(limit_keys)
        timeout = None if chosen.timeout is None else seconds(chosen.timeout)
        cache = self._cache()
        code = dataclasses.replace(
            code,
            policy=dumps((policy.on, chosen.key, limit_keys)) if wants else b"",
            timeout=timeout or 0.0,
            announced=bool(rates),
            outputs=chosen.outputs or 0,
            ignore=cache.ignore if cache else None,
        )
        return TaskSpec(
            name=self.name,
            short=self.short,
            code=code,
            path=inner.co_filename if inner else "",
            line=inner.co_firstlineno if inner else 0,
            # What is asked in workers travels with the code; the rest is compared and stored.
            retry=dataclasses.replace(policy, on=None),
            timeout=timeout,
            trigger_rule=chosen.trigger_rule,
            dynamic=chosen.dynamic,
            max_depth=chosen.max_depth,
            max_tasks=chosen.max_tasks,
            limits=limits,
            rates=rates,
            cache=cache,
            priority=chosen.priority,
            executor=self._kind_of_slot(),
            keyed=chosen.key is not None,
            label=chosen.label,
            tags=as_tuple(chosen.tags),
            doc=inspect.getdoc(self.fn) or "",
        )

    def _cache(self) -> Cache | None:
        """What to reuse of earlier runs; what a stand-in returns is no result of the task."""
        cache = self.chosen.cached
        if cache is None or self.__taskflow_body__ is not self.fn:
            return None
        known = {} if self.signature is None else self.signature.parameters
        takes_all = any(each.kind is each.VAR_KEYWORD for each in known.values())
        for name in cache.ignore:
            if name not in known and not takes_all:
                raise DefinitionError(
                    f"{self.short}: ignore={name!r} is none of its parameters"
                    f"{near(name, known, repr)}; they are {', '.join(known) or 'none'}"
                )
        return cache

    def _kind_of_slot(self) -> str:
        """Where bodies run: async ones many at a time, others in the run's executor."""
        if self.dynamic:
            return ""
        inner = inspect.unwrap(self.fn)
        waits = inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
        return self.chosen.executor or ("async" if waits else "")

    def importable(self) -> Code | None:
        """Where workers can import this from; None if it has to travel by value."""
        module = getattr(self.fn, "__module__", None)
        qualname = getattr(self.fn, "__qualname__", "")
        if not module or module == "__main__" or "<" in qualname or not qualname:
            return None
        try:
            found: Any = sys.modules.get(module) or importlib.import_module(module)
            for name in qualname.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError):
            return None
        while found is not None:
            if found is self.fn or getattr(found, "origin", None) is self.origin:
                return Code(module, qualname)
            found = getattr(found, "__wrapped__", None)
        return None

    def __reduce__(self) -> str | tuple[Any, ...]:
        """By name where there is one; else by value, in two steps, since it may contain itself."""
        code = self.importable()
        if code is not None and getattr(sys.modules[code.module], code.qualname, None) is self:
            return code.qualname
        state = {name: value for name, value in self.__dict__.items() if name not in _CACHED}
        state["chosen"] = dataclasses.replace(self.chosen, after=())  # futures stay in their trace
        return object.__new__, (type(self),), state

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"


#: Computed at first use; what a copy in another process computes again.
_CACHED = frozenset(
    {"signature", "fitting", "_changeable", "returns", "takes_functions", "parameters"}
)


def check_function(fn: Any, word: str) -> None:
    """Raise for what `@task` and `@pipeline` cannot decorate, with the right order."""
    if hasattr(type(fn), "__taskflow_uncalled__"):
        raise DefinitionError(f"@{word} over {fn!r}: decorate the plain function once")
    if isinstance(fn, property):
        raise DefinitionError(f"write @property above @{word}, or leave @property out: {fn!r}")
    if isinstance(fn, type):
        raise DefinitionError(f"@{word} decorates functions and methods, not the class {fn!r}")
    waits_or_yields = (
        inspect.iscoroutinefunction(fn)
        or inspect.isgeneratorfunction(fn)
        or inspect.isasyncgenfunction(fn)
    )
    if word == "pipeline" and waits_or_yields:
        raise DefinitionError(
            f"the body of a @pipeline is a plain function, without async and yield: {fn!r}\n"
            "  what waits or yields goes into a @task"
        )
    if not callable(fn):
        raise DefinitionError(f"@{word} decorates a function, not {fn!r}; options are keywords")


def _refuse_classmethod_above(fn: Any, word: str) -> None:
    """Raise for `@classmethod` over `@task`: since Python 3.13 it hides all but the call.

    It does not ask what it decorates, so the name of the first parameter has to tell.
    """
    if not inspect.isfunction(fn):
        return
    where, code = fn.__qualname__.rpartition(".")[0], fn.__code__
    is_method = where and not where.endswith("<locals>") and code.co_argcount
    if is_method and code.co_varnames[0] == "cls":
        raise DefinitionError(
            f"{fn.__qualname__} takes the class: write @{word} above @classmethod, which would "
            "hide .map and .options from callers if it stood above"
        )


def _is_for_functions(annotation: Any) -> bool:
    """Whether an annotation, resolved or not, speaks of functions, tasks or pipelines."""
    if isinstance(annotation, type):  # a protocol
        return annotation is not object and "__call__" in vars(annotation)
    text = annotation if isinstance(annotation, str) else repr(annotation)
    return any(word in text for word in ("Callable", "Task", "Pipeline"))


def _defaults(fn: Any) -> list[Any]:
    positional = getattr(fn, "__defaults__", None) or ()
    return [*positional, *(getattr(fn, "__kwdefaults__", None) or {}).values()]
