"""How things are measured: alternating rounds, medians, ratios, and what a figure is."""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


#: How long the threads that a case leaves behind may take to end, in seconds.
REST_SECONDS: Final = 1.0


class WrongResultError(Exception):
    """What was measured did not compute what it should."""


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work done in one way, and what is to be known about that way."""

    runner: str
    count: int
    call: Callable[[], object]
    expected: object
    note: str
    #: Seconds that perfectly parallel workers would take, where the work has a length of its own.
    ideal: float | None = None
    #: What comes before and after each call, and is not timed.
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


@dataclass(slots=True)
class Timing:
    """How long one way of doing a piece of work took in each round."""

    runner: str
    count: int
    note: str
    ideal: float | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of all rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def per_second(self) -> float:
        """Tasks per second, from the median."""
        return self.count / self.median

    @property
    def of_ideal(self) -> float | None:
        """Which share of this time perfectly parallel workers would take."""
        return None if self.ideal is None else self.ideal / self.median

    def over(self, reference: Timing) -> float:
        """How many times as many tasks per second as the reference."""
        return self.per_second / reference.per_second


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that an answer comes down to: what the history keeps, and what is aimed at."""

    name: str
    value: float
    unit: str
    target: float | None = None
    #: Whether the target is the most, and not the least, that is wanted.
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the target is reached; a figure without one has nothing to reach."""
        if self.target is None:
            return True
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Block:
    """The same work done in several ways; ratios are to the first of the runner `reference`."""

    work: str
    timings: list[Timing]
    reference: str = ""

    @property
    def compared_with(self) -> Timing | None:
        """The timing that the ratios compare with."""
        return next((each for each in self.timings if each.runner == self.reference), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question: the timings of all rounds, and the figures they come down to."""

    blocks: list[Block]
    figures: list[Figure]
    #: Lines for the reader that no figure says.
    remarks: list[str] = field(default_factory=list)


def alternate(cases: Sequence[Case], rounds: int) -> list[Timing]:
    """Time every case once in each round, so that a slow minute of the machine hits them all."""
    timings = [Timing(case.runner, case.count, case.note, case.ideal) for case in cases]
    for number in range(rounds):
        say(f"  round {number + 1} of {rounds}")
        for case, timing in zip(cases, timings, strict=True):
            timing.seconds.append(_timed(case))
    return timings


def say(text: str) -> None:
    """Tell who waits how far this is; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def _timed(case: Case) -> float:
    if case.before is not None:
        case.before()
    gc.collect()
    threads = threading.active_count()
    began = time.perf_counter()
    result = case.call()
    took = time.perf_counter() - began
    _rest(threads)
    if case.after is not None:
        case.after()
    if result != case.expected:
        raise WrongResultError(f"{case.runner}: got {result!r}, expected {case.expected!r}")
    return took


def _rest(threads: int) -> None:
    """Wait until what a case left running has ended, so that the next one does not pay for it."""
    until = time.monotonic() + REST_SECONDS
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.005)


def machine() -> dict[str, Any]:
    """Where and when this is measured, without the names of machines and people."""
    from loky import cpu_count

    return {
        "cores": int(cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.now().astimezone().date().isoformat(),
    }
