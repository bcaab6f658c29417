"""Events as an engine would tell them, and what a terminal makes of what is written to it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from taskflow.call import ErrorReport, Frame
from taskflow.events import FAILED, SUCCEEDED, RunEnded, RunStarted, TasksEnded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.events import Event
    from taskflow.interfaces import Listener

CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += seconds


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and knows what a person sees on it.

    It understands what rich writes: lines, carriage returns, cursor up and erase line; it does not
    wrap, so what is written has to fit.
    """

    def isatty(self) -> bool:
        return True

    @property
    def seen(self) -> list[str]:
        """The lines on the screen, without colours."""
        lines, row = [""], 0
        for part in re.split(r"(\x1b\[\??[0-9;]*[A-Za-z]|\n|\r)", self.getvalue()):
            control = CONTROL.fullmatch(part)
            if part == "\n":
                row += 1
                if row == len(lines):
                    lines.append("")
            elif control and control[2] == "A":
                row -= int(control[1] or 1)
            elif control and control[2] == "K":
                lines[row] = ""
            elif not control and part != "\r":
                lines[row] += part
        return [line.rstrip() for line in lines]


def started(pipeline: str = "scrape", slots: int = 4, **params: str) -> RunStarted:
    """The beginning of a run."""
    return RunStarted("brisk-otter", pipeline, tuple(params.items()), 0.0, "processes", slots)


def ended(state: str = SUCCEEDED, seconds: float = 2.0, **counts: int) -> RunEnded:
    """The end of a run."""
    return RunEnded("brisk-otter", state, seconds, 0.0, counts)


def failed(
    key: str, name: str, error: ErrorReport, first: int = -1, count: int = 1, attempt: int = 1
) -> TasksEnded:
    """A failure."""
    return TasksEnded(key, name, FAILED, 0.8, attempt, first, count, error=error)


def error(
    message: str = "no price", *, kind: str = "ValueError", line: int = 3, path: str = "shop.py"
) -> ErrorReport:
    """An exception that came through one line of the user's."""
    frame = Frame(path, line, "parse", "return Decimal(text)", mine=True)
    return ErrorReport(kind, message, frames=(frame,))


def tell(listener: Listener, events: Sequence[Event]) -> None:
    """Tell a listener of a run, and that it is over."""
    listener.notice(events)
    listener.close()
