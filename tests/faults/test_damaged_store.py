"""Files of a store that are damaged, gone, or where none can be: said, and never made worse."""

from __future__ import annotations

import os
import shutil

import pytest

pytestmark = pytest.mark.ring_programs

FLOW = """
@task
def large(n):
    note("large", n)
    return bytes([n]) * 2_000_000

@task
def small(n):
    note("small", n)
    return n

@task
def total(pages, numbers):
    note("total")
    if not os.path.exists("mended"):
        raise ValueError("not yet")
    return sum(map(len, pages)) + sum(numbers)

@pipeline
def flow():
    return total([large(n) for n in range(3)], small.map(range(3)))
"""


@pytest.fixture
def failed(project):
    """A run that has failed in its last task, which is mended by now."""
    project.write(FLOW)
    assert project.taskflow("run", "flow.py").code == 1
    (project.folder / "mended").touch()
    project.ledger.unlink()
    return project


# --- values ------------------------------------------------------------------------------------


def flip(path):
    """Change a byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


def cut(path):
    """Leave the first half of a file."""
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    """Leave nothing in a file."""
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [flip, cut, empty, os.unlink])
def test_a_damaged_value_names_its_task_and_repair_runs_that_again(failed, damage):
    """A resume names the task and --repair, which runs again that task alone."""
    assert len(failed.values) == 3
    damage(failed.values[1])
    ended = failed.taskflow("resume", "last")
    print(ended)
    assert ended.code in {1, 3}
    assert "Traceback" not in ended.err
    assert "large" in ended.err
    assert "--repair" in ended.err
    assert not any(line.startswith("large") for line in failed.noted)
    ended = failed.taskflow("resume", "last", "--repair")
    assert (ended.code, ended.out) == (0, "6000003\n")
    assert sum(n for line, n in failed.noted.items() if line.startswith("large")) == 1
    assert not any(line.startswith("small") for line in failed.noted)


# --- the database ------------------------------------------------------------------------------


def test_a_damaged_database_is_named_and_left_as_it_is(failed):
    """Every command says which file, and how to rescue it or begin anew; none writes to it."""
    for log in ("store.db-wal", "store.db-shm"):
        failed.database.with_name(log).unlink(missing_ok=True)
    failed.database.write_bytes(b"not a database at all " * 1000)
    before = failed.database.read_bytes()
    for command in (("runs",), ("show", "last"), ("resume", "last"), ("run", "flow.py"), ("gc",)):
        ended = failed.taskflow(*command)
        assert ended.code == 3, command
        assert str(failed.database) in ended.err
        assert "Traceback" not in ended.err
    assert failed.database.read_bytes() == before
    assert not failed.noted


@pytest.mark.parametrize("how", [cut, os.unlink])
def test_a_log_that_was_cut_short_is_a_store_of_some_time_ago(project, how):
    """After a kill, what is left of the write-ahead log is read up to its last whole commit."""
    project.write(
        """
        @task
        def step(n):
            note("step", n)
            if n == 30 and not os.path.exists("mended"):
                os.kill(os.getpid(), 9)
            return n + 1

        @pipeline
        def flow():
            x = 0
            for _ in range(40):
                x = step(x)
            return x
        """
    )
    ended = project.taskflow("run", "--executor", "inline", "flow.py")
    assert ended.code == -9
    assert project.noted["step 30"] == 1
    how(project.database.with_name("store.db-wal"))
    (project.folder / "mended").touch()
    assert project.is_intact()
    listed = project.taskflow("runs")
    assert listed.code == 0
    if "flow" in listed.out:
        assert project.taskflow("resume", "last").out == "40\n"
    assert project.taskflow("run", "flow.py").out == "40\n"


# --- places ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["text/store.db", "loop/store.db", "text", "a" * 4000 + ".db", "/proc/no/store.db"],
    ids=["below_a_file", "loop_of_links", "text", "too_long", "where_nothing_can_be"],
)
def test_a_place_that_cannot_be_a_store_is_refused_in_a_line(project, path):
    """Exit code 3, the path, and what to set instead; nothing has run."""
    project.write(FLOW)
    (project.folder / "text").write_text("no database\n")
    (project.folder / "loop").symlink_to("loop")
    project.variables["TASKFLOW_STORE"] = f"sqlite:///{path}"
    ended = project.taskflow("run", "flow.py")
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
    assert os.path.basename(path)[:5] in ended.err or "store.files" in ended.err
    assert not project.noted
    assert (project.folder / "text").read_text() == "no database\n"


@pytest.mark.parametrize("path", ["ünï/ 🎈?#%25.db", "deep/er/still/", "it's;--.db"])
def test_odd_names_are_good_places(project, path):
    """Letters that mean something in URLs and in SQL mean nothing here."""
    project.write(FLOW)
    (project.folder / "mended").touch()
    project.variables["TASKFLOW_STORE"] = f"sqlite:///{path}"
    assert project.taskflow("run", "flow.py").out == "6000003\n"
    assert project.run()["state"] == "succeeded"
    made = project.folder / path
    assert made.is_dir() if path.endswith("/") else made.is_file()


def test_a_store_can_be_moved_with_its_runs(failed):
    """Paths of values are relative to the store: moved elsewhere, a run of it still resumes."""
    shutil.move(failed.store, failed.folder / "elsewhere")
    failed.variables["TASKFLOW_STORE"] = "sqlite:///elsewhere/"
    assert failed.taskflow("resume", "last").out == "6000003\n"
    assert failed.noted == {"total": 1}
