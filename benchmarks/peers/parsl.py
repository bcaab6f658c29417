# /// script
# dependencies = ["parsl"]
# ///
"""A broker and 2 worker processes over local sockets; retries; nothing is kept by default."""

from __future__ import annotations

from typing import Any

import parsl
from parsl.config import Config
from parsl.dataflow.dependency_resolvers import DEEP_DEPENDENCY_RESOLVER
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
from parsl.usage_tracking.levels import DISABLED

from benchmarks import work
from benchmarks.peers.contest import Work, compete

same = parsl.python_app(work.same)
add_one = parsl.python_app(work.add_one)
total = parsl.python_app(work.total)


def fan_out(n: int) -> int:
    """Separate calls, and a sum of their futures."""
    last: Any = work.fan_out(n, same, total)
    return last.result()


def chain(n: int) -> int:
    """Each call takes the future of the one before."""
    last: Any = work.chain(n, add_one)
    return last.result()


def main() -> None:
    """On this machine alone."""
    workers = HighThroughputExecutor(
        address="127.0.0.1",
        max_workers_per_node=work.WORKERS,
        cores_per_worker=0.5,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
    )
    config = Config(
        executors=[workers],
        dependency_resolver=DEEP_DEPENDENCY_RESOLVER,  # futures in lists
        usage_tracking=DISABLED,
    )
    with parsl.load(config):
        compete("parsl", fan_out=Work(3_000, fan_out), chain=Work(1_000, chain))


if __name__ == "__main__":
    main()
