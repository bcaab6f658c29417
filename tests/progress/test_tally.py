"""What a run has come to, counted by task name."""

from __future__ import annotations

import pytest
from happenings import count, ended, started
from hypothesis import given
from hypothesis import strategies as st

from taskflow.events import (
    TaskProgressed,
    TaskRetrying,
    TasksEnded,
    TasksPlanned,
    TasksReturned,
    TasksStarted,
)
from taskflow.lifecycle import CACHED, CANCELLED, FAILED, SUCCEEDED, UPSTREAM_FAILED
from taskflow.progress.tally import Row, Tally, name_in, pipelines_in


def tally_of(*events, at: float = 0.0) -> Tally:
    tally = Tally()
    for event in events:
        count(tally, [event], at)
    return tally


def row_of(*events) -> Row:
    (row,) = tally_of(*events).rows.values()
    return row


def test_names_keep_the_order_in_which_they_appeared():
    """The table reads like the pipeline, whatever ends first."""
    tally = tally_of(
        TasksPlanned("collect", 1),
        TasksPlanned("fetch", 0),
        TasksEnded("scrape/fetch", "fetch", SUCCEEDED, first=0),
        TasksEnded("scrape/collect", "collect", SUCCEEDED),
    )
    assert list(tally.rows) == ["collect", "fetch"]


def test_a_batch_counts_as_all_its_elements():
    """One event for 50,000 elements of a map moves the counts by 50,000."""
    row = row_of(
        TasksPlanned("fetch", 60_000),
        TasksStarted("fetch", 50_000, 0),
        TasksEnded("scrape/fetch", "fetch", SUCCEEDED, first=0, count=50_000),
    )
    assert (row.ended, row.total, row.running) == (50_000, 60_000, 0)


def test_what_never_ran_does_not_stop_running():
    """Task runs that were cached, or had no chance, were never given to a slot."""
    row = row_of(
        TasksPlanned("fetch", 5),
        TasksStarted("fetch", 1, 0),
        TasksEnded("scrape/fetch", "fetch", CACHED, first=0, count=3, running=False),
        TasksEnded("scrape/fetch[3]", "fetch", UPSTREAM_FAILED, running=False),
    )
    assert (row.running, row.ran, row.ended) == (1, 0, 4)


def test_what_a_slot_gives_back_is_not_running():
    """Work that is withdrawn from a busy slot waits again."""
    row = row_of(TasksPlanned("fetch", 8), TasksStarted("fetch", 8, 0), TasksReturned("fetch", 6))
    assert (row.running, row.ended, row.total) == (2, 0, 8)


def test_no_more_run_than_there_are_slots():
    """A slot is given many short tasks at a time; but one of them runs."""
    tally = tally_of(started(slots=2), TasksPlanned("f", 100), TasksStarted("f", 60, 0))
    assert tally.rows["f"].at_work == 2


@pytest.mark.parametrize(
    "end",
    [
        TasksEnded("scrape/fetch[3]", "fetch", SUCCEEDED, first=3, attempt=2),
        TasksEnded("scrape/fetch", "fetch", SUCCEEDED, first=3, attempt=2),
        TasksEnded("scrape/fetch", "fetch", SUCCEEDED, first=0, count=100),
    ],
)
def test_a_task_run_is_retrying_until_it_ends(end):
    """From its first failure to its end, alone or within a span of elements."""
    again = TaskRetrying("scrape/fetch[3]", "fetch", 1, 2.0, "HTTPError: 503")
    row = row_of(TasksPlanned("fetch", 101), TasksStarted("fetch", 101, 0), again, again)
    assert (row.retrying, row.running) == (1, 99)
    tally = tally_of(TasksPlanned("fetch", 101), TasksStarted("fetch", 101, 0), again, end)
    assert tally.rows["fetch"].retrying == 0


