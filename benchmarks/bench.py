"""What every question is given: how often and how much to measure, and pools that are warm."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Self

from benchmarks import flows, pools, work
from benchmarks.environments import default_folder
from benchmarks.measure import Block, Case, Figure, Timing, alternate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from taskflow import Pipeline

#: What people lean on who build this by hand; most ratios compare with it.
REFERENCE = "loky.submit"
#: What is nearest to the ideal on this machine: one call a worker, and nothing else to do.
BARE = "two bare calls"

_LOOP = "this process alone: no parallelism, no isolation"
_LOKY = "a message per call; no graph, no retries, nothing kept"
_STANDARD = "as loky; a dead worker breaks the pool for good"
OURS = "graph, states, retries; all of it on the disk at the end"


@dataclass
class Bench:
    """How often and how much is measured, and the pools of processes to compare with.

    Used as a context manager: the pools end with it.
    """

    rounds: int
    #: This share of all sizes.
    scale: float = 1.0
    #: Whether peers take part that are not installed here, and where their environments are.
    all_peers: bool = False
    environments: Path = field(default_factory=default_folder)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def size(self, count: int) -> int:
        """This many, or the share of it that is asked for; at least four."""
        return max(4, int(count * self.scale))

    def block(self, work: str, cases: Sequence[Case], reference: str = REFERENCE) -> Block:
        """Time the cases in alternating rounds."""
        return Block(work, alternate(cases, self.rounds), reference)

    @cached_property
    def loky(self) -> Executor:
        """A pool of loky's, warm."""
        return self._warm(pools.loky())

    @cached_property
    def standard(self) -> Executor:
        """A pool of the standard library's, warm."""
        return self._warm(pools.standard())

    def _warm(self, pool: Executor) -> Executor:
        self._open.enter_context(pool)
        pools.submit(pool, partial(work.burn, seconds=0.01), 4 * work.WORKERS)
        return pool

    # --- cases that several questions have ---

    def plain(self, count: int, call: Callable[[], object], expected: object) -> Case:
        """The work in a plain loop."""
        return Case("plain loop", count, call, expected, _LOOP)

    def loky_fan_out(self) -> Case:
        """10,000 no-ops, one message each: what a fan-out, a map or a tree is compared with."""
        n = self.size(10_000)
        call = partial(pools.submit, self.loky, work.same, n)
        return Case(REFERENCE, n, call, work.sum_below(n), f"{n:,} of them; {_LOKY}")

    def standard_fan_out(self) -> Case:
        """The same by the standard library's pool."""
        n = self.size(10_000)
        call = partial(pools.submit, self.standard, work.same, n)
        note = f"{n:,} of them; {_STANDARD}"
        return Case("ProcessPoolExecutor.submit", n, call, work.sum_below(n), note)

    def bare(self, tasks: int, seconds: float) -> Case:
        """Each worker makes one call that computes for so long: what this machine can do."""
        burn = partial(work.burn, seconds=seconds)
        call = partial(pools.submit, self.standard, burn, work.WORKERS)
        note = "each worker has its half in one call: what this machine can do"
        return Case(BARE, tasks, call, work.sum_below(work.WORKERS), note, seconds)

    def ours(
        self,
        name: str,
        count: int,
        p: Pipeline[..., Any],
        expected: object,
        ideal: float | None = None,
        **params: Any,
    ) -> Case:
        """A run of taskflow with its defaults: kept, and flushed to the disk."""
        _warm_up()
        return Case(name, count, partial(flows.run, p, **params), expected, OURS, ideal)

    def ours_unkept(
        self, name: str, count: int, p: Pipeline[..., Any], expected: object, **params: Any
    ) -> Case:
        """A run of taskflow that stores nothing."""
        call = partial(flows.run_unkept, p, **params)
        return Case(name, count, call, expected, "graph, states, retries; stores nothing")


@cache
def _warm_up() -> None:
    """See to it that imports are done, and that workers have been started once."""
    flows.run(flows.fan_out, n=2)


def times_reference(block: Block, runner: str, name: str, target: float | None = None) -> Figure:
    """How many times as many tasks per second a runner does as the reference of its block."""
    reference = block.compared_with
    assert reference is not None, block.work
    return Figure(name, found(block, runner).over(reference), f"× {block.reference}", target)


def found(block: Block, runner: str) -> Timing:
    """The timing of a runner."""
    return next(each for each in block.timings if each.runner == runner)
