"""How long does it take to go on with a run of 10,000 tasks of which 99 % are done?"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import taskflow
from benchmarks import flows
from benchmarks.bench import found
from benchmarks.measure import Answer, Case, Figure
from benchmarks.work import sum_below
from taskflow import RunFailed, pipeline, task

if TYPE_CHECKING:
    from benchmarks.bench import Bench


@task
def need(x: int, path: str) -> int:
    """Do nothing; every hundredth fails until a file is there."""
    if x % 100 == 0 and not os.path.exists(path):
        raise FileNotFoundError(path)
    return x


@pipeline
def nearly(n: int, path: str) -> int:
    """Separately traced calls of which one in a hundred fails the first time, and a sum."""
    return flows.total([need(x, path) for x in range(n)])


def answer(bench: Bench) -> Answer:
    """The run is in a store of its own; each round leaves another one behind."""
    n = bench.size(10_000)
    path = Path(flows.store_url().removeprefix("sqlite:///")) / "it is there"

    def fail() -> None:
        path.unlink(missing_ok=True)
        with contextlib.suppress(RunFailed):
            flows.run(nearly, n=n, path=str(path))
        path.touch()

    block = bench.block(
        f"{n:,} tasks, of which 1 in 100 has failed, and a sum",
        [
            bench.ours("taskflow, all of it", n, flows.fan_out, sum_below(n), n=n),
            Case(
                "taskflow.resume",
                n,
                partial(taskflow.resume, "last", store=flows.store_url(), progress=False),
                sum_below(n),
                "traces anew, compares code and inputs, runs what is left",
                before=fail,
            ),
        ],
        "taskflow, all of it",
    )
    took = found(block, "taskflow.resume").median
    return Answer([block], [Figure("resume of 10,000 at 99 %", took, "s", 1.0, at_most=True)])
