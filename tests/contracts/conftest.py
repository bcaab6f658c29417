"""The executors that have to keep the contract."""

from __future__ import annotations

import pytest
from driving import Driver

from taskflow.executors.inline import InlineExecutor
from taskflow.executors.processes import ProcessExecutor

EXECUTORS = {"inline": InlineExecutor, "processes": lambda: ProcessExecutor(2)}


@pytest.fixture(scope="module", params=EXECUTORS)
def driver(request, tmp_path_factory):
    """One executor of each kind for all tests of a module."""
    executor = EXECUTORS[request.param]()
    yield Driver(executor, tmp_path_factory.mktemp("run"))
    executor.stop()


@pytest.fixture(params=EXECUTORS)
def executor(request):
    """An executor of its own, not started."""
    made = EXECUTORS[request.param]()
    yield made
    made.stop()
