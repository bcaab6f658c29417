"""The progress of a run where no person watches it live: plain lines, few enough to be read.

A task name gets a line when it begins to run, at every tenth of its way or every ten seconds, and
when it is done; what begins and ends within a second gets one. While nothing changes, lines come at
ever longer intervals, since a log that stays silent looks like a program that hangs.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from taskflow.events import RunNoticed, RunStarted, TaskWrote
from taskflow.progress import rows
from taskflow.progress.forks import renewed_in_forks
from taskflow.progress.paint import Paint
from taskflow.progress.speech import Speaker, noticed, written
from taskflow.progress.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from taskflow.events import Event
    from taskflow.progress.tally import Row

#: Seconds between looks at what has changed.
LOOK: Final = 1.0
#: Seconds, or parts of the whole, between lines about a task name that goes on.
PAUSE: Final = 10.0
STEPS: Final = 10
#: Seconds between lines about a task name of which nothing ends: doubled each time, up to this.
_LONGEST: Final = 300.0
_HEARD: Final = frozenset({RunStarted, RunNoticed, TaskWrote})


@dataclass(slots=True)
class _Told:
    """What was last said of a row, and when."""

    at: float
    ended: int
    total: int
    patience: float = PAUSE


class LineProgress:
    """A listener that writes plain lines about a run, and at the end what failed and how it went.

    With `quiet` nothing comes before the end but what tasks write and what a person should know.
    `full` is that of the failure report.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        full: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        ticking: bool = True,
    ) -> None:
        self._paint = Paint(stream)
        self._speaker = Speaker(self._paint, log=True, quiet=quiet)
        self._quiet = quiet
        self._full = full
        self._clock = clock
        self._due = self._clock() + LOOK
        self._told: dict[str, _Told] = {}
        self._closed = False
        self.renew_lock()
        renewed_in_forks(self)
        self._ticker = Ticker(self.tick, LOOK)
        if ticking and not quiet:
            self._ticker.start()

    def renew_lock(self) -> None:
        """Make a new lock, which nobody holds."""
        self._lock = threading.RLock()

    def notice(self, events: Sequence[Event]) -> None:
        with self._lock:
            now = self._clock()
            heard = self._speaker.hear(events, now)
            lines = [said if isinstance(said, str) else self._paint.line(said) for said in heard]
            if now >= self._due:
                lines += self._news(now)
            self._paint.write(lines)

    def tick(self) -> None:
        """Say what is new if it is time to."""
        with self._lock:
            now = self._clock()
            if now >= self._due:
                self._paint.write(self._news(now))

    def close(self) -> None:
        self._ticker.stop()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._paint.write(self._news(self._clock(), last=True))
            self._paint.write(map(self._paint.line, self._speaker.last_words(full=self._full)))

    def _news(self, now: float, *, last: bool = False) -> list[str]:
        self._due = now + LOOK
        if self._quiet:
            return []
        self._speaker.tally.look(now)
        return [
            self._paint.line(rows.plain_row(row, now))
            for row in self._speaker.tally.rows.values()
            if self._is_news(row, now, last=last)
        ]

    def _is_news(self, row: Row, now: float, *, last: bool) -> bool:
        if row.began is None and not row.ended and not row.broken:
            return False
        told = self._told.get(row.name)
        if told is None:
            self._told[row.name] = _Told(now, row.ended, row.total)
            return True
        changed = (row.ended, row.total) != (told.ended, told.total)
        far = row.ended * STEPS // max(1, row.total) > told.ended * STEPS // max(1, told.total)
        waited = now - told.at >= (PAUSE if changed else told.patience)
        due = waited and not row.done
        if not due and not (changed and (row.done or far or last)):
            return False
        patience = PAUSE if changed else min(2 * told.patience, _LONGEST)
        self._told[row.name] = _Told(now, row.ended, row.total, patience)
        return True


class Prints:
    """A listener that writes only what tasks write and what a person should know."""

    def __init__(self, stream: TextIO) -> None:
        self._paint = Paint(stream)
        self._pipeline = ""

    def notice(self, events: Sequence[Event]) -> None:
        # 100,000 tasks a second may end while nobody wants to hear of them.
        if _HEARD.isdisjoint(map(type, events)):
            return
        for event in events:
            if isinstance(event, RunStarted):
                self._pipeline = event.pipeline
            elif isinstance(event, TaskWrote) and not event.seen:
                self._paint.write(written(event, self._pipeline, self._paint))
            elif isinstance(event, RunNoticed):
                self._paint.write([self._paint.line(noticed(event))])

    def close(self) -> None:
        """Nothing to free."""
