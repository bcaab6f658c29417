"""Tracing: while a pipeline's body runs, calls of tasks become nodes of a graph.

The trace is found through a context variable, so it belongs to the thread (and asyncio task)
that runs the body. Nested pipelines trace into the same graph, in a scope of their own;
branches too, behind a gate.
"""

from __future__ import annotations

import inspect
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from taskflow.authoring.arguments import Taker
from taskflow.authoring.future import Future, Handle
from taskflow.authoring.where import here, shown
from taskflow.call import Code
from taskflow.errors import CodeError, CycleError, DefinitionError, FutureError, TaskflowError
from taskflow.graph.graph import BARRIER, CHOICE, DYNAMIC, GATHER, TASK, TRUTH, Graph, MapSpec
from taskflow.graph.order import find_cycle
from taskflow.values import dumps, why_unpicklable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskflow.authoring.definition import Definition
    from taskflow.graph.graph import Ref, TaskSpec

_active: ContextVar[Trace | None] = ContextVar("taskflow_trace", default=None)
#: Why a task call in this thread is refused; set where iterators of maps are read.
refusing: ContextVar[str] = ContextVar("taskflow_refusing", default="")
# Traces that run just now, with the threads that lived when each began.
_running: dict[int, tuple[Trace, frozenset[int]]] = {}


def active_trace() -> Trace | None:
    """The trace that this thread is in, if any."""
    return _active.get()


def refuse_plain_call(name: str) -> None:
    """Raise if a task call here was meant to be traced, but cannot be."""
    if refusing.get():
        raise FutureError(f"{name} was called {refusing.get()}")
    if not _running:
        return
    thread = threading.get_ident()
    for trace, threads in list(_running.values()):
        if thread not in threads:
            raise FutureError(
                f"{name} was called in a thread that was started while {trace.graph.pipeline} is "
                "traced; the trace does not see other threads\n"
                f"  here: {shown(here())}\n"
                "  call tasks in the body itself: they run in parallel anyway; "
                "over a list write task.map(items)"
            )


