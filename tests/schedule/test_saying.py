"""What a service says of itself, whoever reads it."""

from __future__ import annotations

import os

from taskflow.schedule.saying import Steady, json_lines, whole


def test_a_reader_that_does_not_read_keeps_nobody_waiting():
    """What it misses is counted; a descriptor that does not block changes nothing."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with Steady(writing) as stream:
        say = whole(json_lines(stream, float), stream)
        for _ in range(3 * Steady.MOST):
            say("tick", "x" * 100)
        got = b""
        while got.count(b"\n") < Steady.MOST // 2:
            got += os.read(reading, 1 << 16)
        say("tick", "the last")
        while b"the last" not in got:
            got += os.read(reading, 1 << 16)
    assert b"lines are missing here" in got.splitlines()[-2]
    for fd in (reading, writing):
        os.close(fd)


def test_a_reader_that_is_gone_ends_nobody():
    """What is said is lost."""
    reading, writing = os.pipe()
    os.close(reading)
    with Steady(writing) as stream:
        for _ in range(3):
            json_lines(stream, float)("tick", "p")
    assert not stream._thread.is_alive()
    os.close(writing)


def test_a_reader_that_never_reads_again_does_not_hold_up_the_end(monkeypatch):
    """The last lines are waited for a little."""
    monkeypatch.setattr(Steady, "PATIENCE", 0.1)
    reading, writing = os.pipe()
    with Steady(writing) as stream:
        stream.write("x" * (1 << 20))
    assert stream._thread.is_alive()
    os.close(reading)  # which ends the thread
    stream._thread.join()
    os.close(writing)
