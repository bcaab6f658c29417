"""What a task run costs in things that can be counted, which a busy machine does not change.

The bounds leave room for what is not: batches are sized by measured durations, and a commit takes
what has come while the disk was busy. What a change adds to every single task run breaks them.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import taskflow
from benchmarks import flows
from taskflow.call import Done, Ended
from taskflow.executors.processes import ProcessExecutor
from taskflow.store import close_all

ROOT = Path(__file__).parent.parent


class Bound(NamedTuple):
    """A pipeline with so many task runs, and what it may cost."""

    pipeline: Any
    params: dict[str, int]
    tasks: int
    batch: int  #: tasks in a batch, and in an answer of a worker, on average at the least
    calls: float  #: of Python functions in the engine's thread, for each task; tracing, too
    rows: float  #: in the store, for each task
    bytes: float  #: of the store, for each task


BOUNDS = {
    "fan-out": Bound(flows.fan_out, {"n": 2_000}, 2_001, 10, 25, 1.02, 260),
    "chain": Bound(flows.chain, {"n": 2_000}, 2_000, 10, 35, 1.02, 260),
    "tree": Bound(flows.tree, {"leaves": 1_000}, 1_999, 8, 40, 1.02, 260),
    "map": Bound(flows.mapped, {"n": 20_000}, 20_001, 100, 3, 0.1, 20),
}


@pytest.fixture(params=BOUNDS)
def bound(request):
    """Each of the pipelines."""
    return BOUNDS[request.param]


class CountingExecutor(ProcessExecutor):
    """Two worker processes; how often they were given something, and how often they answered."""

    def __init__(self):
        super().__init__(2)
        self.batches = self.answers = 0

    def submit(self, slot, batch):
        self.batches += 1
        super().submit(slot, batch)

    def wait(self, timeout):
        reports = super().wait(timeout)
        self.answers += sum(isinstance(report, (Ended, Done)) for report in reports)
        return reports


def test_short_tasks_travel_many_at_a_time(bound):
    """A batch for a worker has many calls, and an answer many outcomes, also along a chain."""
    executor = CountingExecutor()
    taskflow.run(bound.pipeline.options(executor=executor), **bound.params)
    assert 2 < executor.batches <= bound.tasks / bound.batch
    assert 2 < executor.answers <= bound.tasks / bound.batch


def test_tracing_and_running_take_so_many_function_calls_in_the_engine(bound):
    """Calls of Python functions in the thread that traces and drives the run."""
    run = bound.pipeline.options(workers=2)
    taskflow.run(run, **bound.params)  # what is imported and compiled once is no part of it
    events = Counter()

    def count(frame, event, what):
        events[event] += 1

    sys.setprofile(count)
    try:
        taskflow.run(run, **bound.params)
    finally:
        sys.setprofile(None)
    assert 0 < events["call"] / bound.tasks <= bound.calls


def test_the_store_takes_a_row_for_a_task_run_and_few_for_a_map(bound, tmp_path):
    """Rows of all tables, and bytes of all files, when the run has ended."""
    taskflow.run(bound.pipeline.options(workers=2, store=f"sqlite:///{tmp_path}/"), **bound.params)
    close_all()
    assert 0 < rows(tmp_path / "store.db") / bound.tasks <= bound.rows
    sizes = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert 0 < sum(sizes) / bound.tasks <= bound.bytes


def rows(path):
    """How many rows all tables of a database have."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        counts = [f"SELECT count(*) FROM {name}" for (name,) in tables.fetchall()]
        return sum(connection.execute(count).fetchone()[0] for count in counts)


@pytest.mark.ring_programs
def test_system_calls_and_flushes_are_shared_by_many_tasks(tmp_path):
    """Of all processes and threads: what 4,000 tasks more need, and how often they flush."""
    little, much = system_calls(tmp_path, 2), system_calls(tmp_path, 4_002)
    assert 0 < (much.total() - little.total()) / 4_000 < 8
    flushes = [each["fsync"] + each["fdatasync"] for each in (little, much)]
    assert 0 < flushes[0] <= flushes[1] <= flushes[0] + 100


def system_calls(folder, tasks):
    """The system calls of a program that runs so many tasks, by name."""
    code = f"from benchmarks import flows; flows.run(flows.fan_out, n={tasks})"
    command = ["strace", "-f", "-qq", "-o", folder / "strace", sys.executable, "-c", code]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    lines = (folder / "strace").read_text(errors="replace").splitlines()
    return Counter(line.split(maxsplit=1)[1].partition("(")[0] for line in lines if "(" in line)
