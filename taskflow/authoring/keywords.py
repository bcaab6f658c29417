"""The options of tasks and pipelines by name and type, for editors and type checkers.

What they do is told where they are declared: at `@task`, `@pipeline` and `Pipeline.options`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from taskflow.interfaces import Executor
    from taskflow.policies import Cache, Duration, Limit, Rate, Retry, Schedule


class TaskOptions(TypedDict, total=False):
    """The options of `@task`."""

    retries: int
    retry_delay: Duration
    retry_backoff: float
    retry_jitter: float
    retry_on: Any
    retry: Retry | None
    timeout: Duration | None
    cache: bool | Cache
    version: str | int | None
    ttl: Duration | None
    ignore: str | Iterable[str]
    executor: str | None
    limit: int | Limit | Iterable[Limit] | None
    rate: str | Rate | Iterable[Rate] | None
    priority: int
    trigger_rule: str
    outputs: int | None
    name: str | None
    label: str | None
    tags: str | Iterable[str]


class CallOptions(TaskOptions, total=False):
    """And of a call: what it waits for, and how the elements of a map are named."""

    after: Any
    key: Callable[..., Any] | None


class PipelineOptions(TypedDict, total=False):
    """The options of `@pipeline`."""

    schedule: str | Schedule | Sequence[str | Schedule] | None
    timezone: str | None
    catchup: str
    overlap: str
    max_active_runs: int | None
    misfire_grace: Duration | None
    fail_fast: bool
    timeout: Duration | None
    on_success: Callable[..., Any] | None
    on_failure: Callable[..., Any] | None
    on_late: Callable[..., Any] | None
    on_skipped: Callable[..., Any] | None
    tags: str | Iterable[str]
    dynamic: bool
    max_depth: int
    max_tasks: int
    name: str | None


class RunOptions(PipelineOptions, total=False):
    """And of a pipeline as it runs, or is nested."""

    after: Any
    key: Callable[..., Any] | None
    executor: str | Executor | None
    workers: int | None
    store: Any
    durability: str
    progress: bool | None
