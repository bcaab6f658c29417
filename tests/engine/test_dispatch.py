"""Which work goes to which slot: alone, in batches, ahead, held or taken back."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from doubles import Dies, Hangs
from drives import Drive

from taskflow import Limit, outcome, successes, task
from taskflow.call import Outcome
from taskflow.engine.slots import Crowd
from taskflow.engine.work import Work
from taskflow.events import TasksEnded, TasksReturned, TasksStarted
from taskflow.interfaces import Lane

#: What bodies wrote down; they are found by name, so it is theirs and ours.
JOURNAL: list[Any] = []


@pytest.fixture(autouse=True)
def _clean_journal():
    JOURNAL.clear()


@task
def step(x):
    return x + 1


@task
def fails_at_5(x):
    if x == 5:
        raise ValueError(x)
    return x + 1


@task(timeout=5)
def timed(x):
    return x


@task
def stuck():
    raise Hangs


@task(limit=3)
def limited(x):
    if x % 7 == 5:
        raise ValueError(x)
    return x


@task(limit=Limit("a", 1))
def needs_a(x):
    return x


@task(limit=[Limit("a", 1), Limit("b", 1)])
def needs_both(x):
    return x


def starts(drive: Drive) -> list[int]:
    """How many task runs each batch held."""
    return [event.count for event in drive.recorder.events if isinstance(event, TasksStarted)]


def rooms(drive: Drive) -> dict[Any, int]:
    """How many bodies hold each limit, by its name and key."""
    places = drive.engine.dispatcher.limiter._places
    return {(key, kind[1]): place.active for (kind, key), place in places.items()}


def test_a_task_that_was_never_measured_goes_alone():
    """Nobody knows how long it takes, so nothing waits behind it."""
    drive = Drive(lambda: [step(n) for n in range(40)], seconds=1e-5)
    assert starts(drive)[0] == 1
    assert max(starts(drive)) > 5


def test_long_tasks_go_singly_and_short_ones_together():
    """A batch holds some 50 ms of work, whatever the number of tasks."""
    long = Drive(lambda: step.map(range(40)), seconds=1.0)
    short = Drive(lambda: step.map(range(4000)), seconds=1e-5)
    assert max(starts(long)) == 1
    assert max(starts(short)) > 500


def test_a_chain_does_not_pay_a_round_trip_for_each_edge():
    """A batch takes in what is made from its own values."""

    def body():
        x = step(0)
        for _ in range(2000):
            x = step(x)
        return x

    drive = Drive(body, seconds=1e-5)
    assert drive.value == 2001
    assert len(starts(drive)) < 20


def test_what_ran_ahead_of_a_failure_ends_as_upstream_failed():
    """It is given back, counted as returned, and its body never ran."""

    def body():
        x = fails_at_5(0)
        for _ in range(100):
            x = fails_at_5(x)
        return outcome(x)

    drive = Drive(body, seconds=1e-5)
    ends = Counter(drive.states.values())
    assert ends == {"succeeded": 5, "failed": 1, "upstream_failed": 95}
    returned = sum(e.count for e in drive.recorder.events if isinstance(e, TasksReturned))
    ran = sum(
        e.count for e in drive.recorder.events if isinstance(e, TasksEnded) and e.running and e.name
    )
    assert sum(starts(drive)) == returned + ran


def test_work_behind_a_long_task_is_withdrawn_for_an_idle_slot():
    """One body takes a minute; all that was queued behind it ends long before."""
    drive = Drive(
        lambda: step.map(range(200)),
        slots=2,
        seconds=lambda: 60.0 if len(JOURNAL) == 100 else JOURNAL.append(1) or 1e-3,
    )
    assert drive.value == list(range(1, 201))


def test_a_task_with_a_timeout_has_its_slot_to_itself():
    """Its time begins when its body does, so nothing may stand before it."""
    drive = Drive(lambda: [timed.map(range(20)), step.map(range(20))], slots=2, seconds=1e-5)
    named = [e for e in drive.recorder.events if isinstance(e, TasksStarted) and e.name == "timed"]
    assert {event.count for event in named} == {1}


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_a_limit_holds_exactly_and_nothing_waits_without_need(slots):
    """At most n are with slots at any time, and at the end all have run."""
    most = Counter()

    def watch(drive, call):
        for (_, name), active in rooms(drive).items():
            most[name] = max(most[name], active)

    drive = Drive(
        lambda: successes(limited.options(retries=1).map(range(50))),
        slots=slots,
        before_step=watch,
    )
    assert drive.value == [x for x in range(50) if x % 7 != 5]
    assert max(most.values()) <= 3
    assert not any(rooms(drive).values())


def test_work_with_two_limits_blocks_nobody_who_needs_only_one():
    """Those that wait for b do not keep those that only need a from running."""

    def body():
        return [x for n in range(20) for x in (needs_both(n), needs_a(n), step(n))]

    assert len(Drive(body, slots=4).value) == 60


def test_a_cancel_frees_limits_for_clean_up():
    """Clean-up that waits for a limit runs although what held it was cancelled."""

    def body():
        first = [needs_a(n) for n in range(10)]
        return [needs_a.options(trigger_rule="always", name="cleanup")(1), first]

    def stop(drive, call):
        drive.engine.cancel("cancel", 0)

    drive = Drive(body, slots=3, before_step=stop)
    assert drive.states["cleanup"] == "succeeded"


def test_a_worker_that_dies_with_several_bodies_in_flight_charges_none_of_them():
    """They run again one by one, so that the next death has one name."""

    def body():
        return successes(deadly.map(range(16)))

    drive = Drive(body, slots=2, claim=8, seconds=1e-5)
    assert drive.value == [x for x in range(16) if x != 9]
    assert drive.executor.charged == {(0, 9): 3}
    assert not drive.plan.attempts.tries.keys() - {(0, 9)}


def test_who_kills_a_wide_worker_is_found_by_quarters():
    """Of hundreds in flight none is run alone that is not to blame: it takes a few deaths."""
    threads = Lane("threads", width=300, can_kill=True, crowd=True)
    lanes = (Lane("processes", can_kill=True), threads)
    drive = Drive(lambda: successes(deadly_nap.map(range(300))), lanes=lanes, seconds=0.2)
    assert drive.value == [x for x in range(300) if x != 9]
    assert drive.executor.charged == {(0, 9): 3}
    assert drive.clock.time < 5  # one by one it would be a minute


@task
def deadly(x):
    if x == 9:
        raise Dies
    return x


@task(executor="threads")
def deadly_nap(x):
    return deadly.fn(x)


def test_few_short_elements_are_not_passed_to_and_fro():
    """Taking work back costs more than it gains where there is next to none."""
    drive = Drive(lambda: step.map(range(4)), slots=2, seconds=1e-4)
    assert not [e for e in drive.recorder.events if isinstance(e, TasksReturned)]


def test_those_that_another_body_held_up_are_not_late():
    """Of many whose time is over when their worker is killed, the stubborn ones have had it."""
    crowd = Crowd(0, Lane("async", width=10, can_kill=True, crowd=True))
    crowd.killed_for = "timeout"
    works = [Work(node) for node in range(3)]
    for stubborn, late in ((None, [0, 1]), (frozenset(), []), (frozenset({(1, -1)}), [1])):
        crowd.give(1, works, 3, 0.0, now=0.0)
        crowd.started((0, -1), 5.0)
        crowd.started((1, -1), 5.0)
        crowd.killed_for = "timeout"
        lost = crowd.lost(10.0, stubborn)
        assert [work.node for work in lost.overdue] == late
        assert len(lost.others) == 3 - len(late)
    crowd.give(1, works[:1], 1, 0.0, now=0.0)
    crowd.started((0, -1), 5.0)
    assert crowd.lost(10.0, frozenset()).overdue == works[:1]  # there is nobody else


def test_what_was_given_up_may_end_all_the_same():
    """An outcome of a unit that its slot has no more is passed over."""
    crowd = Crowd(0, Lane("async", width=10, crowd=True))
    assert crowd.ended(Outcome(1, -1, 1, "succeeded", b"", 0.0)) is None
    assert crowd.units == 0
