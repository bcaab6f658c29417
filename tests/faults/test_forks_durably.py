"""Forks of a process that has a store open: a child never touches it."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.ring_programs

FLOW = """
import taskflow

@task
def forks(n):
    pid = os.fork()
    if pid == 0:
        HOW
    os.waitpid(pid, 0)
    note("forked", n)
    return n

@pipeline
def flow():
    return forks.map(range(20))

if __name__ == "__main__":
    taskflow.run(flow.options(executor="inline"))
    pid = os.fork()
    if pid == 0:
        note("child", sum(taskflow.run(flow.options(executor="inline"))))
        sys.exit(0)
    note("status", os.waitpid(pid, 0)[1])
    note("parent", sum(taskflow.run(flow.options(executor="inline"))))
"""


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
@pytest.mark.parametrize("how", ["os._exit(0)", "sys.exit(0)", "return n"])
def test_a_body_that_forks_leaves_the_store_alone(project, executor, how):
    """However the child ends, the run of its parent ends once, and the database is intact."""
    project.write(FLOW.replace("HOW", how))
    ended = project.taskflow("run", "--executor", executor, "flow.py")
    assert ended.code == 0, ended.err
    assert ended.out == f"{list(range(20))}\n"
    assert project.run()["counts"] == {"succeeded": 20}
    assert project.is_intact()


def test_a_fork_of_a_program_keeps_its_own_runs(project):
    """Parent and child each open the store for themselves, at once or one after the other."""
    project.write(FLOW.replace("HOW", "os._exit(0)"))
    ended = project.python("flow.py")
    assert ended.code == 0, ended.err
    assert project.noted["child 190"] == 1
    assert project.noted["status 0"] == 1
    assert project.noted["parent 190"] == 1
    listed = [json.loads(line) for line in project.taskflow("runs", "--json").out.splitlines()]
    assert [each["counts"] for each in listed] == [{"succeeded": 20}] * 3
    assert project.is_intact()
