"""What a run has come to, counted by task name: events in, rows out.

One event may stand for 50,000 elements of a map, and there may be 100,000 events a second: equal
ones are counted together, by code that is written in C. What is kept per task run concerns only
those that are tried again or say how far they are, and is forgotten when they end.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.events import (
    BAD,
    GOOD,
    RunEnded,
    RunStarted,
    TaskProgressed,
    TaskRetrying,
    TasksEnded,
    TasksPlanned,
    TasksReturned,
    TasksStarted,
)
from taskflow.progress.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taskflow.events import Event


#: Parts of task runs after which a rate is more than a guess.
_ENOUGH: Final = 0.05
#: What makes two ends the same for a count.
_LIKE: Final = attrgetter("name", "state", "count", "running")


class Again(NamedTuple):
    """A task run that failed an attempt: the number of that, when the next is due, and why."""

    attempt: int
    due: float
    why: str


class Part(NamedTuple):
    """How far a task run says it is."""

    done: float
    total: float


@dataclass(slots=True)
class Row:
    """The task runs of one name."""

    name: str
    slots: int = 0  #: that run one at a time; 0 if not known
    path: tuple[str, ...] = ()  #: the nested pipelines around it where it first appeared
    planned: int = 0
    running: int = 0  #: given to a slot, where most may wait for those before them
    ended: int = 0
    ran: int = 0  #: of those that ended, how many a slot had been given
    states: dict[str, int] = field(default_factory=dict)
    began: float | None = None
    last: float = 0.0  #: when one of them ended, most recently
    broken: bool = False  #: a map failed itself, beside its elements
    retries: int = 0  #: attempts that were not the last
    again: dict[str, Again] = field(default_factory=dict)  #: between two attempts, by key
    parts: dict[str, Part] = field(default_factory=dict)  #: by key
    pace: Pace = field(default_factory=Pace)

    @property
    def total(self) -> int:
        """How many are known of, ended or not."""
        return max(self.planned, self.ended + max(0, self.running))

    @property
    def done(self) -> bool:
        """Whether all that are known of have ended."""
        return self.ended > 0 and self.ended >= self.total

    @property
    def good(self) -> int:
        """How many have a value."""
        return self._sum(GOOD)

    @property
    def bad(self) -> int:
        """How many failed themselves."""
        return self._sum(BAD) + self.broken

    @property
    def at_work(self) -> int:
        """How many can be running just now: no more than there are slots."""
        return min(self.running, self.slots) if self.slots else self.running

    @property
    def retrying(self) -> int:
        """How many failed an attempt and have not ended."""
        return min(len(self.again), self.total - self.ended)

    def seconds(self, now: float) -> float | None:
        """From the first start to the last end, or to now; None if none has started."""
        if self.began is None:
            return None
        return max(0.0, (self.last if self.done else now) - self.began)

    @property
    def work(self) -> float:
        """How much has been done by slots, counting what running tasks say of themselves."""
        return self.ran + self._begun()

    def share(self) -> float:
        """How much of the known work is done."""
        return min(1.0, (self.ended + self._begun()) / self.total) if self.total else 0.0

    def rate(self, now: float) -> float | None:
        """Task runs per second lately, or on the whole once it is done; None if too few ran."""
        seconds = self.seconds(now)
        if not seconds or self.began is None or self.ran < max(1, self.slots):
            return None
        return self.ran / seconds if self.done else self.pace.rate(now, self.work, self.began)

    def remaining(self, now: float) -> float | None:
        """Seconds to go at the pace of late; None where that cannot be said."""
        begun = self._begun()
        left = self.total - self.ended - begun
        # Until each slot has ended one, those that run may be about to end, or not.
        if self.began is None or left <= 0 or (self.ran < max(1, self.slots) and begun < _ENOUGH):
            return None
        rate = self.pace.rate(now, self.work, self.began)
        last = max((mark.due for mark in self.again.values()), default=now) - now
        return max(left / rate, last) if rate > 0 else None

    def _begun(self) -> float:
        return sum(part.done / part.total for part in self.parts.values()) if self.parts else 0.0

    def _sum(self, states: Iterable[str]) -> int:
        return sum(self.states.get(state, 0) for state in states)


class Tally:
    """Counts by task name, in the order in which the names appeared."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.started: RunStarted | None = None
        self.finished: RunEnded | None = None
        self.began = 0.0

    def notice(self, events: Sequence[Event], now: float) -> None:
        """Take note of events that happened at `now`."""
        for _, group in by_kind(events):
            self.take(group, now)

    def take(self, group: Sequence[Event], now: float) -> None:
        """Take note of events of one kind."""
        if isinstance(group[0], TasksEnded):
            self._ended(group, now)
        else:
            for event in group:
                self._note(event, now)

    def look(self, now: float) -> None:
        """Mark how far everything is; whoever shows paces looks now and then."""
        for row in self.rows.values():
            if row.began is not None and not row.done:
                row.pace.mark(now, row.work)

    def _note(self, event: Event, now: float) -> None:
        match event:
            case TasksStarted():
                row = self._row(event.name)
                row.running += event.count
                row.began = now if row.began is None else row.began
                if row.slots and event.slot >= row.slots:
                    row.slots = 0  # a slot of another kind, which may run many at once
            case TasksReturned():
                self._row(event.name).running -= event.count
            case TasksPlanned():
                self._row(event.name, event.path).planned += event.count
            case TaskRetrying():
                self._retrying(event, now)
            case TaskProgressed():
                self._progressed(event)
            case RunStarted():
                self.started, self.began = event, now
            case RunEnded():
                self.finished = event

    def counts(self) -> dict[str, int]:
        """Task runs by state, over all names."""
        counts: dict[str, int] = {}
        for row in self.rows.values():
            for state, count in row.states.items():
                counts[state] = counts.get(state, 0) + count
        return counts

    def label(self, key: str) -> str:
        """A task key as it is shown: without the pipeline's name."""
        return key.removeprefix(f"{self.started.pipeline}/") if self.started else key

    def _row(self, name: str, path: str = "") -> Row:
        row = self.rows.get(name)
        if row is None:
            slots = self.started.slots if self.started else 0
            row = self.rows[name] = Row(name, slots, pipelines_in(path)[1:])
        return row

    def _ended(self, group: Sequence[Any], now: float) -> None:
        touched: dict[str, Row] = {}
        for (name, state, count, running), times in Counter(map(_LIKE, group)).items():
            if not name:  # what joins tasks has no name, and no row; it can fail all the same
                continue
            row = touched[name] = self._row(name)
            row.last = now
            if not count:
                row.broken = True
                continue
            row.ended += count * times
            row.states[state] = row.states.get(state, 0) + count * times
            if running:
                row.running -= count * times
                row.ran += count * times
                if row.began is None:
                    row.began = now - max(end.seconds for end in group if end.name == name)
        if any(row.again or row.parts for row in touched.values()):
            for event in group:
                if event.name:
                    _forget(touched[event.name].again, event)
                    _forget(touched[event.name].parts, event)

    def _retrying(self, event: TaskRetrying, now: float) -> None:
        row = self._row(event.name)
        if event.running:
            row.running -= 1
        row.retries += 1
        row.again[event.key] = Again(event.attempt, now + event.delay, event.why)
        row.parts.pop(event.key, None)

    def _progressed(self, event: TaskProgressed) -> None:
        row = self.rows.get(name_in(event.key))
        # What a task says of itself may be anything, not a number too.
        if row and event.total and 0 <= event.done <= event.total < math.inf:
            row.parts[event.key] = Part(event.done, event.total)


