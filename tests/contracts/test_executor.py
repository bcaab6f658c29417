"""What every executor promises, through its seam: each test runs on each of them."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import numpy as np
import pytest
from driving import Driver, unpickled, values_of

from taskflow.call import (
    ASK_GRAPH,
    ASK_SPLIT,
    ASK_TRUTH,
    IDENTITY,
    Batch,
    Failed,
    Gathered,
    Output,
    Part,
    Piece,
    Setup,
    Started,
)
from taskflow.errors import RetryLater, Skip
from taskflow.values import decode, decode_piece

# --- calls -----------------------------------------------------------------------------------


def test_a_call_brings_its_value(driver):
    """Positional and keyword constants arrive; the outcome names the node, attempt and time."""

    def add(a, b, c=0):
        return a + b + c

    (outcome,) = driver.run(driver.call(add, 1, 2, kwargs={"c": 3}, node=77, attempt=4))
    assert decode(outcome.value) == 6
    assert (outcome.node, outcome.first, outcome.count, outcome.attempt) == (77, -1, 1, 4)
    assert 0 <= outcome.seconds < 10


def test_inputs_fill_their_places(driver):
    """Bytes, files, parts, gathered lists, None and failures arrive as what they stand for."""

    def tell(*args, **kwargs):
        *rest, failure = args
        return rest, (bool(failure), failure.task_key, str(failure.error)), kwargs

    report = driver.failure(lambda: 1 / 0)
    large = {"x": [7, "y" * 2_000_000]}
    piece = Piece(driver.elements(tell, [1, 2, 3, 4]).columns[0][0].chunk, 1, 2)
    inputs = (
        driver.stored("small"),
        Part(driver.stored(large), (("item", "x"), ("item", 0))),
        Gathered((piece, Failed("p/f[9]", "failed", report))),
        None,
        Failed("p/f", "failed", report),
        driver.stored("named"),
    )
    (outcome,) = driver.run(
        driver.call(tell, *[None] * 5, kwargs={"k": 0}, slots=(0, 1, 2, 3, 4, "k"), inputs=inputs)
    )
    assert outcome.state == "succeeded", outcome.value
    (small, part, gathered, nothing), failure, named = decode(outcome.value)
    assert (small, part, nothing, named) == ("small", 7, None, {"k": "named"})
    assert gathered[:2] == [2, 3]
    assert gathered[2].task_key == "p/f[9]"
    assert failure == (False, "p/f", "division by zero")


# --- bodies ----------------------------------------------------------------------------------


def test_a_generator_makes_a_list(driver):
    """The value of a generator function is the list of what it yields."""

    def numbers(n):
        yield from range(n)

    assert driver.value(numbers, 3) == [0, 1, 2]


def test_a_generator_that_fails_fails_the_task(driver):
    """An exception between two yields is the task's."""

    def numbers():
        yield 1
        raise KeyError("k")

    assert driver.failure(numbers).line == "KeyError: 'k'"


def test_an_async_function_is_awaited(driver):
    """Coroutines and async generators end as their values."""

    async def add(a, b):
        await asyncio.sleep(0)
        return a + b

    async def numbers(n):
        for each in range(n):
            await asyncio.sleep(0)
            yield each

    assert driver.value(add, 1, 2) == 3
    assert driver.value(numbers, 3) == [0, 1, 2]


def test_skip_and_retry_later_are_outcomes_of_their_own(driver):
    """What a body raises on purpose comes with its reason and its delay in seconds."""

    def skip():
        raise Skip("nothing new")

    def later(delay):
        raise RetryLater(delay, "busy")

    skipped, waits, wrong = driver.run(
        driver.call(skip), driver.call(later, "1m30s"), driver.call(later, "soon")
    )
    assert (skipped.state, skipped.value) == ("skipped", "nothing new")
    assert (waits.state, waits.value) == ("retry_later", (90.0, "busy"))
    assert wrong.state == "failed"


