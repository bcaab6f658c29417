"""What a run has come to, counted by task name: events in, rows out.

One event may stand for 50,000 elements of a map, and there may be thousands of events a second, so
each costs the same few steps, however many it stands for. What is kept per task run concerns only
those that are tried again or say how far they are, and is forgotten when they end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskflow.events import Event


#: Task runs, or parts of one, before a rate is more than a guess.
_ENOUGH: Final = 0.05


@dataclass(slots=True)
class Row:
    """The task runs of one name."""

    name: str
    slots: int = 0  #: of the run; 0 if not known
    planned: int = 0
    running: int = 0  #: given to a slot, where most may wait for those before them
    ended: int = 0
    ran: int = 0  #: of those that ended, how many a slot had been given
    states: dict[str, int] = field(default_factory=dict)
    began: float | None = None
    last: float = 0.0  #: when one of them ended, most recently
    broken: bool = False  #: a map failed itself, beside its elements
    again: dict[str, int] = field(default_factory=dict)  #: failed an attempt, by key
    parts: dict[str, float] = field(default_factory=dict)  #: how far it says it is, by key

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

    def share(self) -> float:
        """How much of the known work is done, counting what running tasks say of themselves."""
        return min(1.0, (self.ended + sum(self.parts.values())) / self.total) if self.total else 0.0

    def remaining(self, now: float) -> float | None:
        """Seconds to go at the rate so far; None where that cannot be said."""
        seconds, parts = self.seconds(now), sum(self.parts.values())
        left = self.total - self.ended - parts
        work = self.ran + parts
        if not seconds or left <= 0 or work < _ENOUGH:
            return None
        return left * seconds / work

    def _sum(self, states: Iterable[str]) -> int:
        return sum(self.states.get(state, 0) for state in states)


class Tally:
    """Counts by task name, in the order in which the names appeared."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.started: RunStarted | None = None
        self.finished: RunEnded | None = None
        self.began = 0.0

    def note(self, event: Event, now: float) -> None:
        """Take note of an event that happened at `now`."""
        match event:
            case TasksEnded():
                self._ended(event, now)
            case TasksStarted():
                row = self._row(event.name)
                row.running += event.count
                row.began = now if row.began is None else row.began
            case TasksReturned():
                self._row(event.name).running -= event.count
            case TasksPlanned():
                self._row(event.name).planned += event.count
            case TaskRetrying():
                self._retrying(event)
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

    def _row(self, name: str) -> Row:
        row = self.rows.get(name)
        if row is None:
            slots = self.started.slots if self.started else 0
            row = self.rows[name] = Row(name, slots)
        return row

    def _ended(self, event: TasksEnded, now: float) -> None:
        if not event.name:  # what joins tasks has no name, and no row; it can fail all the same
            return
        row = self._row(event.name)
        row.last = now
        if not event.count:
            row.broken = True
            return
        row.ended += event.count
        row.states[event.state] = row.states.get(event.state, 0) + event.count
        if event.running:
            row.running -= event.count
            row.ran += event.count
            row.began = now - event.seconds if row.began is None else row.began
        for marks in (row.again, row.parts):
            if marks:
                _forget(marks, event)

    def _retrying(self, event: TaskRetrying) -> None:
        row = self._row(event.name)
        if event.running:
            row.running -= 1
        row.again[event.key] = event.attempt
        row.parts.pop(event.key, None)

    def _progressed(self, event: TaskProgressed) -> None:
        row = self.rows.get(name_in(event.key))
        # What a task says of itself may be anything, not a number too.
        if row and event.total and 0 <= event.done <= event.total < math.inf:
            row.parts[event.key] = event.done / event.total


def key_of(event: TasksEnded) -> str:
    """The key of what ended: a task's, a map element's `f[17]`, or that of a span, `f[3..9]`."""
    if event.count > 1:
        return f"{event.key}[{event.first}..{event.first + event.count - 1}]"
    alone = event.first < 0 or not event.count or event.key.endswith("]")
    return event.key if alone else f"{event.key}[{event.first}]"


def name_in(key: str) -> str:
    """The task name in a key such as `scrape_site/scrape_domain[be]/fetch_page#2[17]`."""
    depth = start = 0
    stop = len(key)
    for at, character in enumerate(key):
        if character == "[":
            stop = at if not depth else stop
            depth += 1
        elif character == "]":
            depth -= 1
        elif character == "/" and not depth:
            start, stop = at + 1, len(key)
    return key[start:stop].partition("#")[0]


def _forget(marks: dict[str, Any], event: TasksEnded) -> None:
    """Drop what is kept of the task runs that ended, in as many steps as the smaller of both."""
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
