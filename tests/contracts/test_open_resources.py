"""What bodies open in a worker is closed there when the executor ends, on every kind of slot."""

from __future__ import annotations

import socket
import time

import pytest
from driving import Driver
from ledgers import Ledger

from taskflow import resource
from taskflow.executors import processes, slots


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


def _plain(ledger, what="db"):
    @resource
    def opened():
        ledger.note(f"open {what}")
        yield what
        ledger.note(f"close {what}")

    return opened


def _use(*resources):
    return lambda: [each() for each in resources]


def test_what_is_open_is_closed_at_the_end_the_latest_first(fresh, ledger):
    """One instance for all bodies of a worker; `stop` returns when it is closed."""
    first, second = _plain(ledger, "first"), _plain(ledger, "second")
    body = _use(first, second)
    spec = fresh.code(body)
    for _ in range(3):
        assert fresh.value(body, spec=spec) == ["first", "second"]
    assert ledger.lines == ["open first", "open second"]
    fresh.executor.stop()
    assert ledger.lines == ["open first", "open second", "close second", "close first"]


def test_an_async_resource_is_closed_in_its_loop(fresh, ledger):
    """It is opened and closed in one loop: that of the slot, or that of the body alone."""
    import asyncio

    @resource
    async def client():
        loop = asyncio.get_running_loop()
        ledger.note("open")
        yield "client"
        await asyncio.sleep(0)
        ledger.note(f"close {loop is asyncio.get_running_loop()}")

    async def body():
        return await client()

    assert fresh.value(body) == "client"
    if fresh.lane.kind == "async":
        assert ledger.lines == ["open"]
    fresh.executor.stop()
    assert ledger.lines == ["open", "close True"]


def test_what_closing_says_is_seen(fresh, ledger, capfd):
    """What is printed while a resource is closed, and what closing raises, is on stderr."""

    @resource
    def stubborn():
        yield 1
        print("closing now")
        raise OSError("it is gone")

    fresh.value(_use(stubborn))
    fresh.executor.stop()
    out, err = capfd.readouterr()
    assert "closing now" in out + err
    assert "OSError: it is gone" in err


@pytest.mark.ring_kill
def test_a_worker_that_was_killed_closes_nothing(fresh_killable, ledger):
    """Nobody can say whether what it held can still be closed."""
    fresh_killable.value(_use(_plain(ledger)))
    fresh_killable.executor.kill(fresh_killable.slot)
    fresh_killable.until(lambda: fresh_killable.losses)
    assert ledger.lines == ["open db"]


@pytest.mark.ring_kill
def test_closing_has_its_time(fresh_killable, ledger, monkeypatch, capfd):
    """A resource that takes too long to close does not hold up the end of a run for ever."""
    monkeypatch.setattr(slots, "CLOSE_SECONDS", 0.2)

    @resource
    def slow():
        yield 1
        time.sleep(60)

    fresh_killable.value(_use(slow))
    fresh_killable.executor.stop()
    assert "was not closed in time" in capfd.readouterr().err


def test_what_is_said_at_the_end_is_told_also_when_the_worker_is_gone_by_then(tmp_path, capfd):
    """Its last message lies in the socket: that it has ended is no reason not to read that."""
    executor = processes.ProcessExecutor(1, wide=False)
    driver = Driver(executor, tmp_path)

    @resource
    def shaky():
        yield "there"
        raise OSError("lost at last")

    assert driver.value(_use(shaky)) == ["there"]
    slot = executor._slots[0]
    slot.link.sock.shutdown(socket.SHUT_WR)
    slot.process._future.result()
    slot.see_off(time.monotonic())
    executor.stop()
    assert "lost at last" in capfd.readouterr().err
