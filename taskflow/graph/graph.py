"""The traced graph: nodes by integer id in flat columns, cheap to make, pickle and grow.

A node is one call in a pipeline's body. What most nodes have is a column; what few nodes have
is a dict by node id. Nothing here runs anything: the engine reads it, `draw` reads it, and a
dynamic pipeline that was traced in a worker travels back as one.

    kind      what it is
    TASK      a call of a task
    MAP       a call of a task for every element of something
    FLAT      all elements of the lists in a map, as one map
    DYNAMIC   a dynamic pipeline: expands into a graph while running
    GATHER    hands on a structure of futures as one value
    TRUTH     the truth of a value, for `when`
    CHOICE    the value of the branch that was taken
    BARRIER   ends when its inputs have; keeps `many >> many` from making many * many edges
    INPUT     a parameter that is not known yet (drawing only)

A MAP whose task is a dynamic pipeline expands once for every element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.policies import Cache, Limit, Rate, Retry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from taskflow.call import Code, Piece, Value

TASK: Final = 0
MAP: Final = 1
FLAT: Final = 2
DYNAMIC: Final = 3
GATHER: Final = 4
TRUTH: Final = 5
CHOICE: Final = 6
BARRIER: Final = 7
INPUT: Final = 8

#: Kinds that a person did not write as a task: not counted, not shown in progress.
HELPERS: Final = frozenset({FLAT, GATHER, TRUTH, CHOICE, BARRIER, INPUT})

# --- what an input is ----------------------------------------------------------------------

#: How an input is taken: its value; its value or Failure; of a map, all with failures in
#: place; of a map, only what succeeded.
VALUE: Final = "value"
OUTCOME: Final = "outcome"
OUTCOMES: Final = "outcomes"
SUCCESSES: Final = "successes"


class Link(NamedTuple):
    """An input that is more than a node's plain value."""

    node: int
    path: tuple[tuple[str, Any], ...] = ()
    take: str = VALUE


class Const(NamedTuple):
    """A large constant, kept once in `Graph.constants`."""

    number: int


Ref = int | Link | Const


def node_of(ref: Ref) -> int:
    """The node a reference points to; -1 for a constant."""
    if isinstance(ref, int):
        return ref
    return ref.node if isinstance(ref, Link) else -1


def nodes_of(refs: Iterable[Ref]) -> list[int]:
    """The nodes that some references point to, without the constants."""
    # Most are plain nodes: a call of `node_of` for each would be felt.
    return [node for ref in refs if (node := ref if type(ref) is int else node_of(ref)) >= 0]


# --- what a map runs over ------------------------------------------------------------------


class Listed(NamedTuple):
    """Elements known when the map was traced."""

    pieces: tuple[Piece, ...]
    count: int  # type: ignore[assignment] # hides tuple.count, which means nothing here


class Nodes(NamedTuple):
    """A list in which futures stand: each element is a reference or a pickled constant."""

    items: tuple[Ref | bytes, ...]


class Elements(NamedTuple):
    """The elements of another map, one by one as they arrive; `take` as in `Link`."""

    node: int
    take: str = VALUE


class Split(NamedTuple):
    """The elements of a value that is not known yet."""

    ref: Ref


class Iterated(NamedTuple):
    """An iterator, read in its own thread only as far as needed; see `Graph.iterators`."""

    number: int


Source = Listed | Nodes | Elements | Split | Iterated


@dataclass(frozen=True, slots=True)
class MapSpec:
    """What a MAP or FLAT node runs over: a source for each mapped argument, zipped strictly."""

    sources: tuple[Source, ...]
    #: `starmap`: each element is a tuple of arguments.
    star: bool = False


# --- tasks ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task with its options, as the engine and drawings need it."""

    name: str  #: `module:qualname`, or the `name` option; the identity of the task
    short: str  #: how people see it
    code: Code
    path: str = ""
    line: int = 0
    retry: Retry = Retry()
    timeout: float | None = None
    trigger_rule: str = "all_success"
    dynamic: bool = False
    max_depth: int = 100
    max_tasks: int = 1_000_000
    limits: tuple[Limit, ...] = ()
    rates: tuple[Rate, ...] = ()
    cache: Cache | None = None
    priority: int = 0
    #: the kind of slots that bodies run in; "" for those of the run's executor
    executor: str = ""
    keyed: bool = False
    label: str | None = None
    tags: tuple[str, ...] = ()
    doc: str = ""


