"""The runs that a service looks after, when processes cannot be started, or are not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from booking import ME, NOON, ids, opened, pipeline, plan, put

from taskflow.planned import Given
from taskflow.schedule.crew import REST_SECONDS, START_SECONDS, Crew
from taskflow.schedule.messages import Ended
from taskflow.schedule.orders import DONE, NOT_BEGUN
from taskflow.store import owners


class World:
    """A store with a pipeline, a clock, and a nursery that only notes what it is told."""

    def __init__(self, path):
        self.store, self.now = opened(path), 1_000.0
        self.started, self.stopped, self.said, self.told = [], [], [], []
        put(self.store, pipeline("a", plan(id="a", overlap="allow")))

    def crew(self, me=ME, most=2):
        """A crew, as a service has it that has just begun."""
        around = SimpleNamespace(
            store=self.store,
            folder="/flows",
            nursery=SimpleNamespace(
                start_run=lambda ident, _: self.started.append(ident),
                stop_run=lambda ident, number: self.stopped.append((ident, number)),
            ),
            say=lambda *words, **details: self.said.append((*words, details)),
            clock=SimpleNamespace(now=lambda: NOON, monotonic=lambda: self.now),
            me=me,
        )
        return Crew(around, SimpleNamespace(of_run=self.told.append), most)

    def submit(self, count=1):
        """Queue runs."""
        make = ids()
        return [self.store.book.submit("a", Given(), make, NOON) for _ in range(count)]


@pytest.fixture
def world(tmp_path):
    """A world of its own."""
    made = World(tmp_path)
    yield made
    made.store.close()


def test_without_processes_nothing_is_begun_for_a_while_and_nothing_fails(world):
    """However often that is: there never was a process that could have died."""
    crew, runs = world.crew(), world.submit(2)
    for _ in range(5):
        world.started.clear()
        crew.fill()
        assert world.started == runs
        for run in runs:
            crew.take(Ended(run, None, "no process could be started for it: EAGAIN"))
        crew.fill()
        assert world.started == runs
        world.now += REST_SECONDS
    assert {run.state for run in world.store.runs()} == {"queued"}
    assert "EAGAIN" in world.said[-1][-1]["error"]


def test_a_run_of_another_program_takes_a_place_and_is_never_signalled(world):
    """Whoever resumes a run by hand is not ended with a service; how it ends is told."""
    (run_id, waits) = world.submit(2)
    owner = world.store.book.pick(1, ME, lambda *_: False, NOON)[0]
    ledger = world.store.take_over(run_id, owner.epoch)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        sql = f"UPDATE runs SET pid = {other.pid}, pid_started = {owners.started(other.pid)}"
        world.store.writer.do(lambda connection: connection.execute(f"{sql} WHERE pid <> 0"))
        crew = world.crew(most=1)
        crew.adopt()
        crew.fill()
        assert world.started == []
        assert len(crew) == 0  # a stop does not wait for it
        crew.stop(signal.SIGKILL)
        assert other.poll() is None
        other.stdin.close()
    ledger.end("succeeded", seconds=1.0, counts={})
    crew.look_after_lost()
    assert [run.id for run in world.told] == [run_id]
    crew.fill()
    assert world.started == [waits]


def test_runs_are_another_services_while_it_lives(world):
    """Each looks after its own; two would tell of each end twice."""
    (run_id,) = world.submit()
    world.store.book.serve("/flows", ME, lambda _: True)
    picked = world.store.book.pick(1, ME, lambda *_: False, NOON)[0]
    world.store.take_over(run_id, picked.epoch).end("succeeded", seconds=1.0, counts={})
    crew = world.crew(me=ME._replace(pid=os.getppid(), started=owners.started(os.getppid())))
    crew.adopt()
    crew.look_after_lost()
    assert world.told == []


def test_a_process_whose_run_was_removed_does_not_hang_for_ever(world):
    """Nobody can tell of the run any more; the process is ended, and its place is free."""
    crew, (run_id,) = world.crew(), world.submit()
    crew.fill()
    world.store.writer.do(lambda connection: connection.execute("DELETE FROM runs"))
    world.now += START_SECONDS + 1
    crew.end_stuck()
    assert world.stopped == [(run_id, signal.SIGKILL)]
    crew.take(Ended(run_id, -9, "SIGKILL"))
    assert len(crew) == 0


@pytest.mark.parametrize(
    ("status", "state"), [(DONE, "succeeded"), (NOT_BEGUN, None), (-9, "succeeded")]
)
def test_of_a_success_nothing_bad_is_told(world, status, state):
    """Also if its process was killed after its end, since a thread that it left was hanging."""
    crew, (run_id,) = world.crew(), world.submit()
    crew.fill()
    ledger = world.store.take_over(run_id, world.store.find(run_id).epoch)
    ledger.end("succeeded", seconds=1.0, counts={})
    crew.take(Ended(run_id, status, "SIGKILL: killed" if status < 0 else ""))
    told = [(what, details["error"]) for what, *_, details in world.said if what != "run"]
    assert told == ([(state, "")] if state else [])
