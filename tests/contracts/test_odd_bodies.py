"""Bodies that meddle with what runs them: each ends in a report, and nobody else pays for it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest
import stubborn
from driving import PATIENCE, Driver, values_of
from ledgers import begun_in_time

import taskflow
from taskflow.call import Setup
from taskflow.executors import crews
from taskflow.executors.claims import Granted
from taskflow.executors.processes import ProcessExecutor
from taskflow.executors.running import Place, Runner
from taskflow.executors.threads import ThreadExecutor
from taskflow.executors.units import units_of

# --- exceptions that fight back --------------------------------------------------------------


class _NotedError(Exception):
    @property
    def __notes__(self):
        raise RuntimeError("no notes")


def test_an_exception_whose_notes_raise_is_a_failure(driver):
    """Neither its message nor the report is lost."""

    def body():
        raise _NotedError("told")

    assert "told" in driver.failure(body).message
    assert driver.value(lambda: "alive") == "alive"


def test_an_exception_that_cannot_be_described_is_a_failure_all_the_same(driver):
    """Where even the name of its class raises, a fixed report takes its place, never silence."""

    def body():
        class Nameless(type):
            @property
            def __module__(cls):
                raise SystemExit("no module")

        class HiddenError(Exception, metaclass=Nameless):
            pass

        raise HiddenError

    report = driver.failure(body)
    assert "describing that raised, too" in report.message
    assert not report.retryable
    assert driver.value(lambda: "alive") == "alive"


def test_a_retry_on_that_exits_says_no(driver):
    """`retry_on` is user code: whatever it raises, there is no retry, and the report tells why."""

    def body():
        raise ValueError("first")

    report = driver.failure(body, retry_on=lambda _: sys.exit(3))
    assert not report.retryable
    assert "first" in report.message
    assert "retry_on itself raised SystemExit: 3" in report.message


# --- bodies of one event loop ----------------------------------------------------------------


@pytest.fixture
def loop(tmp_path):
    """The event loop of this process."""
    driver = Driver(ThreadExecutor(1), tmp_path, "async")
    yield driver
    driver.executor.stop()


def test_a_body_that_cancels_all_others_leaves_none_without_an_end(loop):
    """Those that had not begun yet are reported, too."""

    async def body(n):
        if n == 0:
            for each in asyncio.all_tasks() - {asyncio.current_task()}:
                each.cancel()
        return n

    outcomes = loop.run(loop.elements(body, list(range(10))))
    assert [each.first for each in outcomes] == list(range(10))
    assert [each.state for each in outcomes] == ["succeeded", *["failed"] * 9]
    assert {each.value.type for each in outcomes[1:]} == {"asyncio.exceptions.CancelledError"}
    assert loop.value(lambda: "alive") == "alive"


_here: dict = {}


def _block():
    _here["begun"].append("block")
    _here["go_on"].wait(PATIENCE)


def _late(n):
    _here["begun"].append(n)


def test_what_was_given_to_a_loop_that_was_held_up_does_not_begin_after_the_end(loop):
    """It is lost with the slot; when the loop is free again, it is not run behind our back."""
    _here.update(go_on=threading.Event(), begun=[])

    loop.submit(loop.call(_block, announced=True))
    loop.until(lambda: loop.started)
    loop.submit(*[loop.call(_late, n) for n in range(5)])
    loop.executor.kill(loop.slot)
    loop.until(lambda: loop.losses)
    loop.given.clear()
    _here["go_on"].set()
    assert loop.value(lambda: "alive") == "alive"
    loop.executor.stop()  # waits for the old loop, too
    assert _here["begun"] == ["block"]
    assert loop.outcomes == []


def _hold_up():
    _here["begun"].append("hold up")
    _here["go_on"].wait(PATIENCE)
    return "went on"


async def _wait(n):
    _here["begun"].append(n)
    await asyncio.sleep(PATIENCE)


@pytest.mark.parametrize("timeout", [0.05, 0.0])
def test_who_hangs_on_a_loop_that_another_body_holds_up_is_given_back(loop, monkeypatch, timeout):
    """Only the body that blocks is given up, if its time is over; the others may run elsewhere."""
    monkeypatch.setattr(crews, "STOP_SECONDS", 0.1)
    _here.update(go_on=threading.Event(), begun=[])
    waits = [loop.call(_wait, 1), loop.call(_wait, 2, timeout=0.05)]
    blocks = loop.call(_hold_up, timeout=timeout)
    loop.submit(*waits, blocks)
    loop.until(lambda: len(loop.outcomes) >= 2 + (timeout > 0))
    states = {each.node: each.state for each in loop.outcomes}
    assert [states[each.node] for each in waits] == ["not_run", "not_run"]
    assert states.get(blocks.node) == ("timed_out" if timeout else None)
    again = loop.call(lambda: "alive")
    loop.submit(again)
    loop.until(lambda: loop.outcomes[-1].node == again.node)
    _here["go_on"].set()
    states = {each.node: each.state for each in loop.finish()}
    assert states[again.node] == "succeeded"
    assert states[blocks.node] == ("timed_out" if timeout else "succeeded")


@pytest.mark.parametrize("kind", ["threads", "async"])
@pytest.mark.parametrize("blocks", [False, True])
def test_a_body_is_stubborn_if_it_could_have_stopped(tmp_path, monkeypatch, kind, blocks):
    """A crew tells who goes on after its timeout, be it that it holds up the loop itself."""
    monkeypatch.setattr(crews, "LINGER_SECONDS", 0.0)
    driver = Driver(ThreadExecutor(2), tmp_path, kind)
    crew = driver.executor._near._crews[driver.slot]
    body = stubborn.coroutine if kind == "async" else stubborn.thread

    def attempt(timeout):
        stubborn.anew()
        call = driver.call(stubborn.blocks if blocks else body, timeout=timeout)
        driver.submit(call)
        return call, driver.until(lambda: crew.stubborn(time.monotonic()) or driver.outcomes)

    call, told = begun_in_time(attempt, stubborn.has_begun)
    assert [unit.call.node for unit in told] == [call.node]
    assert crew.stubborn(time.monotonic()) == []  # it is told once
    stubborn.now.go_on.set()
    driver.executor.stop()


def test_a_body_is_not_stubborn_whose_loop_is_held_up_by_another(loop, monkeypatch):
    """It could not stop: however often one looks, it is not told."""
    monkeypatch.setattr(crews, "LINGER_SECONDS", 0.0)
    _here.update(go_on=threading.Event(), begun=[])
    loop.submit(loop.call(_wait, 1, timeout=0.01), loop.call(_hold_up))
    loop.until(lambda: len(_here["begun"]) == 2)
    crew = loop.executor._near._crews[loop.slot]
    loop.until(lambda: crew._running.lingering(time.monotonic()))
    assert [crew.stubborn(time.monotonic()) for _ in range(100)] == [[]] * 100
    _here["go_on"].set()


@pytest.mark.ring_kill
def test_timeouts_in_the_midst_of_output_tear_no_message(tmp_path):
    """Bodies that print until their time is over: their worker serves on, and is not lost."""

    def noisy(n):
        while True:
            print("noise", n)

    driver = Driver(ProcessExecutor(1), tmp_path, "threads")
    outcomes = driver.run(driver.elements(noisy, list(range(32)), timeout=0.2))
    assert {each.state for each in outcomes} == {"timed_out"}
    assert driver.value(lambda: "alive") == "alive"
    assert driver.losses == []
    driver.executor.stop()


# --- defaults --------------------------------------------------------------------------------


def test_what_a_body_puts_into_a_default_is_gone_in_the_next_call(driver):
    """A list as a default is a list for each call, wherever the calls run; other defaults stay."""

    def body(n, seen=[], *, also={}, mark=object):  # noqa: B006 - that is what it is about
        seen.append(n)
        also[n] = n
        return seen, also, mark is object

    async def body_async(n, seen=[], *, also={}, mark=object):  # noqa: B006
        return body(n, seen, also=also, mark=mark)

    chosen = body_async if driver.lane.kind == "async" else body
    outcomes = driver.run(driver.elements(chosen, [1, 2, 3]))
    assert sorted(values_of(outcomes)) == [([n], {n: n}, True) for n in (1, 2, 3)]
    assert driver.value(chosen, 4, [0]) == ([0, 4], {4: 4}, True)


# --- when it begins --------------------------------------------------------------------------

_order: list[str] = []


class _Heavy:
    def __reduce__(self):
        return _loaded, ()


def _loaded():
    _order.append("loaded")
    return "heavy"


def _body(value):
    _order.append(f"ran {value}")


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("timeout", [0.0, 30.0])
def test_a_body_is_said_to_begin_when_its_arguments_are_there(
    tmp_path, mapped, side_by_side, timeout
):
    """Rates and timeouts count the body itself, not what it takes to load its arguments."""
    driver = Driver(ThreadExecutor(1), tmp_path, "threads")
    spec = driver.code(_body, announced=True, timeout=timeout)
    codes, blobs = zip(driver._codes[spec], strict=False)
    call = driver.call(_body, _Heavy(), spec=spec)
    if mapped:
        call = driver.elements(_body, [_Heavy()], spec=spec)
    _order.clear()
    setup = Setup("test", str(tmp_path))
    place = Place(setup) if side_by_side else Runner(setup)
    place.bodies._codes[spec], place.bodies._blobs[spec] = codes[0], blobs[0]
    place.on_start = lambda *_: _order.append("started")
    if side_by_side:
        (unit,) = units_of(place, call)
        unit.run()
    else:
        list(place.run(call, Granted(int)))
    driver.executor.stop()
    assert _order[0] == "loaded"
    assert set(_order[1:-1]) == {"started"}
    assert _order[-1] == "ran heavy"


# --- runs ------------------------------------------------------------------------------------


@taskflow.task
def same(x):
    return x


@taskflow.pipeline
def in_one_thread(n: int = 40):
    return same(same.map(range(n)))


def test_a_run_in_one_thread_comes_to_its_end():
    """`workers=1` of threads is one thread, and not none."""
    ran = in_one_thread.options(executor="threads", workers=1)
    assert taskflow.run(ran) == list(range(40))
