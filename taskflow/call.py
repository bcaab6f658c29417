"""What travels to a worker and back.

    engine ── Batch(specs, calls) ──▶ worker        a call: which task, with which inputs
    engine ◀── [Outcome, ...] ─────── worker        an outcome: how it ended, with which value

Most calls are ordinary, and most of those succeed: they travel in columns, as
`CallColumns` and `Done`.

A call is for one task run, or for `count` elements of a map, from element `first` on. A value
is the pickled object as bytes, or a `Stored` file when it is large: the engine passes both on
and never looks inside. Inputs say where a value comes from; the worker loads them.

Standard library only: every worker process imports this.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

# --- values and inputs ---------------------------------------------------------------------


class Stored(NamedTuple):
    """A value in a file (see `valuefiles`); who did not just see it written has it checked."""

    path: str
    size: int
    check: bool = False


Value = bytes | Stored


class Chunk(NamedTuple):
    """The values of several map elements: one pickled list (`whole`), or one pickle after another.

    Only scalars go into one list: elements must not share mutable objects.
    """

    value: Value
    whole: bool


class Piece(NamedTuple):
    """`count` elements of a chunk from `start` on; the chunk may also be a range."""

    chunk: Chunk | range
    start: int
    count: int  # type: ignore[assignment] # hides tuple.count, which means nothing here


class Failed(NamedTuple):
    """A failed input, for a task that takes failures as values."""

    key: str
    state: str
    report: ErrorReport


class Gathered(NamedTuple):
    """The collected list of a map, in order; pieces, single failures, and their order."""

    pieces: tuple[Piece | Failed, ...]


class Part(NamedTuple):
    """An item of another input: a path of ("item", key) and ("field", name) steps."""

    input: Input
    path: tuple[tuple[str, Any], ...]


#: Where a value is; an int is a node whose value an earlier call of the same batch makes.
Input = bytes | Stored | int | Failed | Gathered | Part | None
Column = tuple[Piece | Failed, ...]

# --- calls and outcomes --------------------------------------------------------------------

#: What a call asks for: the value; its truth; its elements, apart; the graph it expands to;
#: and of its arguments, without running the body: the keys of its limits and rates, their digests.
ASK_VALUE: Final = 0
ASK_TRUTH: Final = 1
ASK_SPLIT: Final = 2
ASK_GRAPH: Final = 3
ASK_KEYS: Final = 4
ASK_PRINT: Final = 5
OF_ARGUMENTS: Final = frozenset({ASK_KEYS, ASK_PRINT})

#: The spec of calls that only hand on their input.
IDENTITY: Final = -1


#: Blob numbers of a fragment from here down mean the run's own blobs 0, 1, 2 ...
KNOWN_BLOB: Final = -2


class Call(NamedTuple):
    """One task run, or `count` elements of a map starting at element `first`.

    `payload` is the pickled `(args, kwargs, slots)`: `inputs` fill the argument positions and
    names in `slots` first, then the holes left where pickle met a future deeper inside.
    `columns` are the mapped arguments of an element call, one column for each slot in front.
    """

    node: int
    spec: int
    key: str
    payload: bytes
    inputs: tuple[Input, ...]
    attempt: int = 1
    ask: int = ASK_VALUE
    first: int = -1
    count: int = 1  # type: ignore[assignment] # hides tuple.count, which means nothing here
    columns: tuple[Column, ...] = ()
    keys: tuple[Any, ...] | None = None


class CallColumns(NamedTuple):
    """Ordinary calls in columns: first attempts of single task runs, for their values.

    A key is the name here, and from the second call of that name on `#` and its number.
    """

    nodes: list[int]
    specs: list[int]
    names: list[str]
    numbers: list[int]
    payloads: list[bytes]
    inputs: list[tuple[Input, ...]]

    def call(self, place: int) -> Call:
        """One of them by itself."""
        node, spec, name, number, payload, inputs = [column[place] for column in self]
        key = name if number == 1 else f"{name}#{number}"
        return Call(node, spec, key, payload, inputs)


class Outcome(NamedTuple):
    """How a call, or a span of its elements, ended.

    `value` holds what the state says: the value or `Chunk` of a success, the answer to a
    question, an `ErrorReport`, the reason of a skip, the delay of a `retry_later`.
    """

    node: int
    first: int
    count: int  # type: ignore[assignment] # hides tuple.count, which means nothing here
    state: str
    value: Any
    seconds: float
    attempt: int = 1
    keys: tuple[Any, ...] | None = None
    #: one line that shows the value; empty where whoever has it can show it safely
    preview: str = ""


#: States of an `Outcome` beside the states of a task run.
RETRY_LATER: Final = "retry_later"
NOT_RUN: Final = "not_run"


class Batch(NamedTuple):
    """Calls for one slot, in order, with the specs this slot has not seen yet.

    Only slots of a lane that says so are given `CallColumns` among them.
    """

    id: int
    calls: tuple[Call | CallColumns, ...]
    codes: tuple[tuple[int, Code], ...] = ()
    blobs: tuple[tuple[int, bytes], ...] = ()


def bodies_in(batch: Batch) -> int:
    """How many bodies a batch is for: elements of maps count each."""
    return sum(
        len(call.nodes) if isinstance(call, CallColumns) else call.count for call in batch.calls
    )


@dataclass(frozen=True, slots=True)
class Code:
    """Where a worker finds a function: by module and name, or by value in a pickled blob."""

    module: str
    qualname: str
    blob: int = -1
    index: int = -1
    #: the pickled `(retry_on, key, limit_keys)`, when one of them is given
    policy: bytes = b""
    timeout: float = 0.0
    #: whether the engine is to be told when a body begins, as it is of one with a timeout
    announced: bool = False
    #: how many values the task says it returns; 0 if it does not say
    outputs: int = 0
    #: parameters that do not count when results are looked for in the cache; None without one
    ignore: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told when it starts."""

    run_id: str
    run_dir: str
    snapshot: str = ""
    paths: tuple[str, ...] = ()
    cwd: str = ""
    argv: tuple[str, ...] = ()
    scheduled_time: datetime | None = None
    data_interval: tuple[datetime, datetime] | None = None
    #: that of the root logger; 30 is `logging.WARNING`
    log_level: int = 30
    #: whether the run is kept in a store
    kept: bool = False


