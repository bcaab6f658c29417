"""Schedules on paper: what a book would have of one, and whether it accounts for every tick."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from taskflow import cron
from taskflow.planned import Planned, Standing
from taskflow.schedule.judging import MOST_COUNTED, judge

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY, YEAR = 1.0, 60.0, 3600.0, 86400.0, 31_556_952.0


def at(text):
    """A moment in seconds; it is UTC if it does not say."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def shown(seconds):
    """Seconds as they are best read."""
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def plan(cron="0 * * * *", **more):
    """A schedule."""
    return Planned(more.pop("id", "scrape"), cron=cron, written=cron, **more)


def ticks_of(planned, after, until):
    """All ticks after a moment, up to another: the truth that all else is held against."""
    start = None if planned.start is None else EPOCH + timedelta(seconds=planned.start)
    until = until if planned.end is None else min(until, planned.end)
    span = (EPOCH + timedelta(seconds=each) for each in (after, until))
    found = cron.ticks(planned.cron, planned.zone, *span, start=start)
    return [each.timestamp() for each in found]


class Paper:
    """What a book would have of one schedule."""

    def __init__(self, planned, decided):
        self.planned, self.decided = planned, decided
        self.since = decided  # what lies before is nobody's business
        self.rows = {}  # by instant: what became of it
        self.open = {}  # by run: its state
        self.runs = 0
        self.is_paused = False
        self.early = []  # ticks that ran before their time, by a clock that was ahead

    def look(self, now):
        """Judge what is due, and keep it; returns what was decided, in order."""
        until, verdicts = judge(self.standing(now), now)
        if until < self.decided:
            self._forget_skips(until)
        self.since, self.decided = min(self.since, until), until
        for verdict in verdicts:
            assert verdict.instant not in self.rows, f"{shown(verdict.instant)} is decided twice"
            self.rows[verdict.instant] = verdict
            self._start(verdict)
        self.is_paused = False
        return verdicts

    def standing(self, now):
        """How it stands, as a book would say."""
        over, since = [], self.decided
        if now < self.decided:
            skips = [row for row in self.rows.values() if not row.runs]
            over = [(row.instant, row.why) for row in skips if row.instant <= now < _last(row)]
            since = min([now, *(first for first, _ in over)])
            self.early = [each for each, row in self.rows.items() if row.runs]
        self.early = sorted(each for each in self.early if each > since)
        return Standing(
            self.planned, self.decided, tuple(self.open.items()), self.is_paused,
            tuple(self.early), over[0] if over else None,
        )  # fmt: skip

    def check(self):
        """Every tick that is decided is in exactly one row, and every row is of ticks."""
        rows = sorted(self.rows.values())
        last = max([self.decided, *map(_last, rows)])
        every = ticks_of(self.planned, self.since, last)
        counted = 0
        for row, after in pairwise(rows):
            assert _last(row) < after.instant, f"{row} overlaps {after}"
        for row in rows:
            low, high = bisect_left(every, row.instant), bisect_right(every, _last(row))
            assert every[low : low + 1] == [row.instant], f"{row} begins with no tick"
            assert every[high - 1] == _last(row), f"{row} ends with no tick"
            assert row.ticks == high - low or (not row.ticks and high - low > MOST_COUNTED), row
            assert row.instant <= self.decided or row.runs, f"{row} is yet to come"
            counted += (high - low) if row.instant <= self.decided else 0
        assert counted == bisect_right(every, self.decided), "there are ticks without a row"

    def _forget_skips(self, until):
        """What was skipped and is yet to come is not decided."""
        skips = [each for each, row in self.rows.items() if not row.runs and _last(row) > until]
        for each in skips:
            del self.rows[each]

    def _start(self, verdict):
        if verdict.cancels:
            self.open.clear()
        if verdict.runs:
            self.runs += 1
            self.open[f"r{self.runs}"] = "queued" if self.open else "running"


def _last(row):
    return max(row.until, row.instant)
