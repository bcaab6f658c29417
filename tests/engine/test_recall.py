"""What a run takes over from its past after an edit, and what runs again, task by task."""

from __future__ import annotations

import pytest
from histories import History

from taskflow import Skip, pipeline, successes, task, when
from taskflow.records import NO_CALL

#: The bodies that ran, in their order.
RAN: list[str] = []
#: Inputs that make a body fail.
POISON: set[object] = set()
#: As long as what `wide` returns is larger than asked for.
FACTOR = [1]


def ran(name, *inputs):
    RAN.append(" ".join([name, *map(str, inputs)]))


@task
def double(x):
    ran("double", x)
    if x in POISON:
        raise ValueError(x)
    return 2 * x


@task
def up_to(n):
    ran("up_to", n)
    return list(range(n))


@task
def total(xs):
    ran("total", xs)
    return sum(xs)


@task
def even(x):
    ran("even", x)
    return x % 2 == 0


@task
def skips(x):
    ran("skips", x)
    raise Skip("not needed")


@task
def wide(n):
    ran("wide", n)
    return bytes(n * len(FACTOR))


@task
def length(data):
    ran("length", len(data))
    return len(data)


@pipeline(dynamic=True)
def countdown(n):
    ran("countdown", n)
    return total([double(n), countdown(n - 1)]) if n else 0


@pipeline
def nested(x):
    return double(x)


@task(retries=1)
def stumble(x):
    ran("stumble", x)
    if len(RAN) == 1:
        raise ValueError(x)


@pytest.fixture
def history(tmp_path):
    POISON.clear()
    FACTOR[:] = [1]
    return History(tmp_path, RAN)


def chain():
    return total(double.map(up_to(3)))


def test_a_run_that_succeeded_runs_nothing_again(history):
    """Its value is made of what was kept."""
    assert len(history.go(chain)) == 5
    assert history.go(chain) == []
    assert history.value == 6
    assert history.told == {"double": (3, {}), "total": (1, {}), "up_to": (1, {})}


def test_an_edited_task_runs_again_and_so_does_what_gets_another_value_from_it(history):
    """What stands beside it is kept."""
    body = lambda: [length(wide(10)), double(7)]
    history.go(body)
    history.codes["wide"] = "edited"
    FACTOR.append(2)
    assert history.go(body) == ["wide 10", "length 20"]
    assert history.told["wide"] == (0, {"code": 1})
    assert history.told["length"] == (0, {"its inputs changed": 1})


def test_a_body_that_is_tried_again_is_told_of_once(history):
    """What is made ready anew was looked up before."""
    history.go(lambda: stumble(1))
    history.codes["stumble"] = "edited"
    assert history.go(lambda: stumble(1)) == ["stumble 1", "stumble 1"]
    assert history.told["stumble"] == (0, {"code": 1})


def test_an_edited_task_with_an_equal_value_lets_all_after_it_be_kept(history):
    """Inputs are compared by what they are and not by where they come from."""
    history.go(chain)
    history.codes["double"] = "edited"
    assert history.go(chain) == ["double 0", "double 1", "double 2"]
    assert history.told == {"double": (0, {"code": 3}), "total": (1, {}), "up_to": (1, {})}


def test_elements_in_front_of_a_list_make_only_themselves_run(history):
    """The others have moved, and are found by what they are given."""
    history.go(lambda: double.map([1, 2, 3]))
    assert history.go(lambda: double.map([9, 8, 1, 2, 3])) == ["double 9", "double 8"]
    assert history.value == [18, 16, 2, 4, 6]


def test_a_list_that_was_shuffled_runs_nothing(history):
    """Each element is found wherever it stood."""
    history.go(lambda: double.map([1, 2, 3]))
    assert history.go(lambda: double.map([3, 1, 2])) == []
    assert history.value == [6, 2, 4]


def test_equal_work_at_another_place_of_the_pipeline_is_found(history):
    """The second call of a name is now the first."""
    history.go(lambda: [double(1), double(2)])
    assert history.go(lambda: [double(2), double(1), double(3)]) == ["double 3"]
    assert history.value == [4, 2, 6]


def test_equal_work_on_another_path_runs(history):
    """What a nested pipeline ran is its own."""
    history.go(lambda: nested(4))
    assert history.go(lambda: double(4)) == ["double 4"]


def test_a_changed_constant_runs_what_it_reaches(history):
    """And says that the inputs changed."""
    history.go(lambda: total([double(1), double(2)]))
    assert history.go(lambda: total([double(1), double(5)])) == ["double 5", "total [2, 10]"]
    assert history.told["total"] == (0, {"its inputs changed": 1})


