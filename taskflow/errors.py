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
    ├── StoreError             the history of runs cannot be read or written
    │   ├── StoreFullError         ... since the disk is full
    │   ├── RunOwnedError          another process drives the run
    │   └── UnknownRunError        no run has that name
    ├── WorkerFault            a worker cannot do its own part: disk full, a value's file gone
    │   └── ValueDamagedError      ... a value's file is not what was written
    ├── TaskError              what ended a task, when it is not an exception of its own
    │   ├── TaskTimeout            the body ran longer than its timeout
    │   ├── TaskCrashed            the worker died under it
    │   ├── ResultError            the result cannot be stored or read back
    │   └── RemoteError            stands for an exception that cannot be pickled
    ├── Skip, RetryLater       raised by a task on purpose
    └── RunError               a run ended without its value
        ├── RunFailed
        ├── RunTimedOut
        ├── RunCancelled
        └── RunPaused              nothing more could be kept of it

A message says what happened, where, and what to write instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class TaskflowError(Exception):
    """The root of every error that taskflow raises by itself.

    Catch it around a run to tell what taskflow has to say from what your own code raises
    outside of tasks.
    """


class DefinitionError(TaskflowError, TypeError):
    """A task, pipeline, schedule or option is declared in a way that cannot work.

    Raised where the declaration or the call stands, before anything runs. The message names the
    option or argument, and the nearest one that exists.
    """


class FutureError(TaskflowError, TypeError):
    """A future was used as if its value were already there.

    The body of a pipeline only says what is to run: a call of a task gives a future, which can be
    passed on, taken apart and ordered. What needs the value belongs into a task; the message says
    what was done, on which line, where the future was made, and what to write instead.
    """


class FutureAttributeError(FutureError, AttributeError):
    """An attribute was read from a future whose class does not declare it.

    Fields are lifted when the task is annotated with the class that it returns: a dataclass,
    NamedTuple, attrs, msgspec or pydantic class. It is an `AttributeError` too, so `hasattr` works.
    """


class ArgumentError(TaskflowError, TypeError):
    """An argument cannot be pickled, so it cannot travel to a worker.

    Arguments are taken at the call, and the message shows the path to the culprit. Pass plain data
    (a path, a URL, an id), and open files and connections inside the task, or in a `@resource`.
    """


