"""What is asked for when a run is to start: the pipeline, how it runs, and what it takes over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from taskflow.plain import in_short, plain
from taskflow.planned import Given
from taskflow.records import NewRun
from taskflow.secret import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from taskflow.context import Context
    from taskflow.engine.past import Past
    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Executor, Ledger, Store
    from taskflow.records import RunRow


@dataclass(frozen=True, slots=True)
class Settings:
    """How one run runs."""

    executor: str | Executor | None = None
    workers: int | None = None
    fail_fast: bool = False
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    progress: bool | None = None
    store: str | Store | None = None
    durability: str = "full"

    def plain(self) -> dict[str, Any]:
        """What a resume or a rerun takes over, as JSON has it."""
        given = {name: getattr(self, name) for name in ("workers", "fail_fast", "timeout")}
        executor = self.executor if isinstance(self.executor, str) else None
        return {**given, "executor": executor, "durability": self.durability}


class Limits(NamedTuple):
    """When a run ends before all its tasks have."""

    fail_fast: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class What:
    """A pipeline that is to run: its name, its parameters, and what is made of them."""

    pipeline: str
    params: tuple[tuple[str, Any], ...]
    #: Traces the body; also what is noted of the code of its tasks, if somebody will compare it.
    trace: Callable[[Context, str], tuple[Graph, dict[str, Any]]]
    sources: Callable[[], dict[str, Any]]
    file: str = ""
    entry: str = ""
    #: The pickled parameters.
    given: Callable[[], bytes] = bytes
    #: Called with the run when it has ended, and that is kept.
    ended: Callable[[Any], None] | None = None

    def new_run(self, settings: Settings, run_id: str, created: float, parent: str) -> NewRun:
        """What a store keeps of a run of this; `parent` is the run that it is a rerun of."""
        return NewRun(
            run_id,
            self.pipeline,
            self.file,
            self.entry,
            *given_of(self.params, self.given()),
            settings.tags,
            created,
            settings.plain(),
            parent,
        )


def given_of(params: tuple[tuple[str, Any], ...], pickled: bytes) -> Given:
    """Parameters as a run's row has them; those that are secret come as `Hidden`."""
    return Given(
        tuple((name, in_short(value)) for name, value in params),
        tuple((name, plain(value)) for name, value in params),
        pickled,
        tuple(name for name, value in params if isinstance(value, Hidden)),
    )


@dataclass(frozen=True, slots=True)
class Again:
    """A run that goes on, or whose outcomes a new run takes over."""

    store: Store
    row: RunRow
    #: What it has left; None for a new run that takes over nothing but parameters.
    past: Past | None = None
    #: Of the run itself; None for a new run that takes over what another has.
    ledger: Ledger | None = None
    #: Tasks of this name, and what comes after them, run anew.
    anew: str = ""
    #: What changed in the code of a task, in one line, given what is noted of the code of all.
    changed: Callable[[str, dict[str, Any]], str] = lambda _, __: "its code changed"


def times_of(
    again: Again | None, created: float
) -> tuple[datetime, tuple[datetime, datetime] | None]:
    """When a run was due, or was created if nobody planned it, and the interval of its data.

    In the zone of its schedule, and in UTC without one.
    """
    row = again.row if again and again.ledger else None
    if row is None or not row.tick:
        return _in_zone(created), None
    due = _in_zone(row.tick, row.zone)
    return due, (_in_zone(row.previous, row.zone), due) if row.previous else None


def _in_zone(seconds: float, zone: str = "") -> datetime:
    from datetime import UTC, datetime  # here: `import taskflow` does without it

    if zone in ("", "UTC"):
        return datetime.fromtimestamp(seconds, UTC)
    from zoneinfo import ZoneInfo  # here: most runs have no zone

    return datetime.fromtimestamp(seconds, ZoneInfo(zone))
