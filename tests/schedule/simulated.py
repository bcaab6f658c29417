"""Years of a service in seconds: schedules of all kinds, outages, clocks that jump, runs that end.

Everything follows from a seed. The store is paper, so that what is found is a fault of judging or
of the agenda; time goes on from one tick to the next.
"""

from __future__ import annotations

import heapq
import random
from typing import NamedTuple

from looking import DAY, HOUR, MINUTE, YEAR, Paper, at, plan

from taskflow.planned import ScheduleRow
from taskflow.policies import CATCHUPS, OVERLAPS
from taskflow.schedule.agenda import Agenda
from taskflow.schedule.judging import is_ahead

BEGIN = at("2024-01-01")
#: Zones whose clocks are changed in odd ways, and at odd times.
ZONES = (
    "UTC", "Europe/Brussels", "Europe/Dublin", "America/New_York", "America/St_Johns",
    "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo", "Antarctica/Troll",
    "Asia/Kathmandu", "Asia/Gaza", "Pacific/Chatham", "America/Nuuk", "Pacific/Apia",
)  # fmt: skip
#: How many of two hundred are of a kind, and the kind: `{}` is a number that differs.
KINDS = (
    (1, "{} 0 * * * *"),  # with seconds
    (1, "*/30 {} */6 * * *"),
    (1, "{} * * * *"),
    (2, "@every 6h"),
    (1, "@every 9999s"),
    (4, "{} */6 * * *"),
    (40, "{} 2 * * *"),
    (30, "{} 1 * * *"),
    (20, "{} 0 * * 1-5"),
    (60, "{} 3 * * sun"),
    (20, "{} 2 1,15 * *"),
    (10, "{} 12 L * *"),
    (10, "{} 6 * 3,10 sun#1"),
)


class Odds(NamedTuple):
    """What may happen when a service looks, and how likely that is."""

    outage: float = 2e-4
    jump: float = 5e-5
    pause: float = 2e-4


class World:
    """A service, the clock of its machine, and what it has written down."""

    def __init__(self, seed, count=200, odds=Odds()):  # noqa: B008 - frozen
        self.chance = random.Random(seed)
        self.odds = odds
        self.papers = {paper.planned.id: paper for paper in self._schedules(count)}
        self.agenda = Agenda()
        self.now = BEGIN  # as the clock of the machine shows it
        self.later = []  # a heap of when runs end, and pauses: those have no run
        self.paused = set()
        self.is_set_back = False
        self.wrong = 0.0  # how far the clock is ahead, until somebody sets it right
        self.looks = 0
        for paper in self.papers.values():
            self._put(paper)

    def run(self, years):
        """Serve for so many years, and check that all is accounted for."""
        until = BEGIN + years * YEAR
        while self.now < until:
            self._sleep()
            self._end_runs()
            self._disturb()
            self._look()
        for paper in self.papers.values():
            paper.check()

    @property
    def counts(self):
        """How many ticks ran, and how many were skipped in rows that count them."""
        rows = [row for paper in self.papers.values() for row in paper.rows.values()]
        return sum(row.runs for row in rows), sum(row.ticks for row in rows if not row.runs)

    # --- what the service does ---

    def _sleep(self):
        """Until there is something to do, for half a day at most: clocks may be set meanwhile."""
        wakes = self.agenda.next()
        assert wakes > self.now or self.is_set_back, "it does not come to rest"
        self.is_set_back = False
        self.now = max(self.now, min(wakes, self.now + DAY / 2))

    def _look(self):
        self.looks += 1
        for schedule in self.agenda.due(self.now):
            paper = self.papers[schedule]
            before = paper.decided
            for verdict in paper.look(self.now):
                assert verdict.instant <= self.now, "it is decided before its time"
                if verdict.runs:
                    self._begin(paper)
            assert paper.decided != before, f"{schedule} was due for nothing"
            self._put(paper)
        if self.is_set_back:
            active = [each for each in self.papers.values() if each.planned.id not in self.paused]
            assert not any(is_ahead(each.decided, self.now) for each in active), "it waits for it"

    def _put(self, paper):
        paused = paper.planned.id in self.paused
        self.agenda.put(ScheduleRow(paper.planned, "scrape", paper.decided, is_paused=paused))

    # --- what the world does ---

    def _begin(self, paper):
        """A run of any length begins."""
        length = self.chance.choice((1.0, MINUTE, 20 * MINUTE, 3 * HOUR, 30 * HOUR))
        run = list(paper.open)[-1]
        self._later(length, paper.planned.id, run)

    def _end_runs(self):
        """Runs end, and so do pauses; what waits for a run begins."""
        while self.later and self.later[0][0] <= self.now:
            _, schedule, run = heapq.heappop(self.later)
            paper = self.papers[schedule]
            if not run:
                self._resume(paper)
            paper.open.pop(run, None)
            for first in list(paper.open)[:1]:
                paper.open[first] = "running"

    def _disturb(self):
        """The machine sleeps, its clock is set, somebody pauses a schedule: each now and then."""
        outage, jump, pause = (self.chance.random() < each for each in self.odds)
        if outage:
            longest = self.chance.choice((10 * MINUTE, 3 * HOUR, 2 * DAY, 20 * DAY))
            self.now += longest * self.chance.random()
        if jump:
            self._set_clock()
        if pause:
            paper = self.papers[self.chance.choice(list(self.papers))]
            if paper.planned.id not in self.paused:
                self.paused.add(paper.planned.id)
                self._put(paper)
                self._later(5 * DAY, paper.planned.id, "")

    def _set_clock(self):
        """It is set back, or ahead; when it is far ahead, it is set right after one look."""
        by = self.chance.choice((-59.0, -HOUR, -DAY, -3 * DAY, HOUR, 5 * DAY, 60 * DAY))
        if self.wrong:
            by = -self.wrong
        self.wrong = by if by > DAY else 0.0
        self.now += by
        self.is_set_back = True
        if self.wrong:
            self._look()
            self._set_clock()

    def _resume(self, paper):
        """Nothing of what was due in the pause runs."""
        self.paused.remove(paper.planned.id)
        paper.is_paused = True
        assert not any(verdict.runs for verdict in paper.look(self.now))
        self._put(paper)

    def _later(self, longest, schedule, run):
        heapq.heappush(self.later, (self.now + longest * self.chance.random(), schedule, run))

    def _schedules(self, count):
        """Schedules of all kinds, in all zones, with all policies."""
        kinds = [kind for number, kind in KINDS for _ in range(number)]
        for number in range(count):
            minute = self.chance.randrange(60)
            planned = plan(
                kinds[number * len(kinds) // count].format(minute),
                id=f"s{number}",
                zone=ZONES[number % len(ZONES)],
                catchup=self.chance.choice(CATCHUPS),
                overlap=self.chance.choice(OVERLAPS),
                grace=self.chance.choice((None, None, 30.0, HOUR)),
                jitter=self.chance.choice((0.0, 0.0, 60.0, 4 * HOUR)),
                start=self.chance.choice((None, None, None, BEGIN + 90 * DAY)),
                end=self.chance.choice((None, None, None, BEGIN + 3 * YEAR)),
            )
            yield Paper(planned, BEGIN)
