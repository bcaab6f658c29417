"""Lazy futures: they can be passed on, taken apart and ordered, and refuse everything else by name.

Whoever uses a future as a value is told what they did, where, where the future was made, why
that cannot work, and what to write instead. Undetectable, because Python asks nobody: `is`,
`isinstance` and `match` on a future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from taskflow.authoring import returns
from taskflow.authoring.where import here, shown
from taskflow.errors import FutureAttributeError, FutureError
from taskflow.graph.graph import VALUE, Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.authoring.tracing import Trace
    from taskflow.graph.graph import Ref

_WHY: Final = "its value exists only when the run executes, not while the pipeline is traced"


class Future:
    """The value a traced call will have. Pass it to tasks; nothing else can be done with it.

    `future[i]` and `future["k"]` stand for an item, `future.name` for a field that the task's
    annotated return class declares, `a, b = future` works when the annotation or `outputs=`
    says how many values there are. `a >> b` makes b wait for a.
    """

    __slots__ = ("_node", "_path", "_returns", "_trace")
    #: Typed parameters let futures pass without looking at them.
    __taskflow_lazy__ = True

    def __init__(
        self, trace: Trace, node: int, path: tuple[tuple[str, Any], ...] = (), hint: Any = None
    ) -> None:
        self._trace = trace
        self._node = node
        self._path = path
        self._returns = hint

    @property
    def _take(self) -> str:
        return VALUE

    def _ref(self) -> Ref:
        """What stands for this future in the graph."""
        if self._path or self._take != VALUE:
            return Link(self._node, self._path, self._take)
        return self._node

    def _inside(self) -> list[int]:
        """The nodes that `>>` and `after=` mean."""
        return [self._node]

    # --- taking apart ---

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, Future):
            self._refuse("an item of it was asked for by another future", "pick")
        return self._part(("item", key), returns.item_of(self._returns, key))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            hint = self._returns
            if returns.declares(hint, name):
                return self._part(("field", name), returns.field_of(hint, name))
            self._refuse(
                f"its attribute `.{name}` was read", "field", FutureAttributeError, name=name
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _part(self, step: tuple[str, Any], hint: Any) -> Future:
        return Future(self._trace, self._node, (*self._path, step), hint)

    def __iter__(self) -> Iterator[Any]:
        count = self._arity()
        if count is None:
            self._refuse("it was iterated over or unpacked", "iterate")
        return iter([self[index] for index in range(count)])

    def __len__(self) -> int:
        count = self._arity()
        if count is None:
            self._refuse("its length was asked for", "length")
        return count

    def _arity(self) -> int | None:
        return returns.arity_of(self._returns)

    # --- ordering ---

    def __rshift__(self, after: Any) -> Any:
        self._trace.order(self, after)
        return after

    def __rrshift__(self, before: Any) -> Future:
        self._trace.order(before, self)
        return self

    # --- identity ---

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Future):
            self._refuse(f"it was compared with {_brief(other)}", "compare")
        return other._ref() == self._ref() and other._trace is self._trace

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((id(self._trace), self._node, repr(self._path)))

    def __copy__(self) -> Future:
        return self

    def __deepcopy__(self, memo: object) -> Future:
        return self

    def __repr__(self) -> str:
        try:
            return f"<future of {self._name()}, {shown(self._place())}>"
        except Exception:  # noqa: BLE001 - a repr never raises
            return "<future>"

    def __reduce__(self) -> NoReturn:
        self._refuse("it was pickled or captured outside of a task call", "capture")

    # --- refusing ---

    def _name(self) -> str:
        steps = "".join(
            f".{step}" if kind == "field" else f"[{step!r}]" for kind, step in self._path
        )
        return f"{self._trace.graph.name_of(self._node) or 'a value'}{steps}"

    def _place(self) -> tuple[str, int]:
        graph = self._trace.graph
        return graph.places[graph.place[self._node]]

    def _refuse(
        self, deed: str, fix: str, error: type[FutureError] = FutureError, **words: str
    ) -> NoReturn:
        """Raise the error for a misuse; `fix` names the advice."""
        name = self._name()
        advice = FIXES[fix].format(f=name, task=name.partition("[")[0].partition(".")[0], **words)
        raise error(
            f"the future of `{name}` is not a value yet: {deed}\n"
            f"  here:      {shown(here())}\n"
            f"  made here: {shown(self._place())}\n"
            f"  why:       {_WHY}\n"
            f"  instead:   {advice}"
        )


class MapFuture(Future):
    """The future of a map: one value for each element; passed to a task it is their list."""

    __slots__ = ("_count", "_how")

    def __init__(
        self, trace: Trace, node: int, hint: Any, count: int | None, how: str = VALUE
    ) -> None:
        super().__init__(trace, node, (), hint)
        self._count = count
        self._how = how

    @property
    def _take(self) -> str:
        return self._how

    def _part(self, step: tuple[str, Any], hint: Any) -> Future:
        if self._how != VALUE:
            self._refuse("an item of its successes or outcomes was taken", "pick")
        return super()._part(step, hint)

    def _arity(self) -> int | None:
        return self._count if self._how == VALUE else None


class OutcomeFuture(Future):
    """A future taken as its value or its `Failure`."""

    __slots__ = ()

    @property
    def _take(self) -> str:
        return "outcome"


class Handle(Future):
    """What a nested pipeline or a branch returned; `>>` and `after=` mean all tasks inside."""

    __slots__ = ("_nodes", "_structure")

    def __init__(self, trace: Trace, nodes: range, structure: Any) -> None:
        super().__init__(trace, nodes[0] if nodes else -1)
        self._nodes = nodes
        self._structure = structure

    def _inside(self) -> list[int]:
        return list(self._nodes)

    def __getitem__(self, key: Any) -> Any:
        return self._structure[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._structure, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._structure)

    def __len__(self) -> int:
        return len(self._structure)

    def _name(self) -> str:
        return "a nested pipeline"

    def _place(self) -> tuple[str, int]:
        return ("?", 0) if self._node < 0 else super()._place()

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Future):
            self._refuse(f"it was compared with {_brief(other)}", "compare")
        return self is other

    def __repr__(self) -> str:
        return f"<nested pipeline of {len(self._nodes)} calls>"


#: What to write instead, by kind of misuse; {f} is the future, {task} its task.
FIXES: Final = {
    "branch": (
        "when({f}, then=lambda: ..., otherwise=lambda: ...)   # a branch in the graph\n"
        "             or decide inside a task: @task def decide(value): ..."
    ),
    "compare": (
        "compare inside a task: @task def is_ok(value): return value == ...\n"
        "             then branch on it: when(is_ok({f}), then=lambda: ...)"
    ),
    "iterate": (
        "other_task.map({f})   # one task run for each element\n"
        "             or pass it whole: other_task({f})\n"
        "             or say how many values there are: @task(outputs=2), or -> tuple[int, str]"
    ),
    "length": (
        "take it inside a task: @task def count(values): return len(values)\n"
        "             or say how many values there are: @task(outputs=2), or -> tuple[int, str]"
    ),
    "text": (
        "make the text inside a task: @task def url_of(value): return f'...{{value}}'\n"
        "             to look at the future itself while debugging: {{future!r}} or repr(future)"
    ),
    "compute": (
        "compute inside a task: @task def compute(value): ...   then compute({f})\n"
        "             (@pipeline(dynamic=True) bodies get values for their parameters)"
    ),
    "field": (
        "{f}[{name!r}] if the value is a dict\n"
        "             or annotate the task with the class it returns: def {task}(...) -> Page\n"
        "             or read it inside a task: @task def get(value): return value.{name}"
    ),
    "pick": "pick inside a task: @task def pick(values, key): return values[key]",
    "capture": (
        "pass it as an argument: other_task({f})\n"
        "             futures belong to one trace: keep none in globals, closures or defaults"
    ),
    "call": "call the task where you made the future, or call inside a task",
    "assign": "build the changed value inside a task: @task def changed(value): ...",
    "await": "pass it on as it is: no await, no .result(); the run waits for inputs by itself",
    "with": "open it inside the task that uses it; for one per worker, make it at module level",
    "path": "open it inside a task: @task def read(path): return open(path).read()",
    "array": "compute inside a task: @task def mean(values): return np.mean(values)",
}

_REFUSED: Final = {
    "__bool__": (
        "it was used as a condition (`if`, `while`, `and`, `or`, `not`, `assert`)",
        "branch",
    ),
    "__contains__": ("`in` was asked of it", "compare"),
    "__str__": ("it was made into text (`str`, `print`, `%s`)", "text"),
    "__format__": ("it was put into an f-string or `format`", "text"),
    "__bytes__": ("it was made into bytes", "text"),
    "__int__": ("it was made into an int", "compute"),
    "__float__": ("it was made into a float", "compute"),
    "__complex__": ("it was made into a complex number", "compute"),
    "__index__": ("it was used as an index or in `range`", "compute"),
    "__round__": ("it was rounded", "compute"),
    "__fspath__": ("it was used as a path", "path"),
    "__array__": ("it was made into a numpy array", "array"),
    "__array_ufunc__": ("a numpy function was applied to it", "array"),
    "__array_function__": ("a numpy function was applied to it", "array"),
    "__call__": ("it was called", "call"),
    "__setitem__": ("an item was assigned to it", "assign"),
    "__delitem__": ("an item of it was deleted", "assign"),
    "__enter__": ("it was used in `with`", "with"),
    "__aenter__": ("it was used in `async with`", "with"),
    "__await__": ("it was awaited", "await"),
    "__aiter__": ("it was iterated over with `async for`", "iterate"),
    "__next__": ("`next` was asked of it", "iterate"),
    "__reversed__": ("it was reversed", "iterate"),
}
_OPERATORS: Final = {
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
    "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
}  # fmt: skip


def _refuser(deed: str, fix: str) -> Callable[..., NoReturn]:
    def refuse(self: Future, *_: object, **__: object) -> NoReturn:
        self._refuse(deed, fix)

    return refuse


def _install() -> None:
    for name, (deed, fix) in _REFUSED.items():
        setattr(Future, name, _refuser(deed, fix))
    for name, sign in _OPERATORS.items():
        reflected = [] if name in {"lt", "le", "gt", "ge"} else [f"__r{name}__"]
        fix = "compare" if not reflected else "compute"
        for method in [f"__{name}__", *reflected]:
            setattr(Future, method, _refuser(f"the operator `{sign}` was applied to it", fix))
    for name in ("neg", "pos", "abs", "invert"):
        setattr(Future, f"__{name}__", _refuser(f"`{name}` was applied to it", "compute"))


_install()


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
