"""A resume of the very graph that ran before: what is kept by node, and what is not."""

from __future__ import annotations

import pytest
from histories import History

from taskflow import pipeline, successes, task
from taskflow.records import Kept

#: The bodies that ran, in their order.
RAN: list[str] = []
#: Inputs that make a body fail.
POISON: set[object] = set()


@task
def double(x):
    RAN.append(f"double {x}")
    if x in POISON:
        raise ValueError(x)
    return 2 * x


@task
def total(xs):
    RAN.append(f"total {xs}")
    return sum(xs)


@pipeline
def nested(x):
    return double(x)


@pytest.fixture
def history(tmp_path):
    POISON.clear()
    return History(tmp_path, RAN)


def is_by_node(history):
    """Whether the last trace has kept something, and no digests of inputs were needed for it."""
    kept = [each for each in history.store.records[-1] if isinstance(each, Kept) and each.origin]
    return bool(kept) and not any(each.digests for each in kept)


def test_what_succeeded_is_kept_by_node(history):
    """What failed runs again, and what had not run for that; nothing else is looked at."""
    body = lambda: total([double(1), nested(2), double(total([double(3)]))])
    POISON.add(2)
    history.go(body)
    POISON.clear()
    assert history.go(body) == ["double 2", "total [2, 4, 12]"]
    assert is_by_node(history)
    assert history.value == 18
    assert history.told == {
        "double": (3, {"it had failed": 1}),
        "total": (1, {"it had not finished": 1}),
    }


def test_the_task_that_was_mended_may_be_all_that_was_edited(history):
    """The failing one has nothing to keep: the others are kept by node."""
    POISON.add(2)
    history.go(lambda: total([double(1), nested(2)]))
    history.codes["total"] = "edited"
    assert history.go(lambda: total([double(1), nested(2)])) == ["double 2"]
    assert is_by_node(history)


def test_what_was_made_of_a_failure_is_looked_up_by_what_it_was_given(history):
    """It runs again if that task succeeds now, and is kept if it fails as before."""
    body = lambda: total(successes([double(1), double(2)]))
    POISON.add(2)
    history.go(body)
    assert history.go(body) == ["double 2"]
    assert not is_by_node(history)
    POISON.clear()
    assert history.go(body) == ["double 2", "total [2, 4]"]


def test_what_was_made_by_edited_code_is_looked_up_by_what_it_was_given(history):
    """And the reason is told."""
    body = lambda: total([double(1)])
    history.go(body)
    history.codes["total"] = "edited"
    assert history.go(body) == ["total [2]"]
    assert not is_by_node(history)
    assert history.told["total"] == (0, {"code": 1})


def test_a_value_that_was_removed_is_made_again(history):
    """What was made of it does not stay by its node alone."""
    body = lambda: total([double(1), double(2)])
    history.go(body)
    first = history.store.records[0]
    (number,) = (at for at, each in enumerate(first) if isinstance(each, Kept) and each.node == 0)
    first[number] = first[number]._replace(value=None)
    assert history.go(body) == ["double 1", "total [2, 4]"]
    assert not is_by_node(history)


def test_another_constant_or_order_is_another_graph(history):
    """Then everything is looked up by what it is given."""

    def ordered():
        first, second = double(1), double(2)
        second >> first
        return total([first, second])

    history.go(lambda: total([double(1), double(2)]))
    for body, runs in ((lambda: total([double(1), double(3)]), 2), (ordered, 0)):
        assert len(history.go(body)) == runs
        assert not is_by_node(history)
