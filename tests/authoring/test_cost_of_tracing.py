"""What a traced call costs, in counts that are the same on every machine."""

from __future__ import annotations

import collections
import gc
import sys

import pytest

from taskflow import pipeline, task
from taskflow.quiet import SELDOM

CALLS = 1000


@task
def same(value):
    return value


@task
def join(left, right):
    return left, right


@task
def total(values):
    return sum(values)


@pipeline
def fan(n: int):
    return total([same(number) for number in range(n)])


@pipeline
def chain(n: int):
    value = 0
    for _ in range(n):
        value = same(value)
    return value


@pipeline
def tree(n: int):
    level = [same(number) for number in range(n // 2)]
    while len(level) > 1:
        level = [join(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return level[0]


@pipeline
def named(n: int):
    for number in range(n):
        join(number, right="right")


@pipeline
def listed(n: int):
    for number in range(n):
        join([number, "a"], {"b": None})


@pipeline
def optional(n: int):
    for number in range(n):
        same.options(retries=2, timeout=5.0)(number)


@pipeline
def nested(n: int):
    return [chain(10) for _ in range(n // 10)]


@pipeline
def many(n: int):
    return total([same(7) for _ in range(n)])


def function_calls(shape, n):
    """How often Python functions, and built-in ones, are called while so much is traced."""
    counts: collections.Counter[str] = collections.Counter()
    sys.setprofile(lambda _frame, event, _arg: counts.update((event,)))
    try:
        shape.trace(n=n)
    finally:
        sys.setprofile(None)
    return counts["call"], counts["c_call"]


@pytest.mark.parametrize(
    ("shape", "python", "built_in"),
    [
        (fan, 6, 18),
        (chain, 6, 22),
        (tree, 6, 20),
        (named, 6, 18),
        (listed, 8, 24),
        (optional, 7, 26),
        (nested, 9, 24),
    ],
)
def test_a_further_call_of_a_task_needs_few_function_calls(shape, python, built_in):
    """The first call finds out what the others are told; each of these has an equal share."""
    shape.trace(n=CALLS)
    fewer, more = function_calls(shape, CALLS), function_calls(shape, 2 * CALLS)
    few = CALLS // 10  # of the collector's callbacks, say, one run has more than the other
    assert more[0] - fewer[0] <= python * CALLS + few
    assert more[1] - fewer[1] <= built_in * CALLS + few


def test_a_call_with_a_list_of_futures_is_as_large_as_one_with_a_few():
    """They are loaded as one list, so what is pickled does not grow with them."""
    few, lots = (many.trace(n=n).payload[-1] for n in (10, 10_000))
    assert len(few) <= len(lots) <= len(few) + 4
    assert len(lots) < 100


def test_a_long_text_in_a_short_list_is_kept_once():
    """It is the size that makes a constant, whatever else an argument is."""

    @pipeline
    def texts():
        for number in range(10):
            join(["long" * 100_000], number)

    graph = texts.trace()
    assert len(graph.constants) == 1
    assert max(map(len, graph.payload)) < 100


def test_calls_with_equal_arguments_share_what_is_pickled():
    """So their number costs a reference each."""
    payloads = many.trace(n=CALLS).payload[:-1]
    assert len({id(payload) for payload in payloads}) == 1


def test_the_garbage_collector_looks_seldom_while_a_body_is_traced():
    """And as often as before when it is over, however it ends."""
    before, inside = gc.get_threshold(), []

    @pipeline
    def looking(fail: bool):
        inside.append(gc.get_threshold())
        return 1 / (not fail)

    looking.trace(fail=False)
    with pytest.raises(ZeroDivisionError):
        looking.trace(fail=True)
    assert inside == [(SELDOM, *before[1:])] * 2
    assert gc.get_threshold() == before


@pytest.mark.parametrize("chosen", [(0, 10, 10), (SELDOM + 1, 10, 10)])
def test_a_garbage_collector_that_looks_more_seldom_is_left_alone(chosen):
    """Somebody chose that."""
    before, inside = gc.get_threshold(), []
    gc.set_threshold(*chosen)
    try:
        pipeline(lambda: inside.append(gc.get_threshold())).trace()
        inside.append(gc.get_threshold())
    finally:
        gc.set_threshold(*before)
    assert inside == [chosen] * 2


def test_what_a_body_chooses_for_the_garbage_collector_stays():
    """It is not taken back at its end."""
    before = gc.get_threshold()
    try:
        pipeline(lambda: gc.set_threshold(123, 4, 5)).trace()
        assert gc.get_threshold() == (123, 4, 5)
    finally:
        gc.set_threshold(*before)


def test_a_traced_call_takes_few_bytes():
    """All that a graph keeps of a call, beside the arguments themselves."""
    graph = chain.trace(n=CALLS)
    columns = (graph.kind, graph.spec, graph.scope, graph.nth, graph.place, graph.payload)
    each = sum(map(sys.getsizeof, (*columns, graph.inputs))) + sum(map(sys.getsizeof, graph.inputs))
    assert each / CALLS < 125
    assert len(graph.places) == len(graph.specs) == 1
