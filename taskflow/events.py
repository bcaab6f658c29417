"""What happens in a run, as frozen records.

Records are shaped for batches: one `TasksEnded` covers a span of map elements, so a map of a
million elements makes some hundreds of records, not a million.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskflow.lifecycle import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taskflow.call import ErrorReport

# --- records -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; `params` are (name, text) pairs with secrets masked.

    `values` are the same as JSON has them.
    """

    run_id: str
    pipeline: str
    params: tuple[tuple[str, str], ...]
    time: float
    executor: str = "processes"
    slots: int = 1
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TasksPlanned:
    """`count` more task runs of the task shown as `name` are known; `path` is the first's."""

    name: str
    count: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class TasksStarted:
    """A slot was given `count` task runs of `name`."""

    name: str
    count: int
    slot: int


@dataclass(frozen=True, slots=True)
class TasksReturned:
    """`count` task runs of `name` that a slot was given did not run there after all."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class TasksEnded:
    """A task run ended, or `count` map elements from `first` on ended alike.

    `key` is the task key of a single task run or of the map; `running` says whether a slot
    had been given them. `taken` in a later `FailureTaken` refers to the same keys.
    """

    key: str
    name: str
    state: str
    seconds: float = 0.0
    attempt: int = 1
    first: int = -1
    count: int = 1
    running: bool = True
    error: ErrorReport | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class TasksDone:
    """Calls of one task in one place succeeded at their first attempt; most do, so in columns.

    `key` is that of the first call there; the others have their number behind it: `key#2`.
    """

    key: str
    name: str
    numbers: Sequence[int]
    seconds: Sequence[float]

    def apart(self) -> Iterator[TasksEnded]:
        """Each as an event of its own."""
        for number, seconds in zip(self.numbers, self.seconds, strict=True):
            key = self.key if number == 1 else f"{self.key}#{number}"
            yield TasksEnded(key, self.name, SUCCEEDED, seconds)


@dataclass(frozen=True, slots=True)
class TaskRetrying:
    """An attempt failed and another comes in `delay` seconds."""

    key: str
    name: str
    attempt: int
    delay: float
    why: str
    running: bool = True


@dataclass(frozen=True, slots=True)
class TaskWrote:
    """Text that a task wrote, whole lines where it can be; or one record of `logging`.

    `level` and `logger` are those of a record; of plain output 0 and empty. What was `seen` has
    been shown where it was written.
    """

    key: str
    text: str
    level: int = 0
    logger: str = ""
    seen: bool = False


@dataclass(frozen=True, slots=True)
class TaskProgressed:
    """A task said how far it is."""

    key: str
    done: float
    total: float | None


@dataclass(frozen=True, slots=True)
class RunNoticed:
    """Something a person should know, in one line: a cancel begins, a worker died."""

    text: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ended; `counts` are task runs by state, `again` is the command that resumes it."""

    run_id: str
    state: str
    seconds: float
    time: float
    counts: dict[str, int] = field(default_factory=dict)
    why: str = ""
    again: str = ""


Event = (
    RunStarted
    | TasksPlanned
    | TasksStarted
    | TasksReturned
    | TasksEnded
    | TasksDone
    | TaskRetrying
    | TaskWrote
    | TaskProgressed
    | RunNoticed
    | RunEnded
)


def apart(events: Iterable[Event]) -> Iterator[Event]:
    """Events, with one `TasksEnded` for each task run of a `TasksDone`."""
    for event in events:
        if isinstance(event, TasksDone):
            yield from event.apart()
        else:
            yield event


def as_plain(event: Event) -> dict[str, Any]:
    """An event as a dict of plain values, for one line of JSON."""
    plain: dict[str, Any] = {"event": type(event).__name__}
    for name in event.__dataclass_fields__:
        value = getattr(event, name)
        if name == "error" and value is not None:
            value = {
                "type": value.type,
                "message": value.message,
                "traceback": value.traceback,
                "inputs": dict(value.inputs),
            }
        if name == "params":
            value = {**dict(value), **dict(getattr(event, "values", ()))}
        if name != "values":
            plain[name] = value
    return plain
