"""While all slots have enough to do the engine rests; none of them waits for it."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from doubles import Dies, FakeClock, SimulatedExecutor
from drives import Drive

from taskflow import task
from taskflow.engine.slots import REST_SECONDS
from taskflow.events import TasksEnded


@task
def step(x):
    return x + 1


@task
def fails_at_99(x):
    if x == 99:
        raise ValueError(x)
    return x


@task(retries=1)
def dies_at_99(x):
    if x == 99:
        raise Dies
    return x


@task
def total(xs):
    return sum(xs)


@pytest.fixture
def counts(monkeypatch):
    """How often the engine waited and rested, and for how long it rested at most."""
    counts = Counter()
    wait, rest = SimulatedExecutor.wait, SimulatedExecutor.rest

    def counted_wait(self, timeout):
        counts["waits"] += 1
        return wait(self, timeout)

    def counted_rest(self, seconds):
        counts["rests"] += 1
        counts["longest"] = max(counts["longest"], seconds)
        rest(self, seconds)

    monkeypatch.setattr(SimulatedExecutor, "wait", counted_wait)
    monkeypatch.setattr(SimulatedExecutor, "rest", counted_rest)
    return counts


def took(drive):
    """How long a drive took by its own clock."""
    return drive.clock.time - FakeClock().time


def test_an_engine_is_not_woken_by_each_body(counts):
    """Of 400 bodies of 10 ms on two slots it hears some at once; the slots never wait for it."""
    drive = Drive(lambda: total([step(n) for n in range(400)]), slots=2, seconds=0.010)
    assert drive.value == sum(range(401))
    assert counts["rests"] > 20
    assert counts["waits"] < 250
    assert counts["longest"] <= REST_SECONDS
    assert took(drive) == pytest.approx(400 * 0.010 / 2 + 0.010)  # two at a time, and the sum


def test_a_slot_that_runs_dry_too_early_is_given_more_at_once(counts):
    """Bodies that take a tenth of what they took before end a rest."""
    each = itertools.chain([0.020] * 100, itertools.repeat(0.002))
    drive = Drive(lambda: [step(n) for n in range(1000)], slots=2, seconds=lambda: next(each))
    assert counts["rests"] > 20
    least = (100 * 0.020 + 900 * 0.002) / 2
    assert took(drive) <= least + 0.020


def test_with_an_idle_slot_there_is_no_rest(counts):
    """What one slot reports may be just what the other waits for."""

    def chain():
        value = step(0)
        for _ in range(100):
            value = step(value)
        return value

    Drive(chain, slots=2, seconds=0.010)
    assert counts["rests"] == 0


def test_an_engine_whose_bodies_take_long_sleeps(counts):
    """It rests once after each report, and is not woken again before the next."""
    Drive(lambda: [step(n) for n in range(40)], slots=2, seconds=60.0)
    assert counts["rests"] <= 40
    assert counts["waits"] <= 3 * 40


@pytest.mark.parametrize("failing", [fails_at_99, dies_at_99])
def test_a_failure_ends_a_rest(counts, failing):
    """A run that ends at its first failure begins nothing after it."""
    began = []

    def note(drive, call):
        began.append(drive.clock.time)

    drive = Drive(
        lambda: [failing(n) for n in range(400)],
        slots=2,
        seconds=0.010,
        fail_fast=True,
        before_step=note,
    )
    assert counts["rests"] > 3
    bad = [each for each in drive.recorder.events if isinstance(each, TasksEnded) and each.error]
    assert len(bad) == 1
    # The body that failed had begun ten milliseconds before, and so had, or then does, another.
    assert drive.clock.time - max(began) <= 0.011
    assert len(began) <= 110
