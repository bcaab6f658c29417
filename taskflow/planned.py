"""Pipelines of a folder as plain data: what a service knows of them without importing them.

They are made where a file is imported, in a process of its own, kept in the store, and read by
everybody else.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

#: Why a tick was skipped that was due while its schedule was paused.
PAUSED: Final = "paused"
#: With `catchup="none"`, a tick that is later than this is one that nobody was there for; seconds.
PROMPT_SECONDS: Final = 60.0


class Given(NamedTuple):
    """Parameters of a run, bound and checked, as a run's row has them."""

    shown: tuple[tuple[str, str], ...] = ()  #: name, text; secrets masked
    values: tuple[tuple[str, Any], ...] = ()  #: as JSON has them
    pickled: bytes = b""
    secrets: tuple[str, ...] = ()


class Planned(NamedTuple):
    """A schedule of a pipeline, checked; times are seconds since the epoch."""

    id: str  #: the pipeline's name, and `/name` where the schedule has one
    cron: str = ""  #: expanded, without `H`; empty for one that only follows other pipelines
    written: str = ""  #: as the author wrote it
    zone: str = "UTC"
    words: str = ""
    start: float | None = None
    end: float | None = None
    jitter: float = 0.0  #: seconds
    follows: tuple[str, ...] = ()  #: pipelines whose success starts it, once all have succeeded
    catchup: str = "latest"
    overlap: str = "skip"
    grace: float | None = None  #: a tick that is later than this is skipped; seconds
    given: Given = Given()
    warnings: tuple[str, ...] = ()

    @property
    def latest(self) -> float | None:
        """A tick that is later than so many seconds is skipped; None: none is too late."""
        return PROMPT_SECONDS if self.grace is None and self.catchup == "none" else self.grace


class Deployed(NamedTuple):
    """A pipeline of a folder, with its schedules, at one version of its code."""

    name: str
    file: str
    entry: str  #: what it is called in its module
    version: str  #: a digest of the sources of the project that it was read from
    schedules: tuple[Planned, ...] = ()
    #: runs of it that go on at once, at most; None: any number
    max_active: int | None = None
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = {}  # noqa: RUF012 - plain data, never changed
    #: by parameter: name, type and default as texts; no default: None
    parameters: tuple[tuple[str, str, str | None], ...] = ()
    graph: bytes = b""  #: traced with what is not given left open; encoded
    hooks: tuple[str, ...] = ()  #: those of on_success, on_failure, on_late, on_skipped it has
    given: Given | None = None  #: its defaults; None where a parameter has none
    doc: str = ""


class Standing(NamedTuple):
    """A schedule when its ticks are to be judged; times are seconds since the epoch."""

    planned: Planned
    decided: float  #: of all its ticks up to here it is known what became
    #: runs of it that have not ended, the oldest first: id and state; without those of a backfill
    open: tuple[tuple[str, str], ...] = ()
    is_paused: bool = False  #: until now: its ticks until now are skipped
    #: ticks after `decided` that have a run: the clock was set back, or a backfill came before
    taken: tuple[float, ...] = ()
    #: a row for many skipped ticks that now lies in, since the clock was set back: first tick, why
    spanning: tuple[float, str] | None = None

    @property
    def refusal(self) -> str:
        """Why a tick that is due is skipped, as to runs of earlier ones; empty if it is not."""
        if not self.open:
            return ""
        run, state = self.open[0]
        if self.planned.overlap == "skip":
            return f'run {run} is {state}; overlap is "skip"'
        waits = [run for run, state in self.open if state == "queued"]
        if self.planned.overlap == "queue_one" and waits:
            return f'run {waits[0]} waits already; overlap is "queue_one"'
        return ""

    @property
    def cancels(self) -> bool:
        """Whether a tick that runs takes the place of runs of earlier ones."""
        return bool(self.open) and self.planned.overlap == "cancel_running"


class Verdict(NamedTuple):
    """What becomes of a tick, or of several in a row that are skipped."""

    instant: float
    runs: bool
    why: str = ""
    until: float = 0.0  #: the last of several
    ticks: int = 1  #: how many; 0 for so many that nobody counted
    previous: float | None = None  #: the tick before, where the interval of its data begins
    cancels: bool = False  #: whether the runs of earlier ticks are cancelled


class ScheduleRow(NamedTuple):
    """A schedule as it stands in a store."""

    planned: Planned
    pipeline: str
    decided: float
    is_paused: bool = False
    is_gone: bool = False  #: its file has it no more, or is not there

    @property
    def state(self) -> str:
        """In one word: active, paused or gone."""
        return "gone" if self.is_gone else "paused" if self.is_paused else "active"


class PipelineRow(NamedTuple):
    """A pipeline as it stands in a store."""

    deployed: Deployed
    is_gone: bool
    error: str  #: why its file, as it is now, cannot be read; the version before goes on
    time: float


class FileRow(NamedTuple):
    """A file of pipelines as it was last read."""

    path: str
    digest: str
    parts: dict[str, str]
    error: str
    time: float


class TickRow(NamedTuple):
    """What became of a tick, or of several in a row that were skipped."""

    schedule: str
    instant: float
    until: float  #: the last of them
    ticks: int  #: how many; 0 for so many that nobody counted
    run: str  #: the id of its run; empty if it was skipped
    why: str
    decided: float
    state: str = ""  #: of the run, if there still is one
