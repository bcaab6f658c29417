"""What every executor makes of exceptions and results: each test runs on each of them."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from driving import values_of

from taskflow.values import decode

# --- exceptions ------------------------------------------------------------------------------


def _no_str():
    class OddError(Exception):
        def __str__(self):
            raise RuntimeError("no str")

        __repr__ = __str__

    raise OddError


def _no_reduce():
    class OddError(Exception):
        def __reduce__(self):
            raise RuntimeError("no reduce")

    raise OddError("told")


def _two_arguments():
    class TwoError(Exception):
        def __init__(self, a, b):
            super().__init__(f"{a}-{b}")

    raise TwoError(1, 2)


def _lock():
    error = ValueError("locked")
    error.lock = threading.Lock()
    raise error


def _deep_causes():
    error = None
    for number in range(5000):
        wrapped = ValueError(number)
        wrapped.__cause__, error = error, wrapped
    raise error


def _group():
    raise ExceptionGroup("several", [ValueError(1), ExceptionGroup("in", [KeyError(2)])])


def _long():
    raise ValueError("x" * 20_000_000)


def _exit():
    raise SystemExit(7)


def _interrupt():
    raise KeyboardInterrupt


def _generator_exit():
    raise GeneratorExit


def _base():
    class Own(BaseException):
        pass

    raise Own("own")


def _recursion():
    def down(n):
        return down(n + 1)

    down(0)


def _memory():
    return "x" * (1 << 62)


def _cyclic():
    error = ValueError("ring")
    error.__cause__ = KeyError("a")
    error.__cause__.__cause__ = error
    raise error


def _bad_notes():
    error = ValueError("noted")
    error.__notes__ = [1, "text", None]
    raise error


def _notes_number():
    error = ValueError("numbered")
    error.__notes__ = 5
    raise error


def _stop():
    raise StopIteration(3)


RAISERS = {
    _no_str: ("OddError", "__str__"),
    _no_reduce: ("OddError", "told"),
    _two_arguments: ("TwoError", "1-2"),
    _lock: ("ValueError", "locked"),
    _deep_causes: ("ValueError", "4999"),
    _group: ("ExceptionGroup", "several (2 sub-exceptions)"),
    _long: ("ValueError", "characters left out"),
    _exit: ("SystemExit", "7"),
    _interrupt: ("KeyboardInterrupt", ""),
    _generator_exit: ("GeneratorExit", ""),
    _base: ("Own", "own"),
    _recursion: ("RecursionError", "maximum recursion depth"),
    _memory: ("MemoryError", ""),
    _cyclic: ("ValueError", "ring"),
    _bad_notes: ("ValueError", "text"),
    _notes_number: ("ValueError", "numbered"),
    _stop: ("StopIteration", "3"),
}


def _told(body, driver):
    if body is _stop and driver.lane.kind == "async":
        return "RuntimeError", "coroutine raised StopIteration"  # so says Python itself
    return RAISERS[body]


@pytest.mark.parametrize("body", RAISERS, ids=lambda body: body.__name__.strip("_"))
def test_whatever_is_raised_is_a_report(driver, body):
    """The type, the message and the line of the body are told; the executor lives on."""
    kind, message = _told(body, driver)
    report = driver.failure(body)
    assert report.type.endswith(kind)
    assert message in report.message
    assert len(report.message) + len(report.traceback) < 100_000
    assert f", in {body.__name__}\n" in report.traceback
    assert driver.value(lambda: "alive") == "alive"


@pytest.mark.parametrize("body", RAISERS, ids=lambda body: body.__name__.strip("_"))
def test_whatever_is_raised_by_an_element_is_a_report(driver, body):
    """An element fails as a task does, and the next one runs."""

    def work(n):
        return body() if n == 1 else n

    outcomes = driver.run(driver.elements(work, [0, 1, 2]))
    assert [outcome.state for outcome in outcomes] == ["succeeded", "failed", "succeeded"]
    assert outcomes[1].value.type.endswith(_told(body, driver)[0])


def test_an_argument_that_cannot_be_loaded_fails_its_task(driver):
    """What raises while the inputs are loaded is the task's failure, not the worker's."""

    class Odd:
        def __reduce__(self):
            return int, ("not a number",)

    report = driver.failure(lambda x: x, Odd())
    assert "invalid literal" in report.message


# --- results ---------------------------------------------------------------------------------


def _deep_list():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def _lock_made():
    return threading.Lock()


def _thread_made():
    return threading.current_thread()


RESULTS = {
    "lock": (_lock_made, "cannot be pickled"),
    "inside": (lambda: {"a": [1, threading.Lock()]}, "the result['a'][1]"),
    "file": (lambda: open(os.devnull), "cannot be pickled"),  # noqa: SIM115
    "generator": (lambda: (x for x in "ab"), "cannot be pickled"),
    "deep": (_deep_list, "nested too deeply"),
    "thread": (_thread_made, "cannot be pickled"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", RESULTS)
def test_a_result_that_cannot_be_pickled_fails_its_task(driver, name):
    """The report says where in the result the culprit is."""
    body, message = RESULTS[name]
    report = driver.failure(body)
    assert report.type == "taskflow.errors.ResultError"
    assert message in report.message
    assert driver.value(lambda: "alive") == "alive"


def test_results_that_need_care_come_back(driver):
    """A lambda, an object that contains itself, an instance of a local class."""

    class Local:
        pass

    def ring():
        xs = [1]
        xs.append(xs)
        return xs

    def local():
        made = Local()
        made.x = 5
        return made

    assert driver.value(lambda: lambda x: x + 1)(1) == 2
    xs = driver.value(ring)
    assert xs[1] is xs
    assert driver.value(local).x == 5


def test_a_result_that_fails_on_load_fails_who_loads_it(driver):
    """The task that made it has succeeded; the one that takes it fails with the reason."""

    def make():
        class Odd:
            def __reduce__(self):
                return int, ("not a number",)

        return Odd()

    (made,) = driver.run(driver.call(make))
    (taken,) = driver.run(driver.call(lambda x: x, None, slots=(0,), inputs=(made.value,)))
    assert (made.state, taken.state) == ("succeeded", "failed")
    assert "invalid literal" in taken.value.message


@pytest.mark.parametrize("megabytes", [2, 100])
def test_large_arrays_are_mapped_for_each_taker_alone(driver, megabytes):
    """An array travels as a file; whoever takes it may write into it, and nobody else sees that."""

    def make(megabytes):
        return np.zeros(megabytes << 17)

    def spoil(xs):
        xs[:10] = 7
        return float(xs.sum()), bool(xs.flags.writeable)

    def total(xs):
        return float(xs.sum())

    (made,) = driver.run(driver.call(make, megabytes))
    taken = {"slots": (0,), "inputs": (made.value,)}
    spoiled, summed = driver.run(
        driver.call(spoil, None, **taken), driver.call(total, None, **taken)
    )
    assert made.value.size > megabytes << 20
    assert decode(spoiled.value) == (70.0, True)
    assert decode(summed.value) == 0.0
    xs = decode(made.value)
    xs[0] = 1
    assert decode(made.value)[0] == 0


def test_a_large_argument_arrives(driver):
    """A payload of megabytes, and a result of megabytes of plain text, go through."""

    def double(text):
        return text * 2

    assert driver.value(double, "ab" * 2_000_000) == "ab" * 4_000_000


def test_an_element_may_be_large(driver):
    """Elements with big buffers and plain ones come back in one map, in order."""

    def work(n):
        return np.full(1 << 18, n) if n % 2 else n

    values = values_of(driver.run(driver.elements(work, [0, 1, 2, 3])))
    assert [int(np.sum(value)) for value in values] == [0, 1 << 18, 2, 3 << 18]


def test_values_are_copied_between_tasks(driver):
    """What a body keeps of its argument or result is not what others get."""

    def keep(xs):
        xs.append(1)
        return xs

    xs = [0]
    assert driver.value(keep, xs) == [0, 1]
    assert xs == [0]
