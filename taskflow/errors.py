"""Every exception of taskflow, under one root.

    TaskflowError
    ├── DefinitionError        a task, pipeline, schedule or option is declared wrongly
    ├── FutureError            a future is used as if it were already a value
    │   └── FutureAttributeError   ... by reading an attribute (also an AttributeError)
    ├── ArgumentError          an argument cannot travel to another process
    ├── CycleError             calls wait for each other
    ├── RunawayError           an expansion went deeper or wider than allowed
    ├── ParameterError         a pipeline is called with wrong parameters
    ├── LoadError              a file of pipelines cannot be imported
    ├── CodeError              code or values cannot reach the workers
    ├── ExecutorError          an executor cannot start or go on
    ├── WorkerFault            a worker cannot do its own part: disk full, a value's file gone
    ├── TaskError              what ended a task, when it is not an exception of its own
    │   ├── TaskTimeout            the body ran longer than its timeout
    │   ├── TaskCrashed            the worker died under it
    │   ├── ResultError            the result cannot be stored or read back
    │   └── RemoteError            stands for an exception that cannot be pickled
    ├── Skip, RetryLater       raised by a task on purpose
    └── RunError               a run ended without its value
        ├── RunFailed
        ├── RunTimedOut
        └── RunCancelled

A message says what happened, where, and what to write instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class TaskflowError(Exception):
    """The root of every error that taskflow raises by itself."""


class DefinitionError(TaskflowError, TypeError):
    """A task, pipeline, schedule or option is declared in a way that cannot work."""


class FutureError(TaskflowError, TypeError):
    """A future was used as if its value were already there."""


class FutureAttributeError(FutureError, AttributeError):
    """An attribute was read from a future whose class does not declare it."""


class ArgumentError(TaskflowError, TypeError):
    """An argument cannot be pickled, so it cannot travel to a worker."""


class CycleError(TaskflowError, ValueError):
    """Calls of a pipeline wait for each other; `cycle` holds their task keys in order."""

    def __init__(self, message: str, cycle: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.cycle = tuple(cycle)


class RunawayError(TaskflowError, RecursionError):
    """A dynamic pipeline expanded deeper than `max_depth` or wider than `max_tasks`."""


class ParameterError(TaskflowError, TypeError):
    """A pipeline was given parameters that do not fit its signature."""


class LoadError(TaskflowError, ImportError):
    """A file of pipelines cannot be imported, or holds no such pipeline."""


class CodeError(TaskflowError):
    """Code cannot be sent to, or found by, the workers."""


class ExecutorError(TaskflowError, RuntimeError):
    """An executor cannot start, or cannot go on."""


class WorkerFault(TaskflowError, RuntimeError):  # noqa: N818 - not the task's own error
    """A worker could not do its own part: write a value, or find the file of one."""


class TaskError(TaskflowError):
    """A task ended badly without an exception of its own."""


class TaskTimeout(TaskError, TimeoutError):  # noqa: N818 - the words of the DSL
    """The body of a task ran longer than its `timeout`."""


class TaskCrashed(TaskError):  # noqa: N818 - the words of the DSL
    """The worker died while it ran this task."""


class ResultError(TaskError):
    """The result of a task cannot be pickled, or cannot be read back."""


class RemoteError(TaskError):
    """Stands for an exception that could not be pickled; the text and traceback are kept."""


class Skip(TaskflowError):  # noqa: N818 - the words of the DSL
    """Raise it in a task to end it as `skipped`; its dependants are skipped too."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class RetryLater(TaskflowError):  # noqa: N818 - the words of the DSL
    """Raise it in a task to run it again after `delay`, without using up a retry.

    `delay` is in seconds, a `timedelta`, or a text such as `"5m"`.
    """

    def __init__(self, delay: Any, why: str = "") -> None:
        super().__init__(delay, why)
        self.delay = delay
        self.why = why


class RunError(TaskflowError):
    """A run ended without its value; `run` is its handle."""

    def __init__(self, message: str, run: Any = None) -> None:
        super().__init__(message)
        self.run = run

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the handle behind: it belongs to the process of the run."""
        return type(self), (str(self),)


class RunFailed(RunError):  # noqa: N818 - the words of the DSL
    """A task failed and nobody took the failure as a value; `failures` lists what failed."""

    @property
    def failures(self) -> list[Any]:
        """What failed: a `Failure` (error, task key) for each."""
        return [] if self.run is None else list(self.run.failures)


class RunTimedOut(RunError):  # noqa: N818 - the words of the DSL
    """The run took longer than its `timeout`."""


class RunCancelled(RunError):  # noqa: N818 - the words of the DSL
    """The run was cancelled."""


class ImportEnded(BaseException):
    """`run` or `start` was reached while taskflow imports a file; the import ends there."""
