"""Random runs that crash, pause and are resumed, against the model of a run that is not."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resumes import Fate, Saga, check_replay, check_values
from simulations import check_balance, check_states, check_untaken
from strategies import Step, recipes

#: Runs of the long search; for a night, set TASKFLOW_LONG_SEARCH=1000000.
LONG = int(os.environ.get("TASKFLOW_LONG_SEARCH", "150"))

SIMULATED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check(saga):
    """All that must hold of a run that was interrupted, however often."""
    assert not saga.witness.complaints
    plan = saga.last.plan
    expected = check_states(saga.recipe, plan, saga.last.nodes, set())
    check_untaken(plan, saga.last.nodes, expected)
    check_balance(plan, saga.last.recorder.events)
    check_values(saga.last, expected)
    check_replay(saga.store, saga.again.plan)
    check_states(saga.recipe, saga.again.plan, saga.again.nodes, set())
    assert expected.bodies <= saga.began.keys(), "a body never ran"
    if not saga.last.has_bad:
        assert not saga.again.executor.steps, "a run that had succeeded ran again"


@SIMULATED
@given(recipe=recipes(), seed=st.integers(0, 10_000), slots=st.integers(1, 3))
def test_a_run_that_is_cut_off_anywhere_ends_as_if_it_had_not_been(recipe, seed, slots):
    """States and values equal the model's, and nothing that was committed begins again."""
    check(Saga(recipe, seed, slots=slots))


@SIMULATED
@given(recipe=recipes(most=10, single=True), seed=st.integers(0, 10_000), slots=st.integers(1, 3))
def test_a_run_of_single_calls_that_is_cut_off_ends_as_if_it_had_not_been(recipe, seed, slots):
    """Its outcomes are found by node, or by what they were given where that may have changed."""
    check(Saga(recipe, seed, slots=slots))


@pytest.mark.ring_long
@pytest.mark.timeout(3600)
@settings(SIMULATED, max_examples=2 * LONG)
@given(
    recipe=recipes(most=15, single=True), seed=st.integers(0, 1_000_000), slots=st.integers(1, 4)
)
def test_a_long_search_finds_no_run_of_single_calls_that_ends_otherwise(recipe, seed, slots):
    """Larger pipelines, and many more of them."""
    check(Saga(recipe, seed, slots=slots))


@pytest.mark.ring_long
@pytest.mark.timeout(3600)
@settings(SIMULATED, max_examples=2 * LONG)
@given(recipe=recipes(most=12), seed=st.integers(0, 1_000_000), slots=st.integers(1, 4))
def test_a_long_search_finds_no_resume_that_ends_otherwise(recipe, seed, slots):
    """Larger pipelines, and many more of them."""
    check(Saga(recipe, seed, slots=slots))


@pytest.mark.parametrize("way", ["crash", "pause"])
@pytest.mark.parametrize("at", range(1, 25))
def test_a_run_that_is_cut_off_at_one_moment_after_another_is_resumed(way, at):
    """Retries, a map over what failed and clean-up, stopped at each moment in turn, and twice."""
    recipe = (
        Step("numbers", retries=2, fates=("fail1",)),
        Step("map", over=((0, "value"),), retries=1, fates=("ok", "fail", "fail1")),
        Step("task", inputs=((1, "successes"),), fates=("die1",)),
        Step("task", after=(2,), rule="always"),
    )
    check(Saga(recipe, at, script=[Fate(way, at), Fate(way, 3), Fate(way, at)]))


# --- what the search has found -----------------------------------------------------------------


def test_a_cancel_leaves_the_end_of_a_kept_dynamic_call_to_its_graph():
    """It had ended twice: once by the cancel, and once with its graph."""
    recipe = (Step("task"), Step("expand", inputs=((0, "value"),), fates=("fail",)))
    for seed in range(20):
        check(Saga(recipe, seed, slots=1, script=[Fate(), Fate("cancel", 2)]))


def test_a_cancelled_run_whose_clean_up_read_what_was_cancelled_is_resumed():
    """The clean-up runs again after the rest of the run; its old outcome is no obstacle."""
    recipe = (
        Step("numbers"),
        Step("map", over=((6, "range"),), inputs=((0, "value"),)),
        Step("map", over=((2, "range"),), inputs=((1, "value"),), rule="always"),
    )
    for seed in range(20):
        check(Saga(recipe, seed, script=[Fate("cancel", 2)]))


@pytest.mark.parametrize("at", range(1, 12))
def test_a_run_that_is_cut_off_while_a_list_is_taken_apart_is_resumed(at):
    """What takes it apart is no element of the map."""
    recipe = (Step("numbers", fates=("ok",)), Step("map", over=((0, "value"),)))
    check(Saga(recipe, at, script=[Fate("crash", at)]))


@pytest.mark.parametrize("fates", [("ok",), ("fail",)])
def test_a_map_that_a_cancel_ended_before_it_began_is_no_empty_one(fates):
    """Clean-up that was given nothing of it is not kept for clean-up that is given its list."""
    recipe = (
        Step("task", fates=("fail",), rule="always"),
        Step("map", over=((0, "range"),), after=(0,), rule="all_done"),
        Step("task", inputs=((1, "value"),), rule="always", retries=1, fates=fates),
    )
    for seed in range(40):
        check(Saga(recipe, seed, slots=1))


@pytest.mark.parametrize("fates", [("ok",), ("fail", "ok")])
def test_clean_up_on_what_a_cancel_had_ended_is_not_kept_for_what_a_rule_skips(fates):
    """Without the cancel a rule ends the same task run at once, and gives something else."""
    recipe = (
        Step("task", fates=("fail",), rule="always", retries=1),
        Step("task", inputs=((0, "outcome"),), rule="one_failed"),
        Step("map", over=((0, "range"),)),
        Step("task", inputs=((1, "value"),), rule="always", fates=fates),
    )
    for seed in range(20):
        for at in (3, 5, 8):
            check(Saga(recipe, seed, slots=1, script=[Fate("cancel", at), Fate("crash", 1)]))


def test_clean_up_behind_a_branch_that_a_cancel_had_ended_is_not_kept():
    """The branch itself leaves no record."""
    recipe = (
        Step("task", fates=("fail",), rule="always", retries=1),
        Step("task", inputs=((0, "outcome"),), rule="one_failed"),
        Step("task"),
        Step("map", over=((0, "range"),)),
        Step("when", inputs=((1, "value"), (2, "value"))),
        Step("task", inputs=((4, "outcome"),), rule="always"),
    )
    for seed in range(10):
        for at in (3, 5, 8):
            check(Saga(recipe, seed, script=[Fate("cancel", at), Fate("cancel", 3)]))


def test_attempts_outlast_a_go_that_did_not_come_to_their_task():
    """Two crashes in a row, the second one before the task is reached again."""
    recipe = (
        Step("task", fates=("fail",)),
        Step("task", inputs=((0, "outcome"),), rule="always", retries=1, fates=("fail",)),
    )
    for at in range(1, 12):
        for soon in range(1, 6):
            check(Saga(recipe, at, slots=1, script=[Fate("crash", at), Fate("crash", soon)]))
