"""How many calls a second in a binary tree, leaves and joins together?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows, work
from benchmarks.bench import times_reference
from benchmarks.measure import Answer

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def answer(bench: Bench) -> Answer:
    """4,096 leaves, 4,095 joins."""
    leaves = bench.size(4_096)
    tasks, expected = 2 * leaves - 1, work.sum_below(leaves)
    block = bench.block(
        f"a binary tree of {leaves:,} leaves",
        [
            bench.plain(tasks, partial(work.tree, leaves), expected),
            bench.loky_fan_out(),
            bench.ours("taskflow", tasks, flows.tree, expected, leaves=leaves),
        ],
    )
    return Answer([block], [times_reference(block, "taskflow", "binary tree, 4,096 leaves", 8)])
