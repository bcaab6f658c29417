"""Which runs begin: limits, fairness, what was left behind, and many services at once."""

from __future__ import annotations

import cProfile
import pstats
import sqlite3
import threading
from collections import Counter
from contextlib import closing

import pytest
from booking import DEAD, HOUR, ME, NOON, decide, ids, opened, pick, pipeline, plan, put
from hypothesis import given
from hypothesis import strategies as st

from taskflow.errors import RunOwnedError
from taskflow.planned import Given


@pytest.fixture
def store(tmp_path):
    """A store in a folder that others open, too."""
    made = opened(tmp_path)
    yield made
    made.close()


def free(name, **more):
    """A pipeline whose runs may overlap."""
    return pipeline(name, plan(id=name, overlap="allow"), **more)


def submit(store, name, count=1):
    """Queue runs by hand; they are named by the pipeline, in their order."""
    make = ids(f"{name}-")
    return [store.book.submit(name, Given(), make, NOON) for _ in range(count)]


def set_row(store, run_id, change):
    """Make a run what it would be after more than a test can wait for."""
    sql = f"UPDATE runs SET {change} WHERE id = '{run_id}'"
    store.writer.do(lambda connection: connection.execute(sql))


def test_what_is_picked_is_owned_and_the_oldest_comes_first(store):
    """No more than wanted; and what one has picked is not picked again."""
    put(store, free("a"))
    runs = submit(store, "a", 5)
    assert pick(store, 0) == []
    assert pick(store, 2) == runs[:2]
    assert pick(store, 9) == runs[2:]
    assert pick(store) == []
    assert {run.owner[:4] for run in store.runs() if run.owner} <= {ME[:4]}


def test_who_was_granted_a_run_takes_it_over_and_nobody_else(store):
    """Its epoch is the proof: one that is old, or guessed, is refused."""
    put(store, free("a"))
    submit(store, "a")
    [picked] = store.book.pick(1, ME._replace(pid=1, started=0), lambda *_: True, NOON)
    assert (picked.pipeline, picked.version, picked.state) == ("a", "v1", "queued")
    for wrong in (0, picked.epoch - 1, picked.epoch + 1):
        with pytest.raises(RunOwnedError):
            store.take_over(picked.run_id, wrong)
    ledger = store.take_over(picked.run_id, picked.epoch)
    with pytest.raises(RunOwnedError):
        store.take_over(picked.run_id, picked.epoch)
    ledger.close()
    with pytest.raises(RunOwnedError, match="taken back"):
        store.take_over(picked.run_id, picked.epoch)


def test_pipelines_take_turns(store):
    """A hundred runs of one do not keep the single run of another waiting."""
    put(store, free("many"), free("few"))
    submit(store, "many", 100)
    submit(store, "few", 2)
    assert pick(store, 4) == ["many-0001", "few-0001", "many-0002", "few-0002"]


def test_a_pipeline_of_which_fewer_runs_go_on_comes_first(store):
    """Turns are counted from what is running, not from this pick."""
    put(store, free("a"), free("b"))
    submit(store, "a", 5)
    assert len(pick(store, 3)) == 3
    submit(store, "b", 5)
    assert pick(store, 4) == ["b-0001", "b-0002", "b-0003", "a-0004"]


@pytest.mark.parametrize(("more", "overlap", "count"), [
    ({"max_active": 2}, "skip", 2),
    ({"max_active": 3}, "allow", 3),
    ({}, "queue", 1),
    ({}, "allow", 9),
])  # fmt: skip
def test_no_more_of_a_pipeline_goes_on_than_it_allows(store, more, overlap, count):
    """As it says; one where runs may not overlap; any number where they may."""
    put(store, pipeline("a", plan(id="a", overlap=overlap), **more))
    submit(store, "a", 9)
    assert len(pick(store)) == count
    assert pick(store) == []
    set_row(store, "a-0001", "state = 'succeeded', pid = 0")
    assert len(pick(store)) == (1 if count < 9 else 0)


def test_a_backfill_has_its_own_limit(store):
    """So many of it at once as it says, and what the clock starts goes on beside it."""
    put(store, pipeline("a"))
    pairs = [(NOON - n * HOUR, None) for n in range(9)]
    store.book.fill("a", pairs, ids("fill"), NOON, 3)
    assert pick(store) == ["fill0001", "fill0002", "fill0003"]
    [tick] = decide(store, NOON + HOUR)
    assert pick(store) == [tick.run]
    set_row(store, "fill0002", "state = 'failed', pid = 0")
    assert pick(store) == ["fill0004"]


def test_what_was_left_behind_comes_first(store):
    """Its owner is dead, or has let go of it; it keeps its place whatever the limit says."""
    put(store, pipeline("a"), pipeline("b"))
    submit(store, "a", 3)
    [dead] = pick(store, 1, owner=DEAD)
    set_row(store, dead, "state = 'running'")
    set_row(store, "a-0003", "state = 'running'")
    submit(store, "b")
    assert pick(store, 2) == ["a-0001", "b-0001"]
    assert pick(store) == ["a-0003"]
    assert store.book.pick(9, ME, lambda *_: True, NOON) == []


