"""The progress of a run as plain lines."""

from __future__ import annotations

import errno
import io
import os
import select
import threading

import pytest
from happenings import Clock, ended, error, failed, started, tell

from taskflow.events import (
    RunNoticed,
    TaskRetrying,
    TasksEnded,
    TasksPlanned,
    TasksStarted,
    TaskWrote,
)
from taskflow.lifecycle import FAILED, SUCCEEDED, UPSTREAM_FAILED
from taskflow.progress.lines import LOOK, PAUSE, LineProgress


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def progress(stream, clock):
    return LineProgress(stream, clock=clock, ticking=False)


def written(stream: io.StringIO) -> list[str]:
    """The lines since the last look."""
    lines = stream.getvalue().split("\n")[:-1]
    stream.seek(0)
    stream.truncate()
    return lines


def test_a_small_run_is_a_line_for_each_name(progress, stream, clock):
    """What begins and ends within a second is told once."""
    progress.notice([started(domain="'be'"), TasksPlanned("a", 1), TasksPlanned("b", 3)])
    progress.notice([TasksStarted("a", 1, 0), TasksEnded("scrape/a", "a", SUCCEEDED)])
    clock.pass_by(0.2)
    progress.notice([TasksStarted("b", 3, 0)])
    clock.pass_by(0.2)
    tell(progress, [TasksEnded("k", "b", SUCCEEDED, first=0, count=3), ended(succeeded=4)])
    assert written(stream) == [
        "● scrape  brisk-otter  4 processes  domain='be'",
        "✔ a  1/1  0ms",
        "✔ b  3/3  0.2s",
        "",
        "succeeded in 2.0s · 4 ok",
    ]


def test_a_map_is_told_at_every_tenth_of_its_way(progress, stream, clock):
    """A thousand elements make ten lines, not a thousand."""
    progress.notice([started(), TasksPlanned("f", 1000), TasksStarted("f", 1000, 0)])
    written(stream)
    for number in range(1000):
        clock.pass_by(0.1)
        progress.notice([TasksEnded(f"k[{number}]", "f", SUCCEEDED)])
    progress.close()
    told = [line.split()[2] for line in written(stream)]
    assert len(told) == 11
    assert told[1] == "100/1,000"
    assert told[-1] == "1,000/1,000"


def test_a_slow_map_is_told_every_ten_seconds(progress, stream, clock):
    """A tenth that takes an hour is not waited for."""
    progress.notice([started(), TasksPlanned("f", 10_000), TasksStarted("f", 1, 0)])
    clock.pass_by(LOOK)
    progress.tick()
    written(stream)
    for number in range(30):
        clock.pass_by(1.0)
        progress.notice([TasksEnded(f"k[{number}]", "f", SUCCEEDED)])
    assert len(written(stream)) == 30 / PAUSE


def test_a_long_task_is_told_ever_more_seldom(progress, stream, clock):
    """A log that says nothing for minutes looks like a program that hangs."""
    progress.notice([started(), TasksPlanned("train", 1), TasksStarted("train", 1, 0)])
    told = []
    for second in range(700):
        clock.pass_by(1.0)
        progress.tick()
        told += [second + 1] if [line for line in written(stream) if "train" in line] else []
    assert told == [1, 11, 31, 71, 151, 311, 611]


def test_output_is_written_at_once_behind_its_name(progress, stream):
    """And so is what a person should know."""
    progress.notice([started(), TaskWrote("scrape/fetch[17]", "hello\nworld\n")])
    progress.notice([RunNoticed("a worker was lost")])
    assert written(stream)[1:] == [
        "fetch[17] │ hello",
        "fetch[17] │ world",
        "! a worker was lost",
    ]


def test_what_nobody_can_be_named_for_is_the_workers(progress, stream):
    """A worker that runs several bodies at once cannot tell which of them C code wrote for."""
    progress.notice([started(), TaskWrote("", "from C\n")])
    assert written(stream)[1:] == ["worker │ from C"]


