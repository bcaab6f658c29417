# /// script
# dependencies = ["dagster"]
# ///
"""Ops one after the other in one process; a graph, events and values in memory."""

from __future__ import annotations

import dagster

from benchmarks import work
from benchmarks.peers.contest import Work, compete


@dagster.op(out=dagster.Out(int))
def one() -> int:
    """A no-op: what is constant is no input."""
    return work.same(1)


@dagster.op(ins={"x": dagster.In(int)}, out=dagster.Out(int))
def add_one(x: int) -> int:
    """One more."""
    return work.add_one(x)


@dagster.op(ins={"xs": dagster.In(list[int])}, out=dagster.Out(int))
def count(xs: list[int]) -> int:
    """How many there are, made to look like the sum of numbers."""
    return work.sum_below(work.total(xs))


def fan_out(n: int) -> int:
    """Separate ops, and a sum."""

    @dagster.job
    def all_of_them() -> None:
        count([one.alias(f"one_{i}")() for i in range(n)])

    return all_of_them.execute_in_process().output_for_node("count")


def chain(n: int) -> int:
    """Each op takes the value of the one before."""

    @dagster.job
    def links() -> None:
        x = one.alias("one_0")()
        for i in range(1, n):
            x = add_one.alias(f"one_{i}")(x)

    return links.execute_in_process().output_for_node(f"one_{n - 1}")


if __name__ == "__main__":
    compete("dagster", fan_out=Work(200, fan_out), chain=Work(100, chain))
