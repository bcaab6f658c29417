"""How things are measured: alternating rounds, medians, peaks of memory, one table."""

from __future__ import annotations

import gc
import os
import platform
import resource
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


#: How long the threads that a case leaves behind may take to end, in seconds.
REST_SECONDS: Final = 2.0


class WrongResultError(Exception):
    """What was measured did not compute what it should."""


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work done in one way, and what is to be known about that way."""

    work: str
    runner: str
    count: int
    call: Callable[[], int]
    expected: int
    note: str
    #: Seconds that perfectly parallel workers would take, where the work has a length of its own.
    ideal: float | None = None
    #: Whether the ratios of this work compare with this case.
    is_reference: bool = False


@dataclass(slots=True)
class Timing:
    """How long a case took in each round."""

    case: Case
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of all rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def per_second(self) -> float:
        """Tasks per second, from the median."""
        return self.case.count / self.median

    def less(self, start_up: float, runner: str, note: str) -> Timing:
        """The same rounds with `start_up` seconds taken off each, under another name."""
        case = replace(self.case, runner=runner, note=note)
        # Noise can make a short run shorter than the start-up alone: a microsecond is left.
        return Timing(case, [max(each - start_up, 1e-6) for each in self.seconds])


@dataclass(frozen=True, slots=True)
class Memory:
    """How much an engine grew, and how much it may grow for each task."""

    work: str
    count: int
    budget: int
    grown: list[int]

    @property
    def per_task(self) -> float:
        """Bytes for each task, from the median."""
        return statistics.median(self.grown) / self.count


def alternate(cases: Sequence[Case], rounds: int) -> list[Timing]:
    """Time every case once in each round, so that a slow minute of the machine hits them all."""
    timings = [Timing(case) for case in cases]
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for timing in timings:
            timing.seconds.append(_timed(timing.case))
    return timings


def _timed(case: Case) -> float:
    gc.collect()
    threads = threading.active_count()
    began = time.perf_counter()
    result = case.call()
    took = time.perf_counter() - began
    _rest(threads)
    if result != case.expected:
        raise WrongResultError(
            f"{case.work}, {case.runner}: got {result!r}, expected {case.expected!r}"
        )
    return took


def _rest(threads: int) -> None:
    """Wait until what a case left running has ended, so that the next one does not pay for it."""
    until = time.monotonic() + REST_SECONDS
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.005)


def peak_bytes() -> int:
    """The most memory that this process has had resident so far."""
    try:
        # Not getrusage on Linux: its peak also counts what was there before exec, the parent's.
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine() -> dict[str, Any]:
    """Where and when this is measured, without the names of machines and people."""
    from loky import cpu_count

    return {
        "cores": int(cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "loky": version("loky"),
        "date": datetime.now().astimezone().date().isoformat(),
        "load": round(os.getloadavg()[0], 1),
    }


def figures(
    facts: dict[str, Any], timings: Sequence[Timing], memories: Sequence[Memory]
) -> dict[str, Any]:
    """Everything in the table, and the single rounds, as plain data."""
    return {
        "machine": facts,
        "timings": [
            {
                "work": timing.case.work,
                "runner": timing.case.runner,
                "tasks": timing.case.count,
                "seconds": timing.seconds,
                "median": timing.median,
                "per_second": timing.per_second,
                "ratio": ratio(timing, timings),
                "of_ideal": _of_ideal(timing),
                "note": timing.case.note,
            }
            for timing in timings
        ],
        "memory": [
            {
                "work": memory.work,
                "tasks": memory.count,
                "grown_bytes": memory.grown,
                "bytes_per_task": memory.per_task,
                "budget": memory.budget,
            }
            for memory in memories
        ],
    }


def ratio(timing: Timing, timings: Sequence[Timing]) -> float:
    """How many times as many tasks per second as the reference of the same work."""
    reference = next(
        other
        for other in timings
        if other.case.is_reference and other.case.work == timing.case.work
    )
    return timing.per_second / reference.per_second


def _of_ideal(timing: Timing) -> float | None:
    return None if timing.case.ideal is None else timing.case.ideal / timing.median


def table(
    facts: dict[str, Any], timings: Sequence[Timing], memories: Sequence[Memory], rounds: int
) -> str:
    """What was measured, for reading."""
    lines = [
        ", ".join(
            (
                f"{facts['cores']} cores",
                facts["system"],
                f"Python {facts['python']}",
                f"loky {facts['loky']}",
                facts["date"],
                f"load {facts['load']} before",
            )
        ),
        f"medians of {rounds} alternating rounds (fastest to slowest)",
        "× is tasks per second over those of the loky line in the same block",
    ]
    for work, group in groupby(timings, key=lambda timing: timing.case.work):
        lines += ["", work]
        lines += [_row(timing, ratio(timing, timings)) for timing in group]
    lines += ["", "memory of the engine: growth of its peak over a run of one task"]
    lines += [_memory_row(memory) for memory in memories]
    return "\n".join(lines)


def _row(timing: Timing, times: float) -> str:
    spread = f"({_duration(min(timing.seconds))} to {_duration(max(timing.seconds))})"
    ideal = _of_ideal(timing)
    note = timing.case.note if ideal is None else f"{ideal:.0%} of ideal; {timing.case.note}"
    rate = (
        f"{timing.per_second:,.0f}/s" if timing.per_second >= 100 else f"{timing.per_second:.1f}/s"
    )
    return (
        f"  {timing.case.runner:<27} {_duration(timing.median):>8} {spread:<22} "
        f"{rate:>12} {_times(times):>8}  {note}"
    )


def _memory_row(memory: Memory) -> str:
    return (
        f"  {memory.work:<27} {memory.per_task:>6,.0f} bytes a task, budget {memory.budget:,} "
        f"({memory.per_task / memory.budget:.1f} times that)"
    )


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def _times(times: float) -> str:
    if times >= 100:
        return f"{times:,.0f}×"
    return f"{times:.1f}×" if times >= 1 else f"{times:.2f}×"
