"""Pipelines that start when others have succeeded."""

from __future__ import annotations

import pytest
from booking import HOUR, NOON, decide, end, follow, ids, opened, pipeline, plan, put, resume, said
from keeping import begun

from taskflow.planned import Given

DAY = 24 * HOUR


@pytest.fixture
def store(tmp_path):
    """A store with two pipelines that nobody starts by the clock."""
    made = opened(tmp_path)
    for name in ("load", "clean"):
        put(made, pipeline(name, plan("", id=name)))
    yield made
    made.close()


def follower(*followed, **more):
    """A pipeline that is started by others."""
    return pipeline("report", plan("", id="report", follows=followed, **more))


def succeed(store, name, run_id=None, state="succeeded"):
    """A run of a pipeline from submission to its end."""
    run = store.book.submit(name, Given(), ids(run_id or f"{name}-"), NOON)
    end(store, run, state)
    return run


def test_a_success_starts_what_follows_it(store):
    """Once, and at once; neither before nor again."""
    put(store, follower("load"))
    assert follow(store, NOON) == []
    run = succeed(store, "load")
    [tick] = follow(store, NOON + 1)
    assert (tick.schedule, tick.instant, tick.why) == ("report", NOON + 1, f"after {run}")
    assert (store.find(tick.run).pipeline, store.find(tick.run).state) == ("report", "queued")
    assert follow(store, NOON + 2) == []


@pytest.mark.parametrize("state", ["failed", "cancelled", "timed_out"])
def test_no_other_end_starts_anything(store, state):
    """A run that failed has nothing to report on."""
    put(store, follower("load"))
    succeed(store, "load", state=state)
    assert follow(store, NOON) == []


def test_several_are_waited_for_together(store):
    """One run once both have succeeded, however often one of them did; then both count anew."""
    put(store, follower("load", "clean"))
    runs = [succeed(store, "load", "one"), succeed(store, "load", "two")]
    assert follow(store, NOON) == []
    runs.append(succeed(store, "clean"))
    assert said(follow(store, NOON)) == [(0, True, f"after {', '.join(runs)}")]
    succeed(store, "clean", "three")
    assert follow(store, NOON) == []


@pytest.mark.parametrize(
    ("overlap", "second"),
    [
        ("queue", True),
        ("queue_one", False),
        ("skip", False),
        ("allow", True),
        ("cancel_running", True),
    ],
)
def test_each_success_of_one_is_a_tick(store, overlap, second):
    """Also when it came twice before anybody looked; `overlap` says whether the second one runs."""
    put(store, follower("load", overlap=overlap))
    runs = [succeed(store, "load", "one"), succeed(store, "load", "two")]
    first, other = follow(store, NOON)
    assert (bool(first.run), bool(other.run)) == (True, second)
    assert [each.why.split(";")[0] for each in (first, other)] == [f"after {run}" for run in runs]
    assert first.instant < other.instant
    gone = [run.id for run in store.runs() if run.state == "cancelled"]
    assert gone == ([first.run] if overlap == "cancel_running" else [])
    assert len(store.book.ticks("report")) == 2


def test_a_run_that_succeeds_twice_before_anybody_looks_is_one_success(store):
    """It was resumed after its end: what follows it follows a run."""
    put(store, follower("load"))
    end(store, succeed(store, "load"))
    assert len(follow(store, NOON)) == 1


def test_a_resume_never_follows_what_succeeded_in_the_pause(store):
    """It is recorded as skipped, and the next success starts a run."""
    put(store, follower("load"))
    store.book.pause("report")
    run = succeed(store, "load")
    assert follow(store, NOON) == []
    assert said(resume(store, "report", NOON + HOUR)) == [(1, False, f"after {run}; paused")]
    assert follow(store, NOON + HOUR) == []
    succeed(store, "load", "next")
    assert len(follow(store, NOON + HOUR)) == 1


def test_a_resume_that_is_asked_to_follows_what_succeeded_in_the_pause(store):
    """Each success is a tick, as if nobody had looked until now."""
    put(store, follower("load"))
    store.book.pause("report")
    run = succeed(store, "load")
    assert resume(store, "report", NOON + HOUR, catch_up=True) == []
    assert said(follow(store, NOON + HOUR)) == [(1, True, f"after {run}")]