def by_kind(events: Iterable[Event]) -> Iterator[tuple[type[Event], list[Any]]]:
    """Events in their order, in lists of one kind each."""
    for kind, group in groupby(events, type):
        yield kind, list(group)


def key_of(event: TasksEnded) -> str:
    """The key of what ended: a task's, a map element's `f[17]`, or that of a span, `f[3..9]`."""
    if event.count > 1:
        return f"{event.key}[{event.first}..{event.first + event.count - 1}]"
    alone = event.first < 0 or not event.count or event.key.endswith("]")
    return event.key if alone else f"{event.key}[{event.first}]"


def name_in(key: str) -> str:
    """The task name in a key such as `scrape_site/scrape_domain[be]/fetch_page#2[17]`."""
    return _parts(key)[-1]


def pipelines_in(path: str) -> tuple[str, ...]:
    """The names of the pipelines in a call path; one that calls itself appears once."""
    names: list[str] = []
    for part in _parts(path):
        if part in names:
            del names[names.index(part) + 1 :]
        elif part:
            names.append(part)
    return tuple(names)


def _parts(path: str) -> list[str]:
    """The names along a path, without what stands between brackets or after a `#`."""
    parts: list[str] = []
    depth, start, stop = 0, 0, None
    for at, character in enumerate(path):
        if character == "[":
            stop = at if stop is None else stop
            depth += 1
        elif character == "]":
            depth = max(0, depth - 1)
        elif character == "/" and not depth:
            parts.append(path[start : at if stop is None else stop])
            start, stop = at + 1, None
    parts.append(path[start:stop])
    return [part.partition("#")[0] for part in parts]


def _forget(marks: dict[str, Any], event: TasksEnded) -> None:
    """Drop what is kept of the task runs that ended, in as many steps as the smaller of both."""
    if not marks:
        return
    if event.count == 1:
        marks.pop(key_of(event), None)
    elif event.count <= len(marks):
        for element in range(event.first, event.first + event.count):
            marks.pop(f"{event.key}[{element}]", None)
    else:
        span = range(event.first, event.first + event.count)
        for key in [key for key in marks if _element_of(key, event.key) in span]:
            del marks[key]


def _element_of(key: str, of: str) -> int:
    index = key[len(of) + 1 : -1] if key.startswith(f"{of}[") else ""
    return int(index) if index.isdecimal() else -1