class Source(NamedTuple):
    """The source of one module, as it was when a trace was made or a file was read."""

    path: str
    text: bytes
    is_package: bool


# --- failures ------------------------------------------------------------------------------


class Frame(NamedTuple):
    """One line of a traceback."""

    path: str
    line: int
    name: str
    text: str
    mine: bool


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An exception as plain data, made where it happened."""

    type: str
    message: str
    traceback: str = ""
    frames: tuple[Frame, ...] = ()
    pickled: bytes = b""
    retryable: bool = True
    inputs: tuple[tuple[str, str], ...] = ()
    log_tail: str = ""

    @property
    def line(self) -> str:
        """The error in one line, as Python prints it."""
        head = self.message.strip().split("\n", 1)[0]
        return f"{self.type}: {head}" if head else self.type


@dataclass(frozen=True, slots=True)
class Failure:
    """Stands for the value of a task that failed: its `error`, `task_key` and `state`."""

    error: BaseException
    task_key: str
    state: str = "failed"

    def __bool__(self) -> bool:
        """A failure is false, so `[x for x in outcomes if x]` drops it."""
        return False


# --- holes: where futures were, deep inside pickled arguments -------------------------------

_filling = threading.local()


def hole(index: int) -> Any:
    """The input for hole `index` of the payload that is being loaded in this thread."""
    return _filling.inputs[index]


def holes(first: int, count: int) -> list[Any]:
    """The inputs for so many holes in a row: how a list of nothing but futures travels."""
    return list(_filling.inputs[first : first + count])


def same(value: Any) -> Any:
    """The value itself: how a structure of futures travels inside other arguments."""
    return value


def fill(load: Callable[[], Any], inputs: Sequence[Any]) -> Any:
    """Load a payload whose holes stand for `inputs`."""
    before = getattr(_filling, "inputs", None)
    _filling.inputs = inputs
    try:
        return load()
    finally:
        _filling.inputs = before


class Abort(BaseException):
    """Raised into a body that runs in the engine's own thread, to end the run now."""


# --- what an executor reports ----------------------------------------------------------------


class Lost(NamedTuple):
    """A worker died; `cause` says how in plain words, `claimed` what it had begun."""

    slot: int
    cause: str
    tail: str
    unclaimed: dict[int, int]
    killed: bool = False
    #: Bodies, by node and element, that are known not to have stopped when they were asked to,
    #: while others took their turns; None where nobody looked.
    stubborn: frozenset[tuple[int, int]] | None = None


class Ended(NamedTuple):
    """How calls of a slot ended, in the order in which they did."""

    slot: int
    outcomes: list[Outcome]


class Done(NamedTuple):
    """Ordinary calls of a slot that succeeded with small values, in the order in which they did."""

    slot: int
    nodes: list[int]
    values: list[bytes]
    seconds: list[float]


class Started(NamedTuple):
    """A body with a timeout or a rate has begun.

    It is said again with the map key and previews of the inputs, once they are known, of a body
    whose worker may not live to tell how it ended.
    """

    slot: int
    node: int
    element: int
    keys: tuple[Any, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()


class Hello(NamedTuple):
    """A worker process serves a slot; `started` tells it from a later process of that number."""

    slot: int
    pid: int
    started: int


class Stuck(NamedTuple):
    """A body takes long: what a slot had claimed behind it is free again, and to be withdrawn."""

    slot: int


class Waits(NamedTuple):
    """The body of a slot waits until all that it was given is kept."""

    slot: int


class Output(NamedTuple):
    """What a task wrote, one record of `logging` that it made, or how far it says it is."""

    slot: int
    key: str
    text: str
    progress: tuple[float, float | None] | None = None
    level: int = 0  #: of a record; 0 of plain output
    logger: str = ""
    seen: bool = False  #: whether it has been shown where it was written


Report = Lost | Ended | Done | Started | Hello | Waits | Stuck | Output
