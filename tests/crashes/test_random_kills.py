"""A run that is killed again and again, at moments nobody chose, comes to its end all the same.

`CRASH_KILLS` says how often: a few times where nothing is said. `CRASH_SEED` repeats a choice.
"""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest
from flows import MANY
from scene import PATIENCE, RESUME, RUN, Scene

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.ring_kill

KILLS = int(os.environ.get("CRASH_KILLS", "16"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
SLOTS = 2
#: Bodies of a slot whose outcomes a kill can lose: they wait for each other and for the disk.
IN_DOUBT = 20
#: Where a resume has run nothing yet.
POINTS = ("run taken over", "orphans ended", "past read", "before the trace", "trace begun")


def killed_after(scene: Scene, process: subprocess.Popen[str], bodies: int) -> bool:
    """Kill a command when so many bodies have begun and ended; whether it was still alive."""
    there = len(scene.lines)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and len(scene.lines) - there < 2 * bodies:
        assert time.monotonic() < deadline, "it hangs"
        time.sleep(0.001)
    process.kill()
    return scene.end(process).code == -signal.SIGKILL


def kill_until_it_ends(scene: Scene, draw: random.Random, most: int) -> int:
    """Kill a run and its resumes until one of them is done first; how often that was."""
    for kills in range(most):
        process = scene.start(*(RESUME if scene.has_run else RUN))
        if not killed_after(scene, process, draw.choice((0, 1, 2, 3, 5, 8))):
            return kills
    return most


@pytest.mark.timeout(3600)
def test_a_run_killed_again_and_again_comes_to_its_end(tmp_path):
    """SIGKILL for the engine, also before a resume has begun anything, and many times in a row.

    What had a committed outcome is never begun again, so each cycle has less to do.
    """
    calm = Scene(tmp_path, MANY)
    value = calm.go_on()
    tasks = len(calm.finished())
    assert tasks > 200
    draw = random.Random(SEED)
    kills = runs = again = 0
    while kills < KILLS:
        folder = tmp_path / str(runs)
        folder.mkdir()
        scene = Scene(folder, MANY, EXECUTOR=("processes", "threads")[runs % 2])
        mine = kill_until_it_ends(scene, draw, KILLS - kills)
        assert scene.go_on() == value
        scene.check()
        starts = sum(line.word == "start" for line in scene.lines)
        assert starts <= tasks + mine * SLOTS * IN_DOUBT
        runs, kills, again = runs + 1, kills + mine, again + starts - tasks
    print(f"{kills} kills in {runs} runs of {tasks} task runs; {again} bodies began once more")


def test_a_run_whose_resumes_are_killed_20_times_in_a_row_goes_on(tmp_path):
    """A resume that is killed before it has done anything costs nothing."""
    scene = Scene(tmp_path, MANY, EXECUTOR="threads")
    assert killed_after(scene, scene.start(*RUN), 20)
    draw = random.Random(SEED)
    for _ in range(20):
        ended = scene.resume(TASKFLOW_CRASH=f"{draw.choice(POINTS)}:1")
        assert ended.code == -signal.SIGKILL, ended.err
    scene.go_on()
    scene.check()
