"""Lazy futures: they can be passed on, taken apart and ordered, and refuse everything else by name.

Whoever uses a future as a value is told what they did, where, where the future was made, why
that cannot work, and what to write instead. Undetectable, because Python asks nobody: `is`,
`isinstance` and `match` on a future, and `d.get(future)`, which is None.
"""

from __future__ import annotations

import pickle
import sys
from opcode import opmap
from typing import TYPE_CHECKING, Any, Final, NoReturn

from taskflow.authoring import advice, returns
from taskflow.authoring.advice import near
from taskflow.authoring.where import helper_given, here, name_here, shown
from taskflow.errors import ArgumentError, FutureAttributeError, FutureError
from taskflow.graph.graph import MAP, OUTCOME, VALUE, Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.authoring.tracing import Trace
    from taskflow.graph.graph import Ref

_WHY: Final = "its value exists only when the run executes, not while the pipeline is traced"
_PLAIN_KEYS: Final = frozenset({int, str, float, bool, bytes, type(None)})
# How people know what helpers in the graph stand for.
_SPOKEN: Final = {"choice": "when"}
# The instruction of `in`.
_IN: Final = opmap["CONTAINS_OP"]


class Future:
    """The value a traced call will have. Pass it to tasks; nothing else can be done with it.

    `future[i]` and `future["k"]` stand for an item, `future.name` for a field that the task's
    annotated return class declares, `a, b = future` works when the annotation or `outputs=`
    says how many values there are. `a >> b` makes b wait for a.
    """

    __slots__ = ("_node", "_path", "_returns", "_trace")
    #: How its value is taken, and what helps who wants a field of it.
    _take = VALUE
    _field_fix = "field"
    #: Typed parameters let futures pass without looking at them.
    __taskflow_lazy__ = True

    def __init__(
        self, trace: Trace, node: int, path: tuple[tuple[str, Any], ...] = (), hint: Any = None
    ) -> None:
        self._trace = trace
        self._node = node
        self._path = path
        self._returns = hint

    def _ref(self) -> Ref:
        """What stands for this future in the graph."""
        if self._path or self._take != VALUE:
            return Link(self._node, self._path, self._take)
        return self._node

    def _inside(self) -> list[int]:
        """The nodes that wait when this is told to."""
        return [self._node]

    def _ends(self) -> list[int]:
        """The nodes that have ended when all of this has."""
        return self._inside()

    # --- taking apart ---

    def __getitem__(self, key: Any) -> Any:
        if type(key) not in _PLAIN_KEYS:
            key = self._own(key)
        return self._part(("item", key), returns.item_of(self._returns, key))

    def _own(self, key: Any) -> Any:
        """A key as it is now, which nobody can change later."""
        try:
            return pickle.loads(pickle.dumps(key, 5))
        except FutureError:
            self._refuse("an item of it was asked for by another future", "pick")
        except Exception as error:
            raise ArgumentError(
                f"{self._name()}[{_brief(key)}]: the key cannot be pickled: {error}\n"
                f"  here: {shown(here())}\n"
                "  write a plain key, or pick inside a task: @task def pick(values): ..."
            ) from error

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            hint = self._returns
            if returns.declares(hint, name):
                return self._part(("field", name), returns.field_of(hint, name))
            self._refuse_attribute(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _refuse_attribute(self, name: str) -> NoReturn:
        words, fields = {"name": name}, returns.fields_of(self._returns)
        if fields:
            words["cls"] = returns.bare(self._returns).__name__
            words["fields"] = ", ".join(sorted(fields))
            words["near"] = near(name, fields, ".{}".format)
        if name in advice.WAITING:
            fix = "await"
        elif fields:
            fix = "declared"
        else:
            is_method = any(hasattr(kind, name) for kind in (str, list, dict, set))
            fix = "method" if is_method else self._field_fix
        self._refuse(f"its attribute `.{name}` was read", fix, FutureAttributeError, **words)

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
        # All that `future in {"ok", "done"}` asks of a future, before it is False without a word.
        frame = sys._getframe(1)
        if frame.f_code.co_code[frame.f_lasti] == _IN:
            self._refuse("`in` looked for it in a set or dict", "compare")
        return self._identity()

    def _identity(self) -> int:
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

    def _task(self) -> str:
        name = self._trace.graph.name_of(self._node)
        return _SPOKEN.get(name, name) or "a value"

    def _steps(self) -> str:
        return "".join(
            f".{step}" if kind == "field" else f"[{step!r}]" for kind, step in self._path
        )

    def _name(self) -> str:
        return self._task() + self._steps()

    def _place(self) -> tuple[str, int]:
        graph = self._trace.graph
        return graph.places[graph.place[self._node]]

    def _advised(self, fix: str, held: str) -> tuple[str, str]:
        """Which advice fits, and how the user would write this future: `held`, if it has a name."""
        if not held and fix in advice.OF_ONE and self._is_element():
            return "whole", _whole(self)  # sum, max or sorted got at it
        return fix, held or f"{self._task()}(...){self._steps()}"

    def _is_element(self) -> bool:
        return self._trace.graph.kind[self._node] == MAP and len(self._path) == 1

    def _refuse(
        self, deed: str, fix: str, error: type[FutureError] = FutureError, **words: str
    ) -> NoReturn:
        """Raise the error for a misuse; `fix` names the advice."""
        name = self._name()
        fix, written = self._advised(fix, name_here(self))
        instead = advice.FIXES[fix].format(f=written, task=self._task(), **words)
        if helper := helper_given(self):
            instead += f"\n             or is `{helper}` meant to be a @task?"
        raise error(
            f"the future of `{name}` is not a value yet: {deed}\n"
            f"  here:      {shown(here())}\n"
            f"  made here: {shown(self._place())}\n"
            f"  why:       {_WHY}\n"
            f"  instead:   {instead}"
        )


def _whole(future: Future) -> str:
    return f"{future._task()}.map(...)"


class MapFuture(Future):
    """The future of a map: one value for each element; passed to a task it is their list."""

    __slots__ = ("_count", "_take")
    _field_fix = "element"

    def __init__(
        self, trace: Trace, node: int, hint: Any, count: int | None, take: str = VALUE
    ) -> None:
        super().__init__(trace, node, (), hint)
        self._count = count
        self._take = take

    def __getitem__(self, key: Any) -> Any:
        count = self._arity()
        if count is not None and type(key) is int and not -count <= key < count:
            raise IndexError(
                f"the map of `{self._name()}` runs over {count} elements; there is no [{key}]\n"
                f"  here:      {shown(here())}\n"
                f"  made here: {shown(self._place())}"
            )
        return super().__getitem__(key)

    def _advised(self, fix: str, held: str) -> tuple[str, str]:
        return "elements" if fix in advice.OF_MANY else fix, held or _whole(self)

    def _part(self, step: tuple[str, Any], hint: Any) -> Future:
        if self._take != VALUE:
            self._refuse("an item of its successes or outcomes was taken", "pick")
        return super()._part(step, hint)

    def _arity(self) -> int | None:
        return self._count if self._take == VALUE else None


class OutcomeFuture(Future):
    """A future taken as its value or its `Failure`."""

    __slots__ = ()
    _take = OUTCOME

    def _part(self, step: tuple[str, Any], hint: Any) -> Future:
        self._refuse("a part of its outcome was taken, which may be a `Failure`", "pick")


class Handle(Future):
    """What a nested pipeline or a branch returned; `>>` and `after=` mean all tasks inside."""

    __slots__ = ("_called", "_gate", "_made", "_nodes", "_structure")

    def __init__(
        self, trace: Trace, nodes: range, structure: Any, called: str, made: tuple[str, int]
    ) -> None:
        super().__init__(trace, nodes[0] if nodes else -1)
        self._gate = trace.gate
        self._nodes = nodes
        self._structure = structure
        self._called = called
        self._made = made

    def _inside(self) -> list[int]:
        return list(self._nodes)

    def _ends(self) -> list[int]:
        return self._trace.ends(self._nodes, self._gate)

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

    def _task(self) -> str:
        return self._called

    def _place(self) -> tuple[str, int]:
        return self._made

    def _identity(self) -> int:
        return id(self)

    __hash__ = Future.__hash__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Future):
            self._refuse(f"it was compared with {_brief(other)}", "compare")
        return self is other


def unwrapped(value: Any) -> Any:
    """What a handle stands for; anything else as it is."""
    while type(value) is Handle:
        value = value._structure
    return value


def _refuser(deed: str, fix: str) -> Callable[..., NoReturn]:
    def refuse(self: Future, *_: object, **__: object) -> NoReturn:
        self._refuse(deed, fix)

    return refuse


def _install() -> None:
    for name, (deed, fix) in advice.REFUSED.items():
        setattr(Future, name, _refuser(deed, fix))
    for name, sign in advice.ORDERINGS.items():
        setattr(Future, f"__{name}__", _refuser(f"it was compared by `{sign}`", "compare"))
    for name, sign in advice.ARITHMETIC.items():
        for method in (f"__{name}__", f"__r{name}__"):
            setattr(Future, method, _refuser(f"the operator `{sign}` was applied to it", "compute"))
    for name in advice.UNARY:
        setattr(Future, f"__{name}__", _refuser(f"`{name}` was applied to it", "compute"))


_install()


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
