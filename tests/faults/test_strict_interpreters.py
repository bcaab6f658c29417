"""Interpreters that turn warnings into errors, or asserts off: a kept run is the same there."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.ring_programs

FLOW = """
@task(retries=1)
def step(n):
    note("step", n)
    if n == 3 and not os.path.exists("mended"):
        raise ValueError("not yet")
    return n

@task
def total(xs):
    return sum(xs)

@pipeline
def flow():
    return total(step.map(range(5)))
"""


@pytest.mark.parametrize("flags", [("-W", "error"), ("-O",), ("-X", "dev", "-W", "error")], ids=str)
def test_a_run_fails_and_resumes_without_a_warning(project, flags):
    """No command hangs, warns, or leaves a file or connection open."""
    project.write(FLOW)
    taskflow = (*flags, "-m", "taskflow")
    failed = project.python(*taskflow, "run", "flow.py")
    (project.folder / "mended").touch()
    shown = project.python(*taskflow, "show", "last")
    resumed = project.python(*taskflow, "resume", "last")
    told = [failed, shown, resumed]
    assert [each.code for each in told] == [1, 0, 0]
    assert resumed.out == "10\n"
    assert [each.err for each in told if "Warning" in each.err] == []
    assert project.noted["step 0"] == 1
    assert project.noted["step 3"] == 3
