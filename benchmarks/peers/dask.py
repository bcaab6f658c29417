# /// script
# dependencies = ["dask"]
# ///
"""Its local schedulers: 2 threads, or 2 processes; a graph in memory, no retries, nothing kept."""

from __future__ import annotations

from functools import partial

import dask
from dask import delayed

from benchmarks import work
from benchmarks.peers.contest import Work, compete


def fan_out(scheduler: str, n: int) -> int:
    """Separate delayed calls, and a sum."""
    graph = work.fan_out(n, delayed(work.same, pure=False), delayed(work.total))
    return _value(scheduler, graph)


def chain(scheduler: str, n: int) -> int:
    """Delayed calls, each of the one before."""
    return _value(scheduler, work.chain(n, delayed(work.add_one, pure=False)))


def _value(scheduler: str, graph: object) -> int:
    # Fusing would make the chain one task: no peer of it is allowed that.
    with dask.config.set({"optimization.fuse.active": False}):
        (value,) = dask.compute(graph, scheduler=scheduler, num_workers=work.WORKERS)
    return value


def main() -> None:
    """With threads, then with processes."""
    for scheduler, tasks in (("threads", 3_000), ("processes", 2_000)):
        compete(
            f"dask, {scheduler}",
            fan_out=Work(tasks, partial(fan_out, scheduler)),
            chain=Work(tasks // 10, partial(chain, scheduler)),
        )


if __name__ == "__main__":
    main()
