"""The plugin of pytest: fixtures, and nothing that costs a session which does not ask for them.

This file is installed as a module of its own, `pytest_taskflow`: pytest imports every plugin when
it starts, and as part of the package this one would take `import taskflow` along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.interfaces import Store
    from taskflow.testing import FakeClock, Harness, History, TestedRun

#: Runs of one test whose course is shown when it fails.
_SHOWN = 5


@pytest.fixture
def taskflow_harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """All runs of this test are inline and skip what they would wait for; see `Harness`.

    `taskflow_harness.runs` are those so far, started by the code under test or by the test.
    """
    from taskflow.testing import Harness

    shown: list[str] = []

    def show(history: History) -> None:
        shown.append(history.id)
        if len(shown) <= _SHOWN:
            request.node.add_report_section("call", "taskflow", history.describe())

    with Harness(ended=show) as harness:
        yield harness


@pytest.fixture
def taskflow_run(taskflow_harness: Harness) -> Callable[..., TestedRun]:
    """Run a pipeline to its end, and tell what happened.

    `run = taskflow_run(scrape_site, domain="...")` does not raise because the run failed: look at
    `run.state`, or ask for `run.value`.
    """
    return taskflow_harness.run


@pytest.fixture
def taskflow_start(taskflow_harness: Harness) -> Iterator[Callable[..., TestedRun]]:
    """Start a pipeline in the background; what still runs at the end of the test is cancelled."""
    begun: list[TestedRun] = []

    def start(p: Any, /, *args: Any, **params: Any) -> TestedRun:
        begun.append(taskflow_harness.start(p, *args, **params))
        return begun[-1]

    yield start
    for run in begun:
        if run.state == "running":
            run.cancel()
            run.wait()


@pytest.fixture
def taskflow_clock(taskflow_harness: Harness) -> FakeClock:
    """The clock of the runs of this test; `taskflow_clock.advance("1h")` moves it."""
    return taskflow_harness.clock


@pytest.fixture
def taskflow_store(taskflow_harness: Harness) -> Store:
    """A store in memory that keeps all runs of this test."""
    return taskflow_harness.store
