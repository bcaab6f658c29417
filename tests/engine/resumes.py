"""Runs that crash, pause, are cancelled and resumed, in virtual time and with a make-believe store.

A `Saga` is one run with all its goes. Each `Go` has an engine, an executor, a clock and a trace of
its own, as each process that drives a run has; what they share is the `SimulatedStore`. A crash
throws all of it away but the records that had been committed: a prefix of those that were written.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import strategies
from doubles import FakeClock, Recorder, RunningWorker, SimulatedExecutor
from simulations import traced
from strategies import set_stage

from taskflow.authoring.recovery import past_of
from taskflow.call import ASK_VALUE, Failed, Gathered, Part, Setup
from taskflow.context import context
from taskflow.engine.journal import Recording
from taskflow.engine.loop import Engine
from taskflow.engine.past import replayed
from taskflow.engine.plan import Plan
from taskflow.engine.recall import Recall
from taskflow.errors import StoreFullError
from taskflow.graph import stored
from taskflow.lifecycle import BAD, GOOD, SKIPPED
from taskflow.records import Given, Kept, KeptTasks, NewTrace, RunRow, TraceRow, Tried
from taskflow.values import decode, decode_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from model import Expected
    from strategies import Recipe

    from taskflow.call import Call, Input
    from taskflow.engine.past import Past
    from taskflow.graph.graph import Graph
    from taskflow.records import Record

#: What a body is known by, whichever trace it runs in: the task, and a number for its inputs.
Mark = tuple[str, int]

#: How a go comes to its end, unless the run is over before that.
WAYS = ("crash", "crash", "crash", "pause", "cancel", "timeout", "end")
#: Jumps of the wall clock, in seconds; the engine's own clock never jumps.
JUMPS = (0, 0, 1, -1, 3600, -3600, 40 * 86400, -7 * 86400)


class Crash(BaseException):
    """The process is gone: nobody may catch this."""


# --- the store --------------------------------------------------------------------------------


class SimulatedStore:
    """What has been committed of one run: its traces, and the records of each in their order."""

    def __init__(self) -> None:
        self.graphs: list[bytes] = []
        self.records: list[list[Record]] = []
        self.state = "running"

    def past(self) -> Past:
        """What a resume finds."""
        return past_of(self, RunRow("run", "drawn", self.state, 0.0))

    def traces(self, run_id: str) -> list[TraceRow]:
        return [TraceRow(number, data, {}, 0.0) for number, data in enumerate(self.graphs, 1)]

    def kept(self, run_id: str, trace: int) -> Iterator[Kept]:
        for row, each in enumerate(self.records[trace - 1]):
            if isinstance(each, Kept):
                yield each._replace(row=row)

    def tried(self, run_id: str, trace: int) -> list[Tried]:
        return [each for each in self.records[trace - 1] if isinstance(each, Tried)]

    def given(self, run_id: str, trace: int) -> list[Given]:
        return [each.in_units() for each in self.records[trace - 1] if isinstance(each, Given)]


class SimulatedLedger:
    """Commits what is written in its order, some of it sooner and some later."""

    run_dir = ""
    busy = 0.0
    on_news: Callable[[], None]

    def __init__(
        self, store: SimulatedStore, world: random.Random, on_moment: Callable[[], list[str]]
    ) -> None:
        """`on_moment` is called wherever a process may die; returns what others ask of the run."""
        self._store = store
        self._world = world
        self._on_moment = on_moment
        self._has_asked = False
        self._queue: list[Record] = []

    def begin(
        self, trace: NewTrace, kept: Sequence[Kept] = (), *, digested: Any = (), reasons: Any = None
    ) -> None:
        self._on_moment()
        for record, digests in digested:
            self._store.records[-1][record.row] = record._replace(digests=digests)
        self._store.graphs.append(trace.graph)
        self._store.records.append(list(kept))
        self._store.state = "running"
        self._on_moment()

    def write(self, records: Sequence[Record]) -> None:
        self._queue += records
        self._commit(self._world.choice((0, 0, 1, 2, 5, 1000)))
        self._on_moment()

    def poll(self) -> list[str]:
        asked = self._on_moment()
        if "pause" in asked:
            raise StoreFullError("the disk is full: free some space")
        self._commit(self._world.choice((0, 0, 1, 1000)))
        if self._has_asked:
            return []
        self._has_asked = bool(asked)
        return asked

    def flush(self) -> None:
        self._commit(len(self._queue))

    def end(self, state: str, *, seconds: float, counts: Any, **more: str) -> None:
        self._on_moment()
        self._store.state = state

    def close(self) -> None:
        self._queue.clear()

    def _commit(self, count: int) -> None:
        for each in self._queue[:count]:
            self._store.records[-1] += each.apart() if isinstance(each, KeptTasks) else (each,)
        del self._queue[:count]


class Book:
    """What one go at a run has of its store: a journal, and what there was before."""

    def __init__(
        self,
        ledger: SimulatedLedger,
        graph: Graph,
        clock: FakeClock,
        past: Past | None,
        anew: str = "",
    ) -> None:
        now = clock.now()
        self.journal = Recording()
        self.journal.now = now
        self.recall = None if past is None else Recall(past, anew, clock.monotonic() - now)
        self._ledger = ledger
        self._digested = [] if past is None else past.digested
        self._trace = NewTrace(stored.encode(graph), time=now)

    def begin(self) -> None:
        """Commit the trace of a plan that was made, with all that it keeps at once."""
        self._ledger.begin(self._trace, self.journal.drain(), digested=self._digested)

    def end(self, state: str) -> None:
        """Commit the end of a go; of one that was paused, nothing more than that."""
        if state != "paused":
            self._ledger.flush()
        self._ledger.end(state, seconds=0.0, counts={})


# --- bodies -----------------------------------------------------------------------------------


class Witness:
    """The stage of all goes at a run: what began in any of them, and what was committed."""

    def __init__(self) -> None:
        self.began: Counter[Mark] = Counter()
        #: What must not have happened; a body that raised this would only have failed.
        self.complaints: list[str] = []
        self.done: set[Mark] = set()
        self._failures: dict[str, int] = {}  # by key, when the run was cut off
        self._tried: Counter[str] = Counter()  # by key
        self._plan: Plan
        self._marks: dict[tuple[int, int], Mark] = {}

    def watch(self, plan: Plan) -> None:
        """Another go begins."""
        self._plan = plan
        self._marks = {}

    def enter(self, ident: str, mark: int) -> tuple[int, bool]:
        call: Call = context.get().call
        unit, body = (call.node, call.first), (ident, mark)
        self._blame(self._marks.setdefault(unit, body) != body, f"inputs of {body} changed")
        failures, losses = self._plan.attempts.tries.get(unit, (0, 0))
        again = body in self.done and not has_failures(call)
        self._blame(again, f"{body} had ended and began again")
        key = self._plan.key_of_call(*unit)
        # By key: after a cancel, clean-up may be given something else, and its attempts count on.
        self._blame(failures + losses > self._tried[key], f"{body} is charged what it never did")
        self._blame(failures < self._failures.get(key, 0), f"a failure of {body} was forgotten")
        self.began[body] += 1
        self._tried[key] += 1
        return failures, self.began[body] > 3

    def leave(self, ident: str, mark: int) -> None:
        pass

    def _blame(self, happened: bool, what: str) -> None:
        if happened:
            self.complaints.append(what)

    def note(self, records: Sequence[Record], *, cut_off: bool) -> None:
        """A go is over, and this is what was committed of it."""
        if not cut_off:
            self._failures.clear()  # who is resumed after an end has all attempts again
        for record in records:
            if isinstance(record, Kept):
                self._note_end(record)
                self._failures.pop(record.key_of(record.first), None)
            elif isinstance(record, Tried) and cut_off:
                self._failures[record.key] = record.failures

    def _note_end(self, kept: Kept) -> None:
        spec = self._plan.spec_of(kept.node)
        if self._plan.cancelled and spec is not None and spec.trigger_rule == "always":
            return  # it cleaned up after a cancel, and does so again after the rest of the run
        if kept.ask == ASK_VALUE and kept.state in GOOD | {SKIPPED}:
            units = ((kept.node, kept.first + number) for number in range(kept.count))
            self.done |= {self._marks[unit] for unit in units if unit in self._marks}


def has_failures(call: Call) -> bool:
    """Whether a call is given failures: a body's mark does not tell those apart."""
    return any(map(_has_failures, call.inputs)) or any(
        isinstance(piece, Failed) for column in call.columns for piece in column
    )


