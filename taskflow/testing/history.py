"""What happened in a run, read from its events: which tasks ran, how often, and how they ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from taskflow.events import (
    BAD,
    TASK_STATES,
    RunEnded,
    RunStarted,
    TaskRetrying,
    TasksEnded,
    TasksPlanned,
    TasksReturned,
    TasksStarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from taskflow.call import ErrorReport
    from taskflow.events import Event
    from taskflow.interfaces import Store

#: Failures that a description shows.
_SHOWN: Final = 10
#: Decimals of seconds that are shown and compared: sums of floats are off by less.
_DECIMALS: Final = 6


class Recorder:
    """A listener that keeps all events, in a store too if it has one, and when each came."""

    def __init__(
        self,
        store: Store | None = None,
        time: Callable[[], float] = lambda: 0.0,
        closed: Callable[[Recorder], None] = lambda _: None,
    ) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.run_id = ""
        self._store = store
        self._time = time
        self._closed = closed

    def notice(self, events: Sequence[Event]) -> None:
        """Keep events."""
        self.times += [self._time()] * len(events)
        self.events += events
        for event in events:
            if isinstance(event, RunStarted):
                self.run_id = event.run_id
        if self._store is not None:
            self._store.append(self.run_id, events)

    def close(self) -> None:
        """The run has ended."""
        self._closed(self)


@dataclass(frozen=True, slots=True)
class TaskRun:
    """What became of one task run; of each element of a map, if it is one."""

    key: str  #: such as `scrape_site/fetch_page[17]`
    label: str  #: the key without the pipeline's name: `fetch_page[17]`
    name: str  #: of the task: `fetch_page`
    state: str = "running"
    attempts: int = 0  #: how often its body began
    seconds: float = 0.0  #: that its last attempt took
    ended: float = 0.0  #: when it ended, on the clock of the run
    delays: tuple[float, ...] = ()  #: seconds before each further attempt
    error: ErrorReport | None = None
    why: str = ""  #: of a skip, of a cancel, of the last retry
    first_heard: int = -1  #: the place among the events where an attempt first ended
    last_heard: int = -1  #: the place where the task run ended

    @property
    def ran(self) -> bool:
        """Whether its body began at all."""
        return self.attempts > 0

    @property
    def began(self) -> float:
        """When its last attempt began, on the clock of the run."""
        return round(self.ended - self.seconds, _DECIMALS)

    def __str__(self) -> str:
        said = f": {self.error.line}" if self.error else f": {self.why}" if self.why else ""
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.label} {self.state}{tries}{said}"


class History:
    """A run as its events tell it; grows with them while the run goes on."""

    def __init__(self, events: Sequence[Event], times: Sequence[float] = ()) -> None:
        self.events = events
        self._times = times
        self._read = 0
        self._tasks: dict[str, TaskRun] = {}
        self._planned: list[str] = []
        self._running: Counter[str] = Counter()
        self._started: RunStarted | None = None
        self._finished: RunEnded | None = None

    # --- the run ---

    @property
    def id(self) -> str:
        """The id of the run."""
        self._catch_up()
        return self._started.run_id if self._started else ""

    @property
    def pipeline(self) -> str:
        """The name of the pipeline."""
        self._catch_up()
        return self._started.pipeline if self._started else ""

    @property
    def state(self) -> str:
        """The state of the run: `"succeeded"`, `"failed"`, ..., or `"running"`."""
        self._catch_up()
        return self._finished.state if self._finished else "running"

    @property
    def seconds(self) -> float:
        """How long the run took, on its clock."""
        self._catch_up()
        return round(self._finished.seconds, _DECIMALS) if self._finished else 0.0

    # --- its tasks ---

    @property
    def tasks(self) -> dict[str, TaskRun]:
        """The task runs that ended or were tried, by label: `run.tasks["fetch[2]"].state`."""
        self._catch_up()
        return self._tasks

    @property
    def names(self) -> list[str]:
        """The names of the tasks that the run knows of, in the order of the graph."""
        self._catch_up()
        return list(dict.fromkeys([*self._planned, *(each.name for each in self._tasks.values())]))

    @property
    def running(self) -> dict[str, int]:
        """How many task runs of each name have begun and not ended: none, after a run."""
        self._catch_up()
        return dict(+self._running)

    def find(self, task: Any) -> list[TaskRun]:
        """The task runs of a task, or those that a text names.

        `"fetch"` means all calls and elements, `"fetch[2]"` one element, `"fetch#2"` the second
        call, and `"scrape_domain[be]/fetch"` those in one nested pipeline.
        """
        wanted = getattr(task, "short", task)
        if not isinstance(wanted, str):
            raise TypeError(
                f"a task is named by itself or by a text such as 'fetch' or 'fetch[2]', not "
                f"{task!r}"
            )
        return [each for each in self.tasks.values() if _is_named(each, wanted)]

    # --- showing it ---

    def describe(self) -> str:
        """The run in some lines: what ran, with states, and what failed."""
        took = f" in {self.seconds:g} s" if self._finished else ""
        head = f"run {self.id} of {self.pipeline}: {self.state}{took}"
        why = self._finished.why if self._finished else ""
        width = max(map(len, self.names), default=0)
        rows = [f"  {name:{width}}  {self._states(name)}" for name in self.names]
        bad = [each for each in self.tasks.values() if each.state in BAD]
        shown = [f"    {each}" for each in bad[:_SHOWN]]
        more = [f"    and {len(bad) - _SHOWN} more"] if len(bad) > _SHOWN else []
        return "\n".join([f"{head}: {why}" if why else head, *rows, *shown, *more])

    def __repr__(self) -> str:
        ran = "; ".join(f"{name} {self._states(name)}" for name in self.names)
        return f"<run of {self.pipeline}: {self.state}; {ran}>"

    def _states(self, name: str) -> str:
        counts = Counter(each.state for each in self.tasks.values() if each.name == name)
        if not counts:
            return "did not run"
        if counts.total() == 1:
            return next(iter(counts))
        known = sorted(counts, key=TASK_STATES.index)
        return ", ".join(f"{counts[state]} {state}" for state in known)

    # --- reading events ---

    def _catch_up(self) -> None:
        for place in range(self._read, len(self.events)):
            self._note(place, self.events[place])
            self._read = place + 1

    def _note(self, place: int, event: Event) -> None:
        match event:
            case TasksEnded():
                self._ended(place, event)
            case TaskRetrying():
                self._retrying(place, event)
            case TasksStarted():
                self._running[event.name] += event.count
            case TasksReturned():
                self._running[event.name] -= event.count
            case TasksPlanned():
                self._planned.append(event.name)
            case RunStarted():
                self._started = event
            case RunEnded():
                self._finished = event

    def _ended(self, place: int, event: TasksEnded) -> None:
        if event.running:
            self._running[event.name] -= event.count
        # What only joins tasks has no name; with a count of 0 a map failed beside its elements.
        if not event.name:
            return
        for key in _keys(event):
            known = self._known(key, event.name)
            self._tasks[known.label] = replace(
                known,
                state=event.state,
                attempts=known.attempts + event.running,
                seconds=event.seconds / max(1, event.count),
                ended=self._times[place] if self._times else 0.0,
                error=event.error,
                why=event.why,
                first_heard=place if known.first_heard < 0 else known.first_heard,
                last_heard=place,
            )

    def _retrying(self, place: int, event: TaskRetrying) -> None:
        self._running[event.name] -= event.running
        known = self._known(event.key, event.name)
        self._tasks[known.label] = replace(
            known,
            state="retrying",
            attempts=known.attempts + 1,
            delays=(*known.delays, event.delay),
            why=event.why,
            first_heard=place if known.first_heard < 0 else known.first_heard,
        )

    def _known(self, key: str, name: str) -> TaskRun:
        label = key.removeprefix(f"{self._started.pipeline}/") if self._started else key
        return self._tasks.get(label) or TaskRun(key, label, name)


def _keys(event: TasksEnded) -> Iterable[str]:
    """The key of each task run that an event speaks of."""
    if event.count > 1:
        return (f"{event.key}[{event.first + each}]" for each in range(event.count))
    return (event.key,)


def _is_named(run: TaskRun, wanted: str) -> bool:
    return run.name == wanted or any(
        key == wanted or key.endswith(f"/{wanted}") for key in _spellings(run.key)
    )


def _spellings(key: str) -> Iterator[str]:
    """A key, and that of the map it is an element of."""
    yield key
    if key.endswith("]"):
        depth = 0
        for at in range(len(key) - 1, -1, -1):
            depth += (key[at] == "]") - (key[at] == "[")
            if not depth:
                yield key[:at]
                return
