"""What becomes of tasks when others fail, are skipped, come again, or the run is cancelled."""

from __future__ import annotations

from typing import Any

import pytest
from doubles import Dies, Hangs
from drives import Drive

from taskflow import RetryLater, Skip, current, outcome, pipeline, successes, task, when
from taskflow.call import Failure
from taskflow.events import TaskRetrying

#: What bodies wrote down; they are found by name, so it is theirs and ours.
JOURNAL: list[Any] = []


@pytest.fixture(autouse=True)
def _clean_journal():
    JOURNAL.clear()


@task
def give(x=0):
    return x


@task
def poll():
    JOURNAL.append(("poll", current.attempt))
    if len(JOURNAL) < 3:
        raise RetryLater(10)


@task
def write(*xs):
    JOURNAL.append(xs)


@task(retries=1)
def cleanup(x):
    JOURNAL.append(x)
    if len(JOURNAL) == 1:
        raise ValueError


@task
def step(x):
    if x == 30 and len(JOURNAL) < 2:
        JOURNAL.append(x)
        raise Dies
    return x + 1


@task
def stuck():
    raise Hangs


@task
def add(*xs):
    return sum(xs)


@task
def bad(*xs):
    raise ValueError("no")


@task
def skipped(*xs):
    raise Skip("not today")


@task
def kind(*xs):
    return [type(x).__name__ for x in xs]


def test_a_failure_stops_only_its_dependants():
    """What does not need the failed task runs to its end."""
    drive = Drive(lambda: [add(bad()), add.options(name="other")(give(1))])
    assert drive.states == {
        "bad": "failed",
        "add": "upstream_failed",
        "give": "succeeded",
        "other": "succeeded",
    }
    assert drive.untaken == ["bad"]


def test_a_skipped_task_skips_its_dependants_and_fails_nothing():
    """Skip is no failure: it travels down and the run is fine."""
    drive = Drive(lambda: add(add(skipped())))
    assert set(drive.states.values()) == {"skipped"}
    assert drive.untaken == []


def test_a_tolerant_rule_takes_failures_as_values_and_skipped_inputs_as_none():
    """`all_done` runs with a Failure and a None, and the run does not fail."""
    drive = Drive(lambda: kind.options(trigger_rule="all_done")(bad(), skipped(), give()))
    assert drive.value == ["Failure", "NoneType", "int"]
    assert drive.untaken == []


def test_an_outcome_of_what_was_skipped_is_skipped_or_none():
    """`outcome` takes failures; what was skipped stays so, or is None where a rule bears it."""
    assert Drive(lambda: kind(outcome(skipped()))).states["kind"] == "skipped"
    tolerant = kind.options(trigger_rule="all_done")
    assert Drive(lambda: tolerant(outcome(skipped()))).value == ["NoneType"]


def test_an_ordering_edge_takes_nothing():
    """Clean-up after a failed task runs, and the run has failed all the same."""
    drive = Drive(lambda: give.options(trigger_rule="all_done", after=[bad()])(1))
    assert drive.states == {"bad": "failed", "give": "succeeded"}
    assert drive.untaken == ["bad"]


def test_a_gate_is_no_input_of_the_trigger_rule():
    """Inside a branch `all_failed` judges the inputs, and not the condition that let it in."""

    def body():
        broken = bad()
        return when(give(1), then=lambda: kind.options(trigger_rule="all_failed")(broken))

    assert Drive(body).value == ["Failure"]


def test_the_failed_condition_of_a_branch_is_taken_with_its_outcome():
    """`outcome(when(...))` holds the failure of the condition, which then does not fail the run."""
    drive = Drive(lambda: kind(outcome(when(bad(), then=lambda: give(1)))))
    assert drive.value == ["Failure"]
    assert drive.untaken == []


def test_retries_wait_longer_each_time_and_count_only_failures():
    """Delay, backoff and jitter, read off a clock that nobody waits for."""
    begun = []

    def note(drive, call):
        begun.append(round(drive.clock.time, 6))

    flaky = bad.options(retries=3, retry_delay=2, retry_backoff=3, retry_jitter=0.5)
    drive = Drive(flaky, seconds=0.0, before_step=note)
    assert begun == [0, 2, 8, 26]
    retries = [event for event in drive.recorder.events if isinstance(event, TaskRetrying)]
    assert [(event.attempt, event.delay) for event in retries] == [(1, 2), (2, 6), (3, 18)]
    assert drive.states == {"bad": "failed"}


