"""What slots promise that run many bodies side by side, in threads or on an event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import subprocess
import sys
import time

import pytest
import stubborn
from driving import Driver
from ledgers import Ledger, begun_in_time

from taskflow.call import Lost
from taskflow.context import current
from taskflow.executors import crews
from taskflow.executors.inline import InlineExecutor
from taskflow.executors.threads import ThreadExecutor
from taskflow.values import decode, decode_piece


def _meeting(driver, count):
    """A body that ends when `count` of them have begun, and tells what `current` says then."""

    def facts():
        return current.task_key, current.element, current.attempt

    def arrive(folder, n):
        with open(os.path.join(folder, str(n)), "w"):
            pass
        return facts()

    def all_there(folder):
        return len(os.listdir(folder)) >= count

    async def meet_async(n, folder):
        before = arrive(folder, n)
        while not all_there(folder):  # noqa: ASYNC110 - other loops arrive, too
            await asyncio.sleep(0.001)
        return before, facts()

    def meet(n, folder):
        before = arrive(folder, n)
        while not all_there(folder):
            time.sleep(0.001)
        return before, facts()

    return meet_async if driver.lane.kind == "async" else meet


def _hanging(driver, ledger):
    """A body that notes that it has begun, and goes on until it is stopped."""

    async def hang_async(n):
        ledger.note(n)
        while True:  # noqa: ASYNC110 - nothing ever comes
            await asyncio.sleep(0.01)

    def hang(n):
        ledger.note(n)
        while True:
            time.sleep(0.01)

    return hang_async if driver.lane.kind == "async" else hang


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


# --- side by side ----------------------------------------------------------------------------


def test_bodies_run_side_by_side_each_with_its_own_facts(wide, tmp_path):
    """As many as the slot is wide wait for each other; `current` never tells of another one."""
    count = min(wide.lane.width, 50)
    folder = tmp_path / "meeting"
    folder.mkdir()
    meet = _meeting(wide, count)
    call = wide.elements(meet, list(range(count)), key="p/meet", attempt=3)
    payload = wide.call(meet, None, str(folder), spec=call.spec, slots=(0,)).payload
    outcomes = wide.run(call._replace(payload=payload))
    assert [outcome.first for outcome in outcomes] == list(range(count))
    assert {outcome.count for outcome in outcomes} == {1}
    for number, outcome in enumerate(outcomes):
        (value,) = decode_piece(outcome.value)
        assert value == ((f"p/meet[{number}]", number, 3),) * 2


def test_a_short_body_does_not_wait_for_a_long_one(wide, tmp_path):
    """Outcomes come as bodies end, whatever was given first."""
    (tmp_path / "meeting").mkdir()
    long = wide.call(_meeting(wide, 2), 0, str(tmp_path / "meeting"))
    short = wide.call(lambda: "short")
    wide.submit(long, short)
    wide.until(lambda: wide.outcomes)
    assert [outcome.node for outcome in wide.outcomes] == [short.node]
    (tmp_path / "meeting" / "other").touch()
    assert [outcome.node for outcome in wide.finish()] == [short.node, long.node]


def test_nothing_is_taken_back(wide):
    """What a wide slot was given has begun: `withdraw` finds nothing, and all is reported."""
    wide.submit(*[wide.call(lambda: 1) for _ in range(5)])
    assert wide.withdraw() == 0
    assert len(wide.finish()) == 5


def test_a_wide_slot_holds_as_many_as_it_is_wide(wide):
    """The engine learns from `capacity` how many may be in flight."""
    assert wide.executor.capacity(wide.slot) == wide.lane.width


def test_a_value_of_a_neighbour_is_missing(wide):
    """Bodies that begin at once make nothing for each other."""
    first = wide.call(lambda: 1)
    second = wide.call(lambda x: x, None, slots=(0,), inputs=(first.node,))
    assert {each.node: each.state for each in wide.run(first, second)} == {
        first.node: "succeeded",
        second.node: "not_run",
    }


def test_a_slot_may_be_given_as_many_as_it_is_wide(wide):
    """All that fit are begun, and each is reported with its own value."""

    async def nap(n):
        await asyncio.sleep(0.01)
        return n

    count = wide.lane.width
    outcomes = wide.run(wide.elements(nap, list(range(count))))
    assert sorted(decode_piece(each.value)[0] for each in outcomes) == list(range(count))


def test_bodies_share_the_globals_of_their_script(wide):
    """What came by value is loaded once for all bodies of a worker."""
    ids = {decode(each.value) for each in wide.run(*[wide.call(_identity) for _ in range(1)])}
    spec = wide.code(_identity)
    more = wide.run(*[wide.call(_identity, spec=spec) for _ in range(20)])
    assert len({decode(each.value) for each in more}) == 1
    assert len(ids) == 1


def _identity():
    return id(_identity)


# --- output ----------------------------------------------------------------------------------


def test_what_bodies_write_side_by_side_bears_their_own_keys(killable, tmp_path):
    """`print` and logging of bodies that take turns, half lines too; native writes bear none."""
    if not killable.lane.crowd:
        return
    (tmp_path / "meeting").mkdir()
    count = 8
    meet = _meeting(killable, count)

    def speak(n, when):
        print(when, n, end="")
        sys.stderr.write(f" and {when} stderr {n}\n")
        logging.getLogger("some.library").warning("warned %s", n)

    async def talk_async(n, folder):
        speak(n, "before")
        await meet(n, folder)
        speak(n, "after")
        print(f"half a line {n}", end="")

    def talk(n, folder):
        speak(n, "before")
        meet(n, folder)
        speak(n, "after")
        print(f"half a line {n}", end="")

    body = talk_async if killable.lane.kind == "async" else talk
    folder = str(tmp_path / "meeting")
    killable.run(*[killable.call(body, n, folder, key=f"p/talk#{n}") for n in range(count)])
    for n in range(count):
        text = killable.text(f"p/talk#{n}")
        for said in (f"before {n} and before stderr {n}\n", f"after {n} and after stderr {n}\n"):
            assert text.count(said) == 1, text
        assert text.count(f"warned {n}") == 2
        assert text.endswith(f"half a line {n}")
    killable.reports.clear()
    killable.value(lambda: subprocess.run(["echo", "native"], check=True) and None, key="p/native")
    killable.until(lambda: "native" in killable.text() or not killable.value(lambda: None))


def test_a_closed_stream_silences_nobody(killable):
    """A body that closes `sys.stdout` has closed it for itself at most."""

    def close():
        sys.stdout.close()
        sys.stderr.close()

    killable.value(close)
    killable.value(lambda: print("still here"), key="p/still")
    assert "still here" in killable.text("p/still")


# --- timeouts --------------------------------------------------------------------------------


def test_a_body_that_takes_too_long_is_stopped_alone(wide, ledger):
    """It times out, after the clean-up in its body; its neighbours end as they would."""

    def clean(n):
        ledger.note(f"cleaned {n}")

    hang = _hanging(wide, ledger)

    async def tidy_async(n):
        try:
            await hang(n)
        finally:
            clean(n)

    def tidy(n):
        try:
            hang(n)
        finally:
            clean(n)

    body = tidy_async if wide.lane.kind == "async" else tidy

    def attempt(timeout):
        ledger.clear()
        late = wide.call(body, 7, timeout=timeout)
        neighbours = [wide.call(lambda: "fine", timeout=30.0) for _ in range(5)]
        return late, neighbours, wide.run(late, *neighbours), f"timeout of {timeout:g} s"

    late, neighbours, outcomes, told = begun_in_time(attempt, lambda: "7" in ledger.lines)
    assert [outcome.state for outcome in outcomes] == ["timed_out"] + 5 * ["succeeded"]
    assert outcomes[0].value.type == "taskflow.errors.TaskTimeout"
    assert f"longer than its {told}" in outcomes[0].value.message
    assert outcomes[0].value.retryable
    assert ledger.lines == ["7", "cleaned 7"]
    assert {each.node for each in wide.started} >= {late.node, neighbours[0].node}


_STUBBORN = (
    ("threads", stubborn.thread),
    ("async", stubborn.coroutine),
    ("async", stubborn.blocks),
)


def test_a_body_that_does_not_stop_here_is_abandoned(monkeypatch, tmp_path):
    """It is reported as timed out, without another try; others find a thread, or a loop."""
    monkeypatch.setattr(crews, "STOP_SECONDS", 0.1)
    for kind, body in _STUBBORN:
        driver = Driver(ThreadExecutor(1), tmp_path, kind)

        def attempt(timeout, driver=driver, body=body):
            stubborn.anew()
            return driver.run(driver.call(body, timeout=timeout))

        (outcome,) = begun_in_time(attempt, stubborn.has_begun)
        assert outcome.state == "timed_out"
        assert not outcome.value.retryable
        assert "did not stop when asked to" in outcome.value.message
        assert 'executor="processes"' in outcome.value.message
        assert driver.value(lambda: "alive") == "alive"
        stubborn.now.go_on.set()
        driver.executor.stop()
        assert driver.outcomes == []


# --- ends ------------------------------------------------------------------------------------


def test_a_worker_is_lost_once_with_all_that_it_had_begun(killable, ledger):
    """Its death is one report; nothing of what was in flight is reported after it."""
    hang = _hanging(killable, ledger)
    before = len(killable.losses)
    killable.value(lambda: 1)
    count = min(5, killable.lane.width)
    calls = [killable.call(hang, n) for n in range(count)]
    killable.submit(*calls)
    killable.until(lambda: len(ledger.lines) == count)
    if not killable.lane.crowd:
        killable.executor.kill(killable.slot)
    else:
        killable.submit(killable.call(os._exit, 3))
    killable.until(lambda: len(killable.losses) > before)
    loss = killable.losses[-1]
    assert (loss.slot, loss.unclaimed) == (killable.slot, {})
    assert not killable.lane.crowd or ("exit code 3" in loss.cause and not loss.killed)
    assert killable.outcomes == []
    killable.given.clear()
    assert killable.value(lambda: "alive") == "alive"
    assert len(killable.losses) == before + 1


def test_a_body_that_closes_the_connection_ends_its_worker(killable):
    """File descriptors that are not its own: the worker is lost at once, and the cause is said."""
    before = len(killable.losses)
    killable.value(lambda: 1)
    killable.submit(killable.call(lambda: os.closerange(3, 200)))
    killable.until(lambda: len(killable.losses) > before)
    assert "it closed its connection to the engine" in killable.losses[-1].cause
    killable.given.clear()
    assert killable.value(lambda: "alive") == "alive"


def test_what_a_finaliser_prints_does_not_hang_the_worker(killable):
    """Garbage may be collected at any moment, also while something is being sent."""

    class Noisy:
        def __del__(self):
            print("gone")

    def litter(n):
        for _ in range(200):
            ring = [Noisy()]
            ring.append(ring)
            print("x" * 10)
        return n

    assert [
        decode(each.value) for each in killable.run(*[killable.call(litter, n) for n in range(8)])
    ]
    killable.value(lambda: 1)


def test_what_is_killed_is_lost_at_once_wherever_it_runs(wide, ledger):
    """`kill` gives up all that the slot runs; what stops is stopped, and the slot serves on."""
    hang = _hanging(wide, ledger)
    before = len(wide.losses)
    wide.submit(*[wide.call(hang, n) for n in range(3)])
    wide.until(lambda: len(ledger.lines) == 3)
    wide.executor.kill(wide.slot)
    wide.until(lambda: len(wide.losses) > before)
    assert isinstance(wide.losses[-1], Lost)
    assert wide.losses[-1].killed
    assert wide.outcomes == []
    wide.given.clear()
    assert wide.value(lambda: "alive") == "alive"
    assert len(wide.losses) == before + 1


@pytest.mark.ring_kill
@pytest.mark.parametrize("seed", range(2))
def test_every_body_is_reported_once_or_lost(wide, seed):
    """Random batches, some slow, some late, some failing; the slot is killed now and then."""
    draw = random.Random(seed)

    def work(n):
        if n % 5 == 0:
            raise ValueError(n)
        time.sleep(n % 7 / 1000)
        return n

    spec = wide.code(work, timeout=0.004)
    wide.finish()
    for _ in range(8):
        numbers = [draw.randrange(100) for _ in range(draw.randrange(1, min(wide.lane.width, 40)))]
        before = len(wide.losses)
        ident = wide.submit(
            wide.elements(work, numbers[: len(numbers) // 2 + 1], spec=spec),
            *[wide.call(work, number, spec=spec) for number in numbers[len(numbers) // 2 + 1 :]],
        )
        if draw.random() < 0.4:
            wide.until(lambda: wide.outcomes)
            wide.executor.kill(wide.slot)
            wide.until(lambda lost=before: len(wide.losses) > lost)
        else:
            wide.until(lambda: wide.open <= 0)
            assert wide.open == 0
        units = [(each.node, each.first) for each in wide.outcomes]
        assert len(units) == len(set(units)) <= wide.given[ident]
        assert {each.state for each in wide.outcomes} <= {"succeeded", "failed", "timed_out"}
        wide.outcomes.clear()
        wide.given.clear()
    assert wide.value(lambda: "alive") == "alive"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that is what it is about
def test_a_child_that_comes_back_from_a_body_is_nobody(wide, ledger):
    """A body that forks and lets both return gives one outcome."""

    def forks():
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return child == 0

    assert wide.value(forks) is False
    assert wide.value(lambda: "alive") == "alive"
    assert wide.open == 0


def test_a_program_ends_while_a_thread_is_stuck(tmp_path):
    """Threads that never come back do not keep the interpreter from ending."""
    program = (
        "import sys, time\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from driving import Driver\n"
        "from taskflow.executors.threads import ThreadExecutor\n"
        f"driver = Driver(ThreadExecutor(), Path({str(tmp_path)!r}))\n"
        "driver.submit(driver.call(lambda: time.sleep(1000), announced=True))\n"
        "driver.until(lambda: driver.started)\n"
        "driver.executor.kill(0)\n"
        "driver.until(lambda: driver.losses)\n"
        "driver.executor.stop()\n"
        "print('over')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr


def test_the_first_exception_is_kept_as_it_was_raised(tmp_path):
    """Bodies of this process raise exceptions that a debugger can look into."""
    for kind in ("threads", "async"):
        driver = Driver(ThreadExecutor(), tmp_path, kind)
        assert driver.executor.first_error is None
        driver.failure(lambda: {}["missing"])
        assert isinstance(driver.executor.first_error, KeyError)
        assert driver.executor.first_error.__traceback__ is not None
        driver.executor.stop()


# --- what async bodies do --------------------------------------------------------------------


def test_a_body_may_cancel_its_own_task(driver):
    """A `CancelledError` of the body's own making fails its task, and no other."""

    async def give_up():
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    assert driver.failure(give_up).type == "asyncio.exceptions.CancelledError"
    assert driver.value(lambda: "alive") == "alive"


