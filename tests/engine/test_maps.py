"""Maps: elements stream from map to map, and end in the order and states that the rules give."""

from __future__ import annotations

from typing import Any

import pytest
from doubles import Dies
from drives import Drive

from taskflow import Skip, flatten, outcomes, successes, task
from taskflow.events import TasksEnded

#: What bodies wrote down; they are found by name, so it is theirs and ours.
JOURNAL: list[Any] = []


@pytest.fixture(autouse=True)
def _clean_journal():
    JOURNAL.clear()


@task
def double(x):
    return 2 * x


@task
def note(x, tag="note"):
    JOURNAL.append((tag, x))
    return x


@task
def odd_fails(x):
    if x % 2:
        raise ValueError(x)
    return x


@task
def odd_skips(x):
    if x % 2:
        raise Skip
    return x


@task
def up_to(n):
    return list(range(n))


@task
def pair(x, y):
    return (x, y)


@task
def total(xs):
    return sum(xs)


@task
def kinds(xs):
    return [x if isinstance(x, int) else type(x).__name__ for x in xs]


@task
def kind(x, constant=None):
    return [type(x).__name__, type(constant).__name__]


@task
def bad(*xs):
    raise ValueError("no")


@task
def skipped():
    raise Skip


@task
def deadly(x):
    if x == 3:
        raise Dies
    return x


def test_a_map_over_a_map_has_no_barrier():
    """The last map begins before the first one has ended."""
    Drive(lambda: note.map(note.map(range(50), tag="first"), tag="last"))
    tags = [tag for tag, _ in JOURNAL]
    assert tags.index("last") < len(tags) - 1 - tags[::-1].index("first")


def test_maps_run_over_lists_values_maps_and_lists_of_futures():
    """Whatever the elements come from, the collected list has them in order."""
    drive = Drive(
        lambda: [
            double.map([3, 1, 2]),
            double.map(up_to(4)),
            double.map(double.map(range(3))),
            double.map([total([1, 2]), 5]),
            pair.map(range(2), double.map(up_to(2))),
        ]
    )
    assert drive.value == [[6, 2, 4], [0, 2, 4, 6], [0, 4, 8], [6, 10], [(0, 0), (1, 2)]]


def test_an_empty_map_is_an_empty_list():
    """Also when nobody knew that it would be empty, and through further maps."""
    drive = Drive(
        lambda: [
            double.map([]),
            double.map(double.map(up_to(0))),
            flatten(up_to.map([])),
            double.map(flatten(up_to.map([0, 0]))),
            total(flatten(up_to.map([]))),
        ]
    )
    assert drive.value == [[], [], [], [], 0]


def test_flatten_keeps_the_order_of_the_lists_whichever_comes_first():
    """Elements are numbered as they arrive, and collected as the lists stand."""
    seconds = iter([0.5, 0.1, 0.001] + [0.01] * 1000)
    drive = Drive(
        lambda: double.map(flatten(up_to.map([3, 1, 2]))), slots=3, seconds=lambda: next(seconds)
    )
    assert drive.value == [0, 2, 4, 0, 0, 2]
    keys = [key for key in drive.states if key.startswith("double[")]
    assert keys == [f"double[{key}]" for key in ("0.0", "0.1", "0.2", "1.0", "2.0", "2.1")]


def test_a_flatten_of_successes_leaves_out_the_lists_that_failed():
    """A failed list is taken; a plain flatten has one element that failed in its place."""

    def body():
        lists = up_to.map(odd_fails.map([2, 1, 1]))
        return [double.map(flatten(successes(lists))), outcomes(double.map(flatten(lists)))]

    drive = Drive(body)
    assert drive.value[0] == [0, 2]
    assert [str(each)[:7] for each in drive.value[1]] == ["0", "2", "Failure", "Failure"]
    assert {each.task_key for each in drive.value[1][2:]} == {"p/odd_fails[1]", "p/odd_fails[2]"}
    assert drive.untaken == []


def test_flattening_what_is_no_list_fails_that_element_only():
    """The message says which; the other lists are flattened."""
    drive = Drive(lambda: flatten(double.map([1])))
    assert drive.untaken
    assert drive.plan.is_over


def test_a_failed_element_stops_only_what_is_made_from_it():
    """Its neighbours run through all maps, and `successes` takes the failures."""
    drive = Drive(lambda: total(successes(double.map(odd_fails.map(range(6))))))
    assert drive.value == 2 * (0 + 2 + 4)
    assert drive.untaken == []
    assert drive.states["double[3]"] == "upstream_failed"


