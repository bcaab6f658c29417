"""What a service says of itself: lines for people, or of JSON for programs, on one stream."""

from __future__ import annotations

import json
import os
import select
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

from taskflow.progress.clean import output_lines
from taskflow.progress.words import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Say(Protocol):
    """Says what happened, and to what; the details are named."""

    def __call__(self, what: str, about: str = "", **details: Any) -> None:
        """Say one thing."""
        ...


#: What happened is as wide as this in lines for people.
_WIDTH: Final = 10


class Steady:
    """Takes lines for a file descriptor, and keeps nobody waiting: a thread writes them.

    What reads them may hang, or be gone, and what a pipeline starts may have set the descriptor to
    block no more: it is theirs, too. None of that is to hold up a service. A context manager, which
    waits a little for the last lines.
    """

    #: So many lines wait; more are lost.
    MOST: Final = 10_000
    #: Seconds that the last ones have.
    PATIENCE: Final = 2.0

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lost = 0
        # Its `put` may be interrupted by itself: signal handlers say things.
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="taskflow-log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.put(None)
        self._thread.join(self.PATIENCE)

    def write(self, text: str) -> None:
        """Have a line written, or lose it."""
        if self._lines.qsize() < self.MOST:
            self._lines.put(text)
        else:
            self._lost += 1

    def lost(self) -> int:
        """How many lines were lost since this was last asked; none as long as more are."""
        if self._lines.qsize() >= self.MOST:
            return 0
        lost, self._lost = self._lost, 0
        return lost

    def _serve(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                self._write(text.encode("utf-8", "backslashreplace"))
            except OSError:  # nobody reads any more
                continue

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                select.select([], [self._fd], [])


def speaker(stream: Steady, now: Callable[[], float], *, as_json: bool) -> Say:
    """Says things on a stream, for people or for programs; also how much of it was lost."""
    return whole((json_lines if as_json else lines)(stream, now), stream)


def whole(say: Say, stream: Steady) -> Say:
    """Says, before anything else, how much is missing."""

    def said(what: str, about: str = "", **details: Any) -> None:
        if lost := stream.lost():
            error = f"{lost:,} lines are missing here: what reads them was too slow"
            say("trouble", "log", error=error)
        say(what, about, **details)

    return said


def lines(stream: Steady, now: Callable[[], float]) -> Say:
    """Lines for people: when, what, about what, and the details as `name=value`."""

    def say(what: str, about: str = "", **details: Any) -> None:
        given = [f"{name}={value}" for name, value in details.items() if value not in ("", None)]
        text = "  ".join([f"{what:{_WIDTH}}", *filter(None, [about]), *given])
        first, *more = output_lines(text)
        stream.write("\n    ".join([f"{iso(now())}  {first}", *more]) + "\n")

    return say


def json_lines(stream: Steady, now: Callable[[], float]) -> Say:
    """Lines of JSON: `time` in ISO 8601, `event`, `about`, and the details."""

    def say(what: str, about: str = "", **details: Any) -> None:
        said = {"time": iso(now()), "event": what.replace(" ", "_"), "about": about, **details}
        stream.write(f"{json.dumps(said, default=str)}\n")

    return say
