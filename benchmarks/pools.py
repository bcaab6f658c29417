"""The work in pools of processes: what `concurrent.futures`, loky and joblib offer.

An environment need only have the one that is asked for.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.work import WORKERS, add_one, same, total

if TYPE_CHECKING:
    from collections.abc import Callable


def standard() -> Executor:
    """A pool of the standard library's; spawned, since forking beside threads is unsafe."""
    return ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))


def loky() -> Executor:
    """A pool of loky's."""
    from loky import ProcessPoolExecutor as LokyExecutor

    pool: Executor = LokyExecutor(WORKERS)
    return pool


def submit(pool: Executor, function: Callable[[int], int], n: int) -> int:
    """A call for each task; the sum is a call too."""
    futures = [pool.submit(function, i) for i in range(n)]
    return pool.submit(total, [future.result() for future in futures]).result()


def submit_chain(pool: Executor, n: int) -> int:
    """A round trip for each link."""
    x = 0
    for _ in range(n):
        x = pool.submit(add_one, x).result()
    return x


def map_in_chunks(pool: Executor, n: int) -> int:
    """Four chunks for each worker; the sum is a call too."""
    chunk = max(1, n // (4 * WORKERS))
    return pool.submit(total, list(pool.map(same, range(n), chunksize=chunk))).result()


def joblib_fan_out(function: Callable[[int], int], n: int) -> int:
    """A call for each task, which joblib puts in batches itself; the sum is not in a worker."""
    from joblib import Parallel, delayed

    return total(Parallel(n_jobs=WORKERS)(delayed(function)(i) for i in range(n)))


def call_once(make: Callable[[], Executor]) -> int:
    """Start a pool, call once, end the pool."""
    with make() as pool:
        return pool.submit(same, 1).result()
