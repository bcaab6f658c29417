"""How users test their pipelines; written before there was anything to test them with."""

from __future__ import annotations

import pytest
from scraping import (
    PageError,
    collect_urls,
    extract,
    fetch,
    fetch_one,
    nightly,
    report,
    scrape_site,
)

from taskflow import RunFailed, current, pipeline, task
from taskflow.testing import (
    assert_failed,
    assert_not_ran,
    assert_ran,
    assert_retried,
    assert_skipped,
    assert_state,
    assert_succeeded,
    spy,
    stub,
)


def test_a_pipeline_is_tested_without_its_network(taskflow_run):
    """A stubbed task gives its value, all else is real, and the run tells what happened."""
    with stub(fetch, returns="<p>hello</p>") as fetched:
        run = taskflow_run(scrape_site, domain="https://a.org")
    assert run.state == "succeeded"
    assert run.value == 3
    assert_ran(run, "fetch", times=3)
    assert_ran(run, extract, times=3)
    assert fetched.arguments("url") == ["https://a.org/0", "https://a.org/1", "https://a.org/2"]
    assert list(run.tasks)[:2] == ["collect_urls", "fetch[0]"]


def test_one_bad_page_does_not_stop_the_rest(taskflow_run):
    """An element can be made to fail, by its index, and its failure is found by its message."""
    with stub(fetch, returns="<p>", at={1: PageError("404 Not Found")}):
        run = taskflow_run(scrape_site)
    assert_succeeded(run)
    assert run.value == 2
    assert_failed(run, "fetch[1]", match="404")
    assert_succeeded(run, "fetch", times=2)
    assert_state(run, "extract[1]", "upstream_failed")
    assert run.tasks["fetch[1]"].attempts == 3
    assert_ran(run, fetch, attempts=5)


def test_retries_take_no_time_and_are_counted(taskflow_run, taskflow_clock):
    """Delays of retries are skipped; the run, its attempts and the clock know of them."""
    with stub(fetch, raises=PageError("503")) as fetched:
        run = taskflow_run(fetch_one, url="a")
    assert run.state == "failed"
    assert run.seconds == 1800
    assert taskflow_clock.time == 1800
    assert_retried(run, "fetch", times=2, delays=["10m", "20m"])
    assert [call.attempt for call in fetched.calls] == [1, 2, 3]
    with pytest.raises(RunFailed, match="503"):
        run.value  # noqa: B018 - asking for it raises


def test_a_task_that_comes_back_later_is_waited_for(taskflow_run):
    """`RetryLater` moves the clock, and uses up no retries."""
    run = taskflow_run(report)
    assert run.value == "report of today"
    assert run.seconds == 1800
    assert_retried(run, "wait_for_report", delays=["10m"] * 3)


def test_a_body_takes_as_long_as_the_test_says(taskflow_run, taskflow_clock):
    """What a stub does may take time on the clock; the timeout of the task ends what is longer."""
    with stub(fetch, does=lambda url: taskflow_clock.advance("20s")):
        run = taskflow_run(fetch_one, url="a")
    assert (run.seconds, run.tasks["fetch"].seconds) == (20, 20)
    with stub(fetch, does=lambda url: taskflow_clock.advance("31s")):
        run = taskflow_run(fetch_one, url="a")
    assert_state(run, "fetch", "timed_out", match="timeout of 30 s")
    assert run.seconds == 30 + 600 + 30 + 1200 + 30


def test_a_run_times_out_on_the_clock(taskflow_run):
    """The timeout of a run counts the time that was skipped."""
    run = taskflow_run(report.options(timeout="25m"))
    assert run.state == "timed_out"
    assert run.seconds == 25 * 60
    assert_state(run, "wait_for_report", "cancelled")


def test_a_skip_is_told_with_its_reason(taskflow_run):
    """A task that skips itself is not one that failed; what needs it is skipped, too."""
    with stub(fetch, in_turn=["a", "", "c"]):
        run = taskflow_run(scrape_site)
    assert_skipped(run, "extract[1]", match="nothing on it")
    assert run.value == 2


def test_the_code_under_test_may_start_runs_by_itself(taskflow_harness):
    """`taskflow.run` anywhere in a test with a fixture is inline, on the clock, and recorded."""
    assert nightly() == "report of monday"
    (run,) = taskflow_harness.runs
    assert run.seconds == 1800
    assert_ran(run, "wait_for_report", attempts=4)


def test_of_two_stubs_for_one_task_the_later_counts(taskflow_run):
    """What a stub does is called as the task is; its calls are kept with the task's defaults."""
    saying = stub(fetch, does=lambda url, agent="?": f"{url} by {agent}")
    with stub(fetch, returns="x"), saying as fetched:
        assert taskflow_run(fetch_one, url="a").value == "a by ?"
    assert fetched.calls[0].arguments == {"url": "a", "agent": "tests"}


def test_a_spy_lets_the_task_run(taskflow_run):
    """A spy keeps what a real task is called with."""
    with stub(fetch, returns="x"), spy(collect_urls) as collected:
        run = taskflow_run(scrape_site, domain="d")
    assert run.value == 3
    assert collected.arguments("domain") == ["d"]


def test_what_happened_is_in_the_store(taskflow_run, taskflow_store):
    """Every run of the test is in the store of the test, newest first, and no other is."""
    with stub(fetch, returns="x"):
        first, second = taskflow_run(scrape_site), taskflow_run(scrape_site)
    assert [row.id for row in taskflow_store.runs()] == [second.id, first.id]
    assert {group.name: group.count for group in taskflow_store.groups(first.id)}["fetch"] == 3


def test_the_clock_is_moved_by_hand(taskflow_start, taskflow_clock):
    """A run in the background stands still until the test says that time has passed."""
    taskflow_clock.skips = False
    with stub(fetch, raises=PageError("503")):
        run = taskflow_start(fetch_one, url="a")
        assert run.tasks["fetch"].attempts == 1
        taskflow_clock.advance("9m")
        assert run.tasks["fetch"].attempts == 1
        taskflow_clock.advance("1m")
        assert run.tasks["fetch"].attempts == 2
        assert run.state == "running"
        taskflow_clock.advance("20m")
    assert run.wait() == "failed"
    assert run.tasks["fetch"].attempts == 3


def test_a_run_that_is_left_waiting_is_cancelled_with_its_test(taskflow_start, taskflow_clock):
    """The end of a test does not wait for a clock that nobody moves any more."""
    taskflow_clock.skips = False
    assert taskflow_start(report).state == "running"


def test_the_date_is_what_the_test_says(taskflow_run, taskflow_clock):
    """`current.scheduled_time` of a run by hand is the clock's."""

    @task
    def day() -> str:
        return current.scheduled_time.isoformat()

    @pipeline
    def dated() -> str:
        return day()

    taskflow_clock.set("2026-03-29T02:30:00+01:00")
    assert taskflow_run(dated).value == "2026-03-29T01:30:00+00:00"


def test_a_task_that_never_ran_is_told_from_one_that_is_misspelled(taskflow_run):
    """`assert_not_ran` holds for what did not run, and refuses a name that is nearly another."""
    with stub(fetch, raises=PageError("503")):
        run = taskflow_run(fetch_one, url="a")
    assert_not_ran(run, "save")
    with pytest.raises(AssertionError, match="did you mean 'fetch'"):
        assert_not_ran(run, "fetsh")
