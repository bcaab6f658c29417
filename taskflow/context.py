"""What a task, or the body of a pipeline, sees of the run it is part of: `current`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from datetime import datetime

    from taskflow.call import Call


class Context:
    """The facts behind `current`: of a run (in a pipeline's body) or of one attempt."""

    __slots__ = (
        "attempt",
        "call",
        "data_interval",
        "element",
        "inputs_digest",
        "kept",
        "records",
        "report_progress",
        "run_dir",
        "run_id",
        "scheduled_time",
        "settle",
        "task_key",
    )

    def __init__(
        self,
        run_id: str,
        run_dir: str,
        scheduled_time: datetime | None = None,
        data_interval: tuple[datetime, datetime] | None = None,
        *,
        kept: bool = False,
    ) -> None:
        self.run_id = run_id
        self.run_dir = run_dir
        self.scheduled_time = scheduled_time
        self.data_interval = data_interval
        #: Whether the run is kept in a store, so that somebody may compare its code later.
        self.kept = kept
        self.task_key: str | None = None
        self.element: Any = None
        self.attempt = 1
        self.call: Call | None = None
        #: The digest of what this attempt is given, as a text; None outside of a task.
        self.inputs_digest: Callable[[], str] | None = None
        #: Waits until what this attempt is given is kept; None where that is not needed.
        self.settle: Callable[[], None] | None = None
        self.report_progress: Callable[[float, float | None], None] | None = None
        #: Takes the records of `current.logger` in the engine's own process; in a worker all
        #: records are taken.
        self.records: logging.Handler | None = None


context: ContextVar[Context | None] = ContextVar("taskflow_context", default=None)


class Current:
    """What a task, or a pipeline's body, can know about the run it is part of.

    `run_id`, `run_dir` (a directory that lives as long as the run), `scheduled_time` and
    `data_interval` are there in both; `task_key`, `element` (index or map key), `attempt`,
    `idempotency_key`, `logger` and `progress` only inside a task. Outside a run every fact is
    None, `attempt` is 1, and `progress` does nothing, so tasks can be called plainly.
    """

    @property
    def run_id(self) -> str | None:
        """The id of the run."""
        found: str | None = _fact("run_id")
        return found

    @property
    def run_dir(self) -> str | None:
        """A directory that lives as long as the run."""
        found: str | None = _fact("run_dir")
        return found

    @property
    def scheduled_time(self) -> datetime | None:
        """The tick this run is for, in its schedule's zone; else when it was created, in UTC."""
        found: datetime | None = _fact("scheduled_time")
        return found

    @property
    def data_interval(self) -> tuple[datetime, datetime] | None:
        """The span of time this run is for: from the previous tick to this one."""
        found: tuple[datetime, datetime] | None = _fact("data_interval")
        return found

    @property
    def element(self) -> Any:
        """The index or map key of this element; None outside a map."""
        return _fact("element")

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return _fact("attempt") or 1

    @property
    def task_key(self) -> str | None:
        """The key of this task run, such as `scrape_site/fetch_page[17]`."""
        facts = context.get()
        if facts is None or facts.task_key is None:
            return None
        element = facts.element
        return facts.task_key if element is None else f"{facts.task_key}[{element}]"

    @property
    def idempotency_key(self) -> str | None:
        """Names the run, the task and its inputs: equal for all attempts of one task run.

        Reading it in a worker process waits until the inputs are kept, so that no crash can give
        another attempt other inputs.
        """
        facts = context.get()
        if facts is None or facts.inputs_digest is None:
            return None
        if facts.settle is not None:
            facts.settle()
        return f"{facts.run_id}/{self.task_key}/{facts.inputs_digest()}"

    @property
    def logger(self) -> logging.Logger:
        """A logger whose records from INFO up are shown with the task's output."""
        import logging  # here: `import taskflow` does without it

        logger = logging.getLogger("taskflow.task")
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
        # A filter, since with a handler here Python would show warnings no more to programs that
        # have set up none.
        if _handed_on not in logger.filters:
            logger.addFilter(_handed_on)
        return logger

    def progress(self, done: float, total: float | None = None) -> None:
        """Say how far this task is; shown beside it while it runs."""
        facts = context.get()
        if facts is not None and facts.report_progress is not None:
            facts.report_progress(done, total)

    def __repr__(self) -> str:
        return f"<current run_id={self.run_id!r} task_key={self.task_key!r}>"


def _handed_on(record: logging.LogRecord) -> bool:
    """Let the engine have a record, too, that a body makes in its process."""
    facts = context.get()
    if facts is not None and facts.records is not None:
        facts.records.handle(record)
    return True


def _fact(name: str) -> Any:
    facts = context.get()
    return None if facts is None else getattr(facts, name)


current: Final = Current()
