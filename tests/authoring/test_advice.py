"""What a misuse is answered with: the deed is seen, and the advice is for this very deed."""

from __future__ import annotations

import pytest

import taskflow
from taskflow import FutureError, pipeline, task
from taskflow.errors import ArgumentError, DefinitionError


@task
def give(value):
    return value


@task
def numbers(count) -> list[int]:
    return list(range(count))


def refused_with(body, error):
    """What a body is refused with, notes and all."""
    with pytest.raises(error) as caught:
        pipeline(body).trace()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def found_in_set():
    return give("ok") in {"ok", "done"}


def found_in_dict():
    status = give("ok")
    return status not in {"ok": 1}


@pytest.mark.parametrize("body", [found_in_set, found_in_dict])
def test_in_over_a_set_or_dict_is_not_just_false(body):
    """Python only asks for a hash there, and the branch that follows would never be taken."""
    message = refused_with(body, FutureError)
    assert "`in` looked for it in a set or dict" in message
    assert "compare inside a task" in message


def test_sets_and_dicts_of_futures_are_possible():
    """A future has a hash, so it can be kept anywhere."""

    @pipeline
    def kept():
        one, two = give(1), give(2)
        named = {one: "one", two: "two"}
        return [named[one], named.get(two), {one, two}]

    assert kept() == ["one", "two", {1, 2}]


def test_a_key_error_names_the_future():
    """`prices[fruit()]`: the key is a future, and that is said."""
    message = refused_with(lambda: {"apple": 3}[give("apple")], KeyError)
    assert "the key is <future of give" in message
    assert "do this inside a task" in message


@pytest.mark.parametrize("reduce", [sum, max, sorted])
def test_whoever_reduces_a_map_is_told_to_pass_it_whole(reduce):
    """`sum(f.map(xs))` fails at its first element, but the list is what the advice is about."""
    message = refused_with(lambda: reduce(give.map([1, 2, 3])), FutureError)
    assert "then total(give.map(...))" in message


@pytest.mark.parametrize("reduce", [sum, len, list, tuple])
def test_a_map_over_a_future_is_passed_whole_or_mapped_on(reduce):
    """How many elements there are is not known, which is no matter to a task or another map."""

    def body():
        values = give.map(numbers(3))
        return reduce(values)

    message = refused_with(body, FutureError)
    assert "then total(values)" in message
    assert "other_task.map(values)" in message


def test_an_element_with_a_name_is_a_value_like_any_other():
    """`first + 1` is advised as for the value of a call, not of a list."""

    def body():
        first, _ = give.map([1, 2])
        return first + 1

    assert "compute(first)" in refused_with(body, FutureError)


def calls_on_demand():
    yield give(1)
    yield give(2)


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (lambda: iter(calls_on_demand()), "generator"),
        (lambda: (give(number) for number in range(3)), "generator"),
        (lambda: map(give, range(3)), "map"),
        (lambda: zip([give(1)], [give(2)], strict=True), "zip"),
    ],
)
def test_a_body_that_returns_an_iterator_is_refused(returned, kind):
    """The calls in it would be made when somebody reads it, as plain calls in the engine."""
    message = refused_with(returned, DefinitionError)
    assert f"returns a {kind}, which makes the calls in it when it is read" in message
    assert "return a list" in message

    inner = pipeline(name="inner")(returned)
    message = refused_with(lambda: [inner()], DefinitionError)
    assert f"inner returns a {kind}, which" in message


def test_a_generator_as_an_argument_is_to_be_a_list():
    """It can be read once only, and not by another process."""
    message = refused_with(lambda: give(value for value in [1, 2]), ArgumentError)
    assert "pass list(...) of it" in message


def test_a_map_that_no_memory_could_hold_is_refused_at_once():
    """A run keeps account of each element; the way out is larger pieces."""
    message = refused_with(lambda: give.map(range(10**12)), DefinitionError)
    assert "give.map over 1,000,000,000,000 elements" in message
    assert "range(0, n, 1_000_000)" in message


def test_a_mistyped_option_is_named_with_all_that_may_be_meant_and_its_line():
    """`retrys` is near `retry`, and it is `retries` that takes a number."""
    with pytest.raises(DefinitionError) as caught:
        task(retrys=3)
    message = str(caught.value)
    assert "did you mean 'retry' or 'retries'?" in message
    assert "task(retrys=3)" in message
    with pytest.raises(DefinitionError, match=r"did you mean 'schedule'\?\n  here: "):
        pipeline(schedul="@daily")


@pytest.mark.parametrize("start", [taskflow.run, taskflow.start])
def test_what_is_no_pipeline_cannot_be_run_and_the_way_is_shown(start):
    """`run(p(x))` has run p by itself, and hands over its value; a task is called plainly."""

    @pipeline
    def value(number):
        return number

    with pytest.raises(
        DefinitionError, match=rf"not 5\n  pass .* taskflow.{start.__name__}\(p, x="
    ):
        start(value(5))
    with pytest.raises(DefinitionError, match=r"not <task .*\n  a task is called like a function"):
        start(give, 5)


def test_a_map_over_one_value_is_told_how_to_map_over_one():
    """`f.map(5)` is `f.map([5])`."""
    message = refused_with(lambda: give.map(5), DefinitionError)
    assert "for one element write give.map([x])" in message
