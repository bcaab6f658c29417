"""What a run has come to, counted by task name: events in, rows out.

One event may stand for 50,000 elements of a map, and there may be 100,000 events a second: equal
ones are counted together, by code that is written in C. What is kept per task run concerns only
those that are tried again or say how far they are, and is forgotten when they end.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.events import (
    RunEnded,
    RunStarted,
    TaskProgressed,
    TaskRetrying,
    TasksDone,
    TasksEnded,
    TasksPlanned,
    TasksReturned,
    TasksStarted,
)
from taskflow.lifecycle import BAD, GOOD, SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taskflow.events import Event

#: Seconds that a pace looks back on: long enough to be calm, short enough to follow a change.
SPAN: Final = 30.0
_MARKS: Final = 30
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
    states: Counter[str] = field(default_factory=Counter)
    began: float | None = None
    last: float = 0.0  #: when one of them ended, most recently
    broken: bool = False  #: a map failed itself, beside its elements
    retries: int = 0  #: attempts that were not the last
    again: dict[str, Again] = field(default_factory=dict)  #: between two attempts, by key
    parts: dict[str, Part] = field(default_factory=dict)  #: by key
    marks: deque[tuple[float, float]] = field(default_factory=deque)  #: how much was done when

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
        return sum(self.states[state] for state in GOOD)

    @property
    def bad(self) -> int:
        """How many failed themselves."""
        return sum(self.states[state] for state in BAD) + self.broken

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

    def share(self) -> float:
        """How much of the known work is done, counting what running tasks say of themselves."""
        return min(1.0, (self.ended + self._begun()) / self.total) if self.total else 0.0

    def mark(self, now: float) -> None:
        """Note how much has been done by now, for the pace."""
        if self.began is None or self.done:
            return
        if self.marks and now - self.marks[-1][0] < SPAN / _MARKS:
            return
        self.marks.append((now, self.ran + self._begun()))
        while len(self.marks) > 1 and now - self.marks[1][0] >= SPAN:
            self.marks.popleft()

    def rate(self, now: float) -> float | None:
        """Task runs per second lately, or on the whole once it is done; None if too few ran."""
        seconds = self.seconds(now)
        if not seconds or not self._is_telling:
            return None
        return self.ran / seconds if self.done else self._pace(now)

    def remaining(self, now: float) -> float | None:
        """Seconds to go at the pace of late; None where that cannot be said."""
        begun = self._begun()
        left = self.total - self.ended - begun
        if self.began is None or left <= 0 or not (self._is_telling or begun >= _ENOUGH):
            return None
        pace = self._pace(now)
        last_retry = max((again.due for again in self.again.values()), default=now) - now
        return max(left / pace, last_retry) if pace > 0 else None

    @property
    def _is_telling(self) -> bool:
        """Until each slot has ended one, those that run may be about to end, or not."""
        return self.ran >= max(1, self.slots)

    def _pace(self, now: float) -> float:
        then, before = self.marks[0] if self.marks else (self.began or 0.0, 0.0)
        return (self.ran + self._begun() - before) / (now - then) if now > then else 0.0

    def _begun(self) -> float:
        return sum(part.done / part.total for part in self.parts.values())


class Tally:
    """Counts by task name, in the order in which the names appeared."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.started: RunStarted | None = None
        self.finished: RunEnded | None = None
        self.began = 0.0

    def take(self, group: Sequence[Event], now: float) -> None:
        """Take note of events of one kind, which happened at `now`."""
        if isinstance(group[0], TasksEnded):
            self._ended(group, now)
        else:
            for event in group:
                self._note(event, now)

    def look(self, now: float) -> None:
        """Mark how far everything is; whoever shows paces looks now and then."""
        for row in self.rows.values():
            row.mark(now)

    def counts(self) -> Counter[str]:
        """Task runs by state, over all names."""
        return sum((row.states for row in self.rows.values()), Counter())

    def _note(self, event: Event, now: float) -> None:
        match event:
            case TasksStarted():
                row = self._row(event.name)
                row.running += event.count
                row.began = now if row.began is None else row.began
                if row.slots and event.slot >= row.slots:
                    row.slots = 0  # a slot of another kind, which may run many at once
            case TasksDone():
                self._done(event, now)
            case TasksReturned():
                self._row(event.name).running -= event.count
            case TasksPlanned():
                self._row(event.name, event.path).planned += event.count
            case TaskRetrying():
                row = self._row(event.name)
                row.running -= event.running
                row.retries += 1
                row.again[event.key] = Again(event.attempt, now + event.delay, event.why)
                row.parts.pop(event.key, None)
            case TaskProgressed():
                self._progressed(event)
            case RunStarted():
                self.started, self.began = event, now
            case RunEnded():
                self.finished = event

    def _row(self, name: str, path: str = "") -> Row:
        row = self.rows.get(name)
        if row is None:
            slots = self.started.slots if self.started else 0
            row = self.rows[name] = Row(name, slots, pipelines_in(path)[1:])
        return row

    def _ended(self, group: Sequence[Any], now: float) -> None:
        kept = False  # whether anything is, of single task runs
        for (name, state, count, running), times in Counter(map(_LIKE, group)).items():
            if not name:  # what joins tasks has no name, and no row; it can fail all the same
                continue
            row = self._row(name)
            row.last = now
            kept = kept or bool(row.again or row.parts)
            if not count:
                row.broken = True
                continue
            row.ended += count * times
            row.states[state] += count * times
            if running:
                row.running -= count * times
                row.ran += count * times
        if kept:
            for event in group:
                self._forget(event)

    def _done(self, event: TasksDone, now: float) -> None:
        row = self._row(event.name)
        count = len(event.numbers)
        row.last = now
        row.ended += count
        row.states[SUCCEEDED] += count
        row.running -= count
        row.ran += count
        if row.again or row.parts:
            for each in event.apart():
                self._forget(each)

    def _forget(self, event: TasksEnded) -> None:
        """Drop what is kept of task runs that ended."""
        row = self.rows.get(event.name)
        if row is None or not (row.again or row.parts):
            return
        last = event.first + event.count
        spanned = (f"{event.key}[{element}]" for element in range(event.first, last))
        for key in spanned if event.count > 1 else [key_of(event)]:
            row.again.pop(key, None)
            row.parts.pop(key, None)

    def _progressed(self, event: TaskProgressed) -> None:
        row = self.rows.get(name_in(event.key))
        if row is None or event.total is None:
            return
        try:  # what a task says of itself may be anything
            part = Part(float(event.done), float(event.total))
        except (TypeError, ValueError, OverflowError):
            return
        if 0 <= part.done <= part.total < math.inf and part.total:
            row.parts[event.key] = part


