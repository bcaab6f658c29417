"""Random pipelines in virtual time, and what must hold of every run."""

from __future__ import annotations

import dataclasses
import os
import pickle
import random
import tempfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import strategies
from doubles import FakeClock, Recorder, RunningWorker, SimulatedExecutor
from hypothesis import reject
from model import Expected, Mapped
from strategies import Recipe, build, set_stage

from taskflow.authoring.tracing import Trace
from taskflow.call import Setup
from taskflow.context import context
from taskflow.engine.loop import Engine
from taskflow.engine.plan import Plan
from taskflow.events import TaskRetrying, TasksEnded, TasksPlanned, TasksReturned, TasksStarted
from taskflow.lifecycle import ENDED
from taskflow.policies import Limit, Rate
from taskflow.values import dumps

if TYPE_CHECKING:
    from taskflow.call import Call
    from taskflow.graph.graph import Graph, TaskSpec
    from taskflow.interfaces import Lane


class Watcher:
    """The stage of a simulated run: who began when, and what is known of every unit."""

    def __init__(self) -> None:
        self.charged: Counter[tuple[int, int]] = Counter()
        self.unit = (0, 0)
        self.attempt = 1
        self.always = False
        self.marks: dict[tuple[int, int], tuple[str, int]] = {}
        self.began: list[tuple[str, int]] = []
        self.starts: list[tuple[float, tuple[int, int], str]] = []
        self.clock = FakeClock()
        self.laters: Counter[tuple[str, int]] = Counter()

    def enter(self, ident: str, mark: int) -> tuple[int, int]:
        facts = context.get()
        call: Call = facts.call
        unit = (call.node, call.first)
        assert self.marks.setdefault(unit, (ident, mark)) == (ident, mark), "inputs changed"
        self.began.append((ident, mark))
        self.starts.append((self.clock.time, unit, ident))
        self.laters[ident, mark] += 1
        return call.attempt - 1 - self.charged[unit], self.laters[ident, mark] > 3

    def leave(self, ident: str, mark: int) -> None:
        pass


class Simulation:
    """One run of a recipe in virtual time."""

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        *,
        slots: int = 2,
        loss_rate: float = 0.0,
        fail_fast: bool = False,
        cancel_at: int = -1,
        grace: float = 0.0,
        lanes: tuple[Lane, ...] = (),
    ) -> None:
        """With `lanes`, tasks get lanes, limits, rates and priorities at random."""
        self.recipe = recipe
        self.nodes: dict[str, int] = {}
        self.watcher = Watcher()
        self.world = random.Random(seed)
        self.recorder = Recorder()
        self.cancel_at = cancel_at
        self.grace = grace
        with tempfile.TemporaryDirectory() as directory:
            setup = Setup("run", directory)
            self.graph = traced(recipe, self.nodes, directory)
            self.watcher.clock = clock = FakeClock()
            if lanes:
                self.graph.specs[:] = [limited(each, self.world) for each in self.graph.specs]
            self.executor = SimulatedExecutor(
                clock,
                lambda: RunningWorker(setup, self._seconds),
                slots=slots,
                world=self.world,
                loss_rate=loss_rate,
                lanes=lanes,
            )
            self.executor.before_step = self._before_step
            self.watcher.charged = self.executor.charged
            kinds = [lane.kind for lane in self.executor.lanes]
            self.plan = Plan(self.graph, fail_fast=fail_fast, draw=clock.random, lanes=kinds)
            self.engine = Engine(self.plan, self.executor, clock, [self.recorder])
            set_stage(self.watcher)
            try:
                self.engine.run()
            finally:
                set_stage(strategies.FileStage())

    def _seconds(self) -> float:
        return self.world.choice((1e-6, 1e-5, 1e-4, 1e-3, 0.02, 1.0))

    def _before_step(self, call: Call, count: int) -> None:
        spec = self.plan.spec_of(call.node)
        always = spec is not None and spec.trigger_rule == "always"
        stopped = self.engine._stopping and self.plan.cancelled
        assert not stopped or always, "a body began after the cancel"
        self._check_limits()
        if self.executor.steps == self.cancel_at:
            self.engine.cancel("cancel", self.grace)

    def _check_limits(self) -> None:
        """No more bodies are in flight than their limits allow."""
        active: Counter[tuple[str, int | None]] = Counter()
        for node, element in self.executor.in_flight():
            spec = self.plan.spec_of(node)
            known = self.watcher.marks.get((node, element))
            for limit in spec.limits if spec and known else ():
                name = limit.name, limit.key and limit.key(known[0])
                active[name] += 1
                assert active[name] <= limit.n, (name, limit)

    def check_rates(self) -> None:
        """In no span of time did more bodies begin than their rate allows."""
        starts: dict[tuple[Rate, str, int | None], list[float]] = {}
        for time, (node, _), ident in self.watcher.starts:
            spec = self.plan.spec_of(node)
            for rate in spec.rates:
                key = rate.key and rate.key(ident)
                starts.setdefault((rate, spec.name, key), []).append(time)
        for (rate, *_), times in starts.items():
            count, span = rate.count_and_span
            for first, after in zip(times, times[count:], strict=False):
                assert after - first >= span - 1e-9, (rate, times)

    @property
    def crashed(self) -> set[tuple[str, int]]:
        marks = self.watcher.marks
        lost = [unit for unit, count in self.executor.charged.items() if count >= 3]
        if any(unit not in marks for unit in lost):
            reject()  # taking a list apart, or handing on a value, lost its worker too often
        crashed = {marks[unit] for unit in lost}
        alike = Counter(marks.values())
        if any(alike[mark] > 1 for mark in crashed):
            reject()  # the model cannot tell them apart
        return crashed


