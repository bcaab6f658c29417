# /// script
# dependencies = ["joblib"]
# ///
"""2 processes, calls in batches that it sizes itself; no graph, no retries, nothing kept."""

from __future__ import annotations

from functools import partial

from benchmarks import pools, work
from benchmarks.peers.contest import Work, compete

if __name__ == "__main__":
    compete("joblib", fan_out=Work(100_000, partial(pools.joblib_fan_out, work.same)))