def test_a_large_value_is_known_by_its_file(history):
    """It is not read to be compared; made anew, it is another."""
    history.go(lambda: length(wide(2_000_000)))
    assert history.go(lambda: length(wide(2_000_000))) == []
    history.codes["wide"] = "edited"
    assert history.go(lambda: length(wide(2_000_000))) == ["wide 2000000", "length 2000000"]


def test_a_dynamic_pipeline_that_was_traced_is_not_traced_again(history):
    """Its graph is kept, and so is what ran in it."""
    history.go(lambda: countdown(2))
    assert history.go(lambda: countdown(2)) == []
    assert history.value == 6


def test_a_dynamic_pipeline_goes_on_inside(history):
    """Of a graph that is kept, what failed runs again and nothing else."""
    POISON.add(1)
    history.go(lambda: countdown(2))
    POISON.clear()
    assert history.go(lambda: countdown(2)) == ["double 1", "total [2, 0]", "total [4, 2]"]
    assert history.value == 6


def test_an_edited_dynamic_pipeline_is_traced_again_and_its_tasks_are_kept(history):
    """They are found in the new graph."""
    history.go(lambda: countdown(2))
    history.codes["countdown"] = "edited"
    assert history.go(lambda: countdown(2)) == ["countdown 2", "countdown 1", "countdown 0"]
    assert history.value == 6


def test_failed_elements_run_again_and_the_others_are_kept(history):
    """With the reason why."""
    POISON.add(1)
    history.go(lambda: total(successes(double.map(up_to(3)))))
    POISON.clear()
    assert history.go(lambda: total(successes(double.map(up_to(3))))) == [
        "double 1",
        "total [0, 2, 4]",
    ]
    assert history.told["double"] == (2, {"it had failed": 1})


def test_what_its_body_skipped_stays_skipped(history):
    """A skip is an outcome, with its reason."""
    history.go(lambda: double(skips(1)))
    assert history.go(lambda: double(skips(1))) == []
    ends = [each for each in history.store.kept("run", 2) if each.name == "skips"]
    assert [(each.state, each.why or each.value, each.origin) for each in ends] == [
        ("skipped", "not needed", "kept")
    ]


def test_ends_without_a_call_are_written_again_and_never_taken_over(history):
    """What was upstream failed runs once its inputs are there."""
    POISON.add(1)
    history.go(lambda: total([double(1), double(2)]))
    ends = [each for each in history.store.kept("run", 1) if each.ask == NO_CALL]
    assert [(each.key, each.state) for each in ends] == [("p/total", "upstream_failed")]
    POISON.clear()
    assert history.go(lambda: total([double(1), double(2)])) == ["double 1", "total [2, 4]"]


def test_the_branch_that_is_taken_now_runs(history):
    """The truth is asked for again where its task has another value."""

    def branch(x):
        return when(even(x), then=lambda: double(10), otherwise=lambda: double(11))

    assert history.go(lambda: branch(2)) == ["even 2", "double 10"]
    assert history.go(lambda: branch(2)) == []
    assert history.go(lambda: branch(3)) == ["even 3", "double 11"]
    assert history.go(lambda: branch(2)) == []
    assert history.value == 20


def test_what_two_resumes_before_had_kept_is_found(history):
    """Older traces are looked at, too, be they without what lay between."""
    history.go(lambda: double.map([1, 2]))
    history.go(lambda: double.map([3]))
    assert history.go(lambda: double.map([2, 3, 1])) == []


def test_from_a_task_on_all_runs_anew(history):
    """A rerun from it keeps what is above and beside it."""
    body = lambda: [total(double.map(up_to(2))), even(3)]
    history.go(body)
    assert history.go(body, anew="double") == ["double 0", "double 1", "total [0, 2]"]
    assert history.told["total"] == (0, {"it comes from double": 1})


def test_from_a_dynamic_pipeline_on_what_it_expands_to_runs_anew(history):
    """Tasks of its graph come after it."""
    history.go(lambda: countdown(1))
    assert sorted(history.go(lambda: countdown(1), anew="countdown")) == [
        "countdown 0",
        "countdown 1",
        "double 1",
        "total [2, 0]",
    ]


def test_elements_that_an_iterator_gives_again_are_kept(history):
    """It is read anew; what it gave before is found."""
    history.fed = [[1, 2, 3]]
    assert len(history.go(lambda: double.map(iter(())))) == 3
    history.fed = [[7, 1, 2, 3]]
    assert history.go(lambda: double.map(iter(()))) == ["double 7"]
    assert history.value == [14, 2, 4, 6]


def test_what_was_kept_says_where_it_comes_from(history):
    """Only records of an own body have no origin."""
    history.go(lambda: double.map([1, 2]))
    history.go(lambda: double.map([1, 2, 3]))
    origins = {
        (each.first + number): each.origin
        for each in history.store.kept("run", 2)
        for number in range(each.count)
    }
    assert origins == {0: "kept", 1: "kept", 2: ""}
