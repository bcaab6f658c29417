"""How the SQLite store writes: in groups, in turn with others, and as safely as a run asks for."""

from __future__ import annotations

import fcntl
import os
import threading

import pytest
from keeping import NOON, begun, opened, outcome

from taskflow.records import KeptTasks
from taskflow.store import writer
from taskflow.store.lock import StoreLock


@pytest.fixture
def store(tmp_path):
    """A store in a folder."""
    made = opened(tmp_path)
    yield made
    made.close()


def test_what_arrives_while_a_commit_waits_goes_into_the_next(store, tmp_path):
    """A hundred writes cost two transactions, not a hundred."""
    ledger = begun(store)
    said = []
    store.writer.do(lambda connection: connection.set_trace_callback(said.append))
    other = StoreLock(str(tmp_path))
    with other.held():
        for node in range(100):
            ledger.write([outcome(node)])
    other.close()
    ledger.flush()
    # The first may have begun before the others came, and the flush may come after them.
    assert said.count("COMMIT") <= 4
    assert [each.node for each in store.kept("run-1", 1)] == list(range(100))


def test_records_wait_for_others_until_somebody_waits_for_them(store, monkeypatch):
    """After a commit the thread rests, here for ever; who flushes does not wait that long."""
    monkeypatch.setattr(writer, "_REST", 1e6)
    ledger, said = begun(store), []
    store.writer.do(lambda connection: connection.set_trace_callback(said.append))
    for node in range(100):
        ledger.write([outcome(node)])
        os.sched_yield()
    ledger.flush()
    # Of the job that set the trace, and of all records.
    assert said.count("COMMIT") <= 2
    assert [each.node for each in store.kept("run-1", 1)] == list(range(100))


def test_a_thousand_task_runs_take_a_few_statements(store):
    """Beside a busy engine each statement waits for its turn, whatever it inserts."""
    ledger, said = begun(store), []
    store.writer.do(lambda connection: connection.set_trace_callback(said.append))
    nodes = range(1000)
    same = [b"v"] * 1000, [0.0] * 1000
    ledger.write([KeptTasks("scrape", "fetch", 0, NOON, nodes, nodes, *same)])
    ledger.write([outcome(node) for node in nodes])
    ledger.flush()
    assert sum(each.startswith("INSERT INTO outcomes") for each in said) < 50
    assert len(list(store.kept("run-1", 1))) == 2000


def test_who_waits_for_the_lock_is_next(tmp_path):
    """A process that has just written, and wants to again, does not overtake it."""
    mine, other = StoreLock(str(tmp_path)), StoreLock(str(tmp_path))
    order = []

    def wait():
        with other.held():
            order.append("who waited")

    with mine.held():
        thread = threading.Thread(target=wait)
        thread.start()
        while not is_waited_for(tmp_path):
            os.sched_yield()
    with mine.held():
        order.append("who had it")
    thread.join()
    assert order == ["who waited", "who had it"]
    mine.close()
    other.close()


def test_a_child_closes_nothing_that_a_closed_store_once_had(store):
    """Its numbers are those of other files by now."""
    begun(store)
    held = {int(name) for name in os.listdir("/proc/self/fd")}
    store.close()
    freed = held - {int(name) for name in os.listdir("/proc/self/fd")}
    reused = [os.open(os.devnull, os.O_RDONLY) for _ in freed]
    assert set(reused) & freed
    store.disown()  # as after a fork
    for fd in reused:
        os.close(fd)


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("process", 1)])
def test_a_commit_is_as_safe_as_its_run_asks_for(store, durability, synchronous):
    """It waits for the disk, or leaves that to the system; a group with both waits."""
    ledger = begun(store, settings={"durability": durability})

    def level(connection):
        return connection.execute("PRAGMA synchronous").fetchone()[0]

    assert store.writer.do(level, ledger) == synchronous
    assert store.writer.do(level) == 2


def test_taking_over_keeps_the_durability_of_a_run(store):
    """It was asked for when the run was created."""
    begun(store, settings={"durability": "process"}).close()
    assert not store.take_over("run-1").is_full


def is_waited_for(folder):
    """Whether somebody holds the turn, and so waits for the lock."""
    handle = os.open(folder / "store.turn", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
