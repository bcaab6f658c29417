"""Functions of a pipeline that are told how a run of it has ended."""

from __future__ import annotations

import pytest

import taskflow
from taskflow import pipeline, task
from taskflow.errors import RunFailed

told = []


def note(run):
    """Note what can be seen of a run that has ended."""
    told.append((run.pipeline, run.state))


def complain(run):
    """A hook that fails itself."""
    raise OSError(f"no line to {run.pipeline}")


@task
def divide(x):
    """What fails for nothing."""
    return 1 / x


@pipeline(on_success=note, on_failure=note)
def watched(x: int) -> float:
    """A pipeline that tells."""
    return divide(x)


@pipeline(on_success=complain)
def unlucky() -> float:
    """A pipeline whose hook fails."""
    return divide(1)


@pytest.fixture(autouse=True)
def _nothing_told():
    told.clear()


def test_success_and_failure_are_told_apart():
    """By one call each, before `run` returns or raises."""
    inline = watched.options(executor="inline")
    assert taskflow.run(inline, x=2) == 0.5
    assert told == [("watched", "succeeded")]
    with pytest.raises(RunFailed):
        taskflow.run(inline, x=0)
    assert told[1:] == [("watched", "failed")]


def test_a_run_in_the_background_tells_before_it_is_waited_for():
    """Who waits for it finds that it was told."""
    taskflow.start(watched.options(executor="inline"), x=2).wait()
    assert told == [("watched", "succeeded")]


def test_a_hook_that_fails_is_no_part_of_the_run(capsys):
    """It is said, and the value is returned."""
    assert taskflow.run(unlucky.options(executor="inline", progress=False)) == 1
    assert (
        "the hook that is told of it raised OSError('no line to unlucky')"
        in capsys.readouterr().err
    )
