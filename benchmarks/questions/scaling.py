"""Does a task cost the same among 1,000 and among 1,000,000?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fresh import Cost, cost
from benchmarks.measure import Answer, Figure, say

if TYPE_CHECKING:
    from benchmarks.bench import Bench

SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: Below this a peak of memory is mostly what the allocator has taken in advance.
_WEIGHABLE = 100_000
_FLAT = 1.2


def answer(bench: Bench) -> Answer:
    """Fan-outs and maps of four sizes, each in a fresh process; less a run of two tasks."""
    figures: list[Figure] = []
    remarks: list[str] = []
    for pipeline, name in (("fan_out", "calls"), ("mapped", "elements of a map")):
        costs = {size: _cost(pipeline, bench.size(size)) for size in SIZES}
        remarks += [_line(name, bench.size(size), each) for size, each in costs.items()]
        weighed = [each.grown for size, each in costs.items() if size >= _WEIGHABLE]
        figures += [
            _spread(f"{name}, CPU a task", [each.cpu for each in costs.values()]),
            _spread(f"{name}, memory a task", weighed),
        ]
    return Answer([], figures, remarks)


def _cost(pipeline: str, n: int) -> Cost:
    say(f"  {pipeline} of {n:,}")
    return cost(pipeline, n)


def _line(name: str, n: int, cost: Cost) -> str:
    microseconds = [each * 1e6 for each in (cost.cpu, cost.engine_cpu, cost.seconds)]
    parts = "CPU {:.1f} µs, {:.1f} of it the engine's; wall {:.1f} µs".format(*microseconds)
    return f"{n:>9,} {name}: {parts}; memory {cost.grown:,} bytes each"


def _spread(name: str, values: list[float] | list[int]) -> Figure:
    """How many times the least the most is; a value that noise made nothing counts as little."""
    least = max(min(values), max(values) * 1e-3)
    return Figure(f"{name}, most over least", max(values) / least, "×", _FLAT, at_most=True)