def test_slots_that_run_many_at_once_are_counted_as_they_are():
    """A slot beyond the run's own is of another kind: a thousand of its bodies do run."""
    tally = tally_of(started(slots=2), TasksPlanned("f", 1000), TasksStarted("f", 900, 2))
    assert tally.rows["f"].at_work == 900


def test_events_together_count_as_they_do_one_by_one():
    """Equal ends are counted in one step, whatever stands between them."""
    events = [
        started(),
        TasksPlanned("a", 40),
        TasksPlanned("b", 40),
        *(TasksStarted(name, 10, 0) for name in "abab"),
        *(TasksEnded(f"p/a[{n}]", "a", SUCCEEDED, 2.0) for n in range(9)),
        TaskRetrying("p/b[3]", "b", 1, 2.0, "slow down"),
        *(TasksEnded(f"p/b[{n}]", "b", FAILED if n % 2 else SUCCEEDED) for n in range(9)),
        TasksEnded("p/a", "a", CACHED, first=9, count=20, running=False),
    ]
    together = Tally()
    count(together, events, 0.0)
    alone = tally_of(*events)
    for name in "ab":
        one, other = alone.rows[name], together.rows[name]
        assert (one.ended, one.running, one.ran) == (other.ended, other.running, other.ran)
        assert (one.states, one.again, one.began) == (other.states, other.again, other.began)


def test_a_row_is_done_when_all_that_are_known_of_have_ended():
    """Whatever way they ended; a map of unknown length is not done before it begins."""
    assert not row_of(TasksPlanned("fetch", 0)).done
    assert not row_of(TasksPlanned("a", 2), TasksEnded("p/a", "a", SUCCEEDED)).done
    assert row_of(
        TasksPlanned("a", 2),
        TasksEnded("p/a", "a", SUCCEEDED),
        TasksEnded("p/a#2", "a", CANCELLED, running=False),
    ).done


def test_time_goes_from_the_first_start_to_the_last_end():
    """Waiting before the first start does not count, nor does what comes after the last end."""
    tally = Tally()
    count(tally, [TasksPlanned("a", 1)], 0.0)
    assert tally.rows["a"].seconds(5.0) is None
    count(tally, [TasksStarted("a", 1, 0)], 10.0)
    assert tally.rows["a"].seconds(13.0) == 3.0
    count(tally, [TasksEnded("p/a", "a", SUCCEEDED)], 14.0)
    assert tally.rows["a"].seconds(99.0) == 4.0


def test_the_rest_is_estimated_from_what_ran():
    """Results taken from a cache cost nothing, so they say nothing about the rest."""
    tally = Tally()
    count(tally, [TasksPlanned("a", 100)], 0.0)
    count(tally, [TasksEnded("p/a", "a", CACHED, first=0, count=50, running=False)], 0.0)
    count(tally, [TasksStarted("a", 50, 0)], 0.0)
    assert tally.rows["a"].remaining(5.0) is None
    count(tally, [TasksEnded("p/a", "a", SUCCEEDED, first=50, count=10)], 5.0)
    assert tally.rows["a"].remaining(5.0) == 20.0


def test_the_rest_is_estimated_from_the_last_half_minute():
    """A server that begins to throttle is not hidden by a fast hour before."""
    tally = tally_of(started(slots=1), TasksPlanned("a", 10_000), TasksStarted("a", 10_000, 0))
    for second in range(1, 101):
        count(tally, [TasksEnded("p/a", "a", SUCCEEDED, first=0, count=90)], second)
        tally.look(second)
    for second in range(101, 201):
        count(tally, [TasksEnded("p/a", "a", SUCCEEDED, first=0)], second)
        tally.look(second)
    assert tally.rows["a"].rate(200.0) == pytest.approx(1.0)
    assert tally.rows["a"].remaining(200.0) == pytest.approx(900.0)


