"""What is said of single events, in lines of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.progress.clean import one_line, output_lines
from taskflow.progress.rows import duration

if TYPE_CHECKING:
    from taskflow.events import RunNoticed, TaskRetrying, TaskWrote
    from taskflow.progress.paint import Line, Paint
    from taskflow.progress.tally import Tally

_LABEL: Final = 40


def written(event: TaskWrote, tally: Tally, paint: Paint) -> list[str]:
    """What a task wrote, line by line behind its name, painted."""
    label = one_line(tally.label(event.key), _LABEL)
    prefix = paint.line([(label, "cyan"), (" │", "dim")])
    lines = output_lines(event.text, colour=paint.colour)
    return [f"{prefix} {paint.plain(line)}" for line in lines]


def noticed(event: RunNoticed) -> Line:
    """Something a person should know."""
    return [("! ", "bold yellow"), (one_line(event.text, 400), "yellow")]


def retrying(event: TaskRetrying, tally: Tally) -> Line:
    """That a task is tried again, and why."""
    why = f": {one_line(event.why, 160)}" if event.why else ""
    when = f"attempt {event.attempt} ended, the next comes in {duration(event.delay)}"
    return [("↻ ", "yellow"), (one_line(tally.label(event.key)), "bold"), (f" {when}{why}", "")]
