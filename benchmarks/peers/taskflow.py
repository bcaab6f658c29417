# /// script
# dependencies = ["taskflow-orchestrator"]
# ///
"""2 processes, a graph, retries; each task run is committed to SQLite, all flushed at the end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import flows
from benchmarks.peers.contest import Work, compete

if TYPE_CHECKING:
    from taskflow import Pipeline


def run(p: Pipeline[[int], int], n: int) -> object:
    """Run as by default."""
    return flows.run(p, n=n)


def main() -> None:
    """Each kind of work is a pipeline."""
    compete(
        "taskflow",
        fan_out=Work(100_000, partial(run, flows.fan_out)),
        mapped=Work(1_000_000, partial(run, flows.mapped)),
        chain=Work(20_000, partial(run, flows.chain)),
    )


if __name__ == "__main__":
    main()
