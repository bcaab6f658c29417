"""What does one long task among many short ones, all with dependants, cost?"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import flows, work
from benchmarks.bench import BARE, OURS, found
from benchmarks.measure import Answer, Case, Figure
from taskflow import pipeline, task

if TYPE_CHECKING:
    from benchmarks.bench import Bench

SHORT_SECONDS = 0.001
#: Which of the calls is the long one: early enough for the best schedule to be as long as it is.
PLACE = 10


@task
def spend(seconds: float) -> float:
    """Compute for so long; the value is when that was done."""
    work.burn(0, seconds)
    return time.monotonic()


@task
def follow(ended: float) -> float:
    """What needs the value of a task; the value is when it began."""
    del ended
    return time.monotonic()


@pipeline
def skewed(n: int, long: float) -> tuple[float, list[float]]:
    """One long task among `n` short ones, each with a dependant; when it ended, these began."""
    ended = [spend(long if i == PLACE else SHORT_SECONDS) for i in range(n + 1)]
    begun = [follow(each) for each in ended]
    return ended[PLACE], begun


def answer(bench: Bench) -> Answer:
    """2 s among 2,000 × 1 ms: in the best schedule both workers are busy all the time."""
    n = max(bench.size(2_000), 2 * PLACE)
    long = n * SHORT_SECONDS
    in_time: list[float] = []

    def run() -> int:
        ended, begun = flows.run(skewed, n=n, long=long)
        in_time.append(sum(each < ended for each in begun) / n)
        return len(begun)

    block = bench.block(
        f"one task of {long:g} s among {n:,} of 1 ms, each with a dependant",
        [bench.bare(n, long), Case("taskflow", n, run, n + 1, OURS, long)],
        BARE,
    )
    ours, bare = found(block, "taskflow").median, found(block, BARE).median
    return Answer(
        [block],
        [
            Figure("skew", ours / long, "× the best schedule", 1.03, at_most=True),
            Figure("skew, beside bare calls", ours / bare, f"× {BARE}", 1.03, at_most=True),
            Figure("skew, dependants begun in its time", median(in_time), "of all"),
        ],
    )
