"""Values of all sizes in a run that is kept, killed and resumed."""

from __future__ import annotations

import pytest

FLOW = """
import resource

@task
def make(size):
    note("make", size)
    return bytes(size)

@task
def take(value, n):
    note("take")
    return len(value)

@task
def total(sizes):
    note("total")
    until("go")
    return sum(sizes)

@pipeline
def flow(size: int, takers: int):
    value = make(size)
    return total([take(value, n) for n in range(takers)])
"""


def kept(project, name):
    """How many task runs of a name have an outcome on the disk."""
    return sum(each["count"] for each in project.run()["tasks"] if each["name"] == name)


@pytest.mark.parametrize(
    ("size", "takers"),
    [
        pytest.param(0, 100, marks=pytest.mark.ring_kill),
        pytest.param(64 * 1024, 100, marks=pytest.mark.ring_kill),
        pytest.param(1024**2, 100, marks=pytest.mark.ring_kill),
        pytest.param(2_200_000_000, 2, marks=pytest.mark.ring_memory),
    ],
)
def test_a_value_of_any_size_outlives_a_kill(project, size, takers):
    """Made once, taken by many, killed, resumed: nothing of it is made again or taken again."""
    project.write(FLOW)
    given = ("--size", str(size), "--takers", str(takers))
    running = project.start("run", "flow.py", *given)
    project.wait_for("total", running)
    while kept(project, "take") < takers:
        pass  # the last of them is on its way to the disk
    running.kill()
    project.end(running)
    (project.folder / "go").touch()
    ended = project.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, f"{size * takers}\n")
    assert project.noted == {f"make {size}": 1, "take": takers, "total": 2}