def test_answers_instead_of_values(driver):
    """Truth, elements and graphs are asked for by the call, and travel as plain data."""

    def value(x):
        return x

    calls = [driver.call(value, [], ask=ASK_TRUTH), driver.call(value, [0], ask=ASK_TRUTH)]
    assert [outcome.value for outcome in driver.run(*calls)] == [False, True]
    (split,) = driver.run(driver.call(value, [[1], [2, 3]], ask=ASK_SPLIT))
    count, pieces = split.value
    assert (count, [v for piece in pieces for v in decode_piece(piece)]) == (2, [[1], [2, 3]])
    (graph,) = driver.run(driver.call(value, {"a": 1}, ask=ASK_GRAPH))
    assert unpickled(graph.value) == {"a": 1}
    (refused,) = driver.run(driver.call(value, "text", ask=ASK_SPLIT))
    assert refused.state == "failed"
    assert "f.map([text])" in refused.value.message


def test_a_truth_that_raises_is_a_failure(driver):
    """`bool` of a value is user code: numpy's refusal is the report."""

    def several():
        return np.array([1, 2])

    assert "ambiguous" in driver.failure(several, ask=ASK_TRUTH).message


def test_handing_on_needs_no_function(driver):
    """The spec IDENTITY hands its one argument on."""

    def same(x):
        return x

    call = driver.call(same, None, slots=(0,), inputs=(driver.stored([1]),))
    (outcome,) = driver.run(call._replace(spec=IDENTITY))
    assert decode(outcome.value) == [1]


# --- elements --------------------------------------------------------------------------------


def test_one_bad_element_does_not_touch_the_others(driver):
    """Failures, skips and results that cannot be pickled are reported for their element alone."""

    def work(x):
        if x % 100 == 7:
            raise ValueError(x)
        if x % 100 == 8:
            raise Skip(str(x))
        return threading.Lock() if x % 100 == 9 else x

    outcomes = driver.run(driver.elements(work, list(range(500))))
    states = {}
    for outcome in outcomes:
        states.update(dict.fromkeys(range(outcome.first, outcome.first + outcome.count), outcome))
    assert sorted(states) == list(range(500))
    assert {n % 100 for n, each in states.items() if each.state == "failed"} == {7, 9}
    assert {n % 100 for n, each in states.items() if each.state == "skipped"} == {8}
    assert states[107].value.line == "ValueError: 107"
    assert "cannot be pickled" in states[109].value.message
    good = [outcome for outcome in outcomes if outcome.state == "succeeded"]
    assert values_of(good) == [n for n in range(500) if n % 100 not in (7, 8, 9)]


def test_elements_share_nothing(driver):
    """An element that changes its constant or its item changes it for itself."""

    def grow(x, seen):
        seen.append(x[0])
        x.append(len(seen))
        return x, seen

    call = driver.elements(grow, [[1], [2], [3]])
    payload = driver.call(grow, None, [0], spec=call.spec).payload
    from taskflow.values import dumps

    payload = dumps(((None, [0]), {}, (0,)))
    values = values_of(driver.run(call._replace(payload=payload)))
    assert values == [([1, 2], [0, 1]), ([2, 2], [0, 2]), ([3, 2], [0, 3])]


def test_elements_bring_their_keys(driver):
    """A key function is asked where the element runs, and its answer comes with the outcome."""

    def work(x):
        if x == 3:
            raise ValueError(x)
        return x

    outcomes = driver.run(driver.elements(work, [1, 2, 3, 4], by=lambda x: f"k{x}"))
    assert [key for outcome in outcomes for key in outcome.keys] == ["k1", "k2", "k3", "k4"]


