"""Ends that a worker, a whole machine, or a second command brings, and what a resume does then."""

from __future__ import annotations

import os
import signal
import time

import pytest
from flows import DEADLY, DEADLY_ELEMENT, HOLDING
from scene import PATIENCE, RESUME, RUN, Scene

pytestmark = pytest.mark.ring_kill

#: Bodies that hear nothing of what is asked of them.
WAYS = {
    "in_c": "ctypes.PyDLL(None).sleep(1000)",
    "deaf": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(1000)",
    "stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
}
#: A body that goes on when the test says so.
WAITS = "while not os.path.exists('go'): time.sleep(0.005)"


def holding(folder, way):
    """A run whose bodies have begun and do not end, and its process."""
    scene = Scene(folder, HOLDING.replace("WAY", way))
    process = scene.start(*RUN)
    scene.await_starts(process, 2)
    return scene, process


@pytest.mark.parametrize("way", WAYS)
def test_a_resume_at_once_finds_no_worker_of_a_killed_engine(tmp_path, way):
    """The engine dies while bodies run that nothing can ask to end; the resume starts right away.

    Its bodies would meet the old ones on the locks of their names.
    """
    scene, process = holding(tmp_path, WAYS[way])
    process.kill()
    process.wait()
    (tmp_path / "go").touch()
    ended = scene.end(scene.start(*RESUME))
    process.communicate()
    assert (ended.code, ended.out.strip()) == (0, "1"), ended.err
    scene.check()


@pytest.mark.parametrize("how", ["group", "everything"])
def test_a_run_goes_on_after_all_its_processes_were_killed(tmp_path, how):
    """As a closed terminal or a stopped container ends it: all at once."""
    scene, process = holding(tmp_path, WAITS)
    if how == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        for pid in scene.processes:
            os.kill(pid, signal.SIGKILL)
    scene.end(process)
    (tmp_path / "go").touch()
    assert scene.go_on() == "1"
    scene.check()


def test_of_two_resumes_at_once_one_goes_on_and_the_other_says_who(tmp_path):
    """The one that comes second ends at once, and names the process that drives the run."""
    scene, process = holding(tmp_path, WAITS)
    process.kill()
    scene.end(process)
    both = [scene.start(*RESUME), scene.start(*RESUME)]
    deadline = time.monotonic() + PATIENCE
    while not (over := [each for each in both if each.poll() is not None]):
        assert time.monotonic() < deadline, "both drive it"
        time.sleep(0.005)
    (other,) = [each for each in both if each not in over]
    _, said = over[0].communicate()
    assert over[0].returncode == 3
    assert f"pid {other.pid}" in said
    (tmp_path / "go").touch()
    ended = scene.end(other)
    assert (ended.code, ended.out.strip()) == (0, "1"), ended.err
    scene.check()


@pytest.mark.timeout(600)
def test_a_task_that_ends_the_engine_each_time_ends_as_crashed(tmp_path):
    """After ten interruptions in which nothing else ended, the run names it and goes on without."""
    scene = Scene(tmp_path, DEADLY)
    ended, interruptions = resumed_to_the_end(scene)
    assert "deadly" in ended.err
    assert {key for key in scene.finished() if "harmless" in key} == {
        "main/harmless", "main/harmless#2"
    }  # fmt: skip
    assert interruptions in (9, 10)


@pytest.mark.timeout(600)
def test_an_element_that_ends_the_engine_each_time_ends_as_crashed(tmp_path):
    """It alone: those that were given to a worker with it run by themselves before."""
    scene = Scene(tmp_path, DEADLY_ELEMENT)
    ended, interruptions = resumed_to_the_end(scene)
    assert "work[7]" in ended.err
    assert scene.finished() == {f"main/work[{n}]" for n in range(20) if n != 7}
    assert interruptions in (9, 10)


def resumed_to_the_end(scene):
    """How the last resume ended, and how many before it were cut off with nothing else ended."""
    assert scene.run().code == -signal.SIGKILL
    interruptions = 0  # in a row, with nothing else ended
    for _ in range(40):
        before = scene.finished()
        ended = scene.resume()
        if ended.code != -signal.SIGKILL:
            break
        interruptions = interruptions + 1 if scene.finished() == before else 0
    assert ended.code == 1, ended
    assert "crashed" in ended.err
    return ended, interruptions
