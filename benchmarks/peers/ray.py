# /// script
# dependencies = ["ray"]
# ///
"""Its own servers and 2 worker processes, retries, an object store in memory; nothing is kept."""

from __future__ import annotations

import ray

from benchmarks import work
from benchmarks.peers.contest import Work, compete

same = ray.remote(work.same)
add_one = ray.remote(work.add_one)


@ray.remote
def total(*xs: int) -> int:
    """The sum; futures have to be arguments themselves to be waited for."""
    return sum(xs)


def fan_out(n: int) -> int:
    """Separate calls, and a sum."""
    return ray.get(work.fan_out(n, same.remote, lambda xs: total.remote(*xs)))


def chain(n: int) -> int:
    """Each call takes the reference of the one before."""
    return ray.get(work.chain(n, add_one.remote))


def main() -> None:
    """On this machine alone."""
    ray.init(num_cpus=work.WORKERS, include_dashboard=False, log_to_driver=False)
    compete("ray", fan_out=Work(5_000, fan_out), chain=Work(2_000, chain))
    ray.shutdown()


if __name__ == "__main__":
    main()
