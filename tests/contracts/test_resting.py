"""An engine that rests hears of what should not wait, and finds all else when it looks."""

from __future__ import annotations

import os
import select

import pytest
from driving import PATIENCE, Driver

from taskflow.executors.processes import ProcessExecutor


@pytest.fixture
def worker(tmp_path):
    """One worker process, which has nothing to do and is silent."""
    executor = ProcessExecutor(1, wide=False)
    worker = Driver(executor, tmp_path)
    worker.run(worker.call(same, 0))
    bell, heard = executor._slots[0].process.bell, 0
    while heard < 2:  # it rings when it has started, and when it has nothing left to do
        assert select.select([bell], [], [], PATIENCE)[0]
        heard += len(os.read(bell, 2))
    yield worker
    executor.stop()


@pytest.fixture
def gate(tmp_path):
    """A named pipe: bodies that open it wait until somebody writes."""
    path = str(tmp_path / "gate")
    os.mkfifo(path)
    return path


def same(x):
    return x


def passes(path):
    with open(path) as gate:
        return gate.read()


def open_gate(path):
    """Let a body go on."""
    with open(path, "w") as gate:
        gate.write("open")


def rang(worker):
    """Whether a bell rings, or does within a time in which anything happens."""
    return bool(worker.executor._bells.select(PATIENCE))


def test_of_what_is_said_during_a_rest_nothing_is_lost(driver):
    """It is there when `wait` is called; a rest ends in time."""
    driver.submit(*[driver.call(same, n) for n in range(20)])
    driver.executor.rest(0.01)
    assert len(driver.finish()) == 20
    driver.executor.rest(0.0)
    driver.executor.rest(0.01)


def test_success_rings_no_bell_while_there_is_more_to_do(worker, gate):
    """It lies in the socket until somebody looks; a worker that runs dry rings."""
    worker.submit(worker.call(same, 1), worker.call(passes, gate))
    socket = worker.executor._slots[0].link.sock
    assert select.select([socket], [], [], PATIENCE)[0]
    assert not worker.executor._bells.select(0.0)
    open_gate(gate)
    assert rang(worker)
    assert len(worker.finish()) == 2


def test_a_failure_rings(worker, gate):
    """Behind it are bodies that may be needed no more."""

    def fails():
        raise ValueError

    worker.submit(worker.call(fails), worker.call(passes, gate))
    assert rang(worker)
    open_gate(gate)
    assert [each.state for each in worker.finish()] == ["failed", "succeeded"]


def test_a_death_rings(worker):
    """Whoever dies cannot ring: loky says so."""

    def dies():
        os._exit(1)

    worker.submit(worker.call(dies))
    assert rang(worker)
    worker.until(lambda: any(type(each).__name__ == "Lost" for each in worker.reports))


def test_what_could_fill_a_socket_rings(worker, gate):
    """A worker stands still in its message, once there is no room for it."""

    def large():
        return bytes(60_000)

    worker.submit(*[worker.call(large) for _ in range(4)], worker.call(passes, gate))
    assert rang(worker)
    open_gate(gate)
    assert len(worker.finish()) == 5


def test_there_is_no_rest_while_a_batch_is_being_sent(worker, gate, monkeypatch):
    """Its worker may wait for the end of it."""
    worker.submit(worker.call(passes, gate))
    worker.submit(worker.call(len, bytes(8_000_000)))
    assert worker.executor._slots[0].is_sending
    with monkeypatch.context() as patched:
        patched.delattr(worker.executor, "_bells")  # nobody listens
        worker.executor.rest(PATIENCE)
    open_gate(gate)
    assert len(worker.finish()) == 2


def test_a_wake_ends_a_rest_and_the_next_wait(worker):
    """Somebody wants the engine to look at something else than reports."""
    worker.executor.wake()
    assert rang(worker)
    worker.executor.rest(PATIENCE)
    assert worker.executor.wait(None) == []


def test_a_bell_that_nobody_hears_does_not_hold_up_its_worker(worker, gate):
    """An engine that has never rested has heard none of them: the pipe may be full."""

    def fill():
        from taskflow.executors.worker import _ends

        while True:
            os.write(_ends[3].fileno(), bytes(4096))

    outcome, *_ = worker.run(worker.call(fill))
    assert outcome.value.type == "BlockingIOError"
    assert len(worker.run(worker.call(same, 1))) == 1
    worker.submit(worker.call(passes, gate))
    with open(gate, "w"):  # once it has begun, which is after all that rang before
        worker.executor.rest(0.0)
        assert not worker.executor._bells.select(0.0)
    assert len(worker.finish()) == 1
