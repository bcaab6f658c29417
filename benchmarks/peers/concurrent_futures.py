# /// script
# dependencies = []
# ///
"""2 processes, a message per call or 8 chunks of a map; a dead worker breaks the pool; no graph."""

from __future__ import annotations

from functools import partial

from benchmarks import pools, work
from benchmarks.peers.contest import Work, compete


def main() -> None:
    """Submit calls, and map in chunks."""
    with pools.standard() as pool:
        compete(
            "concurrent.futures",
            fan_out=Work(20_000, partial(pools.submit, pool, work.same)),
            mapped=Work(1_000_000, partial(pools.map_in_chunks, pool)),
            chain=Work(5_000, partial(pools.submit_chain, pool)),
        )


if __name__ == "__main__":
    main()
