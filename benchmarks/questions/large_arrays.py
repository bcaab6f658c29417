"""What does it cost to hand large arrays from task to task?"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import taskflow
from benchmarks import flows
from benchmarks.bench import found
from benchmarks.fresh import private_bytes
from benchmarks.measure import Answer, Block, Case, Figure
from taskflow import pipeline, task

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from taskflow import Pipeline

Array = np.ndarray[Any, np.dtype[np.float64]]

MEGABYTE = 1_000_000
ARRAYS, READERS = 8, 20
_FLUSH = "one sequential flush"
_NOTE = "values go through files that are mapped; all of it is on the disk at the end"


def make(seed: int, size: int) -> Array:
    """An array of so many bytes."""
    return np.random.default_rng(seed).random(size // 8)


def consume(array: Array) -> float:
    """Read all of it."""
    return float(array.sum())


def read(array: Array) -> tuple[float, int]:
    """Read all of it; also how much memory this process has to itself: a copy would be in it."""
    return consume(array), private_bytes()


make_task, consume_task, read_task = task(make), task(consume), task(read)


@pipeline
def handed_on(size: int) -> list[float]:
    """Arrays that are made and consumed."""
    return [consume_task(make_task(seed, size)) for seed in range(ARRAYS)]


@pipeline
def shared(size: int) -> list[tuple[float, int]]:
    """One array with many readers."""
    array = make_task(0, size)
    return [read_task(array) for _ in range(READERS)]


class Folder:
    """Where a case writes: a new folder each time, removed after it."""

    def __init__(self) -> None:
        self.path = ""
        self.written = 0  # bytes that lay there at the end

    def make(self) -> None:
        """Before the case."""
        os.sync()  # what others have written is not flushed in this one's time
        self.path = tempfile.mkdtemp(prefix="benchmarks-")

    def remove(self) -> None:
        """After the case."""
        files = [path for path in Path(self.path).rglob("*") if path.is_file()]
        self.written = sum(path.stat().st_blocks * 512 for path in files)
        shutil.rmtree(self.path)


def answer(bench: Bench) -> Answer:
    """8 arrays of 100 MB, made and consumed; one of 400 MB, read by 20 tasks."""
    size = bench.size(100 * MEGABYTE)
    many, few = _handed_on(bench, size), _shared(bench, 4 * size)
    return Answer([many[0], few[0]], many[1] + few[1])


def _handed_on(bench: Bench, size: int) -> tuple[Block, list[Figure]]:
    expected = [consume(make(seed, size)) for seed in range(ARRAYS)]
    case = partial(_case, count=ARRAYS, p=handed_on, expected=expected, size=size)
    block = bench.block(
        f"{ARRAYS} arrays of {size / MEGABYTE:g} MB, made from random numbers and consumed",
        [
            bench.plain(ARRAYS, partial(_loop, size), expected),
            _flush(size, ARRAYS),
            case("taskflow, durability='process'", durability="process"),
            case("taskflow", durability="full"),
        ],
        "plain loop",
    )
    return block, [
        _slower(block, "taskflow, durability='process'", "8 arrays, process", flushes=False),
        _slower(block, "taskflow", "8 arrays, full", flushes=True),
    ]


def _shared(bench: Bench, size: int) -> tuple[Block, list[Figure]]:
    weights: list[int] = []
    folder = Folder()

    def run() -> list[float]:
        read = _run(shared, folder, "full", size)
        weights.append(max(weight for _, weight in read))
        return [value for value, _ in read]

    expected = [consume(make(0, size))] * READERS
    ours = Case("taskflow", READERS, run, expected, _NOTE, None, folder.make, folder.remove)
    block = bench.block(
        f"one array of {size / MEGABYTE:g} MB with {READERS} readers",
        [bench.plain(READERS, partial(_loop_shared, size), expected), _flush(size, 1), ours],
        "plain loop",
    )
    return block, [
        _slower(block, "taskflow", "1 array, 20 readers", flushes=True),
        Figure("1 array, written", folder.written / size, "× its size", 1.01, at_most=True),
        Figure("1 array, a reader's memory", max(weights) / size, "× its size", 0.5, at_most=True),
    ]


def _loop(size: int) -> list[float]:
    return [consume(make(seed, size)) for seed in range(ARRAYS)]


def _loop_shared(size: int) -> list[float]:
    array = make(0, size)
    return [consume(array) for _ in range(READERS)]


def _run(p: Pipeline[[int], Any], folder: Folder, durability: str, size: int) -> Any:
    kept = flows.quiet(p).options(store=f"sqlite:///{folder.path}/", durability=durability)
    return taskflow.run(kept, size=size)


def _case(
    runner: str,
    *,
    count: int,
    p: Pipeline[[int], Any],
    expected: object,
    size: int,
    durability: str,
) -> Case:
    folder = Folder()
    call = partial(_run, p, folder, durability, size)
    note = _NOTE if durability == "full" else "the same, but nothing waits for the disk"
    return Case(runner, count, call, expected, note, None, folder.make, folder.remove)


def _flush(size: int, count: int) -> Case:
    """Write as many bytes to files, one after the other, and have each on the disk."""
    folder = Folder()
    array = make(0, size)

    def write() -> int:
        for number in range(count):
            with open(os.path.join(folder.path, str(number)), "wb", buffering=0) as file:
                file.write(array.data)
                os.fsync(file.fileno())
        return count

    note = "write and fsync, nothing else: what the disk takes for the same bytes"
    return Case(_FLUSH, count, write, count, note, None, folder.make, folder.remove)


def _slower(block: Block, runner: str, name: str, *, flushes: bool) -> Figure:
    """The time of a runner over that of a plain loop, and of the disk where it waits for that."""
    allowed = found(block, "plain loop").median
    allowed += found(block, _FLUSH).median if flushes else 0.0
    unit = "× plain loop and flush" if flushes else "× plain loop"
    return Figure(name, found(block, runner).median / allowed, unit, 1.0, at_most=True)