def last_letter(ident: str) -> str:
    """The key of keyed limits."""
    return ident[-1]


def limited(spec: TaskSpec, world: random.Random) -> TaskSpec:
    """A task with a lane, limits, a rate and a priority drawn by lot."""
    if spec.dynamic or spec.short == "parity":  # it has no ident
        return spec
    names = world.choice(((), (), ("a",), ("b",), ("a", "b")))
    sizes = {"a": 1, "b": 2}
    limits = tuple(Limit(each, sizes[each], world.choice((None, last_letter))) for each in names)
    rates = ()
    if world.random() < 0.3:
        rates = (Rate(world.choice(("1/s", "5/2s", "3/500ms")), world.choice((None, last_letter))),)
    keys = tuple(each.key for each in (*limits, *rates) if each.key)
    retry_on, key, _ = pickle.loads(spec.code.policy) if spec.code.policy else (None, None, ())
    return dataclasses.replace(
        spec,
        code=dataclasses.replace(
            spec.code, policy=dumps((retry_on, key, keys)), announced=bool(rates)
        ),
        limits=limits,
        rates=rates,
        priority=world.choice((0, 0, 0, 5, -1)),
        executor=world.choice(("", "threads", "async")),
    )


def traced(recipe: Recipe, nodes: dict[str, int], directory: str) -> Graph:
    trace = Trace("drawn", f"{directory}/values")
    os.makedirs(f"{directory}/values", exist_ok=True)
    with trace.active():
        build(recipe, nodes.__setitem__)
    return trace.close()


# --- what must hold ---------------------------------------------------------------------------


def check_states(recipe: Recipe, plan: Plan, nodes: dict[str, int], crashed: Any) -> Expected:
    """Every step ended as the model says, element by element."""
    expected = Expected(recipe, crashed)
    for number, wanted in enumerate(expected.ended):
        node = nodes[f"s{number}"]
        assert plan.state[node] == wanted.state, (f"s{number}", plan.state[node], wanted)
        if isinstance(wanted, Mapped) and wanted.elements is not None:
            run = plan.mapping.runs[node]
            states = [run.state_of(element) for element in run.in_order()]
            assert states == [each.state for each in wanted.elements], (f"s{number}", states)
    return expected


def check_untaken(plan: Plan, nodes: dict[str, int], expected: Expected) -> None:
    """The run fails for just those failures that nobody took as a value."""
    steps = {node: int(name[1:]) for name, node in nodes.items()}
    untaken = {steps[node] for node in plan.taking.untaken if node in steps}
    kinds = [expected._recipe[number].kind for number in range(len(expected.ended))]
    plain = {n for n in expected.failing - expected.taken if kinds[n] not in {"when", "expand"}}
    assert untaken & plain == plain, (untaken, plain)
    assert {n for n in untaken if kinds[n] not in {"when", "expand"}} == plain, (untaken, plain)


def check_balance(plan: Plan, events: list[Any]) -> None:
    """What was given to slots came back in some way, and each task run ended once."""
    given: Counter[str] = Counter()
    planned: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    ends: Counter[tuple[str, int]] = Counter()  # by key of the task or map, and element
    for event in events:
        match event:
            case TasksStarted():
                given[event.name] += event.count
            case TasksReturned():
                given[event.name] -= event.count
            case TaskRetrying():
                given[event.name] -= event.running
            case TasksPlanned():
                planned[event.name] += event.count
            case TasksEnded():
                given[event.name] -= event.running * event.count
                ended[event.name] += event.count
                for element in range(event.first, event.first + event.count):
                    single = event.first >= 0 and event.count == 1
                    ends[event.key.rpartition("[")[0] if single else event.key, element] += 1
        assert min(given.values(), default=0) >= 0, (event, given)
    assert not +given, given
    assert max(ends.values(), default=1) == 1, ends
    assert all(ended[name] <= planned[name] for name in planned if name), (ended, planned)
    assert all(state in ENDED for state in plan.state)
    for run in plan.mapping.runs.values():
        assert all(run.state_of(element) in ENDED for element in range(len(run.states)))


def check_bodies(sim: Simulation, expected: Expected) -> None:
    """Bodies ran with the right inputs, no other did, and no more often than allowed."""
    began = Counter(sim.watcher.began)
    assert began.keys() <= expected.bodies, began.keys() - expected.bodies
    assert expected.bodies <= began.keys(), expected.bodies - began.keys()
