# /// script
# dependencies = ["pipefunc"]
# ///
"""Maps in chunks over 2 processes; the graph is fixed, results stay in memory; no retries."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipefunc import PipeFunc, Pipeline

from benchmarks import pools, work
from benchmarks.peers.contest import Work, compete

if TYPE_CHECKING:
    from concurrent.futures import Executor


def mapped(pool: Executor, n: int) -> int:
    """One map, and a sum."""
    same = PipeFunc(work.same, output_name="y", mapspec="x[i] -> y[i]")
    end = PipeFunc(work.total, output_name="sum", renames={"xs": "y"})
    pipeline = Pipeline([same, end], validate_type_annotations=False)
    found = pipeline.map({"x": list(range(n))}, executor=pool, storage="dict", show_progress=False)
    return int(found["sum"].output)


def chain(n: int) -> int:
    """A function for each link; it runs them in this process."""
    links = [
        PipeFunc(work.add_one, output_name=f"x{i + 1}", renames={"x": f"x{i}"}) for i in range(n)
    ]
    return int(Pipeline(links).run(f"x{n}", kwargs={"x0": 0}))


def main() -> None:
    """With a pool of the standard library."""
    with pools.standard() as pool:
        compete("pipefunc", mapped=Work(100_000, partial(mapped, pool)), chain=Work(150, chain))


if __name__ == "__main__":
    main()
