"""Tracing: while a pipeline's body runs, calls of tasks become nodes of a graph.

The trace is found through a context variable, so it belongs to the thread (and asyncio task)
that runs the body. Nested pipelines trace into the same graph, in a scope of their own;
branches too, behind a gate.
"""

from __future__ import annotations

import functools
import itertools
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.authoring.arguments import Taker
from taskflow.authoring.captured import refuse_captured, together
from taskflow.authoring.future import Future, Handle
from taskflow.authoring.where import Places, here, shown
from taskflow.call import Code
from taskflow.errors import CycleError, DefinitionError, FutureError, RunawayError
from taskflow.graph.graph import BARRIER, CHOICE, DYNAMIC, GATHER, TASK, TRUTH, Graph, MapSpec
from taskflow.graph.order import find_cycle
from taskflow.quiet import seldom_collecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskflow.authoring.definition import Definition, Shape
    from taskflow.graph.graph import Ref, TaskSpec

#: The truth on which a node runs: the node of a `when`'s condition, and its side.
Gate = tuple[int, bool]

_active: ContextVar[Trace | None] = ContextVar("taskflow_trace", default=None)
#: Why a task call in this thread is refused; set where iterators of maps are read.
refusing: ContextVar[str] = ContextVar("taskflow_refusing", default="")
# Traces that run just now, with the threads that lived when each began.
_running: dict[int, tuple[Trace, frozenset[int]]] = {}


#: The trace that this thread is in, if any.
active_trace: Final = _active.get


def refuse_plain_call(name: str, values: Sequence[Any] = ()) -> None:
    """Raise if a task call here was meant to be traced, but cannot be."""
    for each in values:
        if isinstance(each, Future):
            raise FutureError(
                f"{name} was called outside of a pipeline with {each!r}\n"
                f"  here:    {shown(here())}\n"
                "  why:     a future lives as long as the trace of its pipeline\n"
                "  instead: call it in the body, or pass the value that the run returned"
            )
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


