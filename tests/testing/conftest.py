"""The fixtures of the package, as its users have them: here also where it is not installed."""

from taskflow.testing.pytest_taskflow import (
    taskflow_clock,
    taskflow_harness,
    taskflow_run,
    taskflow_start,
    taskflow_store,
)

__all__ = [
    "taskflow_clock",
    "taskflow_harness",
    "taskflow_run",
    "taskflow_start",
    "taskflow_store",
]