def test_the_end_is_not_expected_before_the_last_retry():
    """However fast the others were, it waits for that."""
    tally = tally_of(started(slots=1), TasksPlanned("a", 10), TasksStarted("a", 10, 0))
    count(tally, [TasksEnded("p/a", "a", SUCCEEDED, first=0, count=9)], 1.0)
    count(tally, [TaskRetrying("p/a[9]", "a", 1, 60.0, "slow down")], 1.0)
    assert tally.rows["a"].remaining(11.0) == 50.0


def test_nothing_is_estimated_before_every_slot_has_ended_one():
    """The first of four to end says little about the other three."""
    tally = tally_of(started(slots=4), TasksPlanned("a", 8), TasksStarted("a", 4, 0))
    count(tally, [TasksEnded("p/a", "a", SUCCEEDED, first=0, count=3)], 5.0)
    assert tally.rows["a"].remaining(5.0) is None
    count(tally, [TasksEnded("p/a", "a", SUCCEEDED, first=3)], 5.0)
    assert tally.rows["a"].remaining(5.0) == 5.0


def test_a_task_can_say_how_far_it_is():
    """`current.progress(30, 120)` moves the bar of its name; nonsense is ignored."""
    tally = tally_of(
        TasksPlanned("train", 2),
        TasksStarted("train", 2, 0),
        TaskProgressed("p/train[0]", 30, 120),
        TaskProgressed("p/train[1]", float("nan"), 10),
        TaskProgressed("p/train[1]", 5, None),
        TaskProgressed("p/train[1]", "half", 10),
        TaskProgressed("p/unheard_of", 5, 10),
    )
    assert tally.rows["train"].share() == 0.125
    count(tally, [TasksEnded("p/train", "train", SUCCEEDED, first=0)], 1.0)
    assert tally.rows["train"].share() == 0.5


def test_a_map_that_cannot_go_on_is_bad_without_elements():
    """A map over something that is no list fails itself, and none of its elements."""
    row = row_of(
        TasksPlanned("fetch", 0),
        TasksEnded("scrape/fetch", "fetch", FAILED, count=0, running=False),
    )
    assert (row.bad, row.ended) == (1, 0)


def test_what_joins_tasks_gets_no_row():
    """Nodes that nobody wrote as a task have no name, and are not shown."""
    assert tally_of(TasksEnded("scrape/_7", "", FAILED)).rows == {}


def test_counts_are_over_all_names():
    """They are what the summary falls back on."""
    tally = tally_of(
        started(),
        TasksEnded("p/a", "a", SUCCEEDED),
        TasksEnded("p/b", "b", SUCCEEDED, first=0, count=9),
        TasksEnded("p/b[9]", "b", FAILED),
        ended(FAILED),
    )
    assert tally.counts() == {SUCCEEDED: 10, FAILED: 1}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("scrape/fetch", "fetch"),
        ("scrape/fetch#2[17]", "fetch"),
        ("scrape/domain[be]/fetch[http://example.com/a/b]", "fetch"),
        ("scrape/domain[x[1]/y]/fetch[[a]]", "fetch"),
        ("fetch", "fetch"),
        ("", ""),
    ],
)
def test_the_name_is_found_in_any_key(key, name):
    """Map keys may hold slashes and brackets."""
    assert name_in(key) == name


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ()),
        ("scrape_site", ("scrape_site",)),
        ("scrape_site/scrape_domain#2[be]", ("scrape_site", "scrape_domain")),
        ("p/walk[a/b]/walk[c]/leaf#2", ("p", "walk", "leaf")),
        ("p/a/b/a", ("p", "a")),
    ],
)
def test_pipelines_in_a_path_are_named_once(path, names):
    """However deep a pipeline calls itself, its tasks stand below it."""
    assert pipelines_in(path) == names


@given(st.text(alphabet="ab/[]#"))
def test_any_key_has_a_name(key):
    """Map keys hold anything, brackets that do not match too."""
    assert "/" not in name_in(key)
    assert all(pipelines_in(key))
