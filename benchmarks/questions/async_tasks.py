"""How long do 1,000 async tasks take that wait for 0.1 s each?"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.bench import found
from benchmarks.flows import total
from benchmarks.measure import Answer, Case, Figure
from benchmarks.work import sum_below
from taskflow import pipeline, task

if TYPE_CHECKING:
    from benchmarks.bench import Bench

SECONDS = 0.1


async def wait(x: int) -> int:
    """Wait for a while, as for a server's answer."""
    await asyncio.sleep(SECONDS)
    return x


wait_task = task(wait)


@pipeline
def waiting(n: int) -> int:
    """Separately traced async calls, and a sum."""
    return total([wait_task(i) for i in range(n)])


async def gather(n: int) -> int:
    """The same by hand: one event loop, no isolation."""
    return sum(await asyncio.gather(*map(wait, range(n))))


def run_gather(n: int) -> int:
    """The same by hand, from a program that is not async."""
    return asyncio.run(gather(n))


def answer(bench: Bench) -> Answer:
    """All of them at once, in one worker."""
    n = bench.size(1_000)
    block = bench.block(
        f"{n:,} async tasks of {SECONDS:g} s",
        [
            Case(
                "asyncio.gather",
                n,
                partial(run_gather, n),
                sum_below(n),
                "in this very process; nothing else",
                SECONDS,
            ),
            bench.ours("taskflow", n, waiting, sum_below(n), SECONDS, n=n),
        ],
        "asyncio.gather",
    )
    ours = found(block, "taskflow")
    return Answer([block], [Figure("1,000 async tasks", ours.median, "s", 0.5, at_most=True)])