class CycleError(TaskflowError, ValueError):
    """Calls of a pipeline wait for each other; `cycle` holds their task keys in order.

    Data alone cannot make a circle; `>>`, `order` and `after=` can. Take one of those out.
    """

    def __init__(self, message: str, cycle: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.cycle = tuple(cycle)


class RunawayError(TaskflowError, RecursionError):
    """A pipeline nests deeper than `max_depth`, or expands into more than `max_tasks` calls.

    Nearly always a recursion without an end: the message shows its chain of calls. Where that many
    are meant, raise the bound: `@pipeline(dynamic=True, max_depth=...)`.
    """


class ParameterError(TaskflowError, TypeError):
    """A pipeline was given parameters that do not fit its signature.

    Raised before anything starts, for all wrong parameters at once, and in the same words from
    Python and from the command line.
    """


class LoadError(TaskflowError, ImportError):
    """A file of pipelines cannot be imported, or holds no such pipeline.

    For commands such as `taskflow run FILE[:NAME]`, which import the file that they are given.
    """


class CodeError(TaskflowError):
    """Code cannot be sent to, or found by, the workers.

    Functions of a script or notebook travel with the globals they use: make what cannot be
    pickled inside the task, or move the tasks to a module and import them.
    """


class ExecutorError(TaskflowError, RuntimeError):
    """An executor cannot start, or cannot go on.

    The machine lacks something: room for the files of a run, file descriptors, memory for
    another process. The run ends; the message says what to free or to raise.
    """


class StoreError(TaskflowError, RuntimeError):
    """The history of runs cannot be read or written.

    The folder is missing or read-only, the file is damaged or newer than this version, the disk
    fails. The message names the path and says what to do.
    """


class StoreFullError(StoreError):
    """The disk that holds the store is full.

    The run pauses: what had ended before is kept, and `taskflow resume` goes on after some space
    was freed.
    """


class RunOwnedError(StoreError):
    """Another process drives the run.

    One process at a time drives a run; the message says which, and since when.
    """


class UnknownRunError(StoreError):
    """No run has the name that was asked for, or more than one begins with it.

    `taskflow runs` lists the runs with their ids; `last` and `last-failed` are names, too.
    """


class WorkerFault(TaskflowError, RuntimeError):  # noqa: N818 - not the task's own error
    """A worker could not do its own part: write a value, or find the file of one.

    The disk is full, or somebody cleaned up the folder of a run while it was going on. It says
    nothing about the task, whose `retry_on` is not asked.
    """


class ValueDamagedError(WorkerFault):
    """The file of a value is gone, cut short, or not what was written.

    Somebody changed it, or the disk lost a part of it. The message names the file; a resume with
    `--repair` runs again what made it.
    """


class TaskError(TaskflowError):
    """A task ended badly without an exception of its own.

    Catch it to tell what happened to a task from what its body raised.
    """


class TaskTimeout(TaskError, TimeoutError):  # noqa: N818 - the words of the DSL
    """The body of a task ran longer than its `timeout`.

    Each attempt has the whole timeout, and a timeout uses up a retry. A worker process is killed
    even when the body is stuck in C code; in this process it ends at its next bytecode.
    """


class TaskCrashed(TaskError):  # noqa: N818 - the words of the DSL
    """The worker died while it ran this task.

    A segmentation fault, `os._exit`, the kernel's OOM killer. Other tasks do not notice; this one
    is tried again, and ends as `crashed` when it has taken a third worker with it.
    """


class ResultError(TaskError):
    """The result of a task cannot be pickled, cannot be read back, or is not what was promised.

    Values travel between processes: return plain data in place of a connection, lock or socket,
    and as many values as `outputs=` says.
    """


class RemoteError(TaskError):
    """Stands for an exception that could not be pickled; the text and traceback are kept.

    Most often its `__init__` takes other arguments than it hands to `super().__init__`.
    """


class Skip(TaskflowError):  # noqa: N818 - the words of the DSL
    """Raise it in a task to end it as `skipped`; its dependants are skipped too.

    A skipped element of a map leaves the collected list, so this is how a map is filtered.
    """

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class RetryLater(TaskflowError):  # noqa: N818 - the words of the DSL
    """Raise it in a task to run it again after `delay`, without using up a retry.

    `delay` is in seconds, a `timedelta`, or a text such as `"5m"`. Meanwhile the task holds no
    worker and no limit: for polling, and for servers that say when to come back.
    """

    def __init__(self, delay: Any, why: str = "") -> None:
        super().__init__(delay, why)
        self.delay = delay
        self.why = why

    def __str__(self) -> str:
        after = f"{self.delay} s" if isinstance(self.delay, (int, float)) else self.delay
        return f"again after {after}" + (f": {self.why}" if self.why else "")


class RunError(TaskflowError):
    """A run ended without its value; `run` is its handle.

    `error.run.state` says how it ended, `error.run.failures` what failed.
    """

    def __init__(self, message: str, run: Any = None) -> None:
        super().__init__(message)
        self.run = run

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the handle behind: it belongs to the process of the run."""
        return type(self), (str(self),)


class RunFailed(RunError):  # noqa: N818 - the words of the DSL
    """A task failed and nobody took the failure as a value; `failures` lists what failed.

    Raised after all that could run has ended; its `__cause__` is the first failure's exception.
    `successes(xs)`, `outcomes(xs)` and `outcome(x)` take failures as values.
    """

    @property
    def failures(self) -> list[Any]:
        """What failed: a `Failure` (error, task key) for each."""
        return [] if self.run is None else list(self.run.failures)


class RunTimedOut(RunError):  # noqa: N818 - the words of the DSL
    """The run took longer than its `timeout`.

    What ran then was cancelled. `@pipeline(timeout=...)` or `p.options(timeout=...)` sets it.
    """


class RunCancelled(RunError):  # noqa: N818 - the words of the DSL
    """The run was cancelled.

    Somebody called `run.cancel()`, in this process or from elsewhere.
    """


class RunPaused(RunError):  # noqa: N818 - the words of the DSL
    """The run stopped since nothing more could be kept of it: the disk is full, or fails.

    What had ended before is kept. `taskflow resume`, or `taskflow.resume(error.run.id)`, goes on
    once the cause is mended; the message says what it is.
    """


class ImportEnded(BaseException):
    """`run` or `start` was reached while taskflow imports a file; the import ends there."""
