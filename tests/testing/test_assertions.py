"""Assertions about runs: what they hold for, and what they say when they do not."""

from __future__ import annotations

import doctest
import importlib

import pytest

from taskflow import Skip, pipeline, successes, task, when
from taskflow.testing import (
    FakeClock,
    Harness,
    assert_failed,
    assert_not_ran,
    assert_ran,
    assert_retried,
    assert_skipped,
    assert_state,
    assert_succeeded,
)


@task(retries=1, retry_delay=5)
def fetch(number: int) -> int:
    if number == 2:
        raise ValueError(f"no page {number}")
    return number


@task
def parse(number: int) -> int:
    if not number:
        raise Skip("empty")
    return number


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def refuse() -> None:
    raise PermissionError("not you")


@pipeline
def pages() -> int:
    return total(successes(parse.map(fetch.map(range(4)))))


@pipeline
def branching(x: int):
    total(fetch.map([2]))
    return when(fetch(x), then=lambda: parse(1), otherwise=refuse)


@pipeline
def parsing() -> list[int]:
    return parse.map([1, 2, 0])


@pytest.fixture(scope="module")
def harness():
    with Harness() as harness:
        yield harness


@pytest.fixture(scope="module")
def run(harness):
    return harness.run(pages)


@pytest.fixture(scope="module")
def failed(harness):
    return harness.run(branching, x=0)


def test_task_runs_are_found_by_task_name_element_call_and_path(failed):
    """A text names what it says, as long as it says it from a `/` on."""
    texts = ("fetch", "fetch[0]", "fetch#2", "refuse", "branching/otherwise/refuse", "etch")
    found = {text: sorted(each.label for each in failed.find(text)) for text in texts}
    assert found == {
        "fetch": ["fetch#2", "fetch[0]"],
        "fetch[0]": ["fetch[0]"],
        "fetch#2": ["fetch#2"],
        "refuse": ["otherwise/refuse"],
        "branching/otherwise/refuse": ["otherwise/refuse"],
        "etch": [],
    }


def test_counts_of_runs_and_attempts_are_exact(run):
    """An element is one run, however often it was tried."""
    assert len(assert_ran(run, fetch, times=4, attempts=5)) == 4
    assert run.tasks["fetch[2]"].attempts == 2
    with pytest.raises(AssertionError, match="fetch ran 4 times, not once"):
        assert_ran(run, fetch, times=1)
    with pytest.raises(AssertionError, match="had 5 attempts, not 4"):
        assert_ran(run, "fetch", attempts=4)


def test_a_failed_assertion_shows_what_ran(run):
    """Its message lists every task with its states, and what failed with its error."""
    with pytest.raises(AssertionError) as caught:
        assert_failed(run, "fetch[1]")
    told = str(caught.value)
    assert "fetch[1] did not end as failed" in told
    assert "of pages: succeeded in 5 s" in told
    assert "3 succeeded, 1 failed" in told
    assert "fetch[2] failed after 2 attempts: ValueError: no page 2" in told


def test_states_are_asserted_for_all_runs_or_some(run):
    """Without a count, all of them; with one, exactly so many."""
    assert_state(run, fetch, "succeeded", times=3)
    assert_failed(run, fetch, times=1, match=r"no page \d")
    assert_skipped(run, "parse[0]", match="empty")
    assert_state(run, "parse[2]", "upstream_failed")
    with pytest.raises(AssertionError, match="1 of 4 runs of fetch did not end as succeeded"):
        assert_succeeded(run, fetch)
    with pytest.raises(AssertionError, match="does not match 'gone'"):
        assert_failed(run, "fetch[2]", match="gone")
    with pytest.raises(ValueError, match="no task run ends as 'done'"):
        assert_state(run, fetch, "done")


def test_the_run_as_a_whole_succeeded_or_failed(run, failed):
    """Without a task the assertion is about the run; `match` is about any failure in it."""
    assert_succeeded(run)
    assert_failed(failed, match="not you")
    with pytest.raises(AssertionError, match="the run did not fail, it is succeeded"):
        assert_failed(run)
    with pytest.raises(AssertionError, match="the run did not succeed, it is failed"):
        assert_succeeded(failed)
    with pytest.raises(AssertionError, match="no failure of the run matches 'gone'"):
        assert_failed(failed, match="gone")


def test_what_did_not_run_is_told_from_what_is_misspelled(failed):
    """A branch that was not taken did not run; a name near that of a task is refused."""
    assert_not_ran(failed, parse)
    assert_skipped(failed, "then/parse")
    assert_not_ran(failed, "publish")
    with pytest.raises(AssertionError, match="did you mean"):
        assert_not_ran(failed, "pasre")
    with pytest.raises(AssertionError, match="no task 'publish' is part of the run"):
        assert_ran(failed, "publish")
    with pytest.raises(AssertionError, match="parse did not run"):
        assert_ran(failed, parse)


def test_retries_are_asserted_by_count_and_delays(run):
    """Durations may be written in words."""
    assert_retried(run, "fetch[2]", times=1, delays=["5s"])
    with pytest.raises(AssertionError, match=r"fetch\[0\] was not tried again"):
        assert_retried(run, fetch)
    with pytest.raises(AssertionError, match=r"the delays of .* were 5 s, not"):
        assert_retried(run, "fetch[2]", delays=[1])


def test_what_is_no_run_or_no_task_is_refused(run):
    """With what to give instead."""
    for other in (None, 42, run.id, pages):
        with pytest.raises(TypeError, match="taskflow_run"):
            assert_ran(other, fetch)
    with pytest.raises(TypeError, match="named by itself or by a text"):
        assert_ran(run, 42)


@pytest.mark.ring_programs
def test_a_run_on_worker_processes_can_be_asserted_about(harness):
    """An executor that is asked for by name is really used, and its run recorded."""
    run = harness.run(parsing.options(executor="processes", workers=1))
    assert run.handle._executor.name == "processes"
    assert_ran(run, parse, times=3, attempts=3)
    assert_skipped(run, "parse[2]")


def test_a_cancelled_map_is_told_element_by_element(harness):
    """Events that stand for many elements are read as what they stand for."""

    @task
    def stop(x: int) -> int:
        harness.clock.advance("2h")
        return x

    @pipeline
    def stopping() -> list[int]:
        return stop.map(range(5))

    run = harness.run(stopping.options(timeout="1h"))
    assert run.state == "timed_out"
    assert_state(run, stop, "succeeded", times=1)
    assert_state(run, stop, "cancelled", times=4)


@pytest.mark.parametrize("module", ["clock", "stubs", "harness"])
def test_the_examples_in_docstrings_hold(module):
    """What the documentation shows is what comes out."""
    result = doctest.testmod(importlib.import_module(f"taskflow.testing.{module}"))
    assert result.attempted > 2
    assert result.failed == 0


def test_a_clock_and_a_store_can_be_brought_along():
    """A harness takes those that it is given."""
    clock = FakeClock("2026-01-01")
    with Harness(clock) as harness:
        harness.run(pages)
    assert clock.time == 5
    assert len(harness.store.runs()) == 1
