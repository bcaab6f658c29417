"""How close to two busy cores do tasks of 10 ms and of 1 ms come?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows, pools, work
from benchmarks.bench import BARE, REFERENCE, found
from benchmarks.measure import Answer, Block, Case, Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def answer(bench: Bench) -> Answer:
    """200 × 10 ms and 2,000 × 1 ms."""
    coarse = _block(bench, bench.size(200), 0.010)
    fine = _block(bench, bench.size(2_000), 0.001)
    figures = [*_figures(coarse, "200 × 10 ms", 0.98), *_figures(fine, "2,000 × 1 ms", 0.95)]
    return Answer([coarse, fine], figures)


def _block(bench: Bench, n: int, seconds: float) -> Block:
    ideal, expected = n * seconds / work.WORKERS, work.sum_below(n)
    burn = partial(work.burn, seconds=seconds)
    submit = partial(pools.submit, bench.loky, burn, n)
    parallel = partial(pools.joblib_fan_out, burn, n)
    return bench.block(
        f"{n:,} × {seconds * 1000:.0f} ms of CPU on {work.WORKERS} workers",
        [
            bench.bare(n, ideal),
            Case(REFERENCE, n, submit, expected, "a message per call", ideal),
            Case("joblib.Parallel", n, parallel, expected, "makes its own batches", ideal),
            bench.ours("taskflow", n, flows.burning, expected, ideal, n=n, seconds=seconds),
        ],
        BARE,
    )


def _figures(block: Block, name: str, target: float) -> list[Figure]:
    ours = found(block, "taskflow")
    return [
        Figure(name, ours.of_ideal or 0.0, "of ideal", target),
        Figure(f"{name}, beside bare calls", ours.over(found(block, BARE)), f"× {BARE}", target),
    ]
