"""What is said of a run while it goes on, in lines that scroll by."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from taskflow.events import RunNoticed, RunStarted, TaskRetrying, TasksEnded, TaskWrote
from taskflow.progress.clean import one_line, output_lines
from taskflow.progress.failures import Failures
from taskflow.progress.report import ending, in_short
from taskflow.progress.rows import header
from taskflow.progress.tally import Tally, by_kind, within
from taskflow.progress.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.events import Event
    from taskflow.progress.paint import Line, Paint

_LABEL: Final = 40
#: Stands for the name of a task where a worker runs several and cannot tell whose the text is.
NOBODY: Final = "worker"
#: Kinds of failure that are told as they happen; all are in the report at the end.
_TOLD: Final = 10
#: Retries of one task name that a log tells.
_RETRIES_TOLD: Final = 5


class Speaker:
    """Takes events into a tally and a list of failures, and says what cannot wait.

    For a `log` it says how the run begins and what is tried again, which a table shows by itself.
    With `quiet` it says only what tasks write and what a person should know.
    """

    def __init__(self, paint: Paint, *, log: bool = False, quiet: bool = False) -> None:
        self.tally = Tally()
        self.failures = Failures()
        self._paint = paint
        self._log = log and not quiet
        self._to_tell = 0 if quiet else _TOLD
        self._tried: Counter[str] = Counter()

    def hear(self, events: Sequence[Event], now: float) -> Iterator[Line | str]:
        """Take events that happened at `now`; lines to show, and text that is painted already."""
        for kind, group in by_kind(events):
            self.tally.take(group, now)
            yield from self._said(kind, group)

    def last_words(self, *, full: bool | None) -> Iterator[Line]:
        """What failed and how it all went; `full` is that of the failure report."""
        return ending(self.tally, self.failures, full=full)

    def _said(self, kind: type[Event], group: Sequence[Any]) -> Iterator[Line | str]:
        if kind is TaskWrote:
            for event in group:
                if event.seen:
                    continue
                yield from written(event, self.failures.pipeline, self._paint)
        elif kind is TasksEnded:
            for failure in self.failures.take(group):
                if self._to_tell:
                    self._to_tell -= 1
                    failure.told = True
                    yield in_short(failure, counted=False)
        elif kind is RunNoticed:
            yield from map(noticed, group)
        elif kind is RunStarted:
            self.failures.pipeline = group[0].pipeline
            if self._log:
                yield header(group[0])
        elif kind is TaskRetrying and self._log:
            yield from self._retrying(group)

    def _retrying(self, group: Sequence[TaskRetrying]) -> Iterator[Line]:
        """That a task is tried again, and why: the first few of each name."""
        for event in group:
            self._tried[event.name] += 1
            if self._tried[event.name] <= _RETRIES_TOLD:
                key = one_line(within(self.failures.pipeline, event.key))
                when = f"attempt {event.attempt} ended, the next comes in {duration(event.delay)}"
                why = f": {one_line(event.why, 160)}" if event.why else ""
                yield [("↻ ", "yellow"), (key, "bold"), (f" {when}{why}", "")]
            elif self._tried[event.name] == _RETRIES_TOLD + 1:
                yield [("↻ ", "yellow"), (f"{event.name}: more retries are only counted", "dim")]


def written(event: TaskWrote, pipeline: str, paint: Paint) -> list[str]:
    """What a task wrote, line by line behind its name, painted."""
    label = one_line(within(pipeline, event.key), _LABEL) or NOBODY
    prefix = paint.line([(label, "dim cyan" if event.key else "dim"), (" │", "dim")])
    lines = output_lines(event.text, colour=paint.colour)
    return [f"{prefix} {paint.plain(line)}".rstrip() for line in lines]


def noticed(event: RunNoticed) -> Line:
    """Something a person should know."""
    return [("! ", "bold yellow"), (one_line(event.text, 400), "yellow")]
