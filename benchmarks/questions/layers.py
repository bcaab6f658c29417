"""How many calls a second in 100 layers of 1,000, each with two inputs at random from above?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows, work
from benchmarks.bench import times_reference
from benchmarks.measure import Answer

if TYPE_CHECKING:
    from benchmarks.bench import Bench

DEPTH = 100


def answer(bench: Bench) -> Answer:
    """100,000 calls, 198,000 edges, and a sum."""
    width = bench.size(1_000)
    tasks, expected = width * DEPTH, work.layers(width, DEPTH)
    block = bench.block(
        f"{DEPTH} layers of {width:,} calls",
        [
            bench.plain(tasks, partial(work.layers, width, DEPTH), expected),
            bench.loky_fan_out(),
            bench.ours("taskflow", tasks, flows.layers, expected, width=width, depth=DEPTH),
        ],
    )
    return Answer([block], [times_reference(block, "taskflow", "100 layers of 1,000", 8)])
