"""Dynamic pipelines: graphs that arrive while the run goes on."""

from __future__ import annotations

from drives import Drive

from taskflow import outcome, pipeline, task


@task
def add(*xs):
    return sum(xs)


@task
def bad():
    raise ValueError("no")


@task
def length(x):
    return len(str(x))


@pipeline(dynamic=True)
def count_down(n):
    return add(n, count_down(n - 1)) if n else add(0)


@pipeline(dynamic=True, max_depth=12)
def endless(n):
    return endless(n + 1)


@pipeline(dynamic=True, max_tasks=50)
def wide(n):
    return [add(each) for each in range(n)]


@pipeline(dynamic=True)
def broken():
    return add(bad())


@pipeline
def squared(x):
    return add(x, x)


def test_a_recursion_over_data_comes_to_its_value():
    """Each expansion is part of the run, and its value goes up the chain."""
    assert Drive(lambda: count_down(20), slots=2).value == 210


def test_a_map_of_a_pipeline_expands_once_for_each_element():
    """The elements are what the bodies returned."""
    assert Drive(lambda: squared.map(range(5)), slots=2).value == [0, 2, 4, 6, 8]


def test_endless_recursion_stops_at_max_depth_with_the_chain():
    """The message shows both ends of the chain, and the option that allows more."""
    drive = Drive(lambda: endless(0))
    (message,) = drive.errors.values()
    assert "max_depth=12" in message
    assert "... 5 more ..." in message
    assert drive.states["endless"] == "upstream_failed"


def test_too_many_calls_stop_at_max_tasks():
    """The expansion that would be too much is refused as a whole."""
    drive = Drive(lambda: [outcome(wide(10)), wide(60)])
    (message,) = drive.errors.values()
    assert "more than max_tasks=50 calls" in message
    assert drive.states["wide#2"] == "failed"
    assert drive.states["wide"] == "succeeded"


def test_a_failure_inside_stops_the_call_and_is_taken_with_its_outcome():
    """The failure is reported where it is; who takes the outcome of the call takes it."""
    drive = Drive(lambda: outcome(broken()))
    assert drive.states["broken"] == "upstream_failed"
    assert drive.untaken == ["broken/bad"]
    taken = Drive(lambda: length(outcome(broken())))
    assert taken.untaken == []


def test_a_cancel_while_graphs_arrive_ends_them_too():
    """Whenever it comes, nothing of what has expanded or was about to is left."""
    for moment in range(1, 30):

        def stop(drive, call, moment=moment):
            if drive.executor.steps == moment:
                drive.engine.cancel("cancel", 0)

        drive = Drive(lambda: [count_down(5), squared.map(range(3))], slots=2, before_step=stop)
        assert drive.plan.is_over


@pipeline(dynamic=True)
def visited(page):
    return length(page)


def test_a_map_key_may_hold_a_slash():
    """The tasks of an expanded element bear its whole key, and the chain of a runaway does."""
    drive = Drive(lambda: visited.options(key=str).map(["a/b", "c/d"]))
    assert drive.states["visited[a/b]/length"] == "succeeded"
    runaway = endless.options(key=lambda n: f"{n}/x")
    errors = Drive(lambda: runaway.map([0])).errors.values()
    assert any("endless[0/x] (" in message for message in errors)