def test_a_run_that_was_picked_by_who_died_is_picked_again(store):
    """It has not begun, and is one of those that wait; who had it is refused."""
    put(store, pipeline("a"))
    submit(store, "a", 2)
    [first] = store.book.pick(1, DEAD, lambda *_: True, NOON)
    assert pick(store) == [first.run_id]
    with pytest.raises(RunOwnedError):
        store.take_over(first.run_id, first.epoch)


def test_a_run_that_paused_is_tried_again_after_half_a_minute(store):
    """And at once if the clock was set back meanwhile: nobody knows when it paused."""
    put(store, pipeline("a"))
    [run] = submit(store, "a")
    set_row(store, run, f"state = 'paused', ended = {NOON}")
    assert pick(store, now=NOON + 29.9) == []
    assert pick(store, now=NOON + 30) == [run]
    set_row(store, run, "pid = 0")
    assert pick(store, now=NOON - HOUR) == [run]


def test_nobody_waits_for_the_disk_where_nothing_can_begin(store):
    """A service looks in vain again and again, while another program keeps the store locked."""
    put(store, pipeline("a"))
    submit(store, "a", 3)
    assert len(pick(store)) == 1
    with closing(sqlite3.connect(store.place.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert pick(store) == []
        assert store.book.follow(ids(), NOON) == []


def test_a_run_that_cannot_begin_is_ended_by_who_picked_it(store):
    """And by nobody whose epoch is old."""
    put(store, pipeline("a"))
    submit(store, "a")
    [picked] = store.book.pick(1, ME, lambda *_: True, NOON)
    assert not store.book.end_unstarted(picked.run_id, picked.epoch - 1, "no file", NOON)
    assert store.book.end_unstarted(picked.run_id, picked.epoch, "no file", NOON)
    assert (store.find(picked.run_id).state, store.find(picked.run_id).error) == (
        "failed",
        "no file",
    )


def test_two_services_never_pick_the_same_run(store, tmp_path):
    """Two stores on one file, threads at the same time: each run is picked once, limits hold."""
    put(store, free("a"), free("b", max_active=5))
    submit(store, "a", 60)
    submit(store, "b", 20)
    other, found, gate = opened(tmp_path), [], threading.Barrier(2)

    def serve(mine):
        gate.wait()
        for _ in range(10):
            found.extend(pick(mine, 5))

    threads = [threading.Thread(target=serve, args=(each,)) for each in (store, other)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    other.close()
    assert max(Counter(found).values()) == 1
    assert Counter(each[0] for each in found) == {"a": 60, "b": 5}


def calls_to_pick(tmp_path, count):
    """The function calls of a pick among so many pipelines, each with a run on and one waiting."""
    store = opened(tmp_path / str(count))
    plans = [plan(id=f"p{number}", overlap="queue") for number in range(count)]
    put(store, *[pipeline(each.id, each, file="/flows/all.py") for each in plans])
    decide(store, NOON + HOUR)
    assert len(pick(store, count)) == count
    decide(store, NOON + 2 * HOUR)
    profile = cProfile.Profile()
    assert profile.runcall(pick, store, 16) == []
    store.close()
    return pstats.Stats(profile).total_calls


def test_pipelines_that_are_at_their_limits_cost_little_each(tmp_path):
    """Four times as many are looked through by some four times as many calls."""
    assert calls_to_pick(tmp_path, 800) < 6 * calls_to_pick(tmp_path, 200)


@given(data=st.data())
def test_what_is_picked_is_within_all_limits_and_nothing_that_may_begin_is_left(
    data, tmp_path_factory
):
    """Whatever waits and goes on: after a pick of all, no run is left that its limits allow."""
    limits = data.draw(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3), min_size=1))
    with closing(opened(tmp_path_factory.mktemp("pick"))) as store:
        check_a_pick_of_all(store, data, limits)


def check_a_pick_of_all(store, data, limits):
    put(store, *[free(name, max_active=most) for name, most in limits.items()])
    counts = st.tuples(st.integers(0, 5), st.integers(0, 4))
    waiting = {name: data.draw(counts) for name in limits}
    for name, (by_hand, filled) in waiting.items():
        submit(store, name, by_hand)
        pairs = [(NOON + n, None) for n in range(filled)]
        store.book.fill(name, pairs, ids(f"fill-{name}"), NOON, 2)
    found = [run for _ in range(9) for run in pick(store, data.draw(st.integers(1, 4)))]
    found += pick(store)
    for name, most in limits.items():
        assert sum(run.startswith(f"{name}-") for run in found) == min(most, waiting[name][0])
        assert sum(run.startswith(f"fill-{name}") for run in found) == min(2, waiting[name][1])


def test_a_service_begins_runs_of_its_own_folder(store):
    """Another one, beside it on the store, has its own environment, and its own hooks."""
    put(store, free("a"))
    put(store, free("b"), folder="/other")
    (a,), (b,) = submit(store, "a"), submit(store, "b")
    begin = lambda folder: [
        each.run_id for each in store.book.pick(9, ME, lambda *_: False, NOON, folder)
    ]
    assert begin("/other") == [b]
    assert begin("/flows") == [a]
    assert begin("/nobody's") == []
