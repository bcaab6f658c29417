"""A disk that fails: what was committed stays, the run pauses, and a resume goes on."""

from __future__ import annotations

import shutil

import pytest

pytestmark = [
    pytest.mark.ring_programs,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

FLOW = """
@task
def step(n):
    note("step", n)
    return n + 1

@pipeline
def flow(n: int = 6):
    x = 0
    for _ in range(n):
        x = step(x)
    return x
"""


@pytest.mark.parametrize("nth", [5, 6])
def test_a_flush_that_fails_pauses_the_run(project, nth):
    """After EIO from the disk nothing more is taken for committed, and a resume repeats nothing."""
    project.write(FLOW)
    assert project.taskflow("run", "flow.py", "--n", "0").code == 0
    inject = f"inject=fdatasync:error=EIO:when={nth}"
    project.before = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", inject)
    ended = project.taskflow("run", "--executor", "inline", "flow.py")
    project.before = ()
    shown = project.run()
    assert ended.code == 3
    assert "Traceback" not in ended.err
    assert "disk" in ended.err
    assert shown["params"] == {"n": 6}
    assert f"taskflow resume {shown['id']}" in ended.err
    kept = sum(each["count"] for each in shown["tasks"] if each["state"] == "succeeded")
    assert kept < 6 or nth == 6  # the last flush: all tasks are kept, and how the run ended is not
    assert project.taskflow("resume", "last").out == "6\n"
    assert all(project.noted[f"step {n}"] == 1 for n in range(kept))
    assert set(project.noted) == {f"step {n}" for n in range(6)}
    assert project.is_intact()
