"""Runs that are stopped from outside: by signals, a terminal that closes, a reader that leaves."""

from __future__ import annotations

import os
import signal

import pytest

pytestmark = pytest.mark.ring_kill

FLOW = """
@task
def hold(n):
    note("hold", n)
    until("go")
    return n

@task
def total(xs):
    note("total")
    return sum(xs)

@pipeline
def flow(n: int = 20):
    return total(hold.map(range(n)))
"""


@pytest.fixture
def held(project):
    """A run with a body in each of its two workers, which wait for a file."""
    project.write(FLOW)
    running = project.start("run", "flow.py")
    project.wait_for("hold 0", running)
    while sum(project.noted.values()) < 2:
        pass
    return project, running


def resumes(project):
    """Whether the run goes on where it was, to the right end; nothing that was kept runs again."""
    shown = project.run()
    kept = sum(
        each["count"]
        for each in shown["tasks"]
        if (each["name"], each["state"]) == ("hold", "succeeded")
    )
    before = project.noted
    (project.folder / "go").touch()
    ended = project.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, "190\n"), ended.err
    assert sum((project.noted - before).values()) == 20 - kept + 1
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_bodies_end_and_keeps_them(held, number):
    """Nothing new begins, what runs may end, and is not run again by a resume."""
    project, running = held
    os.killpg(running.pid, number)
    while "stopping" not in (line := running.stderr.readline()):
        assert line, "it did not say that it stops"
    begun = project.noted
    (project.folder / "go").touch()
    ended = project.end(running)
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert "taskflow resume" in ended.err
    assert project.noted == begun
    assert project.run()["state"] in {"cancelled", "interrupted"}
    assert resumes(project)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_bodies_too(held, number):
    """They did not end, so they run again; workers say nothing, and no traceback is shown."""
    project, running = held
    os.killpg(running.pid, number)
    while "stopping" not in (line := running.stderr.readline()):
        assert line, "it did not say that it stops"
    os.killpg(running.pid, number)
    ended = project.end(running)
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert resumes(project)


def test_a_closed_terminal_ends_a_run_that_resumes(held):
    """SIGHUP is the end; workers go with it."""
    project, running = held
    os.killpg(running.pid, signal.SIGHUP)
    assert project.end(running).code in {-signal.SIGHUP, 129, 130}
    assert project.run()["state"] in {"interrupted", "cancelled"}
    assert resumes(project)


def test_a_reader_that_leaves_does_not_lose_the_run(project):
    """With standard output and error closed, as by `| head -1`, the run still ends and is kept."""
    project.write(FLOW.replace("until(", "print('words ' * 10_000); until("))
    (project.folder / "go").touch()
    running = project.start("run", "flow.py", "--n", "20")
    running.stdout.close()
    running.stderr.close()
    running.wait(timeout=60)
    shown = project.run()
    assert shown["state"] == "succeeded"
    assert project.noted["total"] == 1


def test_only_one_resume_drives_a_run(held):
    """While somebody drives it, a resume says who does, and since when."""
    project, running = held
    ended = project.taskflow("resume", "last")
    assert ended.code == 3
    assert f"pid {running.pid}" in ended.err
    assert len(ended.err.splitlines()) == 1
    (project.folder / "go").touch()
    assert project.end(running).out == "190\n"
    assert project.noted == {"total": 1, **{f"hold {n}": 1 for n in range(20)}}


def test_a_cancel_from_another_terminal_ends_the_run_resumably(held):
    """`cancel` is heard by the process that drives the run; later it goes on."""
    project, running = held
    assert project.taskflow("cancel", "last").code == 0
    while "stopping" not in (line := running.stderr.readline()):
        assert line, "it did not say that it stops"
    (project.folder / "go").touch()
    ended = project.end(running)
    assert ended.code == 4
    assert project.run()["state"] == "cancelled"
    assert resumes(project)
