"""How many separately called no-ops a second, and then their sum?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows, pools, work
from benchmarks.bench import times_reference
from benchmarks.measure import Answer, Case

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def answer(bench: Bench) -> Answer:
    """10,000 and 100,000 of them."""
    few, many = bench.size(10_000), bench.size(100_000)
    block = bench.block(
        "no-ops called one by one, and a sum",
        [
            bench.plain(many, partial(work.fan_out, many), work.sum_below(many)),
            bench.loky_fan_out(),
            bench.standard_fan_out(),
            Case(
                "joblib.Parallel",
                many,
                partial(pools.joblib_fan_out, work.same, many),
                work.sum_below(many),
                "makes its own batches; no graph, no retries, nothing kept",
            ),
            bench.ours("taskflow, 10,000", few, flows.fan_out, work.sum_below(few), n=few),
            bench.ours("taskflow, 100,000", many, flows.fan_out, work.sum_below(many), n=many),
            bench.ours_unkept(
                "taskflow, in memory", many, flows.fan_out, work.sum_below(many), n=many
            ),
        ],
    )
    return Answer(
        [block],
        [
            times_reference(block, "taskflow, 10,000", "fan-out, 10,000", 9),
            times_reference(block, "taskflow, 100,000", "fan-out, 100,000", 9),
        ],
    )