def _has_failures(source: Input) -> bool:
    if isinstance(source, Part):
        return _has_failures(source.input)
    if isinstance(source, Gathered):
        return any(isinstance(piece, Failed) for piece in source.pieces)
    return isinstance(source, Failed)


# --- one go, and all of them -------------------------------------------------------------------


class Fate(NamedTuple):
    """What happens to a go: `way` at moment `at`; a jump of the wall clock at another moment."""

    way: str = "end"
    at: int = 0
    jump: float = 0
    jump_at: int = 0
    loss_rate: float = 0.0


class Go:
    """One process that drives a run, to its end or to that of the process."""

    def __init__(self, saga: Saga, fate: Fate, start: datetime) -> None:
        self.fate = fate
        self.moments = 0
        self.clock = FakeClock(start)
        self.nodes: dict[str, int] = {}
        self.recorder = Recorder()
        self._world = saga.world
        self.crashed = False
        past = saga.store.past() if saga.store.graphs else None
        self.graph = traced(saga.recipe, self.nodes, saga.directory)
        # Values that a result is made of are kept to the end, to be looked at.
        self.graph.result = (b"", tuple(self.nodes.values()))
        self.executor = SimulatedExecutor(
            self.clock,
            lambda: RunningWorker(Setup("run", saga.directory), self._seconds),
            slots=saga.slots,
            world=self._world,
            loss_rate=fate.loss_rate,
        )
        self.executor.before_step = self._before_step
        try:
            self._run(saga, past)
        except Crash:
            self.crashed = True

    def _run(self, saga: Saga, past: Past | None) -> None:
        ledger = SimulatedLedger(saga.store, self._world, self._moment)
        book = Book(ledger, self.graph, self.clock, past)
        self.plan = Plan(
            self.graph,
            draw=self.clock.random,
            lanes=[lane.kind for lane in self.executor.lanes],
            journal=book.journal,
            recall=book.recall,
        )
        saga.witness.watch(self.plan)
        book.begin()
        timeout = self._world.choice((0.001, 1.0)) if self.fate.way == "timeout" else None
        self.engine = Engine(self.plan, self.executor, self.clock, [self.recorder], timeout, ledger)
        self.engine.run()
        self.paused = self.engine.paused is not None
        book.end("paused" if self.paused else state_of(self.plan))

    @property
    def has_bad(self) -> bool:
        """Whether anything failed, be it that somebody took that as a value."""
        states = {
            run.state_of(each)
            for run in self.plan.mapping.runs.values()
            for each in range(len(run.states))
        }
        return bool(BAD & (states | set(self.plan.state)))

    def _seconds(self) -> float:
        return self._world.choice((1e-6, 1e-5, 1e-4, 1e-3, 0.02, 1.0))

    def _before_step(self, call: Call, count: int) -> None:
        running = set(self.executor.in_flight())
        coming = {(call.node, call.first + number) for number in range(count)}
        assert not running & coming, "two bodies of one task run at once"
        self._moment()

    def _moment(self) -> list[str]:
        """Something may happen now, from outside."""
        self.moments += 1
        if self.moments == self.fate.jump_at:
            self.clock.set(self.clock.utc + timedelta(seconds=self.fate.jump))
        if self.moments < self.fate.at:
            return []
        if self.fate.way == "crash":
            raise Crash
        return [self.fate.way] if self.fate.way in {"pause", "cancel"} else []


