"""The work in taskflow: the pipelines that the questions run, and how they run them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

import taskflow
from benchmarks import work
from taskflow import pipeline, task

if TYPE_CHECKING:
    from taskflow import Pipeline

same = task(work.same)
add_one = task(work.add_one)
add = task(work.add)
first = task(work.first)
total = task(work.total)
burn = task(work.burn)


@pipeline
def fan_out(n: int) -> int:
    """Separately traced no-ops and a sum."""
    return work.fan_out(n, same, total)


@pipeline
def mapped(n: int) -> int:
    """One map of no-ops and a sum."""
    return total(same.map(range(n)))


@pipeline
def mapped_thrice(n: int) -> int:
    """A map over a map over a map, and a sum."""
    return total(same.map(same.map(same.map(range(n)))))


@pipeline
def chain(n: int) -> int:
    """Each call takes the value of the one before."""
    return work.chain(n, add_one)


@pipeline
def tree(leaves: int) -> int:
    """A binary tree of no-ops and additions."""
    return work.tree(leaves, same, add)


@pipeline
def layers(width: int, depth: int) -> int:
    """Layers of no-ops with edges at random."""
    return work.layers(width, depth, same, first, total)


@pipeline
def burning(n: int, seconds: float) -> int:
    """Separately traced calls that compute, and a sum."""
    return total([burn(i, seconds) for i in range(n)])


def run(p: Pipeline[..., Any], /, **params: Any) -> Any:
    """Run as people run by default: kept in a store that flushes to the disk."""
    return taskflow.run(quiet(p), **params)


def run_unkept(p: Pipeline[..., Any], /, **params: Any) -> Any:
    """The same, and nothing is stored."""
    return taskflow.run(quiet(p).options(store="memory:"), **params)


def quiet(p: Pipeline[..., Any], /) -> Pipeline[..., Any]:
    """Two worker processes, a store of its own in a temporary folder, and no display."""
    return p.options(executor="processes", workers=work.WORKERS, progress=False, store=store_url())


@cache
def store_url() -> str:
    """A store that is removed when this program ends."""
    path = tempfile.mkdtemp(prefix="benchmarks-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return f"sqlite:///{path}/"