def test_half_of_what_is_waited_for_does_not_outlive_a_pause(store):
    """One of two succeeded before, the other after: they do not belong together."""
    put(store, follower("load", "clean"))
    succeed(store, "load")
    store.book.pause("report")
    resume(store, "report", NOON + HOUR)
    succeed(store, "clean")
    assert follow(store, NOON + HOUR) == []


def test_what_succeeds_out_of_season_starts_nothing(store):
    """Before the start of the schedule and after its end it is recorded as skipped."""
    put(store, follower("load", start=NOON, end=NOON + HOUR))
    moments = ((NOON - 1, "before its start"), (NOON, ""), (NOON + HOUR + 1, "after its end"))
    for moment, why in moments:
        run = succeed(store, "load", f"at{moment:.0f}-")
        [tick] = follow(store, moment)
        assert tick.why == (f"after {run}; {why}" if why else f"after {run}")
        assert bool(tick.run) == (not why)


def test_what_comes_back_does_not_follow_what_was_before(store):
    """Nor does a schedule follow what it does not name any more."""
    put(store, follower("load"))
    succeed(store, "load")
    store.book.remove_file("/flows/report.py")
    succeed(store, "load", "while-gone")
    put(store, follower("load"))
    assert follow(store, NOON) == []
    succeed(store, "load", "one")
    put(store, follower("clean"))
    assert follow(store, NOON) == []
    succeed(store, "clean")
    assert len(follow(store, NOON)) == 1


def test_a_schedule_may_have_a_clock_and_follow(store):
    """Its ticks are those of both."""
    put(store, pipeline("report", plan(id="report", follows=("load",), overlap="queue")))
    succeed(store, "load")
    assert len(decide(store, NOON + HOUR) + follow(store, NOON + HOUR)) == 2
    assert [row.instant - NOON - HOUR for row in store.book.ticks("report")] == [
        pytest.approx(0.001, abs=1e-6),
        0.0,
    ]


def test_a_run_that_no_folder_has_made_starts_nothing(store):
    """A pipeline of the same name that somebody runs by hand, from a file, is another one."""
    put(store, follower("load"))
    begun(store, "by-hand", pipeline="load").end("succeeded", seconds=1.0, counts={})
    assert follow(store, NOON) == []


@pytest.mark.parametrize(
    ("policy", "why"),
    [({"grace": HOUR}, "misfire_grace is 3600 s"), ({"catchup": "none"}, 'catchup is "none"')],
)
def test_what_succeeded_too_long_ago_starts_nothing(store, policy, why):
    """Nobody was there to look; of several what counts is the last success."""
    put(store, follower("load", "clean", **policy))
    runs = [succeed(store, "load"), succeed(store, "clean")]
    ended = max(store.find(run).ended for run in runs)
    [tick] = follow(store, ended + 1.5 * HOUR)
    assert (tick.run, tick.why) == ("", f"after {', '.join(runs)}; 5400 s late; {why}")
    runs = [succeed(store, "load", "again-"), succeed(store, "clean", "anew-")]
    [tick] = follow(store, max(store.find(run).ended for run in runs) + 59)
    assert tick.run
    assert tick.why == f"after {', '.join(runs)}"


def test_what_follows_is_started_by_the_service_of_its_folder(store):
    """Where nobody looks after it, it waits until somebody does."""
    put(store, follower("load"), folder="/other")
    succeed(store, "load")
    assert store.book.follow(ids(), NOON, "/flows") == []
    [tick] = store.book.follow(ids(), NOON, "/other")
    assert tick.schedule == "report"


def test_what_follows_nobody_is_known(store):
    """A typing error, or a pipeline whose file is gone."""
    put(store, follower("load", "cleen"))
    assert store.book.unknown_followed() == [("report", "cleen")]
    store.book.remove_file("/flows/load.py")
    assert store.book.unknown_followed() == [("report", "cleen"), ("report", "load")]
