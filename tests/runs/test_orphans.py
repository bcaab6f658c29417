"""An engine that is killed leaves nothing running, nothing waiting and, in the end, no files."""

from __future__ import annotations

import os
import signal

import pytest
from programs import comes, gone

HOLD = """
@task
def hold(n):
    child = subprocess.Popen(["sleep", "100"])
    note("pids", os.getpid(), child.pid)
    HOW

@pipeline
def p():
    hold.map(range(2))

taskflow.run(p.options(workers=2))
"""
WAYS = {
    "in_c_with_the_lock": "ctypes.PyDLL(None).sleep(100)",
    "in_c_without_the_lock": "time.sleep(100)",
    "in_python": "while True: pass",
    "deaf": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(100)",
    "stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
}


SLOW = [pytest.param(way, marks=pytest.mark.ring_kill) for way in list(WAYS)[1:]]


@pytest.mark.parametrize("way", ["in_c_with_the_lock", *SLOW])
def test_workers_die_with_their_engine(program, way):
    """SIGKILL for the engine ends workers and their subprocesses within two seconds.

    The pipe that its output went to is closed with it, so `out=$(...)` returns.
    """
    program.write("p.py", HOLD.replace("HOW", WAYS[way]))
    program.start("p.py")
    pids = " ".join(program.noted("pids", 2)).split()
    assert len(pids) == 4
    os.kill(program.process.pid, signal.SIGKILL)
    assert gone(pids)
    assert program.end() == -signal.SIGKILL
    assert "resource_tracker" not in program.err
    assert "loky" not in program.err


@pytest.mark.ring_kill
def test_the_next_run_sweeps_up_after_a_killed_engine(program):
    """Folders of dead engines go; those of living ones, and of strangers, stay."""
    program.write("p.py", HOLD.replace("HOW", "time.sleep(100)"))
    program.start("p.py")
    program.noted("pids", 2)
    os.kill(program.process.pid, signal.SIGKILL)
    program.end()
    assert len(os.listdir(program.temporary)) == 1
    others = [f"taskflow-{os.getpid()}-x", "taskflow-notes", "something"]
    for other in others:
        (program.temporary / other).mkdir()
    program.write("q.py", "@pipeline\ndef p(): pass\n\ntaskflow.run(p)\n")
    assert program.run("q.py") == 0
    assert sorted(program.left) == sorted(others)


@pytest.mark.ring_kill
@pytest.mark.parametrize("moment", range(10))
def test_workers_die_with_an_engine_killed_at_any_moment(program, moment):
    """Killed while workers start, run or end, the engine leaves no process behind."""
    program.write(
        "p.py",
        """
        @task
        def work(n):
            note("pid", os.getpid())
            return n

        @pipeline
        def p(): return work.map(range(2000))

        def die():
            time.sleep(float(os.environ["AFTER"]))
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=die, daemon=True).start()
        taskflow.run(p.options(workers=4))
        time.sleep(10)
        """,
    )
    assert program.run("p.py", AFTER=str(0.05 + 0.08 * moment)) == -signal.SIGKILL
    assert gone(sorted({line.split()[1] for line in program.lines}))
    # What removes semaphores may itself have just been started; and it is not told of one in the
    # moment in which loky makes it.
    assert comes(lambda: len([name for name in program.left if "loky" in name]) <= 1)
