"""The executors that have to keep the contract, and the lanes of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from driving import Driver

from taskflow.executors.inline import InlineExecutor
from taskflow.executors.processes import ProcessExecutor
from taskflow.executors.threads import ThreadExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.interfaces import Executor


class Lane(NamedTuple):
    """An executor, and the kind of slot that is looked at."""

    make: Callable[[], Executor]
    kind: str


SERIAL = {
    "inline": Lane(InlineExecutor, "inline"),
    "processes": Lane(lambda: ProcessExecutor(2), "processes"),
    "threads-processes": Lane(ThreadExecutor, "processes"),
}
WIDE = {
    "threads": Lane(ThreadExecutor, "threads"),
    "threads-async": Lane(ThreadExecutor, "async"),
    "processes-threads": Lane(lambda: ProcessExecutor(2), "threads"),
    "processes-async": Lane(lambda: ProcessExecutor(2), "async"),
}
LANES = {**SERIAL, **WIDE}
#: These run the same steps as others that are here: what all lanes promise is looked at in a ring.
ALIKE = ("threads-processes", "threads-async", "processes-threads")


def most(lanes):
    """The names of lanes as parameters, those that are like others in a ring."""
    ring = pytest.mark.ring_long
    return [pytest.param(name, marks=ring) if name in ALIKE else name for name in lanes]


KILLABLE = {name: LANES[name] for name in ("processes", "processes-threads", "processes-async")}
EXECUTORS = {
    "inline": InlineExecutor,
    "processes": lambda: ProcessExecutor(2),
    "threads": ThreadExecutor,
}


def _driven(lane, folder):
    executor = lane.make()
    yield Driver(executor, folder, lane.kind)
    executor.stop()


@pytest.fixture(scope="module", params=most(LANES))
def driver(request, tmp_path_factory):
    """One slot of each kind for all tests of a module."""
    yield from _driven(LANES[request.param], tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module", params=most(SERIAL))
def serial(request, tmp_path_factory):
    """One slot of each kind that runs its calls one after another."""
    yield from _driven(SERIAL[request.param], tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module", params=most(WIDE))
def wide(request, tmp_path_factory):
    """One slot of each kind that runs many bodies side by side."""
    yield from _driven(WIDE[request.param], tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module", params=most(KILLABLE))
def killable(request, tmp_path_factory):
    """One slot of each kind that can be ended against its will."""
    yield from _driven(KILLABLE[request.param], tmp_path_factory.mktemp("run"))


@pytest.fixture(params=most(LANES))
def fresh(request, tmp_path):
    """One slot of each kind for one test alone."""
    yield from _driven(LANES[request.param], tmp_path)


@pytest.fixture(params=most(KILLABLE))
def fresh_killable(request, tmp_path):
    """One slot of each kind that can be ended against its will, for one test alone."""
    yield from _driven(KILLABLE[request.param], tmp_path)


@pytest.fixture(params=EXECUTORS)
def executor(request):
    """An executor of its own, not started."""
    made = EXECUTORS[request.param]()
    yield made
    made.stop()
