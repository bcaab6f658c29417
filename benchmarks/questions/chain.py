"""How many hops a second, where each call takes the value of the one before?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows, pools, work
from benchmarks.bench import REFERENCE, times_reference
from benchmarks.measure import Answer, Case

if TYPE_CHECKING:
    from benchmarks.bench import Bench

_TRIPS = "the caller waits for each value and sends it on; nothing kept"


def answer(bench: Bench) -> Answer:
    """1,000 and 10,000 of them."""
    few, many = bench.size(1_000), bench.size(10_000)
    block = bench.block(
        "calls that each take the value of the one before",
        [
            bench.plain(many, partial(work.chain, many), many),
            Case(REFERENCE, few, partial(pools.submit_chain, bench.loky, few), few, _TRIPS),
            Case(
                "ProcessPoolExecutor.submit",
                few,
                partial(pools.submit_chain, bench.standard, few),
                few,
                _TRIPS,
            ),
            bench.ours("taskflow, 1,000", few, flows.chain, few, n=few),
            bench.ours("taskflow, 10,000", many, flows.chain, many, n=many),
        ],
    )
    return Answer(
        [block],
        [
            times_reference(block, "taskflow, 1,000", "chain, 1,000", 10),
            times_reference(block, "taskflow, 10,000", "chain, 10,000", 10),
        ],
    )
