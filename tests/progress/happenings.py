"""Events as an engine would tell them, and what a terminal makes of what is written to it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from taskflow.call import ErrorReport, Frame
from taskflow.events import RunEnded, RunStarted, TasksEnded
from taskflow.lifecycle import FAILED, SUCCEEDED
from taskflow.progress.tally import by_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taskflow.events import Event
    from taskflow.interfaces import Listener
    from taskflow.progress.tally import Tally

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

    It understands lines, carriage returns, cursor up, erasing and, with `columns`, the wrapping of
    lines; when the window changes its width it wraps anew what is there, as most terminals do.
    """

    encoding = "utf-8"

    def __init__(self, columns: int = 10**9) -> None:
        super().__init__()
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.wraps = self.cursor = True

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in re.split(r"(\x1b\[\??[0-9;]*[A-Za-z]|\n|\r)", text):
            control = CONTROL.fullmatch(part)
            if part == "\n":
                self._feed()
            elif part == "\r":
                self.column = 0
            elif control:
                self._obey(control[1], control[2])
            else:
                self._put(part)
        return super().write(text)

    def resize(self, columns: int) -> None:
        """Wrap what is there anew; the cursor stays in its line."""
        below = self.lines[self.row :]
        above = [
            line[at : at + columns]
            for line in self.lines[: self.row]
            for at in range(0, max(1, len(line)), columns)
        ]
        self.lines, self.row, self.columns = above + below, len(above), columns

    def _obey(self, argument: str, command: str) -> None:
        if command == "A":
            self.row = max(0, self.row - int(argument or 1))
        elif command in "KJ":
            self.lines[self.row] = self.lines[self.row][: self.column]
            if command == "J":
                del self.lines[self.row + 1 :]
        elif argument == "?7":
            self.wraps = command == "h"
        elif argument == "?25":
            self.cursor = command == "h"

    def _put(self, text: str) -> None:
        while text:
            room = self.columns - self.column
            line = self.lines[self.row].ljust(self.column)
            written, text = text[:room], text[room:]
            end = self.column + len(written)
            self.lines[self.row] = line[: self.column] + written + line[end:]
            self.column = end
            if text and self.wraps:
                self._feed()
            elif text:
                return

    def _feed(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.lines):
            self.lines.append("")

    @property
    def seen(self) -> list[str]:
        """The lines on the screen, without colours."""
        return [line.rstrip() for line in self.lines]


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


def count(tally: Tally, events: Iterable[Event], now: float = 0.0) -> None:
    """Tell a tally of events that happened together."""
    for _, group in by_kind(events):
        tally.take(group, now)


def tell(listener: Listener, events: Sequence[Event]) -> None:
    """Tell a listener of a run, and that it is over."""
    listener.notice(events)
    listener.close()
