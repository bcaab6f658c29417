"""How many elements of a map a second, and how much memory for each?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows, pools, work
from benchmarks.bench import times_reference
from benchmarks.fresh import cost
from benchmarks.measure import Answer, Case, Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench

_CHUNKS = "8 chunks; an error ends the map, no state per element, nothing kept"


def answer(bench: Bench) -> Answer:
    """100,000 and 1,000,000 elements, and 100,000 through three maps in a row."""
    few, many = bench.size(100_000), bench.size(1_000_000)
    block = bench.block(
        "no-ops in one map, and a sum",
        [
            bench.plain(many, partial(work.fan_out, many), work.sum_below(many)),
            bench.loky_fan_out(),
            Case(
                "ProcessPoolExecutor.map",
                many,
                partial(pools.map_in_chunks, bench.standard, many),
                work.sum_below(many),
                _CHUNKS,
            ),
            bench.ours("taskflow, 100,000", few, flows.mapped, work.sum_below(few), n=few),
            bench.ours("taskflow, 1,000,000", many, flows.mapped, work.sum_below(many), n=many),
            bench.ours(
                "taskflow, three maps", 3 * few, flows.mapped_thrice, work.sum_below(few), n=few
            ),
        ],
    )
    return Answer(
        [block],
        [
            times_reference(block, "taskflow, 100,000", "map, 100,000", 60),
            times_reference(block, "taskflow, 1,000,000", "map, 1,000,000", 60),
            times_reference(block, "taskflow, three maps", "map over map over map", 40),
            Figure(
                "map, memory of the engine",
                cost("mapped", many).grown,
                "bytes an element",
                200,
                at_most=True,
            ),
        ],
        ["three maps: their rate counts the elements of all three"],
    )
