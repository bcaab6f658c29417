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
    """A pipeline, its parameter for a size, and what each unit of that may cost."""

    pipeline: Any
    parameter: str
    size: int
    batch: int  #: tasks in a batch, and in an answer of a worker, on average at the least
    calls: float  #: of Python functions in the engine's thread; tracing, too
    rows: float  #: in the store
    bytes: float  #: of the store

    def run(self, size: int, **options: Any) -> Any:
        return taskflow.run(self.pipeline.options(**options), **{self.parameter: size})


BOUNDS = {
    "fan-out": Bound(flows.fan_out, "n", 2_000, 10, 50, 1.02, 150),
    "chain": Bound(flows.chain, "n", 2_000, 10, 60, 1.02, 150),
    "tree": Bound(flows.tree, "leaves", 2_048, 8, 110, 2.04, 300),
    "map": Bound(flows.mapped, "n", 20_000, 100, 4, 0.1, 15),
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
    bound.run(bound.size, executor=executor)
    assert 2 < executor.batches <= bound.size / bound.batch
    assert 2 < executor.answers <= bound.size / bound.batch


def test_tracing_and_running_take_so_many_function_calls_in_the_engine(bound):
    """Calls of Python functions in the thread that traces and drives the run."""
    bound.run(bound.size, workers=2)  # what is imported and compiled once is no part of it
    little, much = function_calls(bound, 2), function_calls(bound, bound.size)
    assert 0 < (much - little) / bound.size <= bound.calls


def function_calls(bound, size):
    """How many a run takes."""
    events = Counter()

    def count(frame, event, what):
        events[event] += 1

    sys.setprofile(count)
    try:
        bound.run(size, workers=2)
    finally:
        sys.setprofile(None)
    return events["call"]


def test_the_store_takes_a_row_for_a_task_run_and_few_for_a_map(bound, tmp_path):
    """Rows of all tables, and bytes of all files, when the run has ended."""
    sizes = {}
    for size in (2, bound.size):
        folder = tmp_path / str(size)
        bound.run(size, workers=2, store=f"sqlite:///{folder}/")
        close_all()
        files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        sizes[size] = rows(folder / "store.db"), sum(files)
    more_rows, more_bytes = (b - a for a, b in zip(*sizes.values(), strict=True))
    assert 0 < more_rows / bound.size <= bound.rows
    assert 0 < more_bytes / bound.size <= bound.bytes


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
    assert 0 < flushes[0] <= flushes[1] <= flushes[0] + 400


def system_calls(folder, tasks):
    """The system calls of a program that runs so many tasks, by name."""
    code = f"from benchmarks import flows; flows.run(flows.fan_out, n={tasks})"
    command = ["strace", "-f", "-qq", "-o", folder / "strace", sys.executable, "-c", code]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    lines = (folder / "strace").read_text(errors="replace").splitlines()
    return Counter(line.split(maxsplit=1)[1].partition("(")[0] for line in lines if "(" in line)