def state_of(plan: Plan) -> str:
    """How a run ended."""
    if plan.cancelled:
        return "cancelled"
    return "failed" if plan.taking.untaken else "succeeded"


class Saga:
    """A run of a recipe in several goes, of which only the last is left in peace."""

    def __init__(
        self, recipe: Recipe, seed: int, *, slots: int = 2, script: Sequence[Fate] | None = None
    ) -> None:
        """`script` says what happens to the first goes, in place of the seed."""
        self.recipe = recipe
        self.slots = slots
        self.world = random.Random(seed)
        self.store = SimulatedStore()
        self.witness = Witness()
        self.goes: list[Go] = []
        self.events = 0
        self._start = datetime(2031, 5, 6, tzinfo=UTC)
        set_stage(self.witness)
        try:
            with tempfile.TemporaryDirectory() as self.directory:
                drawn = [self._drawn() for _ in range(self.world.randint(1, 3))]
                for fate in drawn if script is None else script:
                    self.go(fate)
                self.last = self.go(Fate())
                self.began = self.witness.began.copy()
                self.again = self.go(Fate())  # there may be nothing left to do
        finally:
            set_stage(strategies.FileStage())

    def _drawn(self) -> Fate:
        world = self.world
        most = world.choice((3, 10, 40, 150))
        return Fate(
            world.choice(WAYS),
            world.randint(1, most),
            world.choice(JUMPS),
            world.randint(1, most),
            world.choice((0.0, 0.0, 0.1)),
        )

    def go(self, fate: Fate) -> Go:
        """Drive the run once more."""
        traces = len(self.store.graphs)
        go = Go(self, fate, self._start)
        self.goes.append(go)
        self._start = go.clock.utc + timedelta(seconds=self.world.choice(JUMPS))
        began = len(self.store.graphs) > traces
        records = self.store.records[-1] if began else []
        self.events += len(go.recorder.events) + len(records) + go.moments
        if began:
            self.witness.note(records, cut_off=go.crashed or go.paused)
        return go