# --- claims ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [0, *[pytest.param(seed, marks=pytest.mark.ring_long) for seed in range(1, 6)]]
)
def test_every_unit_is_reported_or_withdrawn(driver, seed):
    """Random batches of calls and elements, some slow, some failing, withdrawn at random."""
    draw = random.Random(seed)

    def work(n):
        if n % 7 == 0:
            raise ValueError(n)
        if n % 50 == 49:
            time.sleep(0.003)
        return n

    given = taken = 0
    spec = driver.code(work)
    seen = []
    for _ in range(40):
        calls = []
        for _ in range(draw.randrange(1, 6)):
            count = draw.choice([1, 1, 3, 100])
            if count == 1:
                calls.append(driver.call(work, draw.randrange(100), spec=spec))
            else:
                calls.append(driver.elements(work, [draw.randrange(100) for _ in range(count)]))
            given += count
        driver.submit(*calls)
        if draw.random() < 0.5:
            driver.wait()
        if draw.random() < 0.4:
            taken += driver.withdraw()
        seen += driver.outcomes
    seen = driver.finish()
    units = [(each.node, each.first + n) for each in seen for n in range(each.count)]
    assert len(units) == len(set(units))
    assert len(units) + taken == given


# --- waiting, waking, ending -----------------------------------------------------------------


def test_wait_returns_in_time_when_nothing_happens(driver):
    """With nothing to do, a `wait` ends at its timeout, with no reports."""
    assert driver.executor.wait(0.0) == []
    assert driver.executor.wait(0.01) == []


def test_another_thread_can_wake_a_wait(driver):
    """`wake` ends a `wait` without a timeout; also one that came before the `wait`."""
    driver.executor.wake()
    driver.executor.wait(None)
    threading.Timer(0.05, driver.executor.wake).start()
    while driver.executor.wait(None):
        pass


def test_output_and_progress_bear_the_key_of_their_task(driver, capfd):
    """What a body prints comes with its key, or goes where it always goes; so does progress."""

    def chatty():
        from taskflow.context import current

        print("said")
        current.progress(1, 3)
        return current.task_key

    assert driver.value(chatty, key="p/chatty") == "p/chatty"
    progress = [r for r in driver.reports if isinstance(r, Output) and r.progress is not None]
    assert (progress[-1].key, progress[-1].progress) == ("p/chatty", (1, 3))
    assert "said" in driver.text("p/chatty") + capfd.readouterr().out


def test_the_start_of_a_body_with_a_timeout_is_reported_where_it_can_be_killed(driver):
    """The clock of a timeout runs from the start of the body; what it works on is said before."""

    def body(size):
        return size

    call = driver.call(body, 7, timeout=20.0)
    driver.run(call)
    if driver.lane.can_kill:
        begun = Started(driver.slot, call.node, -1)
        assert driver.started[-2:] == [begun, begun._replace(inputs=(("size", "7"),))]


def test_stopping_twice_and_late_calls_are_harmless(executor, tmp_path):
    """`stop` can be called again, and `wake` after it does nothing."""
    executor.start(Setup("test", str(tmp_path)))
    executor.stop()
    executor.stop()
    executor.wake()


def test_an_executor_can_be_stopped_before_it_started(executor):
    """A run that fails before its executor starts stops it all the same."""
    executor.stop()


def test_stopping_ends_what_runs(executor, tmp_path):
    """`stop` while calls are queued returns, and nothing more is reported."""
    driver = Driver(executor, tmp_path)

    def work():
        time.sleep(0.01)

    driver.submit(*[driver.call(work) for _ in range(50)])
    driver.wait()
    executor.stop()


def test_a_function_that_came_with_withdrawn_work_is_known_later(driver):
    """The engine names a function once for each worker, whatever becomes of that batch."""
    call = driver.call(len, [1, 2])
    driver.submit(call)
    driver.withdraw()
    driver.finish()
    driver.given[0] += 1
    driver.executor.submit(driver.slot, Batch(10**6, (call,)))  # without its function
    (outcome,) = driver.finish()
    assert decode(outcome.value) == 2