def test_a_task_of_a_body_may_exit(driver):
    """`SystemExit` in a task that a body has started is that body's failure."""

    async def leave():
        raise SystemExit(3)

    async def body():
        await asyncio.gather(leave(), asyncio.sleep(0))

    assert driver.failure(body).type == "SystemExit"
    assert driver.value(lambda: "alive") == "alive"


def test_a_body_may_run_a_loop_of_its_own(driver):
    """`asyncio.run` works in any body that is not itself on a loop."""
    if driver.lane.kind == "async":
        assert "running event loop" in driver.failure(_runs_a_loop).message
    else:
        assert driver.value(_runs_a_loop) == 1


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def _runs_a_loop():
    async def one():
        return 1

    coroutine = one()
    try:
        return asyncio.run(coroutine)
    finally:
        coroutine.close()


def test_async_bodies_run_inline_where_a_loop_runs_already(tmp_path):
    """In a notebook, where this thread has a loop: the body gets one of its own, and its facts."""

    async def body():
        await asyncio.sleep(0)
        return current.task_key

    async def notebook():
        driver = Driver(InlineExecutor(), tmp_path)
        value = driver.value(body, key="p/body")
        driver.executor.stop()
        return value

    assert asyncio.run(notebook()) == "p/body"


def test_outputs_are_counted_everywhere(driver):
    """A body that says it returns two values and returns three fails, async ones too."""
    assert driver.value(lambda: (1, 2), outputs=2) == (1, 2)
    assert "outputs=2, but returned 3" in driver.failure(lambda: (1, 2, 3), outputs=2).message
