"""A run that is killed, or told to end, at each named point of its record order goes on as if not.

Whatever happens, no task with a committed outcome begins again, no outcome is lost, no two bodies
of a task run at once, no process and no file is left, and the database is whole.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from scene import RUN

from taskflow.crashing import ENGINE_POINTS, POINTS, WORKER_POINTS

pytestmark = pytest.mark.ring_kill

PACKAGE = Path(__file__).resolve().parent.parent.parent / "taskflow"

#: Points that only a resume comes to.
RESUMING = ["run taken over", "orphans ended", "past read"]
#: Points that a run comes to again and again: which time is in the midst of it.
COMMITS = ("transaction begun", "before a commit", "after a commit")
MIDST = {
    **dict.fromkeys(("batch given", "outcomes received", "records queued", *COMMITS), 12),
    **dict.fromkeys(("batch received", "outcomes sent"), 4),
}
BEGINNING = [point for point in ENGINE_POINTS if point not in RESUMING]
#: Points at which it matters how a commit reaches the disk.
WRITING = ["trace begun", "before a commit", "after a commit", "run ended"]
#: Where a signal that can be caught is at its most awkward.
AWKWARD = ["run created", "batch given", "outcomes received", "before a commit", "run over"]
#: A resume can be killed where it has written something of its own.
AGAIN = [*RESUMING, "before the trace", "trace begun", "outcomes received", "files cleaned"]


def crash(point: str, name: str = "KILL") -> str:
    """What `TASKFLOW_CRASH` has to say."""
    return f"{point}:{MIDST.get(point, 1)}:{name}"


def test_every_point_of_the_list_is_in_the_code_once():
    """What is listed can be reached at one place, and nothing is reached that is not listed."""
    calls = [
        point
        for path in PACKAGE.rglob("*.py")
        for point in re.findall(r'\breach\("(.+?)"\)', path.read_text())
    ]
    assert sorted(calls) == sorted(POINTS)


def test_a_wish_to_crash_at_no_point_is_refused(scene):
    """A misspelt point would be a test that kills nobody: the message lists those there are."""
    ended = scene.run(TASKFLOW_CRASH="run crated")
    assert ended.code != 0
    assert "run created" in ended.err


@pytest.mark.parametrize(
    ("point", "durability"),
    [*((point, "full") for point in BEGINNING), *((point, "process") for point in WRITING)],
)
def test_a_run_killed_at_any_point_goes_on(scene, undisturbed, point, durability):
    """SIGKILL for the engine at each point of a run."""
    ended = scene.run(TASKFLOW_CRASH=crash(point), DURABILITY=durability)
    assert ended.code == -signal.SIGKILL, ended.err
    assert point not in COMMITS or scene.finished()  # elsewhere the first commit may be to come
    assert scene.go_on() == undisturbed
    scene.check()


@pytest.mark.parametrize("name", ["TERM", "INT"])
@pytest.mark.parametrize("point", AWKWARD)
def test_a_run_told_to_end_at_any_point_goes_on(scene, undisturbed, point, name):
    """SIGTERM and SIGINT for the engine: it says that it was cancelled, and can be resumed."""
    ended = scene.run(TASKFLOW_CRASH=crash(point, name))
    assert "Traceback" not in ended.err
    assert ended.code != 0 or point == "run over", ended
    assert scene.go_on() == undisturbed
    scene.check()


def test_a_run_that_a_program_began_is_resumed_by_the_command(scene, undisturbed):
    """What `python flow.py` has finished under `__main__` is kept where the file is imported."""
    process = scene.start("flow.py", TASKFLOW_CRASH="run over")
    assert scene.end(process).code == -signal.SIGKILL
    assert scene.go_on() == undisturbed
    scene.check()


@pytest.mark.parametrize("point", AGAIN)
def test_a_resume_killed_at_any_point_goes_on(scene, undisturbed, point):
    """SIGKILL for a resume at each point that it comes to before it runs something itself."""
    assert scene.run(TASKFLOW_CRASH=crash("outcomes received")).code == -signal.SIGKILL
    ended = scene.resume(TASKFLOW_CRASH=f"{point}:1")
    assert ended.code == -signal.SIGKILL, ended.err
    assert scene.go_on() == undisturbed
    scene.check()


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_an_engine_killed_while_a_worker_is_at_any_point_goes_on(scene, undisturbed, point):
    """The worker is stopped at its point, and the engine killed: both are gone before a resume."""
    process = scene.start(*RUN, TASKFLOW_CRASH=crash(point, "STOP"))
    scene.await_stopped(process)
    os.kill(process.pid, signal.SIGKILL)
    scene.end(process)
    assert scene.go_on() == undisturbed
    scene.check()


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_killed_at_any_point_is_replaced(scene, undisturbed, point):
    """The run goes on with another worker, and succeeds without a resume."""
    process = scene.start(*RUN, TASKFLOW_CRASH=crash(point, "STOP"))
    os.kill(scene.await_stopped(process), signal.SIGKILL)
    ended = scene.end_waking(process)
    assert ended.code == 0, ended.err
    assert ended.out.strip() == undisturbed
    scene.check()
