"""What a run is at is told while bodies go on for long; nobody is woken for those that do not."""

from __future__ import annotations

import pytest
from doubles import FakeClock, SimulatedExecutor
from drives import Drive

from taskflow import Limit, task
from taskflow.engine.lasting import LASTING_SECONDS, MOST, Lasting
from taskflow.interfaces import Lane
from taskflow.records import AtWork

START = FakeClock().time


@task
def step(x):
    return x


@task(limit=Limit("db", 1, key=lambda x: "one"))
def limited(x):
    return x


@pytest.fixture
def told(monkeypatch):
    """What was told, and when, in seconds from the start; dates are such seconds, too."""
    told, look = [], Lasting.look

    def noted(self, now, to_date):
        found = look(self, now, -START)
        if found is not None:
            told.append((now - START, found))
        return found

    monkeypatch.setattr(Lasting, "look", noted)
    return told


@pytest.fixture
def waits(monkeypatch):
    """A list with an entry for each time that the engine waited."""
    waits, wait = [], SimulatedExecutor.wait
    monkeypatch.setattr(
        SimulatedExecutor, "wait", lambda *given: (waits.append(1), wait(*given))[1]
    )
    return waits


def named(told):
    """The keys that were told each time."""
    return [sorted(key for key, _ in each.bodies) for _, each in told]


def test_bodies_that_take_long_are_told_with_their_beginning(told):
    """A second after they began, and again when others have taken their place."""
    Drive(lambda: [step.options(key=str).map(range(4))], slots=2, seconds=10.0)
    assert [round(when) for when, _ in told] == [1, 11]
    for (when, each), begun in zip(told, (0.0, 10.0), strict=True):
        assert [since for _, since in each.bodies] == pytest.approx([begun] * 2, abs=0.1)
        assert when == pytest.approx(begun + LASTING_SECONDS, abs=0.1)
    first, second = named(told)
    assert sorted(first + second) == [f"p/step[{n}]" for n in range(4)]


def test_what_takes_less_is_not_told(told):
    """A thousand bodies of 10 ms take seconds, and none of them long."""
    Drive(lambda: [step(n) for n in range(1000)], seconds=0.010)
    assert told == []


def test_a_body_that_goes_on_for_hours_wakes_nobody(told, waits):
    """Once it has been told there is nothing to look at until something happens."""
    Drive(lambda: step(1), seconds=36_000.0)
    assert named(told) == [["p/step"]]
    assert len(waits) < 5


def test_of_many_the_longest_are_named(told):
    """The others are counted."""
    lane = Lane("async", width=MOST + 200, can_kill=True, crowd=True)
    Drive(lambda: step.map(range(MOST + 200)), lanes=(lane,), seconds=5.0)
    assert [(len(each.bodies), each.more) for _, each in told] == [(MOST, 200)]


def test_what_waits_for_a_limit_is_not_at_work(told):
    """Nor is the question for its key: one body at a time is told."""
    Drive(lambda: [limited(n) for n in range(3)], slots=3, seconds=10.0)
    assert [len(keys) for keys in named(told)] == [1, 1, 1]


def test_that_nothing_is_at_work_any_more_is_told(told):
    """After something long, when only short things are left."""
    seconds = iter([10.0] + [0.010] * 500)
    Drive(lambda: [step(n) for n in range(501)], seconds=lambda: next(seconds))
    assert named(told) == [["p/step"], []]
    assert told[-1][1] == AtWork()
