"""Stubs and spies: what runs in place of a task, and for which runs."""

from __future__ import annotations

import asyncio

import pytest

import taskflow
from taskflow import pipeline, task
from taskflow.errors import DefinitionError
from taskflow.testing import Harness, assert_ran, assert_state, spy, stub


@task
def plain(x: int) -> int:
    return x + 1


@task
def returning(x):
    return x


@task(retries=1, retry_delay="1h")
async def waiting(x: int) -> str:
    return f"real {x}"


@task
def listing(n: int):
    yield from range(n)


@task
async def streaming(n: int):
    for number in range(n):
        yield number


class Site:
    @task
    def page(self, number: int) -> str:
        return f"page {number}"


site = Site()
renamed = plain.options(name="renamed", retries=2)


@pipeline
def every_kind():
    return [plain(1), waiting(2), listing(3), streaming(2), site.page(4)]


@pipeline
def copies():
    return [plain(1), renamed(2), plain.options(retries=5)(3)]


def test_every_kind_of_task_can_be_stubbed():
    """Plain, async, generator, async generator, method: the stub behaves as the task does."""
    with Harness() as harness:
        real = harness.run(every_kind).value
        with (
            stub(plain, does=lambda x: -x),
            stub(waiting, in_turn=[OSError("busy"), "stubbed"]),
            stub(listing, returns=[7]),
            stub(streaming, returns=[8, 9]),
            stub(site.page, returns="stub") as paged,
        ):
            run = harness.run(every_kind)
        again = harness.run(every_kind).value
    assert real == again == [2, "real 2", [0, 1, 2], [0, 1], "page 4"]
    assert run.value == [-1, "stubbed", [7], [8, 9], "stub"]
    assert run.seconds == 3600
    assert paged.arguments("number") == [4]


def test_a_task_called_as_a_function_is_stubbed_too():
    """What another task, or the test, calls plainly does not reach the network either."""
    with stub(plain, returns=0), stub(waiting, returns="x"), stub(listing, returns=[1]):
        assert plain(5) == 0
        assert plain.map([1, 2]) == [0, 0]
        assert asyncio.run(waiting(1)) == "x"
        assert list(listing(9)) == [1]
    assert plain(5) == 6


def test_a_stub_answers_async_tasks_with_async_functions():
    """`does` may be async where the task is."""

    async def later(x: int) -> str:
        await asyncio.sleep(0)
        return f"later {x}"

    with Harness() as harness, stub(waiting, does=later):
        assert harness.run(every_kind).value[1] == "later 2"


def test_copies_of_a_task_with_other_options_are_stubbed_with_it():
    """A stub stands for the function, under whatever name."""
    with Harness() as harness, stub(renamed, returns=0) as stubbed:
        assert harness.run(copies).value == [0, 0, 0]
    assert stubbed.count == 3


def test_tasks_of_a_test_are_stubbed_though_they_travel_by_value():
    """A task without an importable name is found by the name it has."""

    @task
    def inner(x: int) -> int:
        raise AssertionError

    @pipeline
    def local() -> list[int]:
        return inner.options(retries=1).map([1, 2])

    with stub(inner, in_turn=[10, 20]) as stubbed:
        assert local() == [10, 20]
    assert [call.element for call in stubbed.calls] == [0, 1]
    assert [call.task_key for call in stubbed.calls] == ["local/inner[0]", "local/inner[1]"]


def test_answers_for_elements_go_before_all_others():
    """`at` names elements by index or by key; of a spy the rest is real."""

    @pipeline
    def keyed() -> list[int]:
        return plain.options(key=lambda x: f"k{x}").map([1, 2, 3])

    with Harness() as harness, spy(plain, at={"k2": ValueError("no")}) as seen:
        run = harness.run(keyed)
    assert_state(run, "plain[k2]", "failed", match="no")
    assert_state(run, plain, "succeeded", times=2)
    assert_ran(run, plain, attempts=seen.count)


def test_a_stub_that_runs_out_of_answers_says_so():
    """One answer for each call, attempts and elements included."""
    with stub(plain, in_turn=[1]) as stubbed:
        plain(0)
        with pytest.raises(AssertionError, match="no answer left: give in_turn= one for each call"):
            plain(0)
    assert "2 calls" in repr(stubbed)


def test_what_a_stub_was_called_with_is_kept_by_name():
    """Defaults are filled in, and a name that is none is refused with those that are."""
    with stub(plain) as stubbed:
        assert plain(4) is None
    assert stubbed.arguments("x") == [4]
    with pytest.raises(KeyError, match="its parameters are x"):
        stubbed.arguments("y")


def test_runs_in_other_processes_are_refused_while_anything_is_stubbed():
    """A stub that would be silently ignored in a worker stops the run, and says what to write."""
    with stub(plain, returns=0):
        with pytest.raises(DefinitionError, match="does not reach the workers"):
            taskflow.run(copies)
        assert taskflow.run(copies.options(executor="inline")) == [0, 0, 0]
        with Harness() as harness:
            assert taskflow.run(copies) == [0, 0, 0]
            with pytest.raises(DefinitionError, match="taskflow_run"):
                harness.run(copies.options(executor="processes"))


def test_what_a_stub_cannot_do_is_refused_when_it_is_made():
    """Each refusal says what to write instead."""
    for wrong, said in (
        (lambda: stub(copies, returns=1), "stub the tasks in it"),
        (lambda: stub(len, returns=1), "takes the place of a @task"),
        (lambda: stub("plain", returns=1), "takes the place of a @task"),
        (lambda: stub(plain, returns=1, raises=OSError), "does one thing"),
        (lambda: stub(plain, raises="404"), "is not an exception"),
        (lambda: stub(plain, return_=3), "has no 'return_'; did you mean returns="),
        (lambda: stub(plain, lambda: 3), "did you mean does="),
        (lambda: stub(plain, 3), "did you mean returns="),
        (lambda: spy(plain, {0: 3}), "did you mean at="),
    ):
        with pytest.raises(DefinitionError, match=said):
            wrong()


def test_an_exception_that_a_task_returns_is_a_value():
    """Only an answer that is given to be raised is raised."""
    error = ValueError("kept")
    with spy(returning):
        assert returning(error) is error
    with stub(returning, returns=error):
        assert returning(1) is error


def test_a_stub_ends_with_its_block_even_when_the_block_fails():
    """No test leaves anything behind for the next."""
    from taskflow.authoring.definition import STAND_INS
    from taskflow.world import worlds

    with pytest.raises(ZeroDivisionError), Harness(), stub(plain):
        _ = 1 / 0
    assert (STAND_INS, worlds) == ([], [])
