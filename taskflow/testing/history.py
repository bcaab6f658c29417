"""What happened in a run, read from its events: which tasks ran, how often, and how they ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from taskflow.events import RunEnded, RunStarted, TaskRetrying, TasksEnded, TasksPlanned, apart
from taskflow.lifecycle import BAD, TASK_STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from taskflow.call import ErrorReport
    from taskflow.events import Event

#: Failures that a description shows.
_SHOWN: Final = 10
#: Decimals of seconds that are shown and compared: sums of floats are off by less.
_DECIMALS: Final = 6


class Recorder:
    """A listener that keeps all events, and when each came."""

    def __init__(
        self,
        time: Callable[[], float] = lambda: 0.0,
        closed: Callable[[Recorder], None] = lambda _: None,
    ) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.run_id = ""
        self._time = time
        self._closed = closed

    def notice(self, events: Sequence[Event]) -> None:
        """Keep events."""
        single = list(apart(events))
        self.times += [self._time()] * len(single)
        self.events += single
        for event in events:
            if isinstance(event, RunStarted):
                self.run_id = event.run_id

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

    @property
    def said(self) -> str:
        """Its error, with the type; else the reason of its end."""
        return f"{self.error.type}: {self.error.message}" if self.error else self.why

    def __str__(self) -> str:
        said = self.error.line if self.error else self.why
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.label} {self.state}{tries}" + (f": {said}" if said else "")


class History:
    """A run as its events tell it; grows with them while the run goes on."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._read = 0
        self._tasks: dict[str, TaskRun] = {}
        self._names: dict[str, None] = {}  # in the order of the graph
        self._finished: RunEnded | None = None
        self._pipeline = ""

    # --- the run ---

    @property
    def events(self) -> Sequence[Event]:
        """All that was told of the run, as a listener hears it."""
        return self._recorder.events

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._recorder.run_id

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
        return list(self._names)

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
        self._catch_up()
        took = f" in {self.seconds:g} s" if self._finished else ""
        why = f": {self._finished.why}" if self._finished and self._finished.why else ""
        head = f"run {self.id} of {self._pipeline}: {self.state}{took}{why}"
        width = max(map(len, self.names), default=0)
        rows = [f"  {name:{width}}  {self._states(name)}" for name in self.names]
        bad = [f"    {each}" for each in self.tasks.values() if each.state in BAD]
        more = [f"    and {len(bad) - _SHOWN} more"] if len(bad) > _SHOWN else []
        return "\n".join([head, *rows, *bad[:_SHOWN], *more])

    def __repr__(self) -> str:
        self._catch_up()
        ran = "; ".join(f"{name} {self._states(name)}" for name in self.names)
        return f"<run of {self._pipeline}: {self.state}; {ran}>"

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
            self._note(self.events[place], self._recorder.times[place])
            self._read = place + 1

    def _note(self, event: Event, time: float) -> None:
        match event:
            case TasksEnded():
                self._ended(event, time)
            case TaskRetrying():
                self._retrying(event)
            case TasksPlanned():
                self._names[event.name] = None
            case RunStarted():
                self._pipeline = event.pipeline
            case RunEnded():
                self._finished = event

    def _ended(self, event: TasksEnded, time: float) -> None:
        # What only joins tasks has no name; with a count of 0 a map failed beside its elements.
        for key in _keys(event) if event.name else ():
            known = self._known(key, event.name)
            self._tasks[known.label] = replace(
                known,
                state=event.state,
                attempts=known.attempts + event.running,
                seconds=event.seconds / max(1, event.count),
                ended=time,
                error=event.error,
                why=event.why,
            )

    def _retrying(self, event: TaskRetrying) -> None:
        known = self._known(event.key, event.name)
        self._tasks[known.label] = replace(
            known,
            state="retrying",
            attempts=known.attempts + 1,
            delays=(*known.delays, event.delay),
            why=event.why,
        )

    def _known(self, key: str, name: str) -> TaskRun:
        self._names[name] = None
        label = key.removeprefix(f"{self._pipeline}/")
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
