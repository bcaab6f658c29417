"""A store that others use too: locks of other programs, readers, and a second run that writes."""

from __future__ import annotations

import json
import sqlite3
import threading

import pytest

pytestmark = pytest.mark.ring_programs

FLOW = """
@task
def first():
    note("first")
    until("go")
    return 1

@task
def step(n):
    note("step")
    return n + 1

@pipeline
def flow(n: int = 30):
    x = first()
    for _ in range(n):
        x = step(x)
    return x

@task
def make(n):
    return b"x" * 1000

@task
def count(pages):
    return len(pages)

@pipeline
def wide(n: int = 3000):
    return count([make(each) for each in range(n)])
"""


@pytest.mark.parametrize("mode", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_run_waits_for_a_program_that_keeps_the_store_locked(project, mode):
    """Nothing fails for it, however long that takes; what ran meanwhile is kept when it is free."""
    project.write(FLOW)
    running = project.start("run", "flow.py:flow")
    project.wait_for("first", running)
    with sqlite3.connect(project.database, isolation_level=None) as browser:
        browser.execute(f"BEGIN {mode}")
        (project.folder / "go").touch()
        project.wait_for("step", running, 30)
        assert running.poll() is None
        browser.execute("ROLLBACK")
    ended = project.end(running)
    assert (ended.code, ended.out) == (0, "31\n")
    assert project.noted == {"first": 1, "step": 30}
    assert "failed" not in ended.err


def test_readers_do_not_disturb_a_run_nor_it_them(project):
    """Eight readers look while a run writes: nobody is told of a lock, and the log stays small."""
    project.write(FLOW)
    assert project.taskflow("run", "flow.py:wide", "--n", "1").code == 0
    log = project.database.with_name("store.db-wal")
    told, sizes = [], []

    def look():
        for command in (("runs",), ("show", "last")):
            told.append(project.taskflow(*command))
            sizes.append(log.stat().st_size if log.exists() else 0)

    running = project.start("run", "flow.py:wide", "--n", "20000")
    readers = [threading.Thread(target=look) for _ in range(8)]
    for each in readers:
        each.start()
    for each in readers:
        each.join()
    ended = project.end(running)
    assert (ended.code, ended.out) == (0, "20000\n")
    assert [each for each in told if each.code or "locked" in each.err] == []
    assert max(sizes) < 64 * 1024**2


def test_runs_that_write_to_one_store_at_once_all_end_well(project):
    """Three processes commit and checkpoint beside each other; the database stays intact."""
    project.write(FLOW)
    runs = [project.start("run", "flow.py:wide", "--n", "5000") for _ in range(3)]
    assert [project.end(each)[:2] for each in runs] == [(0, "5000\n")] * 3
    assert project.is_intact()
    listed = [json.loads(line) for line in project.taskflow("runs", "--json").out.splitlines()]
    assert [each["state"] for each in listed] == ["succeeded"] * 3
