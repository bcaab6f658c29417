"""Size: what the engine does grows with the number of task runs, and never with its square.

Calls of functions are counted, not seconds, so the result is the same on any machine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from drives import Drive

from taskflow import outcome, task

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.ring_long  # it counts the steps of many thousands of tasks


@task
def one(*xs):
    return 1


@task(limit=2)
def limited(*xs):
    return 1


def fan(n):
    return one([one(i) for i in range(n)])


def chain(n):
    x = one()
    for _ in range(n):
        x = one(x)
    return x


def outcomes_of_each(n):
    return [one(outcome(one(i))) for i in range(n)]


def fan_limited(n):
    return [limited(i) for i in range(n)]


def map_limited(n):
    return limited.map(range(n))


def many_maps(n):
    return [one.map(range(3)) for _ in range(n)]


def chain_of_maps(n):
    xs: Any = one.map(range(2))
    for _ in range(n):
        xs = one.map(xs)
    return xs


def ordered(n):
    x = one()
    for _ in range(n):
        x = one.options(after=[x])()
    return x


def calls_of(body: Callable[[int], Any], n: int, **options: Any) -> int:
    """How many functions the engine calls for a pipeline of size n, tracing left out."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += 1

    drive = None

    def start(drive: Drive, call: Any) -> None:
        if sys.getprofile() is None:
            sys.setprofile(note)

    try:
        drive = Drive(lambda: body(n), tireless=True, before_step=start, claim=1 << 20, **options)
    finally:
        sys.setprofile(None)
    assert drive.plan.is_over
    return count


@pytest.mark.parametrize(
    "body",
    [
        fan,
        chain,
        outcomes_of_each,
        fan_limited,
        map_limited,
        many_maps,
        chain_of_maps,
        ordered,
    ],
)
@pytest.mark.parametrize("slots", [1, 3])
def test_four_times_the_tasks_are_four_times_the_work(body, slots):
    """No step of the engine goes over all tasks, all maps or all that waits."""
    small, large = calls_of(body, 300, slots=slots), calls_of(body, 1200, slots=slots)
    assert large < 5 * small + 2000


def test_a_cancel_of_a_large_map_takes_few_steps():
    """Elements that wait are ended in spans."""

    def stop(drive: Drive, call: Any) -> None:
        drive.engine.cancel("cancel", 0)

    drive = Drive(lambda: one.map(range(200_000)), tireless=True, claim=10, before_step=stop)
    assert drive.plan.mapping.runs[0].tally["cancelled"] > 199_000
    assert drive.executor.steps < 10


def test_a_map_of_a_million_elements_takes_some_hundreds_of_steps():
    """Elements cost bytes in arrays, and are given and taken in spans."""
    drive = Drive(lambda: one.map(one.map(range(1_000_000))), tireless=True, claim=1 << 20)
    assert drive.plan.mapping.runs[1].tally == {"succeeded": 1_000_000}
    assert drive.executor.steps < 2000
    assert len(drive.plan.mapping.runs[1].marks) == 0


def test_a_chain_of_ten_thousand_tasks_needs_no_recursion():
    """The limit of Python's stack has nothing to do with the length of a chain."""
    assert Drive(lambda: chain(10_000), tireless=True).plan.is_over


def test_a_hundred_thousand_calls_end():
    """As many calls as a pipeline may make without anybody noticing the engine."""
    assert Drive(lambda: fan(100_000), tireless=True).plan.is_over