def by_kind(events: Iterable[Event]) -> Iterator[tuple[type[Event], list[Any]]]:
    """Events in their order, in lists of one kind each."""
    for kind, group in groupby(events, type):
        yield kind, list(group)


# --- keys ----------------------------------------------------------------------------------

_MARK: Final = re.compile(r"([\[\]/])")


def key_of(event: TasksEnded) -> str:
    """The key of what ended: a task's, a map element's `f[17]`, or that of a span, `f[3..9]`."""
    if event.count > 1:
        return f"{event.key}[{event.first}..{event.first + event.count - 1}]"
    alone = event.first < 0 or not event.count or event.key.endswith("]")
    return event.key if alone else f"{event.key}[{event.first}]"


def within(pipeline: str, key: str) -> str:
    """A task key as it is shown in a run of a pipeline: without the pipeline's name."""
    return key.removeprefix(f"{pipeline}/")


def segments(key: str) -> list[str]:
    """The parts of a key or a call path, which stand between slashes; map keys may hold some."""
    found, depth = [""], 0
    for piece in _MARK.split(key):
        depth = max(0, depth + (piece == "[") - (piece == "]"))
        if piece == "/" and not depth:
            found.append("")
        else:
            found[-1] += piece
    return found


def name_in(key: str) -> str:
    """The task name in a key such as `scrape_site/scrape_domain[be]/fetch_page#2[17]`."""
    return _name(segments(key)[-1])


def pipelines_in(path: str) -> tuple[str, ...]:
    """The names of the pipelines in a call path; one that calls itself appears once."""
    names: list[str] = []
    for name in filter(None, map(_name, segments(path))):
        if name in names:
            del names[names.index(name) + 1 :]
        else:
            names.append(name)
    return tuple(names)


def _name(segment: str) -> str:
    return re.split(r"[#\[]", segment, maxsplit=1)[0]
