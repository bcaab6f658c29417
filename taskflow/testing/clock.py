"""A clock for tests: its time passes when nothing else is left to do, or when you say so."""

from __future__ import annotations

import itertools
import math
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from taskflow.context import context
from taskflow.errors import TaskTimeout
from taskflow.policies import seconds
from taskflow.testing.staying import Stays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from queue import SimpleQueue

    from taskflow.policies import Duration

#: What the clock shows at first, unless it is told: 2001-09-09 01:46:40 UTC.
START: Final = 1_000_000_000.0


class FakeClock(Stays):
    """Time that passes without anybody waiting for it.

    Runs on this clock skip what they would wait for: when every one of them waits, the time
    becomes that at which the first goes on. So `retry_delay="1h"` takes no time at all, and
    `run.seconds` still says 3600. `advance` moves the time by hand, also in the body of a task.

    >>> clock = FakeClock("2026-03-29T00:30:00+01:00")
    >>> clock.advance("90m")
    >>> clock.time, clock.utc.isoformat()
    (5400.0, '2026-03-29T01:00:00+00:00')
    """

    def __init__(self, start: datetime | str | None = None) -> None:
        #: Seconds since the clock was made.
        self.time = 0.0
        self._skips = True
        self._epoch = START
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._seats: Counter[int] = Counter()  # who may move the time, by how many executors
        self._asleep: dict[int, tuple[float, SimpleQueue[None]]] = {}
        self._mine = threading.local()
        self._owner = threading.get_ident()
        if start is not None:
            self.set(start)

    # --- what an engine asks ---

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return self._epoch + self.time

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self.time

    def random(self) -> float:
        """Always 0.5: jitter stretches no delay and shortens none."""
        return 0.5

    # --- what a test says ---

    @property
    def utc(self) -> datetime:
        """The date and time in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def skips(self) -> bool:
        """Whether runs skip what they would wait for, as they do unless it is set to False.

        If not, they go on when `advance` gets there; only a run in the background can.
        """
        return self._skips

    @skips.setter
    def skips(self, wanted: bool) -> None:
        with self._changed:
            self._skips = wanted
            self._skip()

    def set(self, when: datetime | str) -> None:
        """Set the date and time, forwards or back; what waits goes on waiting as long as before.

        A text is in ISO format; without an offset it means UTC.
        """
        try:
            moment = datetime.fromisoformat(when) if isinstance(when, str) else when
        except ValueError:
            raise ValueError(
                f'{when!r} is not a date that can be read; write "2026-03-29T00:30:00+01:00"'
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self._epoch = moment.timestamp() - self.time

    def advance(self, duration: Duration) -> None:
        """Let time pass: seconds, a `timedelta`, or a text such as `"1h30m"`.

        Runs in the background that wait meanwhile go on, each at its time; this returns when
        all of them wait again or have ended. In the body of a task it says how long the body
        takes: its timeout, if it has one, ends it there.
        """
        span = seconds(duration)
        facts = context.get()
        if facts is not None and facts.task_key is not None:
            self._spend(span)
            return
        until = self.time + span
        self.settle()
        while self._wake_next(until):
            self.settle()
        self.time = max(self.time, until)

    def settle(self) -> None:
        """Wait until every run in the background waits for the time, or has ended."""
        with self._changed:
            self._changed.wait_for(self._is_quiet)

    # --- what an executor does ---

    def enter(self) -> int:
        """A run comes: the time is not skipped while it is busy. The answer goes to `leave`."""
        # A run that a body starts in its own thread goes on while the body waits for it.
        seat: int = getattr(self._mine, "seat", 0) or next(self._numbers)
        with self._changed:
            self._seats[seat] += 1
        return seat

    def leave(self, seat: int) -> None:
        """A run has ended."""
        with self._changed:
            self._seats -= Counter((seat,))
            self._skip()
            self._changed.notify_all()

    @contextmanager
    def seated(self, seat: int) -> Iterator[None]:
        """What this block runs belongs to that run."""
        before = getattr(self._mine, "seat", 0)
        self._mine.seat = seat
        try:
            yield
        finally:
            self._mine.seat = before

    @contextmanager
    def cut(self, limit: float) -> Iterator[None]:
        """Raise `TaskTimeout` in this block when it lets more than `limit` seconds pass."""
        before: tuple[float, float] = getattr(self._mine, "cut", (math.inf, 0.0))
        self._mine.cut = min(before, (self.time + limit, limit))
        try:
            yield
        finally:
            self._mine.cut = before

    def sleep(self, seat: int, span: float, bell: SimpleQueue[None]) -> None:
        """Wait until so many seconds have passed, or somebody rings the bell."""
        if not self._skips and threading.get_ident() == self._owner:
            raise RuntimeError(
                "this run waits for a clock that is moved by hand, in the thread that would move "
                "it; start it in the background (taskflow_start, Harness.start), or leave "
                "clock.skips as it is"
            )
        # The time may be so late that the span is lost in rounding.
        until = max(self.time + span, math.nextafter(self.time, math.inf)) if span else self.time
        with self._changed:
            if not bell.empty():
                return
            self._asleep[seat] = until, bell
            self._skip()
            self._changed.notify_all()
        bell.get()
        with self._changed:
            self._asleep.pop(seat, None)

    # --- inside ---

    def _spend(self, span: float) -> None:
        end, limit = getattr(self._mine, "cut", (math.inf, 0.0))
        if self.time + span > end:
            self.time = max(self.time, end)
            raise TaskTimeout(f"it ran longer than its timeout of {limit:g} s")
        self.time += span

    def _is_quiet(self) -> bool:
        mine = getattr(self._mine, "seat", 0)
        return all(seat == mine or self._sleeps(seat) for seat in self._seats)

    def _sleeps(self, seat: int) -> bool:
        return seat in self._asleep and self._asleep[seat][1].empty()

    def _skip(self) -> None:
        if self._skips and self._asleep and all(map(self._sleeps, self._seats)):
            self._wake_next(math.inf)

    def _wake_next(self, until: float) -> bool:
        """Move the time to where the first sleeper goes on, if that is not after `until`."""
        with self._changed:
            first = min(self._asleep, key=lambda seat: self._asleep[seat][0], default=None)
            if first is None or self._asleep[first][0] > until:
                return False
            when, bell = self._asleep.pop(first)
            self.time = max(self.time, when)
            bell.put(None)
            return True
