"""How a peer measures itself: each piece of work once with little, then once with much.

Standard library only, as `benchmarks.work`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.work import sum_below

if TYPE_CHECKING:
    from collections.abc import Callable

#: Environment variables: when this process was started, in seconds since the epoch; the file that
#: takes what it measures;
BEGAN: Final = "BENCHMARK_BEGAN"
FILE: Final = "BENCHMARK_FILE"
#: and which share of all tasks is run.
SCALE: Final = "BENCHMARK_SCALE"
#: Tasks that are run first, so that what follows is warm.
_FEW: Final = 4


class Work(NamedTuple):
    """What a peer is given of one kind, and how it does it."""

    tasks: int
    call: Callable[[int], object]


def compete(
    runner: str,
    *,
    fan_out: Work | None = None,
    mapped: Work | None = None,
    chain: Work | None = None,
) -> None:
    """Measure, and add a line of JSON to the file.

    `fan_out` is so many separate no-ops and a sum, `mapped` the same as one map, `chain` so many
    calls that each add one to the value of the one before. A peer that has several ways of running
    calls this for each of them.
    """
    given = {"fan_out": fan_out, "mapped": mapped, "chain": chain}
    works = {name: work for name, work in given.items() if work is not None}
    scale = float(os.environ[SCALE])
    tasks, seconds = {}, {}
    for name, work in works.items():
        _check(name, _FEW, work.call(_FEW))
        if BEGAN in os.environ:  # nothing has run before
            seconds["cold"] = time.time() - float(os.environ.pop(BEGAN))
            tasks["cold"] = _FEW
    for name, work in works.items():
        tasks[name] = max(_FEW, int(work.tasks * scale))
        seconds[name] = _timed(name, work, tasks[name])
    with open(os.environ[FILE], "a") as file:
        file.write(json.dumps({"runner": runner, "tasks": tasks, "seconds": seconds}) + "\n")


def _timed(name: str, work: Work, tasks: int) -> float:
    began = time.perf_counter()
    result = work.call(tasks)
    took = time.perf_counter() - began
    _check(name, tasks, result)
    return took


def _check(name: str, tasks: int, result: object) -> None:
    expected = tasks if name == "chain" else sum_below(tasks)
    if result != expected:
        sys.exit(f"{name} of {tasks}: got {result!r}, expected {expected!r}")
