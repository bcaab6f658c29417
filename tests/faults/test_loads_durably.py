"""Large and deep runs, killed and resumed: nothing is lost, nothing that was kept runs again."""

from __future__ import annotations

from contextlib import closing

import pytest

from taskflow.store import open_store

pytestmark = pytest.mark.ring_kill

FLOW = """
@task
def one(n):
    if n == int(os.environ["STOP_AT"]):
        note("reached")
        until("go")
    return n + 1

@task
def count(xs):
    return len(xs)

@pipeline
def wide(n: int = 100_000):
    return count([one(each) for each in range(n)])

@pipeline
def chain(n: int = 10_000):
    x = 0
    for _ in range(n):
        x = one(x)
    return x
"""


@pytest.mark.parametrize(
    ("name", "stop", "total"), [("wide", 60_000, 100_001), ("chain", 9_000, 10_000)]
)
def test_a_large_run_that_was_killed_resumes(project, name, stop, total):
    """A fan-out of 100,000 and a chain of 10,000: what had not ended runs, and nothing else."""
    project.write(FLOW)
    project.variables["STOP_AT"] = str(stop)
    running = project.start("run", f"flow.py:{name}")
    project.wait_for("reached", running)
    running.kill()
    project.end(running)
    before = project.run()
    assert before["state"] == "interrupted"
    kept = sum(each["count"] for each in before["tasks"])
    project.variables["STOP_AT"] = "-1"
    ended = project.taskflow("resume", "last", "--no-progress")
    assert (ended.code, ended.out) == (0, f"{min(total, 100_000)}\n")
    after = project.run()
    assert sum(each["count"] for each in after["tasks"]) == total
    assert sum(each["kept"] for each in after["tasks"]) == kept
    assert kept > 0
    assert project.is_intact()


FAILS = """
@task
def one(n):
    note("one")
    if n == 5_000 and not os.path.exists("mended"):
        raise ValueError("not yet")
    return n

@task
def after(n):
    note("after")
    return n

@task
def total(xs):
    return sum(xs)

@pipeline
def flow(n: int = 10_000):
    return total([after(one(each)) for each in range(n)])
"""


@pytest.mark.parametrize("options", [(), ("--fail-fast",)], ids=["continue", "fail_fast"])
def test_a_failure_in_a_fan_out_of_ten_thousand_resumes(project, options):
    """What hung on the failure runs once that is mended, and not before; all else is kept."""
    project.write(FAILS.replace('note("one")', "").replace('note("after")', ""))
    ended = project.taskflow("run", *options, "flow.py")
    assert ended.code == 1
    first = project.run()["counts"]
    assert sum(first.values()) == 20_001
    assert first["failed"] == 1
    if not options:
        assert first == {"succeeded": 19_998, "failed": 1, "upstream_failed": 2}
        assert project.taskflow("resume", "last").code == 1
        assert project.run()["counts"] == first
    (project.folder / "mended").touch()
    ended = project.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, "49995000\n")
    assert sum(each["kept"] for each in project.run()["tasks"]) == first["succeeded"]


RETRIES = """
@task(retries=3, retry_delay=DELAY)
def flaky():
    note("attempt", current.attempt)
    if current.attempt < 4:
        raise ValueError("again")
    return current.attempt

@pipeline
def flow():
    return flaky()
"""


def test_attempts_and_the_time_of_the_next_survive_a_kill(project):
    """Killed while a retry waits, the run counts on from there: no attempt is made twice."""
    project.write(RETRIES.replace("DELAY", "3"))
    running = project.start("run", "flow.py")
    project.wait_for("attempt 1", running)
    with closing(open_store(f"sqlite:///{project.store}/")) as store:
        while not store.tried(store.find("last").id, 1):
            pass  # the record of the attempt is on its way to the disk
    running.kill()
    project.end(running)
    ended = project.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, "4\n")
    assert project.noted == {f"attempt {n}": 1 for n in (1, 2, 3, 4)}
