"""What do the progress display, the logs and the history cost?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import taskflow
from benchmarks import flows, work
from benchmarks.bench import found
from benchmarks.measure import Answer, Block, Case, Figure
from taskflow import current, pipeline, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from taskflow import Pipeline

OFF, ON, LOGGED = "taskflow, all off", "taskflow, all on", "taskflow, a log record a task"
_SECONDS = 0.001
_CAT = shutil.which("cat") or "/bin/cat"


@task
def burn_and_log(x: int, seconds: float) -> int:
    """Compute, and say so."""
    work.burn(x, seconds)
    current.logger.warning("%s is done", x)
    return x


@pipeline
def logging(n: int, seconds: float) -> int:
    """Separately traced calls that compute and log, and a sum."""
    return flows.total([burn_and_log(i, seconds) for i in range(n)])


def answer(bench: Bench) -> Answer:
    """With tasks of 1 ms, and with no-ops; the display is that of a terminal."""
    short = _block(bench, bench.size(2_000), _SECONDS)
    nothing = _block(bench, bench.size(10_000), 0.0)
    return Answer(
        [short, nothing],
        [
            _slower(short, ON, "display and history, 1 ms tasks", 1.05),
            _slower(short, LOGGED, "and a log record each, 1 ms tasks"),
            _slower(nothing, ON, "display and history, no-ops"),
        ],
    )


def _block(bench: Bench, n: int, seconds: float) -> Block:
    case = partial(_case, n=n, seconds=seconds)
    return bench.block(
        f"{n:,} tasks of {seconds * 1000:.0f} ms",
        [
            bench.ours_unkept(OFF, n, flows.burning, work.sum_below(n), n=n, seconds=seconds),
            case(ON, flows.burning, note="a live table on a terminal, kept, flushed"),
            case(LOGGED, logging, note="the same, and each task logs a line, which is kept, too"),
        ],
        OFF,
    )


def _case(runner: str, p: Pipeline[..., int], *, n: int, seconds: float, note: str) -> Case:
    def run() -> int:
        with terminal():
            value: int = taskflow.run(flows.quiet(p).options(progress=True), n=n, seconds=seconds)
        return value

    return Case(runner, n, run, work.sum_below(n), note)


@contextmanager
def terminal() -> Iterator[None]:
    """Standard error is a terminal, that somebody else reads."""
    reading, writing = os.openpty()
    with (
        subprocess.Popen([_CAT], stdin=reading, stdout=subprocess.DEVNULL) as reader,
        os.fdopen(writing, "w") as stream,
    ):
        os.close(reading)
        before, sys.stderr = sys.stderr, stream
        try:
            yield
        finally:
            sys.stderr = before
            reader.terminate()


def _slower(block: Block, runner: str, name: str, target: float | None = None) -> Figure:
    ratio = found(block, runner).median / found(block, OFF).median
    return Figure(name, ratio, f"× {OFF}", target, at_most=True)
