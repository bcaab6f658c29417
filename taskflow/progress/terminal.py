"""The progress of a run in a terminal: a live table below, what tasks write above it.

The thread of the engine only puts events on a pile. Another takes them from there ten times a
second, counts them and draws; so neither 100,000 events a second nor a terminal that is slow, or
stopped with Ctrl-S, holds up the run.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from taskflow.progress.forks import renewed_in_forks
from taskflow.progress.paint import fitted, wrapped
from taskflow.progress.report import is_gutter
from taskflow.progress.screen import Screen
from taskflow.progress.speech import Speaker
from taskflow.progress.table import Table
from taskflow.progress.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from taskflow.events import Event
    from taskflow.progress.paint import Line

#: Seconds before the first frame: most small runs are over by then.
FIRST: Final = 0.25
#: Seconds between frames while things happen, and while only time goes on.
REDRAW: Final = 0.1
IDLE: Final = 0.25
#: Frames are at least this many times as far apart as one takes to draw, up to some seconds.
THRIFT: Final = 30
_LONGEST: Final = 2.0


class TerminalProgress:
    """A listener that shows a run live in a terminal, and at the end what failed and how it went.

    `full` is that of the failure report. A `screen` takes the place of the terminal that `stream`
    is. Without `ticking` there is no other thread, and the time goes on only with events.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        screen: Screen | None = None,
        full: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        ticking: bool = True,
    ) -> None:
        self._full = full
        self._clock = clock
        self._screen = screen or Screen(stream)
        self._speaker = Speaker(self._screen.paint)
        self._table = Table(self._speaker.tally)
        self._pile: deque[tuple[float, Sequence[Event]]] = deque()
        self._due = self._clock() + FIRST
        self._changed = False
        self._closed = False
        self.renew_lock()
        renewed_in_forks(self)
        self._ticker = Ticker(self.tick, REDRAW)
        self._ticking = ticking
        if ticking:
            self._ticker.start()

    def renew_lock(self) -> None:
        """Make a new lock, which nobody holds."""
        self._lock = threading.Lock()

    def notice(self, events: Sequence[Event]) -> None:
        if self._ticker.error is not None:
            raise self._ticker.error
        # Also called by a signal handler in the midst of itself: appending is one step.
        self._pile.append((self._clock(), events))
        if not self._ticking:
            self.tick()

    def tick(self) -> None:
        """Take what has happened, and draw if it is time to."""
        with self._lock, self._screen.kept_whole():
            self._take_pile()
            now = self._clock()
            patience = 0.0 if self._changed or self._screen.has_news else IDLE - REDRAW
            if self._speaker.tally.started is not None and now >= self._due + patience:
                self._draw(now)

    def close(self) -> None:
        self._ticker.stop()
        with self._lock, self._screen.kept_whole():
            if self._closed:
                return
            self._closed = True
            self._take_pile()
            width, _ = self._screen.size()
            self._screen.leave(self._table.frame(self._clock(), width - 1, height=None))
            paint = self._screen.paint
            said: list[Line] = []
            for line in self._speaker.last_words(full=self._full):
                said += [fitted(line, width)] if is_gutter(line) else wrapped(line, width)
            paint.write(map(paint.line, said))

    def _take_pile(self) -> None:
        paint, (width, _) = self._screen.paint, self._screen.size()
        while self._pile:
            now, events = self._pile.popleft()
            self._changed = True
            for said in self._speaker.hear(events, now):
                lines = [said] if isinstance(said, str) else map(paint.line, wrapped(said, width))
                self._screen.above(lines)

    def _draw(self, now: float) -> None:
        width, height = self._screen.size()
        self._screen.show(self._table.frame(now, width - 1, height))
        self._changed = False
        took = self._clock() - now
        self._due = now + max(REDRAW, min(_LONGEST, THRIFT * took))
