"""What is said of a run while it goes on, in lines that scroll by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.events import (
    RunEnded,
    RunNoticed,
    RunStarted,
    TaskRetrying,
    TasksEnded,
    TaskWrote,
)
from taskflow.progress.clean import one_line, output_lines
from taskflow.progress.failures import Failures
from taskflow.progress.report import ending, in_short
from taskflow.progress.rows import header
from taskflow.progress.tally import Tally, by_kind
from taskflow.progress.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.events import Event
    from taskflow.progress.paint import Line, Paint

_LABEL: Final = 40
#: Stands for the name of a task where a worker runs several and cannot tell whose the text is.
_NOBODY: Final = "worker"
#: Kinds of failure that are told as they happen; all are in the report at the end.
_TOLD: Final = 10
_SAID: Final = frozenset({TaskWrote, RunNoticed})
#: What the end of a run has to know beside that.
_KEPT: Final = _SAID | {TasksEnded, RunStarted, RunEnded}


class Speaker:
    """Takes events into a tally and a list of failures, and says what cannot wait.

    For a `log` it says how the run begins and what is tried again, which a table shows by itself.
    With `quiet` it says only what tasks write and what a person should know, and counts nothing;
    `ignorant` of failures too, where nothing is told at the end.
    """

    def __init__(
        self, paint: Paint, *, log: bool = False, quiet: bool = False, ignorant: bool = False
    ) -> None:
        self.tally = Tally()
        self.failures = Failures()
        self._paint = paint
        self._log = log and not quiet
        self._quiet = quiet
        self._heard = _SAID | {RunStarted} if ignorant else _KEPT
        self._tried: set[str] = set()

    def hear(self, events: Sequence[Event], now: float) -> Iterator[Line | str]:
        """Take events that happened at `now`; lines to show, and text that is painted already."""
        # 100,000 tasks a second may end while nobody wants to hear of them.
        if self._quiet and self._heard.isdisjoint(map(type, events)):
            return
        for kind, group in by_kind(events):
            if kind is TaskWrote:
                yield from self._written(group)
            elif not self._quiet or kind is not TasksEnded:
                self.tally.take(group, now)
            if kind is TasksEnded and TasksEnded in self._heard:
                yield from self._failed(group)
            elif kind is RunNoticed:
                yield from map(noticed, group)
            elif kind in (RunStarted, RunEnded):
                self.failures.notice(group)
            if self._log:
                yield from self._logged(group)

    def last_words(self, *, full: bool, hint: str) -> Iterator[Line]:
        """What failed and how it all went; `full` and `hint` are those of the failure report."""
        told = 0 if self._quiet else _TOLD
        return ending(self.tally, self.failures, full=full, hint=hint, told=told)

    def _written(self, group: Sequence[TaskWrote]) -> Iterator[str]:
        for event in group:
            yield from written(event, self.tally, self._paint)

    def _failed(self, group: Sequence[TasksEnded]) -> Iterator[Line]:
        for kind in self.failures.take(group):
            if not self._quiet and len(self.failures.kinds) <= _TOLD:
                yield in_short(kind, self.failures)

    def _logged(self, group: Sequence[Event]) -> Iterator[Line]:
        for event in group:
            if isinstance(event, RunStarted):
                yield header(event)
            elif isinstance(event, TaskRetrying) and event.name not in self._tried:
                self._tried.add(event.name)
                yield retrying(event, self.tally)


def written(event: TaskWrote, tally: Tally, paint: Paint) -> list[str]:
    """What a task wrote, line by line behind its name, painted."""
    label = one_line(tally.label(event.key), _LABEL) if event.key else _NOBODY
    prefix = paint.line([(label, "dim cyan" if event.key else "dim"), (" │", "dim")])
    lines = output_lines(event.text, colour=paint.colour)
    return [f"{prefix} {paint.plain(line)}".rstrip() for line in lines]


def noticed(event: RunNoticed) -> Line:
    """Something a person should know."""
    return [("! ", "bold yellow"), (one_line(event.text, 400), "yellow")]


def retrying(event: TaskRetrying, tally: Tally) -> Line:
    """That a task is tried again, and why."""
    why = f": {one_line(event.why, 160)}" if event.why else ""
    when = f"attempt {event.attempt} ended, the next comes in {duration(event.delay)}"
    return [("↻ ", "yellow"), (one_line(tally.label(event.key)), "bold"), (f" {when}{why}", "")]
