"""Random pipelines in simulated and in real executors, against a model that knows no engine.

Whatever fails, is skipped, comes later, hangs, loses its worker or is cancelled: each task run
ends once, as the rules say, or is accounted for; the run always ends.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import strategies
from doubles import FakeClock, Recorder, RunningWorker, SimulatedExecutor
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from model import Expected, Mapped
from strategies import REAL_FATES, Recipe, build, recipes, set_stage

from taskflow import pipeline
from taskflow.authoring.tracing import Trace
from taskflow.call import Setup
from taskflow.context import context
from taskflow.engine.loop import Engine
from taskflow.engine.plan import Plan
from taskflow.events import (
    ENDED,
    TaskRetrying,
    TasksEnded,
    TasksPlanned,
    TasksReturned,
    TasksStarted,
)

if TYPE_CHECKING:
    from pathlib import Path

    from taskflow.call import Call
    from taskflow.graph.graph import Graph

#: Cases of the long search; for a night, set TASKFLOW_LONG_SEARCH=1000000.
LONG = int(os.environ.get("TASKFLOW_LONG_SEARCH", "1000"))


class Watcher:
    """The stage of a simulated run: who began when, and what is known of every unit."""

    def __init__(self) -> None:
        self.charged: Counter[tuple[int, int]] = Counter()
        self.unit = (0, 0)
        self.attempt = 1
        self.always = False
        self.marks: dict[tuple[int, int], tuple[str, int]] = {}
        self.began: list[tuple[str, int]] = []
        self.laters: Counter[tuple[str, int]] = Counter()

    def enter(self, ident: str, mark: int) -> tuple[int, int]:
        facts = context.get()
        call: Call = facts.call
        unit = (call.node, call.first)
        assert self.marks.setdefault(unit, (ident, mark)) == (ident, mark), "inputs changed"
        self.began.append((ident, mark))
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
    ) -> None:
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
            clock = FakeClock()
            self.executor = SimulatedExecutor(
                clock,
                lambda: RunningWorker(setup, self._seconds),
                slots=slots,
                world=self.world,
                loss_rate=loss_rate,
            )
            self.executor.before_step = self._before_step
            self.watcher.charged = self.executor.charged
            self.plan = Plan(self.graph, fail_fast=fail_fast, draw=clock.random)
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
        if self.executor.steps == self.cancel_at:
            self.engine.cancel("cancel", self.grace)

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


SIMULATED = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@SIMULATED
@given(recipe=recipes(), seed=st.integers(0, 10_000), slots=st.integers(1, 4))
def test_every_task_run_ends_as_the_rules_say(recipe, seed, slots):
    """States, bodies and failures that nobody took equal the model's, on any number of slots."""
    sim = Simulation(recipe, seed, slots=slots)
    expected = check_states(recipe, sim.plan, sim.nodes, sim.crashed)
    check_untaken(sim.plan, sim.nodes, expected)
    check_balance(sim.plan, sim.recorder.events)
    check_bodies(sim, expected)


@SIMULATED
@given(recipe=recipes(), seed=st.integers(0, 10_000), slots=st.integers(1, 3))
def test_workers_that_are_lost_at_any_moment_change_no_result(recipe, seed, slots):
    """A loss costs the one task in flight one of three; several in flight are charged nothing."""
    sim = Simulation(recipe, seed, slots=slots, loss_rate=0.1)
    assert max(sim.executor.charged.values(), default=0) <= 3
    expected = check_states(recipe, sim.plan, sim.nodes, sim.crashed)
    check_untaken(sim.plan, sim.nodes, expected)
    check_balance(sim.plan, sim.recorder.events)
    check_bodies(sim, expected)


@SIMULATED
@given(
    recipe=recipes(),
    seed=st.integers(0, 10_000),
    slots=st.integers(1, 3),
    cancel_at=st.integers(1, 20),
    grace=st.sampled_from((0.0, 0.01, 10.0)),
    loss_rate=st.sampled_from((0.0, 0.1)),
)
def test_a_cancel_at_any_moment_ends_the_run_and_accounts_for_all(
    recipe, seed, slots, cancel_at, grace, loss_rate
):
    """Nothing begins after a cancel but clean-up, and every task run still ends just once."""
    sim = Simulation(
        recipe, seed, slots=slots, cancel_at=cancel_at, grace=grace, loss_rate=loss_rate
    )
    check_balance(sim.plan, sim.recorder.events)


@SIMULATED
@given(recipe=recipes(), seed=st.integers(0, 10_000), slots=st.integers(1, 3))
def test_fail_fast_ends_the_run_at_a_failure_that_nobody_takes(recipe, seed, slots):
    """With fail_fast the run ends, everything is accounted for, and tolerated failures pass."""
    sim = Simulation(recipe, seed, slots=slots, fail_fast=True)
    check_balance(sim.plan, sim.recorder.events)
    if not sim.plan.cancelled:
        check_states(recipe, sim.plan, sim.nodes, sim.crashed)


# --- the same in real executors ---------------------------------------------------------------

NODES: dict[str, int] = {}


@pipeline
def drawn(recipe):
    NODES.clear()
    build(recipe, NODES.__setitem__)


def check_really(recipe: Recipe, journal: Path, executor: str) -> None:
    """Run for real, and compare states and bodies with the model's."""
    journal.write_text("")
    run = drawn.options(executor=executor, workers=2, progress=False).execute({"recipe": recipe})
    expected = check_states(recipe, run._plan, NODES, set())
    check_untaken(run._plan, NODES, expected)
    lines = [line.split() for line in journal.read_text().splitlines()]
    began = {(ident, int(mark)) for sign, ident, mark in lines if sign == "+"}
    assert began == expected.bodies
    signs = Counter(sign for sign, _, _ in lines)
    assert signs["+"] == signs["-"]


@pytest.fixture
def journal(tmp_path, monkeypatch):
    path = tmp_path / "journal"
    monkeypatch.setenv("TASKFLOW_TEST_JOURNAL", str(path))
    return path


REAL = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=60, **REAL)
@given(recipe=recipes(REAL_FATES, timeouts=False))
def test_inline_runs_end_as_the_rules_say(journal, recipe):
    """The same model holds where bodies really run, in this very process."""
    check_really(recipe, journal, "inline")


@settings(max_examples=4, derandomize=True, **REAL)
@given(recipe=recipes(REAL_FATES, timeouts=False))
def test_runs_in_processes_end_as_the_rules_say(journal, recipe):
    """A few random pipelines, in two worker processes."""
    check_really(recipe, journal, "processes")


@pytest.mark.ring_long
@settings(max_examples=40, **REAL)
@given(recipe=recipes(REAL_FATES, most=12, timeouts=False))
def test_many_runs_in_processes_end_as_the_rules_say(journal, recipe):
    """Many random pipelines, in two worker processes."""
    check_really(recipe, journal, "processes")


@pytest.mark.ring_long
@pytest.mark.timeout(3600)
@settings(max_examples=LONG, **REAL)
@given(recipe=recipes(most=12), seed=st.integers(0, 10_000), slots=st.integers(1, 4))
def test_a_long_search_finds_no_run_that_ends_otherwise(recipe, seed, slots):
    """Larger pipelines with losses, many more of them."""
    sim = Simulation(recipe, seed, slots=slots, loss_rate=0.05)
    expected = check_states(recipe, sim.plan, sim.nodes, sim.crashed)
    check_untaken(sim.plan, sim.nodes, expected)
    check_balance(sim.plan, sim.recorder.events)
    check_bodies(sim, expected)
