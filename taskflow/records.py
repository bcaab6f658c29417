"""What is kept of runs, as plain records: an engine writes them, history and resume read them.

A run is kept as one or more traces: its graph as it was traced when it was started, and again for
each resume. What happened within a trace is a sequence of `Kept` records in the order in which the
engine took note of it, so inputs stand before what was made from them: whatever is cut off at the
end, what remains could be all that has happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.call import ASK_VALUE, Source
from taskflow.lifecycle import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.call import ErrorReport

# --- what a record of an outcome says of its value ----------------------------------------------

#: What a `Kept` is beside an outcome with the asks of `taskflow.call`: elements that the iterator
#: of a map gave, and an end without a call (upstream failed, a branch not taken, cancelled).
ASK_FED: Final = 10
NO_CALL: Final = 11
#: A map that was cancelled before it had any element.
NOT_OPENED: Final = 12


class Kept(NamedTuple):
    """How a task run, a span of map elements, or a question of the engine's ended.

    `value` is what an `Outcome` of `taskflow.call` has: bytes, a `Stored`, a `Piece` of elements,
    the answer to a question. `digests` are of the inputs, one for each element, 16 bytes each;
    empty where nobody has asked for them yet. `origin` says where a kept outcome comes from.
    """

    node: int
    first: int
    count: int  # type: ignore[assignment] # hides tuple.count, which means nothing here
    ask: int
    state: str
    path: str  #: the call path of the task, such as `scrape_site/scrape_domain[be]`
    name: str  #: of the task as people see it; empty for helpers
    nth: int  #: which call of that name on that path, from 1
    attempt: int = 1
    ended: float = 0.0  #: seconds since the epoch, UTC
    seconds: float = 0.0
    value: Any = None
    keys: tuple[str, ...] = ()  #: map keys of the elements, where they have any
    slot: int = -1
    why: str = ""
    origin: str = ""  #: "" ran here; "kept" from an earlier trace; else the run it is cached from
    preview: str = ""
    error: ErrorReport | None = None
    digests: bytes = b""
    row: int = 0  #: where a store has it; stores set it in what they give out

    @property
    def key(self) -> str:
        """The task key, without the element."""
        key = f"{self.path}/{self.name}" if self.path else self.name
        return f"{key}#{self.nth}" if self.nth > 1 else key

    def key_of(self, element: int) -> str:
        """The task key of one of the elements; of a single task run its own."""
        if self.first < 0:
            return self.key
        known = self.keys[element - self.first] if self.keys else ""
        return f"{self.key}[{known or element}]"


class KeptTasks(NamedTuple):
    """Task runs of one path and name that succeeded at their first attempt with small values.

    Most do, so they come in columns, which a store writes without a look at each. What is read
    back is the same as if each had been written as a `Kept`.
    """

    path: str
    name: str
    slot: int
    ended: float  #: of all of them: when the engine took note
    nodes: Sequence[int]
    nths: Sequence[int]
    values: Sequence[bytes | None]
    seconds: Sequence[float]

    def apart(self) -> Iterator[Kept]:
        """Each as a record of its own."""
        columns = zip(self.nodes, self.nths, self.values, self.seconds, strict=True)
        for node, nth, value, seconds in columns:
            yield Kept(
                node, -1, 1, ASK_VALUE, SUCCEEDED, self.path, self.name, nth, 1, self.ended,
                seconds, value, slot=self.slot,
            )  # fmt: skip


#: The node of attempts that a resume has taken over and not come to yet.
UNMET: Final = -1


class Tried(NamedTuple):
    """An attempt that is not the last: another comes at `when` (seconds since the epoch)."""

    node: int
    element: int
    key: str
    state: str
    failures: int
    losses: int
    when: float
    ended: float
    seconds: float = 0.0
    why: str = ""
    error: ErrorReport | None = None


class Given(NamedTuple):
    """A batch was given to a slot: its units by node, first element and count.

    Task runs that are no elements may also come as plain `nodes`; what is read back has all of them
    among its units.
    """

    slot: int
    batch: int
    units: Sequence[tuple[int, int, int]]
    time: float
    nodes: Sequence[int] = ()

    def in_units(self) -> Given:
        """The same batch with all that is in it as units."""
        alone = [(node, -1, 1) for node in self.nodes]
        return self._replace(units=(*self.units, *alone), nodes=())


class Worker(NamedTuple):
    """A worker process began to serve a slot; `started` tells it from a later one of that pid."""

    slot: int
    pid: int
    started: int
    time: float


class Wrote(NamedTuple):
    """What a task run wrote, or one record of `logging`; `level` 0 is what came by print."""

    key: str
    time: float
    text: str
    level: int = 0
    logger: str = ""


class AtWork(NamedTuple):
    """What a run is at: its bodies that have gone on for long. It replaces what was said before."""

    #: task keys, and since when (seconds since the epoch), those that go on longest first
    bodies: tuple[tuple[str, float], ...] = ()
    more: int = 0  #: how many more there are


Record = Kept | KeptTasks | Tried | Given | Worker | Wrote | AtWork

# --- runs -----------------------------------------------------------------------------------------


class Owner(NamedTuple):
    """The process that drives a run; `started` is in clock ticks since the machine's boot."""

    pid: int
    started: int
    boot: str
    host: str
    since: float


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known of a run when it is created."""

    id: str
    pipeline: str
    #: where its code is: the path of a file, and the name of the pipeline in it
    file: str = ""
    entry: str = ""
    #: as they may be shown: name, text; and as JSON has them
    params: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    #: the pickled dict of what was bound, for resume and rerun; it holds secrets, too
    given: bytes = b""
    secrets: tuple[str, ...] = ()  #: names of the parameters that are never shown
    tags: tuple[str, ...] = ()
    created: float = 0.0
    #: how it runs: executor, workers, fail_fast, timeout, durability
    settings: dict[str, Any] = field(default_factory=dict)
    parent: str = ""  #: the run that this one is a rerun of


@dataclass(frozen=True, slots=True)
class NewTrace:
    """One go at a run: the graph, encoded, and the code that it was traced from."""

    graph: bytes = b""
    #: by task name: a digest of its code, and by part of it (function, constant) a digest and place
    codes: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as history shows it."""

    id: str
    pipeline: str
    state: str
    created: float
    started: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0
    file: str = ""
    entry: str = ""
    params: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    given: bytes = b""
    secrets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    why: str = ""
    error: str = ""  #: the first failure, in one line
    parent: str = ""
    epoch: int = 0  #: how often somebody took the run on: 1 after the start
    stalled: int = 0  #: how many traces in a row were interrupted without an outcome of their own
    owner: Owner | None = None  #: while somebody drives it
    result: str = ""  #: a preview of its value
    schedule: str = ""  #: the id of the schedule that it is a run of
    tick: float = 0.0  #: the instant that it was due by that; 0 without one
    previous: float = 0.0  #: and the tick before; 0 without one
    zone: str = ""  #: that of the schedule; empty without one
    #: what it is at; of an interrupted run what it was at, as far as is known
    at_work: AtWork = field(default_factory=AtWork)
    version: str = ""  #: of its code, if a service keeps that

    @property
    def resumed(self) -> int:
        """How often somebody took the run on again; a service does that in two steps each time."""
        return max(0, (self.epoch - 1) // 2 if self.version else self.epoch - 1)

    @property
    def took(self) -> float:
        """Seconds from its start to its end; how long it was at work before a cut nobody knows."""
        if self.resumed and self.started:
            return max(0.0, self.ended - self.started)
        return self.seconds


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A trace as it was kept; `number` counts from 1 within its run."""

    number: int
    graph: bytes
    codes: dict[str, Any]
    time: float
    #: why what ran in it did, by name: `{"extract": ["code of extract changed (scrape.py:41)"]}`
    reasons: dict[str, list[str]] = field(default_factory=dict)


class Group(NamedTuple):
    """Task runs of one name on one path that ended alike."""

    path: str
    name: str
    state: str
    count: int  # type: ignore[assignment] # hides tuple.count, which means nothing here
    seconds: float
    ended: float  #: the last one
    kept: int = 0  #: how many of them came from an earlier trace, or from the cache


class RunFilter(NamedTuple):
    """Which runs a listing shows; empty fields let everything through."""

    states: tuple[str, ...] = ()
    pipeline: str = ""
    tags: tuple[str, ...] = ()
    since: float = 0.0
    until: float = 0.0
    limit: int = 20


class LogRow(NamedTuple):
    """A piece of what a task run wrote; `number` grows within the run."""

    number: int
    key: str
    time: float
    level: int
    logger: str
    text: str


class CacheEntry(NamedTuple):
    """A result that other runs may use; `parts` are digests of what the key is made of."""

    key: str
    name: str
    run_id: str
    task_key: str
    time: float
    value: Any
    parts: dict[str, str]
    expires: float = 0.0  #: seconds since the epoch; 0 for never


class Retention(NamedTuple):
    """What `gc` leaves: the last `runs` of each pipeline, and all of the last `days`.

    Of succeeded runs that are left, values that only later tasks read go when all values of the
    store together are larger than `bytes`, the largest first.
    """

    runs: int = 100
    days: float = 30.0
    bytes: int = 10 * 1000**3


class Removed(NamedTuple):
    """What `gc` has removed."""

    runs: int = 0
    files: int = 0
    bytes: int = 0


def as_json(value: Any) -> str:
    """Plain data as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