# --- what must hold ---------------------------------------------------------------------------


def check_values(go: Go, expected: Expected) -> None:
    """No result is lost, and none is another's."""
    for number, wanted in enumerate(expected.ended):
        node = go.nodes[f"s{number}"]
        if hasattr(wanted, "elements"):
            run = go.plan.mapping.runs[node]
            for element, each in zip(
                run.in_order(), wanted.elements or (), strict=bool(wanted.elements)
            ):
                if each.is_good:
                    (piece,) = run.values.get(element, element + 1)
                    assert decode_piece(piece) == [each.value], (number, element)
        elif wanted.is_good:
            assert decode(go.plan.value[node]) == wanted.value, number


def check_replay(store: SimulatedStore, plan: Plan) -> None:
    """The records of an ended trace bring a new plan to the same states and values."""
    again = Plan(stored.decode(store.graphs[-1]))
    for _ in replayed(again, store.kept("run", len(store.graphs))):
        pass
    assert again.state == plan.state
    assert again.value == plan.value
    assert again.mapping.runs.keys() == plan.mapping.runs.keys()
    for node, run in plan.mapping.runs.items():
        other = again.mapping.runs[node]
        assert other.states == run.states, node
        assert values_of(other) == values_of(run), node
    assert set(again.taking.untaken) == set(plan.taking.untaken)


def values_of(run: Any) -> list[Any]:
    """The values of those elements of a map that have one."""
    good = [each for each in range(len(run.states)) if run.state_of(each) in GOOD]
    return [decode_piece(piece) for each in good for piece in run.values.get(each, each + 1)]
