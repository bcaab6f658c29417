"""The progress of a run in a terminal: a live table below, what tasks write above it.

However many events there are, the table is drawn at most ten times a second, and drawing takes at
most a thirtieth of the time.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from taskflow.events import RunNoticed, TaskWrote
from taskflow.progress import rows
from taskflow.progress.failures import Failures
from taskflow.progress.report import ending, in_short
from taskflow.progress.screen import Screen
from taskflow.progress.speech import noticed, written
from taskflow.progress.tally import Tally
from taskflow.progress.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from taskflow.events import Event
    from taskflow.progress.paint import Line
    from taskflow.progress.tally import Row

#: Seconds before the first frame: most small runs are over by then.
FIRST: Final = 0.25
#: Seconds between frames while things happen, and while only time goes on.
REDRAW: Final = 0.1
IDLE: Final = 0.25
#: Frames are at least this many times as far apart as one takes to draw.
THRIFT: Final = 30
#: Kinds of failure that are told as they happen; all are in the report at the end.
_TOLD: Final = 10
#: Lines of the terminal left to what scrolls above.
_LEFT: Final = 4


class TerminalProgress:
    """A listener that shows a run live in a terminal, and at the end what failed and how it went.

    `full` shows tracebacks as Python prints them; `hint` is the option that does so. Without
    `ticking` the time goes on only with events.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        full: bool = False,
        hint: str = "",
        clock: Callable[[], float] = time.monotonic,
        ticking: bool = True,
    ) -> None:
        self.tally = Tally()
        self.failures = Failures()
        self._full = full
        self._hint = hint
        self._clock = clock
        self._screen = Screen(stream)
        self._due = self._clock() + FIRST
        self._changed = False
        self._closed = False
        self._columns: rows.Columns | None = None
        # A signal handler may make the engine speak while it is speaking.
        self._lock = threading.RLock()
        self._ticker = Ticker(self.tick, REDRAW)
        if ticking:
            self._ticker.start()

    def notice(self, events: Sequence[Event]) -> None:
        with self._lock:
            now = self._clock()
            for event in events:
                self._take(event, now)
            self._changed = True
            if now >= self._due:
                self._draw(now)

    def tick(self) -> None:
        """Draw if it is time to."""
        with self._lock:
            now = self._clock()
            patience = 0.0 if self._changed or self._screen.has_news else IDLE - REDRAW
            if self.tally.started is not None and now >= self._due + patience:
                self._draw(now)

    def close(self) -> None:
        self._ticker.stop()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._screen.leave(self._frame(self._clock(), height=None))
            paint = self._screen.paint
            last = ending(self.tally, self.failures, full=self._full, hint=self._hint)
            paint.write(paint.line(line) for line in last)

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, TaskWrote):
            self._screen.above(written(event, self.tally, self._screen.paint))
            return
        self.tally.note(event, now)
        kind = self.failures.note(event)
        if kind is not None and len(self.failures.kinds) <= _TOLD:
            self._screen.above([self._screen.paint.line(in_short(kind, self.failures))])
        elif isinstance(event, RunNoticed):
            self._screen.above([self._screen.paint.line(noticed(event))])

    def _draw(self, now: float) -> None:
        _, height = self._screen.size()
        self._screen.show(self._frame(now, height))
        self._changed = False
        self._due = now + max(REDRAW, THRIFT * (self._clock() - now))

    def _frame(self, now: float, height: int | None) -> list[Line]:
        """The header and as many rows as there is room for; all of them without a `height`."""
        tally = self.tally
        if tally.started is None:
            return []
        over = tally.finished is not None
        seconds = tally.finished.seconds if tally.finished else now - tally.began
        shown, rest = _chosen(list(tally.rows.values()), height)
        before = None if over else self._columns
        columns = self._columns = rows.Columns.of(shown, self._screen.size()[0] - 1, before)
        table = [rows.table_row(row, columns, now, over=over) for row in shown]
        return [
            rows.header(tally.started, seconds),
            *table,
            *([rows.folded(rest)] if rest else []),
        ]


def _chosen(every: list[Row], height: int | None) -> tuple[list[Row], list[Row]]:
    """The rows to show, in order, and those there is no room for: what runs goes first."""
    room = len(every) if height is None else max(3, height - _LEFT)
    if len(every) <= room:
        return every, []
    chosen = {row.name for row in sorted(every, key=_urgency)[: room - 1]}
    shown = [row for row in every if row.name in chosen]
    return shown, [row for row in every if row.name not in chosen]


def _urgency(row: Row) -> int:
    """Smaller for what a person should see first."""
    if row.began is not None and not row.done:
        return 0
    return 1 if row.bad else 3 if row.done else 2
