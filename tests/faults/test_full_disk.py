"""A disk without room: the run pauses, says so, and goes on when there is room again."""

from __future__ import annotations

import os
import resource

import pytest
from mounts import disk

pytestmark = [
    pytest.mark.ring_programs,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system"),
]

FLOW = """
@task
def make(n):
    current.idempotency_key  # waits for what came before, which is not all one transaction then
    note("make", n)
    return os.urandom(SIZE)

@task
def total(pages):
    return sum(map(len, pages))

@pipeline
def flow(n: int = COUNT):
    return total(make.map(range(n)))
"""


def kept_of(shown, name="make"):
    """How many task runs of a name have succeeded, as `show` says."""
    groups = [each for each in shown["tasks"] if each["name"] == name]
    return sum(each["count"] for each in groups if each["state"] == "succeeded")


def has_paused(project, ended):
    """Check what a run on a full disk says and keeps; how many task runs that is."""
    assert ended.code == 3, ended.err
    assert "no room" in ended.err or "No space left" in ended.err
    shown = project.run()
    assert f"taskflow resume {shown['id']}" in ended.err
    assert "Traceback" not in ended.err
    return kept_of(shown)


def goes_on(project, kept, count):
    """Resume, and check that nothing that was kept has run twice, and nothing was lost."""
    before = project.noted
    assert project.taskflow("resume", "last").code == 0
    again = project.noted - before
    assert sum(again.values()) == count - kept
    assert set(project.noted) == {f"make {n}" for n in range(count)}
    assert project.run()["state"] == "succeeded"


def test_a_run_on_a_full_disk_pauses_and_goes_on(project):
    """Exit code 3 and the line that resumes; what was committed is kept; nothing is lost."""
    project.write(FLOW.replace("SIZE", "100_000").replace("COUNT", "60"))
    with disk(project, project.store, "4m") as store:
        kept = has_paused(project, project.taskflow("run", "flow.py"))
        assert 0 < kept < 60
        store.grow("40m")
        goes_on(project, kept, 60)


def test_no_room_for_large_values_pauses_too(project):
    """The values' folder is full, the database is not: no task fails for that."""
    project.write(FLOW.replace("SIZE", "2_000_000").replace("COUNT", "12"))
    with disk(project, project.store / "runs", "10m") as store:
        kept = has_paused(project, project.taskflow("run", "flow.py"))
        assert 0 < kept < 12
        store.grow("100m")
        goes_on(project, kept, 12)


def test_a_limit_on_the_size_of_files_pauses_the_run(project):
    """What `ulimit -f` forbids is no room either; without the limit the run goes on."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    project.write(FLOW.replace("SIZE", "100_000").replace("COUNT", "60"))
    kept = has_paused(project, project.taskflow("run", "flow.py", preexec_fn=limit))
    assert 0 < kept < 60
    goes_on(project, kept, 60)


def test_a_store_without_room_for_a_run_refuses_it_in_one_line(project):
    """Nothing has started; the message says where there is no room."""
    project.write(FLOW.replace("SIZE", "10").replace("COUNT", "3"))
    with disk(project, project.store, "16k"):
        ended = project.taskflow("run", "flow.py")
    assert ended.code == 3
    assert "Traceback" not in ended.err
    assert "no room" in ended.err
    assert not project.noted