class Trace:
    """A graph in the making."""

    def __init__(self, name: str, directory: str = "") -> None:
        self.graph = Graph(pipeline=name)
        self.graph.scopes.append((-1, name, "pipeline"))
        self.directory = directory
        self.taker = Taker(self)
        self.definitions: list[Definition] = []
        self._by_value: list[Definition] = []
        self._by_value_of: dict[int, int] = {}
        self._known_specs: dict[TaskSpec, int] = {}
        self._scope = 0
        self._gate: tuple[int, bool] | None = None
        self._specs: dict[int, int] = {}
        self._names: dict[str, Definition] = {}
        self._counts: dict[tuple[int, str], int] = {}
        self._places: dict[tuple[str, int], int] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Trace what this block calls."""
        token = _active.set(self)
        threads = frozenset(thread.ident or 0 for thread in threading.enumerate())
        _running[id(self)] = (self, threads)
        try:
            yield
        finally:
            del _running[id(self)]
            _active.reset(token)

    # --- calls ---

    def call(
        self, definition: Definition, args: Sequence[Any], kwargs: dict[str, Any], hint: Any
    ) -> Future:
        """A call of a task, or of a dynamic pipeline."""
        payload, inputs = self.taker.take(args, kwargs, definition.short)
        kind = DYNAMIC if definition.dynamic else TASK
        node = self.add(kind, definition, payload, inputs)
        return Future(self, node, (), hint)

    def add(
        self,
        kind: int,
        definition: Definition | None,
        payload: bytes,
        inputs: tuple[Ref, ...],
        maps: MapSpec | None = None,
        label: str = "",
    ) -> int:
        """Append a node for a call that the user's code makes now."""
        spec = -1 if definition is None else self._spec(definition)
        name = label if definition is None else definition.short
        count = self._counts[self._scope, name] = self._counts.get((self._scope, name), 0) + 1
        node = self.graph.add(kind, spec, self._scope, count, self._place(), payload, inputs)
        if maps is not None:
            self.graph.maps[node] = maps
        if label:
            self.graph.labels[node] = label
        if self._gate is not None:
            self.graph.gates[node] = self._gate
        if definition is not None and definition.after:
            self._order_nodes(self._nodes_of(definition.after), [node])
        return node

    def _spec(self, definition: Definition) -> int:
        index = self._specs.get(id(definition))
        if index is None:
            same_name = self._names.setdefault(definition.name, definition)
            if same_name.origin is not definition.origin:
                raise DefinitionError(
                    f"two different functions are called {definition.name!r} in one run\n"
                    f"  at {self.shown_here()}\n"
                    "  give one of them a name of its own: @task(name='...')"
                )
            spec = definition.spec(self._code(definition))
            index = self._known_specs.setdefault(spec, len(self.graph.specs))
            if index == len(self.graph.specs):
                self.graph.specs.append(spec)
            self._specs[id(definition)] = index
            self.definitions.append(definition)  # which also keeps its id from being reused
        return index

    def _code(self, definition: Definition) -> Code:
        """Where workers find the function: by name, where this process got it, or by value."""
        known: Code | None = getattr(definition, "__taskflow_code__", None)
        if known is None:
            known = definition.importable()
        if known is None:
            index = self._by_value_of.setdefault(id(definition.origin), len(self._by_value))
            if index == len(self._by_value):
                self._by_value.append(definition)
            known = Code(definition.module, definition.short, 0, index)
        return known

    def _place(self) -> int:
        place = here()
        index = self._places.get(place)
        if index is None:
            index = self._places[place] = len(self.graph.places)
            self.graph.places.append(place)
        return index

    # --- scopes and branches ---

    @contextmanager
    def scope(self, label: str, kind: str = "pipeline") -> Iterator[None]:
        """Calls in this block are part of a nested pipeline or a branch."""
        count = self._counts[self._scope, label] = self._counts.get((self._scope, label), 0) + 1
        before = self._scope
        self.graph.scopes.append((before, label if count == 1 else f"{label}#{count}", kind))
        self._scope = len(self.graph.scopes) - 1
        try:
            yield
        finally:
            self._scope = before

    def nest(self, label: str, body: Callable[[], Any], definition: Definition) -> Handle:
        """Trace the body of a nested pipeline here."""
        start = len(self.graph)
        with self.scope(label):
            structure = body()
        nodes = range(start, len(self.graph))
        if definition.after:
            self._order_nodes(self._nodes_of(definition.after), list(nodes))
        return Handle(self, nodes, structure)

    def branch(
        self, condition: Future, then: Callable[[], Any], otherwise: Callable[[], Any] | None
    ) -> Handle:
        """Trace both branches; which one runs is known once the condition is."""
        start = len(self.graph)
        payload, inputs = self.taker.structure(condition, "when")
        truth = self.add(TRUTH, None, payload, inputs, label="when")
        ends = [
            self._one_branch(truth, expected=True, label="then", body=then),
            self._one_branch(truth, expected=False, label="otherwise", body=otherwise),
        ]
        choice = self.add(CHOICE, None, b"", tuple(ends), label="choice")
        return Handle(self, range(start, len(self.graph)), Future(self, choice))

    def _one_branch(
        self, truth: int, *, expected: bool, label: str, body: Callable[[], Any] | None
    ) -> int:
        outer, self._gate = self._gate, (truth, expected)
        try:
            with self.scope(label, "branch"):
                structure = body() if body is not None else None
                return self.gather(structure, label)
        finally:
            self._gate = outer

    def gather(self, structure: Any, label: str) -> int:
        """A node whose value is the structure with its futures filled in."""
        payload, inputs = self.taker.structure(structure, label)
        return self.add(GATHER, None, payload, inputs, label=f"({label})")

    # --- ordering ---

    def order(self, before: Any, after: Any) -> None:
        """Let what stands after wait for what stands before; lists mean all of their members."""
        self._order_nodes(self._nodes_of(before), self._nodes_of(after))

    def _nodes_of(self, things: Any) -> list[int]:
        if isinstance(things, Future):
            if things._trace is not self:
                self.taker.ref(things)
            return things._inside()
        if isinstance(things, (list, tuple, set, frozenset)):
            return [node for thing in things for node in self._nodes_of(thing)]
        raise FutureError(
            f"only calls of tasks can be ordered, not {things!r}\n"
            f"  here: {self.shown_here()}\n"
            "  write: a = first(); b = second(); a >> b, or second.options(after=[a])()"
        )

    def _order_nodes(self, before: list[int], after: list[int]) -> None:
        if not before or not after:
            return
        if len(before) > 1 and len(after) > 1:
            barrier = self.add(BARRIER, None, b"", (), label="barrier")
            self.graph.after[barrier] = tuple(before)
            before = [barrier]
        for node in after:
            known = self.graph.after.get(node, ())
            self.graph.after[node] = (*known, *(each for each in before if each not in known))
        if max(before) >= min(after):  # only an edge against the order of calls can close a circle
            self._refuse_cycle(after)

    def _refuse_cycle(self, nodes: list[int]) -> None:
        cycle = find_cycle(nodes, self.graph.upstream)
        if not cycle:
            return
        keys = [self.graph.key_of(node) for node in cycle]
        calls = "\n".join(
            f"  {self.graph.name_of(node) or 'ordering'}: "
            f"{shown(self.graph.places[self.graph.place[node]])}"
            for node in cycle
        )
        short = " -> ".join(self.graph.name_of(node) or "..." for node in [*cycle, cycle[0]])
        raise CycleError(
            f"these calls wait for each other: {short}\n{calls}\n"
            f"  closed here: {self.shown_here()}\n"
            "  take out one of the `>>`, `order` or `after=` among them",
            keys,
        )

    # --- the end of a trace ---

    def close(self) -> Graph:
        """The graph, with the functions that travel by value, in one blob."""
        self.check_captured()
        if self._by_value:
            try:
                self.graph.blobs.append(dumps(self._by_value))
            except TaskflowError:
                raise
            except Exception as error:
                raise CodeError(self._why_not_by_value(error)) from error
        return self.graph

    def _why_not_by_value(self, error: Exception) -> str:
        for definition in self._by_value:
            try:
                dumps(definition)
            except Exception as culprit:  # noqa: BLE001 - this is the one
                return (
                    f"task {definition.short} ({definition.place}) cannot be sent to workers: "
                    f"{unsendable(definition.fn, culprit)}\n"
                    "  functions of scripts and notebooks travel with the globals they use: make "
                    "that object inside the task,\n"
                    "  or put the tasks into a module and import them, or run the file with "
                    "`taskflow run FILE`"
                )
        return f"the functions of this script cannot be sent to workers: {error}"

    def check_captured(self) -> None:
        """Raise if a task's function holds a future in its closure, globals or defaults."""
        for definition in self.definitions:
            name = captured_future(definition.fn)
            if name:
                raise FutureError(
                    f"task {definition.short} captures a future: its {name} is one\n"
                    f"  defined at {definition.place}\n"
                    "  pass it as an argument instead, so that the run knows of it"
                )

    def note_futures(self, error: BaseException) -> None:
        """Name the futures around a TypeError that C code raised without asking them."""
        tb = error.__traceback__
        found: dict[str, Future] = {}
        while tb is not None:
            if tb.tb_next is None or tb.tb_frame.f_code.co_filename != __file__:
                found = _futures_in(tb.tb_frame.f_locals) or found
            tb = tb.tb_next
        for name, future in list(found.items())[:3]:
            error.add_note(
                f"`{name}` holds {future!r}: a future has no value while the pipeline is traced; "
                "do this inside a task"
            )

    def shown_here(self) -> str:
        """The user's line that is running, for messages."""
        return shown(here())


