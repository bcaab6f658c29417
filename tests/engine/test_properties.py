"""Random pipelines in simulated and in real executors, against a model that knows no engine.

Whatever fails, is skipped, comes later, hangs, loses its worker or is cancelled: each task run
ends once, as the rules say, or is accounted for; the run always ends.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulations import Simulation, check_balance, check_bodies, check_states, check_untaken
from strategies import REAL_FATES, Recipe, build, recipes

from taskflow import pipeline
from taskflow.interfaces import Lane

if TYPE_CHECKING:
    from pathlib import Path

#: Cases of the long search; for a night, set TASKFLOW_LONG_SEARCH=1000000.
LONG = int(os.environ.get("TASKFLOW_LONG_SEARCH", "150"))


SIMULATED = settings(
    max_examples=40,
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


#: A queue and two slots that run many bodies at once, one of them but three.
MIXED = (
    Lane("processes", 2, can_kill=True),
    Lane("async", 1, width=100, can_kill=True, crowd=True),
    Lane("threads", 2, width=3, can_kill=True, crowd=True),
)


@SIMULATED
@given(recipe=recipes(), seed=st.integers(0, 10_000), loss_rate=st.sampled_from((0.0, 0.1)))
def test_lanes_limits_rates_and_priorities_change_no_result(recipe, seed, loss_rate):
    """Whatever waits for what, and whoever is lost: states equal the model's, limits hold."""
    sim = Simulation(recipe, seed, lanes=MIXED, loss_rate=loss_rate)
    expected = check_states(recipe, sim.plan, sim.nodes, sim.crashed)
    check_untaken(sim.plan, sim.nodes, expected)
    check_balance(sim.plan, sim.recorder.events)
    check_bodies(sim, expected)
    sim.check_rates()


@SIMULATED
@given(
    recipe=recipes(),
    seed=st.integers(0, 10_000),
    cancel_at=st.integers(1, 20),
    grace=st.sampled_from((0.0, 0.01, 10.0)),
    loss_rate=st.sampled_from((0.0, 0.1)),
)
def test_a_cancel_frees_all_limits(recipe, seed, cancel_at, grace, loss_rate):
    """It ends what waits for a limit or a rate, too, and leaves no limit taken."""
    sim = Simulation(
        recipe, seed, lanes=MIXED, cancel_at=cancel_at, grace=grace, loss_rate=loss_rate
    )
    check_balance(sim.plan, sim.recorder.events)
    limiter = sim.engine.dispatcher.limiter
    assert not limiter._held
    assert not any(getattr(place, "active", 0) for place in limiter._places.values())


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


@pytest.mark.ring_long
@settings(max_examples=12, **REAL)
@given(recipe=recipes(REAL_FATES, most=12, timeouts=False))
def test_runs_in_processes_end_as_the_rules_say(journal, recipe):
    """Many random pipelines, in two worker processes."""
    check_really(recipe, journal, "processes")


@pytest.mark.ring_long
@pytest.mark.timeout(3600)
@settings(max_examples=LONG, **REAL)
@given(recipe=recipes(most=12), seed=st.integers(0, 10_000), slots=st.integers(1, 4))
def test_a_long_search_finds_no_run_that_ends_otherwise(recipe, seed, slots):
    """Larger pipelines with losses, many more of them."""
    for lanes in (), MIXED:
        sim = Simulation(recipe, seed, slots=slots, loss_rate=0.05, lanes=lanes)
        expected = check_states(recipe, sim.plan, sim.nodes, sim.crashed)
        check_untaken(sim.plan, sim.nodes, expected)
        check_balance(sim.plan, sim.recorder.events)
        check_bodies(sim, expected)
        sim.check_rates()