def test_retry_later_holds_no_slot_and_uses_up_no_retry():
    """A task that comes back lets another one run meanwhile, and it can count its tries."""
    Drive(lambda: [poll(), write("other")])
    assert JOURNAL == [("poll", 1), ("other",), ("poll", 2)]


def test_a_task_that_kills_three_workers_has_crashed():
    """Three losses end it, whatever its retries; its neighbours run on."""

    @task(retries=9)
    def deadly():
        raise Dies

    drive = Drive(lambda: [deadly(), [give(n) for n in range(20)]], slots=2)
    assert drive.states.pop("deadly") == "crashed"
    assert drive.executor.charged.total() == 3
    assert set(list(drive.states.values())[1:]) == {"succeeded"}


def test_a_body_that_hangs_is_killed_at_its_timeout_and_tried_again():
    """A timeout counts as a failure: retries apply, then it ends as timed_out."""

    @task(timeout=5, retries=1)
    def stuck():
        raise Hangs

    drive = Drive(stuck)
    assert drive.states == {"stuck": "timed_out"}
    assert drive.clock.time == pytest.approx(10)


def test_after_a_cancel_only_clean_up_runs():
    """What waited is cancelled; `always` runs, and is tried again if it fails."""

    def stop(drive, call):
        drive.engine.cancel("cancel", 10)

    def body():
        first = give(1)
        return [cleanup.options(trigger_rule="always")(first), add(first)]

    drive = Drive(body, before_step=stop)
    assert drive.states == {"give": "succeeded", "cleanup": "succeeded", "add": "cancelled"}
    assert JOURNAL == [1, 1]


def test_what_runs_is_killed_when_the_grace_of_a_cancel_is_over():
    """A body that does not end by itself has the seconds of grace, and no more."""

    def stop(drive, call):
        drive.engine.cancel("cancel", 10)

    drive = Drive(lambda: add(stuck()), before_step=stop)
    assert drive.states == {"stuck": "cancelled", "add": "cancelled"}
    assert drive.clock.time == pytest.approx(10)


def test_a_run_that_takes_longer_than_its_timeout_is_ended():
    """The timeout of the run kills what runs and cancels the rest."""
    drive = Drive(lambda: add(stuck()), timeout=7)
    assert set(drive.states.values()) == {"cancelled"}
    assert drive.engine.cancel_why == "timeout"
    assert drive.clock.time == pytest.approx(7)


def test_fail_fast_kills_what_runs_at_the_first_failure():
    """Bodies in other slots end at once, and nothing else begins."""
    drive = Drive(lambda: [stuck(), bad(), add(give(1))], slots=2, fail_fast=True)
    assert drive.states["stuck"] == "cancelled"
    assert drive.states["bad"] == "failed"
    assert drive.engine.cancel_why == "fail_fast"


def test_fail_fast_lets_pass_what_somebody_takes_as_a_value():
    """Also through a dynamic pipeline, whose failing task is behind its value."""

    @pipeline(dynamic=True)
    def inner():
        return add(bad())

    drive = Drive(lambda: [kind(outcome(inner())), kind(outcome(bad()))], fail_fast=True)
    assert not drive.plan.cancelled
    assert drive.value == [["Failure"], ["Failure"]]


def test_fail_fast_does_not_wait_for_a_rule_that_takes_no_failures():
    """`none_failed` bears what was skipped; a failure above it ends the run."""
    drive = Drive(lambda: kind.options(trigger_rule="none_failed")(bad()), fail_fast=True)
    assert drive.plan.cancelled


def test_the_values_of_tasks_are_dropped_when_all_that_read_them_have_ended():
    """Memory holds what is still to be read, and the inputs of the result."""

    def body():
        kept = give(1)
        return [add(give(2)), kept, successes([add(give(3), kept)])]

    drive = Drive(body)
    assert drive.value == [2, 1, [4]]
    held = [drive.plan.key_of(node) for node, value in enumerate(drive.plan.value) if value]
    assert [key for key in held if "give" in key] == ["p/give"]


def test_what_a_lost_worker_had_made_for_others_is_made_again():
    """A chain runs ahead in one slot; when its worker dies, nothing is missing afterwards."""

    def body():
        x = give(0)
        for _ in range(60):
            x = step(x)
        return x

    drive = Drive(body, seconds=1e-5, slots=2)
    assert drive.value == 60
    assert len(JOURNAL) == 2


def test_a_failure_says_what_failed_first():
    """However far down it is taken, a Failure names the task that raised."""
    Drive(lambda: write(outcome(add(add(add(bad()))))))
    ((failure,),) = JOURNAL
    assert isinstance(failure, Failure)
    assert failure.task_key == "p/bad"
    assert failure.state == "upstream_failed"