def test_a_reader_that_is_gone_does_not_end_the_run(clock):
    """As in `taskflow run … 2>&1 | head`: nothing is written any more, and nothing raised."""

    class Pipe(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    tell(LineProgress(Pipe(), clock=clock, ticking=False), [started(), ended()])


def test_a_stream_that_does_not_wait_gets_every_line(clock):
    """Another program may have set the terminal they share not to block."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    got: list[bytes] = []

    def collect():
        while select.select([], [write], [], 0)[1]:
            pass  # until the pipe is full
        with open(read, "rb") as pipe:
            got.extend(pipe)

    reader = threading.Thread(target=collect)
    with open(write, "w", encoding="utf-8") as stream:
        progress = LineProgress(stream, clock=clock, ticking=False)
        reader.start()
        tell(progress, [TaskWrote("a", "x" * 1000 + "\n")] * 1000)
        assert not os.get_blocking(write)
    reader.join()
    assert len(got) == 1000


def test_a_full_disk_is_said(clock):
    """What else goes wrong with a log is not swallowed."""

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        LineProgress(Full(), clock=clock, ticking=False).notice([started()])


def test_the_first_failure_of_a_kind_is_told_as_it_happens(progress, stream):
    """Nobody has to wait for the end to learn that something is wrong."""
    progress.notice([started(), *(failed(f"scrape/f[{n}]", "f", error()) for n in range(100))])
    assert written(stream)[1:] == ["✘ f[0]  ValueError: no price  shop.py:3 in parse"]
    progress.notice([failed("scrape/g", "g", error(line=n)) for n in range(10, 30)])
    assert len(written(stream)) == 9  # the tenth kind is the last that is told before the end


def test_the_first_retries_of_a_name_are_told(progress, stream):
    """And that there are more: a thousand throttled requests are one fact."""
    again = [TaskRetrying(f"scrape/f[{n}]", "f", 1, 2.0, "HTTPError: 503") for n in range(1000)]
    progress.notice([started(), *again])
    told = written(stream)[1:]
    assert told[0] == "↻ f[0] attempt 1 ended, the next comes in 2.0s: HTTPError: 503"
    assert told[4].startswith("↻ f[4]")
    assert told[5:] == ["↻ f: more retries are only counted"]


def test_a_failed_run_ends_with_its_report_and_summary(progress, stream):
    """As in a terminal."""
    lost = TasksEnded("scrape/b", "b", UPSTREAM_FAILED, running=False)
    progress.notice([started(), failed("scrape/a", "a", error()), lost])
    tell(progress, [ended(FAILED, 42.1, succeeded=118, failed=1, upstream_failed=1)])
    assert written(stream)[-9:] == [
        "",
        "✘ a failed (ValueError) in 0.8s",
        "  ╭─ shop.py:3 in parse",
        "  │ ❱ 3     return Decimal(text)",
        "  ╰─ ValueError: no price",
        "",
        "1 task run did not start, because an input had failed: b",
        "",
        "failed in 42.1s · 118 ok · 1 failed · 1 upstream failed",
    ]


def test_quiet_progress_writes_only_what_tasks_write(stream, clock):
    """A script in a log wants its prints, and nothing of taskflow's."""
    progress = LineProgress(stream, quiet=True, clock=clock, ticking=False)
    progress.notice([started(), TasksPlanned("f", 1), TasksStarted("f", 1, 0)])
    progress.notice([TaskWrote("scrape/f", "hello\n"), failed("scrape/f", "f", error())])
    clock.pass_by(60.0)
    progress.tick()
    assert written(stream) == ["f │ hello"]
    tell(progress, [ended(FAILED)])
    assert written(stream)[1] == "✘ f failed (ValueError) in 0.8s"


def test_colours_are_forced_by_force_color(clock, monkeypatch, stream):
    """CI logs show colours though they are no terminals; a plain file gets none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    tell(LineProgress(stream, clock=clock, ticking=False), [started(), ended()])
    assert "\x1b[" not in stream.getvalue()
    monkeypatch.setenv("FORCE_COLOR", "1")
    tell(LineProgress(stream, clock=clock, ticking=False), [started(), ended()])
    assert "\x1b[1;32msucceeded in 2.0s\x1b[0m" in stream.getvalue()
