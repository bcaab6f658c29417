"""Ordinary calls in columns: the quick way in and out of a worker process."""

from __future__ import annotations

import threading
import time

import pytest
from driving import Driver

from taskflow.call import Batch, CallColumns, Done, Ended, Lost, Stuck
from taskflow.executors.processes import ProcessExecutor
from taskflow.values import decode, dumps

#: Nothing here takes nearly as long.
PATIENCE = 30.0


@pytest.fixture
def driver(tmp_path):
    executor = ProcessExecutor(1, wide=False)
    yield Driver(executor, tmp_path)
    executor.stop()


def _columns(driver, fn, arguments, inputs=None):
    """Calls of a function, by node 1, 2, 3 ..."""
    count = len(arguments)
    spec = driver.code(fn)
    slots = [(0,) if inputs and inputs[place] else () for place in range(count)]
    payloads = [
        dumps(((argument,), {}, slot)) for argument, slot in zip(arguments, slots, strict=True)
    ]
    code, blob = driver._codes[spec]
    calls = CallColumns(
        list(range(1, count + 1)),
        [spec] * count,
        ["p/work"] * count,
        list(range(1, count + 1)),
        payloads,
        inputs or [()] * count,
    )
    return Batch(1, (calls,), ((spec, code),), ((spec, blob),))


def _until(driver, is_there):
    """All reports until one is there."""
    reports = []
    deadline = time.monotonic() + PATIENCE
    while not any(map(is_there, reports)):
        assert time.monotonic() < deadline, f"it never came; so far {reports}"
        reports += driver.executor.wait(0.1)
    return reports


def test_what_succeeds_with_a_small_value_comes_back_in_columns(driver):
    """In the order of the calls, around what ended in another way."""

    def work(n):
        if n == 3:
            raise ValueError(n)
        return n * 10

    driver.executor.submit(0, _columns(driver, work, [1, 2, 3, 4]))
    reports = _until(driver, lambda report: isinstance(report, Done) and 4 in report.nodes)
    ends = []
    for report in reports:
        if isinstance(report, Done):
            ends += zip(report.nodes, map(decode, report.values), strict=True)
        elif isinstance(report, Ended):
            ends += [(each.node, each.state) for each in report.outcomes]
    assert ends == [(1, 10), (2, 20), (3, "failed"), (4, 40)]


def test_a_call_takes_what_an_earlier_one_of_its_batch_has_made(driver):
    """Or is given back, where that has not made it."""

    def work(n):
        return n + 1 if n < 2 else n["nothing"]

    batch = _columns(driver, work, [0, None, None, None], [(), (1,), (2,), (3,)])
    driver.executor.submit(0, batch)
    reports = _until(driver, lambda each: isinstance(each, Ended) and each.outcomes[-1].node == 4)
    done = [value for report in reports if isinstance(report, Done) for value in report.values]
    assert [decode(value) for value in done] == [1, 2]
    outcomes = [each for report in reports if isinstance(report, Ended) for each in report.outcomes]
    assert [(each.node, each.state) for each in outcomes] == [(3, "failed"), (4, "not_run")]


def _stuck(driver, tmp_path):
    """A worker with fifty calls, of which one takes long: what it said until it was stuck."""
    gate = tmp_path / "gate"

    def work(n):
        while n == 40 and not gate.exists():
            time.sleep(0.001)
        return n

    driver.executor.submit(0, _columns(driver, work, list(range(50))))
    reports = _until(driver, lambda report: isinstance(report, Stuck))
    return gate, [node for each in reports if isinstance(each, Done) for node in each.nodes]


def test_what_was_claimed_behind_a_body_that_takes_long_is_given_back(driver, tmp_path):
    """It is withdrawn with the rest; then the worker goes on with what it is given next."""
    gate, ended = _stuck(driver, tmp_path)
    taken = driver.executor.withdraw(0)
    assert taken == {1: 50 - 41}
    gate.touch()
    reports = _until(driver, lambda each: isinstance(each, Done) and 41 in each.nodes)
    ended += [node for each in reports if isinstance(each, Done) for node in each.nodes]
    assert ended == list(range(1, 42))
    assert driver.value(threading.active_count) >= 1


def test_a_worker_that_dies_stuck_is_not_asked_for_what_it_gave_back(driver, tmp_path):
    """It is among what its death leaves unclaimed, once."""
    _stuck(driver, tmp_path)
    driver.executor.kill(0)
    reports = _until(driver, lambda report: isinstance(report, Lost))
    (lost,) = (report for report in reports if isinstance(report, Lost))
    assert lost.unclaimed == {1: 50 - 41}
    assert driver.executor.withdraw(0) == {}
    assert driver.value(threading.active_count) >= 1