def test_outcomes_have_the_failures_in_place_and_no_skipped_elements():
    """A skipped element leaves the list; a failed one stands there as a Failure."""
    drive = Drive(lambda: [kinds(outcomes(odd_fails.map(range(4)))), odd_skips.map(range(4))])
    assert drive.value == [[0, "Failure", 2, "Failure"], [0, 2]]


def test_an_element_is_judged_with_its_constants():
    """A rule sees the element and the constants together, whichever of them failed."""

    def body():
        some = odd_fails.map(range(2))
        return [
            kind.options(trigger_rule="one_failed").map(some, constant=double(1)),
            kind.options(trigger_rule="all_failed").map(some, constant=bad()),
            successes(kind.options(trigger_rule="one_success").map(some, constant=skipped())),
        ]

    drive = Drive(body)
    assert drive.value == [
        [["Failure", "int"]],
        [["Failure", "Failure"]],
        [["int", "NoneType"]],
    ]


def test_successes_leave_an_element_out_whatever_the_rule():
    """A tolerant rule changes nothing about what `successes` hands on."""
    drive = Drive(
        lambda: kind.options(trigger_rule="all_done").map(successes(odd_fails.map(range(2))))
    )
    assert drive.value == [["int", "NoneType"]]
    assert drive.untaken == []


def test_a_map_over_a_value_that_failed_has_no_elements():
    """Nothing can be taken apart, so no rule lets it begin."""
    drive = Drive(lambda: double.options(trigger_rule="all_done").map(bad()))
    assert drive.states == {"bad": "failed", "double": "upstream_failed"}


def test_maps_of_unequal_length_fail_after_their_common_elements_have_run():
    """The message says the lengths; nothing is left waiting."""
    drive = Drive(lambda: pair.map(up_to(4), double.map(up_to(2))))
    assert drive.states["pair"] == "failed"
    assert "4, 2 elements" in drive.errors["pair"]


def test_an_element_that_kills_its_worker_is_found_and_its_neighbours_are_not_charged():
    """Those in flight with it run again one by one; only one of them has crashed."""
    drive = Drive(lambda: successes(deadly.map(range(8))), slots=2, claim=4)
    assert drive.value == [0, 1, 2, 4, 5, 6, 7]
    assert drive.states["deadly[3]"] == "crashed"
    assert drive.executor.charged == {(0, 3): 3}


def test_map_keys_that_turn_out_equal_are_told_apart():
    """Of values nobody knew when the map was traced: each element has a name of its own."""
    drive = Drive(lambda: odd_fails.options(key=lambda x: x % 4).map(double.map(range(8))))
    names = [key for key in drive.states if key.startswith("odd_fails[")]
    assert len(names) == 8
    assert {"odd_fails[0]", "odd_fails[0#2]", "odd_fails[2#4]"} <= set(names)


def test_elements_bear_their_keys_in_what_is_told_of_them():
    """With `key=`, failures and retries name the element as the user does."""
    keyed = odd_fails.options(key=lambda x: f"k{x}", retries=1)
    drive = Drive(lambda: successes(keyed.map(range(2))))
    ends = [event for event in drive.recorder.events if isinstance(event, TasksEnded)]
    assert {event.key for event in ends} >= {"p/odd_fails[k1]"}
    keys = {event.key for event in drive.recorder.events if type(event).__name__ == "TaskRetrying"}
    assert keys == {"p/odd_fails[k1]"}


def test_a_cancel_ends_maps_in_the_middle_of_anything():
    """Elements that ran, waited, were to be split off or had not come: all are accounted for."""

    def body():
        lists = up_to.map(range(30))
        return [double.map(flatten(lists)), double.map(up_to(3)), pair.map(range(30), lists)]

    for moment in range(1, 40):

        def stop(drive, call, moment=moment):
            if drive.executor.steps == moment:
                drive.engine.cancel("cancel", 0)

        drive = Drive(body, slots=2, before_step=stop)
        assert drive.plan.is_over
        assert all(not run.waiting() for run in drive.plan.mapping.runs.values())


def test_a_chain_of_maps_of_any_length_ends():
    """Neither closing nor naming a failure goes down by recursion."""

    def body():
        xs: Any = odd_fails.map([1])
        for _ in range(1500):
            xs = double.map(xs)
        return outcomes(xs)

    (failure,) = Drive(body).value
    assert failure.task_key == "p/odd_fails[0]"


@task
def length(x):
    return len(x)


@task
def too_long():
    return range(10**12)


def test_a_value_of_too_many_elements_is_refused():
    """What a map could not keep account of fails it, with the way out, before anything is made."""
    drive = Drive(lambda: outcomes(length.map(too_long())))
    assert "1,000,000,000,000 elements: a run keeps account" in drive.errors["length"]
    assert "map over larger pieces" in drive.errors["length"]
