# /// script
# dependencies = ["distributed"]
# ///
"""A scheduler and 2 worker processes over local sockets; retries; nothing is kept."""

from __future__ import annotations

from functools import partial
from typing import Any

from distributed import Client, LocalCluster

from benchmarks import work
from benchmarks.peers.contest import Work, compete


def fan_out(client: Any, n: int) -> int:
    """Separate calls, and a sum of their futures."""
    futures = [client.submit(work.same, i, pure=False) for i in range(n)]
    return client.submit(work.total, futures, pure=False).result()


def mapped(client: Any, n: int) -> int:
    """One map, and a sum of its futures."""
    futures = client.map(work.same, range(n), pure=False)
    return client.submit(work.total, futures, pure=False).result()


def chain(client: Any, n: int) -> int:
    """Each call takes the future of the one before."""
    last: Any = work.chain(n, partial(client.submit, work.add_one, pure=False))
    return last.result()


def main() -> None:
    """On a cluster of this machine."""
    with (
        LocalCluster(
            n_workers=work.WORKERS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        compete(
            "distributed",
            fan_out=Work(2_000, partial(fan_out, client)),
            mapped=Work(2_000, partial(mapped, client)),
            chain=Work(1_000, partial(chain, client)),
        )


if __name__ == "__main__":
    main()