class Known(NamedTuple):
    """What another call of a task needs that was called before."""

    spec: int
    name: str
    fitting: set[Shape]
    returns: Any


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
        #: What `.options()` gave in this trace, by task and options.
        self.copies: dict[tuple[Any, ...], Any] = {}
        self.closed = False
        self._scope = 0
        self._depth = 0
        self.gate: Gate | None = None
        self._sides: dict[int, list[range]] = {}
        self._joins: dict[int, int] = {}
        self._ordered: set[tuple[int, int]] = set()
        self._specs: dict[int, int] = {}
        self._names: dict[str, Definition] = {}
        self._known: dict[Definition, Known] = {}
        self._counts = _counts()
        self._places = Places(self.graph.places)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Trace what this block calls."""
        token = _active.set(self)
        threads = frozenset(thread.ident or 0 for thread in threading.enumerate())
        _running[id(self)] = (self, threads)
        try:
            with seldom_collecting():
                yield
        finally:
            self.closed = True
            del _running[id(self)]
            _active.reset(token)

    # --- calls ---

    def call(
        self, definition: Definition, args: Sequence[Any], kwargs: dict[str, Any], hint: Any
    ) -> Future:
        """A call of a task, or of a dynamic pipeline."""
        if definition.chosen.key is not None:
            raise DefinitionError(
                f"key= names the elements of a map: {definition.short}.options(key=fn).map(xs)\n"
                f"  here: {self.shown_here()}"
            )
        payload, inputs = self.taker.take(args, kwargs, definition)
        kind = DYNAMIC if definition.dynamic else TASK
        node = self.add(kind, definition, payload, inputs)
        if kind == TASK and not definition.chosen.after and definition not in self._known:
            spec, name = self.graph.spec[node], definition.short
            self._known[definition] = Known(spec, name, definition.fitting, hint)
        return Future(self, node, (), hint)

    def call_again(
        self, definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future | None:
        """The same for what most calls are: a task that was called before, with plain arguments.

        None for any other, which `call` is for. It is asked by what the user's code calls.
        """
        known = self._known.get(definition)
        if known is None:
            return None
        spec, name, fitting, hint = known
        taken = self.taker.take_plain(args, kwargs) if (len(args), *kwargs) in fitting else None
        if taken is None:
            return None
        count, place = next(self._counts[name]), self._places.called(sys._getframe(2))
        node = self.graph.add(TASK, spec, self._scope, count, place, *taken)
        if self.gate is not None:
            self.graph.gates[node] = self.gate
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
        count, place = next(self._counts[name]), self._places.number(here())
        node = self.graph.add(kind, spec, self._scope, count, place, payload, inputs)
        if maps is not None:
            self.graph.maps[node] = maps
        if label:
            self.graph.labels[node] = label
        if self.gate is not None:
            self.graph.gates[node] = self.gate
        if definition is not None and definition.chosen.after:
            self._order_nodes(self._ends_of(definition.chosen.after), [node])
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

    # --- scopes and branches ---

    @contextmanager
    def scope(self, label: str, kind: str = "pipeline") -> Iterator[None]:
        """Calls in this block are part of a nested pipeline or a branch."""
        count, before = next(self._counts[label]), (self._scope, self._counts)
        self.graph.scopes.append((self._scope, label if count == 1 else f"{label}#{count}", kind))
        self._scope, self._counts = len(self.graph.scopes) - 1, _counts()
        try:
            yield
        finally:
            self._scope, self._counts = before

    def nest(self, label: str, body: Callable[[], Any], definition: Definition) -> Handle:
        """Trace the body of a nested pipeline here."""
        start, place = len(self.graph), here()
        with self.scope(label):
            self._depth += 1
            self._refuse_runaway(definition)
            structure = body()
            self._depth -= 1
        nodes = range(start, len(self.graph))
        if definition.chosen.after:
            self._order_nodes(self._ends_of(definition.chosen.after), list(nodes))
        return Handle(self, nodes, structure, label, place)

    def _refuse_runaway(self, definition: Definition) -> None:
        if self._depth <= definition.chosen.max_depth:
            return
        chain = self.graph.path_of(self._scope).split("/")
        raise RunawayError(
            f"{definition.short} nests deeper than max_depth={definition.chosen.max_depth}: "
            f"{' -> '.join([*chain[:3], '...', *chain[-2:]])}\n"
            f"  here: {self.shown_here()}\n"
            "  let the recursion end; if what ends it is known only while running, write "
            "@pipeline(dynamic=True)"
        )

    def branch(
        self, condition: Future, then: Callable[[], Any], otherwise: Callable[[], Any] | None
    ) -> Handle:
        """Trace both branches; which one runs is known once the condition is."""
        start, place = len(self.graph), here()
        payload, inputs = self.taker.structure(condition, "when")
        truth = self.add(TRUTH, None, payload, inputs, label="when")
        sides = [(True, "then", then), (False, "otherwise", otherwise)]
        ends, starts = [], [len(self.graph)]
        for expected, label, body in sides:
            ends.append(self._one_branch((truth, expected), label, body))
            starts.append(len(self.graph))
        self._sides[truth] = [range(*each) for each in itertools.pairwise(starts)]
        choice = self.add(CHOICE, None, b"", tuple(ends), label="choice")
        nodes = range(start, len(self.graph))
        return Handle(self, nodes, Future(self, choice), "when", place)

    def _one_branch(self, gate: Gate, label: str, body: Callable[[], Any] | None) -> int:
        with self._behind(gate), self.scope(label, "branch"):
            return self.gather(body() if body is not None else None, label)

    @contextmanager
    def _behind(self, gate: Gate | None) -> Iterator[None]:
        outer, self.gate = self.gate, gate
        try:
            yield
        finally:
            self.gate = outer

    def ends(self, nodes: range, gate: Gate | None) -> list[int]:
        """What has ended once all has that was to run; of a branch, the side that was taken."""
        found = []
        for node in nodes:
            if self.graph.gates.get(node) == gate:
                found.append(node)
                if node in self._sides:
                    found.append(self._join(node))
        return found

    def _join(self, truth: int) -> int:
        """A node that ends when all tasks of the side have that was taken."""
        if truth not in self._joins:
            barriers = []
            for expected, side in zip((True, False), self._sides[truth], strict=True):
                with self._behind((truth, expected)):
                    barriers.append(self.add(BARRIER, None, b"", (), label="barrier"))
                self.graph.after[barriers[-1]] = self.ends(side, (truth, expected))
            with self._behind(self.graph.gates.get(truth)):
                self._joins[truth] = self.add(CHOICE, None, b"", tuple(barriers), label="choice")
        return self._joins[truth]

    def gather(self, structure: Any, label: str) -> int:
        """A node whose value is the structure with its futures filled in."""
        payload, inputs = self.taker.structure(structure, label)
        return self.add(GATHER, None, payload, inputs, label=f"({label})")

    # --- ordering ---

    def order(self, before: Any, after: Any) -> None:
        """Let what stands after wait for what stands before; lists mean all of their members."""
        waiting = [node for future in self._futures(after) for node in future._inside()]
        self._order_nodes(self._ends_of(before), waiting)

    def _ends_of(self, before: Any) -> list[int]:
        return [node for future in self._futures(before) for node in future._ends()]

    def _futures(self, things: Any) -> list[Future]:
        if isinstance(things, Future):
            self.taker.ref(things)
            return [things]
        if isinstance(things, (list, tuple, set, frozenset)):
            return [future for thing in things for future in self._futures(thing)]
        word = getattr(type(things), "__taskflow_uncalled__", "")
        raise FutureError(
            f"only calls of tasks can be ordered, not {things!r}"
            f"{'; was ' + word.format(things) + ' meant?' if word else ''}\n"
            f"  here: {self.shown_here()}\n"
            "  write: a = first(); b = second(); a >> b, or second.options(after=[a])()"
        )

    def _order_nodes(self, before: list[int], after: list[int]) -> None:
        if not before or not after:
            return
        if len(before) > 1 and len(after) > 1:
            barrier = self.add(BARRIER, None, b"", (), label="barrier")
            self.graph.after[barrier] = before
            before = [barrier]
        for node in after:
            edges = [edge for each in before if (edge := (each, node)) not in self._ordered]
            self._ordered.update(edges)
            self.graph.after.setdefault(node, []).extend([each for each, _ in edges])
        if max(before) >= min(after):  # only an edge against the order of calls can close a circle
            self._refuse_cycle(after)

    def _refuse_cycle(self, nodes: list[int]) -> None:
        cycle = find_cycle(nodes, self.graph.upstream)
        if not cycle:
            return
        keys = [self.graph.key_of(node) for node in cycle]
        names = [key.removeprefix(f"{self.graph.pipeline}/") for key in keys]
        calls = "\n".join(
            f"  {name}: {shown(self.graph.places[self.graph.place[node]])}"
            for name, node in zip(names, cycle, strict=True)
        )
        short = " -> ".join([*names, names[0]])
        raise CycleError(
            f"these calls wait for each other: {short}\n{calls}\n"
            f"  closed here: {self.shown_here()}\n"
            "  take out one of the `>>`, `order` or `after=` among them",
            keys,
        )

    # --- the end of a trace ---

    def close(self) -> Graph:
        """The graph, with the functions that travel by value, in one blob."""
        refuse_captured(self.definitions)
        if self._by_value:
            self.graph.blobs.append(together(self._by_value))
        return self.graph

    def shown_here(self) -> str:
        """The user's line that is running, for messages."""
        return shown(here())


def _counts() -> defaultdict[str, Iterator[int]]:
    """Counts from 1 for each name that is met in one scope."""
    return defaultdict(functools.partial(itertools.count, 1))
