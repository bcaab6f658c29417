"""Ordinary Python functions become parallel pipelines.

    from taskflow import pipeline, task
    import taskflow

    @task
    def double(x: int) -> int:
        return 2 * x

    @pipeline
    def doubled(n: int = 5) -> list[int]:
        return double.map(range(n))

    taskflow.run(doubled, n=3)      # [0, 2, 4], in parallel worker processes

Not OpenStack's TaskFlow, which has the same import name; see `_clash`.
"""

from taskflow._clash import refuse_clash

refuse_clash()

from typing import TYPE_CHECKING

from taskflow.authoring.constructs import (
    flatten,
    order,
    outcome,
    outcomes,
    successes,
    when,
)
from taskflow.authoring.pipeline import Pipeline, pipeline
from taskflow.authoring.resource import Resource, resource
from taskflow.authoring.starting import rerun, resume, run, start
from taskflow.authoring.task import Task, each, task
from taskflow.call import Failure
from taskflow.context import current
from taskflow.errors import (
    FutureError,
    RetryLater,
    RunCancelled,
    RunFailed,
    RunPaused,
    RunTimedOut,
    Skip,
    TaskCrashed,
    TaskflowError,
    TaskTimeout,
)
from taskflow.policies import Cache, Limit, Rate, Retry, Schedule
from taskflow.secret import Secret

if TYPE_CHECKING:
    from taskflow.handle import Run

#: What `_clash` looks for, to know that this file was not overwritten.
__orchestrator__ = True
__version__ = "0.1.0"

__all__ = [
    "Cache",
    "Failure",
    "FutureError",
    "Limit",
    "Pipeline",
    "Rate",
    "Resource",
    "Retry",
    "RetryLater",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunPaused",
    "RunTimedOut",
    "Schedule",
    "Secret",
    "Skip",
    "Task",
    "TaskCrashed",
    "TaskTimeout",
    "TaskflowError",
    "current",
    "each",
    "flatten",
    "order",
    "outcome",
    "outcomes",
    "pipeline",
    "rerun",
    "resource",
    "resume",
    "run",
    "start",
    "successes",
    "task",
    "when",
]


def __getattr__(name: str) -> object:
    """Import `Run`, which only annotations name, when it is asked for: it costs what a run does."""
    if name == "Run":
        from taskflow.handle import Run

        return Run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