@dataclass(slots=True, repr=False)
class Graph:
    """A traced pipeline: columns by node, tables by index, and the structure of its result."""

    pipeline: str = ""
    # columns, one entry for each node; lists, since an array takes three times as long to append to
    kind: bytearray = field(default_factory=bytearray)
    spec: list[int] = field(default_factory=list)
    scope: list[int] = field(default_factory=list)
    nth: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    payload: list[bytes] = field(default_factory=list)
    inputs: list[tuple[Ref, ...]] = field(default_factory=list)
    # what few nodes have
    after: dict[int, list[int]] = field(default_factory=dict)
    gates: dict[int, tuple[int, bool]] = field(default_factory=dict)
    maps: dict[int, MapSpec] = field(default_factory=dict)
    #: parameter names of INPUT nodes, labels of helpers
    labels: dict[int, str] = field(default_factory=dict)
    # tables
    specs: list[TaskSpec] = field(default_factory=list)
    scopes: list[tuple[int, str, str]] = field(default_factory=list)  #: parent, label, kind
    places: list[tuple[str, int]] = field(default_factory=list)  #: path and line of the calls
    constants: list[Value] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list)
    iterators: list[Any] = field(default_factory=list)
    #: the pickled `(value,)` of what the body returned, and what fills its holes
    result: tuple[bytes, tuple[Ref, ...]] | None = None
    #: by name of a task: a digest of its code, of what was traced where somebody will compare them
    codes: dict[str, str] = field(default_factory=dict)
    #: by name of a task: parts of its code that the digest does not cover, since they have none
    uncovered: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kind)

    def __repr__(self) -> str:
        maps = sum(kind == MAP for kind in self.kind)
        calls = sum(kind in (TASK, DYNAMIC) for kind in self.kind)
        return f"<graph of {self.pipeline}: {calls:,} calls, {maps:,} maps>"

    def add(
        self,
        kind: int,
        spec: int,
        scope: int,
        nth: int,
        place: int,
        payload: bytes,
        inputs: tuple[Ref, ...],
    ) -> int:
        """Append a node and return its id."""
        self.kind.append(kind)
        self.spec.append(spec)
        self.scope.append(scope)
        self.nth.append(nth)
        self.place.append(place)
        self.payload.append(payload)
        self.inputs.append(inputs)
        return len(self.kind) - 1

    def since(self, first: int, some: Collection[int]) -> list[int]:
        """Those of `some` nodes, such as the keys of `maps`, from `first` on, in order.

        It looks at no more than there are of either: graphs grow by many small parts.
        """
        if len(some) < len(self) - first:
            return sorted(node for node in some if node >= first)
        return [node for node in range(first, len(self)) if node in some]

    def path_of(self, scope: int) -> str:
        """The call path of a scope, such as `scrape_site/scrape_domain#2`."""
        parts = []
        while scope >= 0:
            scope, label, _ = self.scopes[scope]
            parts.append(label)
        return "/".join(reversed(parts))

    def name_of(self, node: int) -> str:
        """The short name of a node, as people see it."""
        spec = self.spec[node]
        return self.specs[spec].short if spec >= 0 else self.labels.get(node, "")

    def key_of(self, node: int, path: str | None = None) -> str:
        """The task key of a node: call path, name, and `#2` for its second call there.

        Who asks often keeps the paths of scopes and passes the node's.
        """
        nth = self.nth[node]
        name = self.name_of(node) or f"_{node}"
        if path is None:
            path = self.path_of(self.scope[node])
        return f"{path}/{name}#{nth}" if nth > 1 else f"{path}/{name}"

    def line_of(self, node: int) -> str:
        """Where the call stands, as `file.py:12`."""
        if not 0 <= self.place[node] < len(self.places):
            return "?"
        path, line = self.places[self.place[node]]
        return f"{path}:{line}"

    def upstream(self, node: int) -> list[int]:
        """All nodes that this one waits for, data and ordering, without repeats."""
        found = nodes_of(self.inputs[node])
        found += self.after.get(node, ())
        if node in self.gates:
            found.append(self.gates[node][0])
        if node in self.maps:
            found += sources_of(self.maps[node])
        return list(dict.fromkeys(found))


def sources_of(spec: MapSpec) -> list[int]:
    """The nodes that feed the elements of a map."""
    found: list[int] = []
    for source in spec.sources:
        if isinstance(source, Elements):
            found.append(source.node)
        elif isinstance(source, Split):
            found.append(node_of(source.ref))
        elif isinstance(source, Nodes):
            found += [node_of(item) for item in source.items if not isinstance(item, bytes)]
    return [node for node in found if node >= 0]


def known_count(spec: MapSpec) -> int | None:
    """How many elements a map has, when the graph alone can say."""
    for source in spec.sources:
        if isinstance(source, Listed):
            return source.count
        if isinstance(source, Nodes):
            return len(source.items)
    return None
