# /// script
# dependencies = []
# ///
"""One process, no parallelism, no isolation, nothing kept: what Python itself takes."""

from __future__ import annotations

from benchmarks import work
from benchmarks.peers.contest import Work, compete

if __name__ == "__main__":
    compete(
        "plain loop",
        fan_out=Work(1_000_000, work.fan_out),
        chain=Work(1_000_000, work.chain),
    )