def captured_future(fn: Any) -> str:
    """The name of a closure variable, global or default of a function that is a future."""
    code = getattr(fn, "__code__", None)
    if code is None:
        return ""
    for name, cell in zip(code.co_freevars, fn.__closure__ or (), strict=False):
        try:
            if isinstance(cell.cell_contents, Future):
                return f"closure variable {name!r}"
        except ValueError:  # an empty cell
            continue
    for name in code.co_names:
        if isinstance(fn.__globals__.get(name), Future):
            return f"global {name!r}"
    defaults = [*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]
    return "default argument" if any(isinstance(each, Future) for each in defaults) else ""


def unsendable(fn: Any, error: Exception) -> str:
    """Which global or closure variable of a function cannot be pickled."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    names = code.co_names if code else ()
    for name in names:
        value = getattr(fn, "__globals__", {}).get(name)
        try:
            dumps(value)
        except Exception as culprit:  # noqa: BLE001 - this is the one
            return "its global " + why_unpicklable(value, name, culprit)
    return why_unpicklable(fn, "it", error)


def _futures_in(names: dict[str, Any]) -> dict[str, Future]:
    found: dict[str, Future] = {}
    for name, value in names.items():
        if isinstance(value, Future):
            found[name] = value
        elif type(value) in (list, tuple, dict):
            inside = value.values() if type(value) is dict else value
            first = next((each for each in inside if isinstance(each, Future)), None)
            if first is not None:
                found[name] = first
    return found
