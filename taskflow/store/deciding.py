"""What becomes of the ticks of one schedule, within one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskflow.planned import Standing, TickRow
from taskflow.store.codec import storable
from taskflow.store.plans import add_run, tick_values
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from taskflow.planned import Verdict
    from taskflow.store.plans import Home

    Judge = Callable[[Standing], tuple[float, Sequence[Verdict]]]


class Deciding:
    """Commits ticks of a schedule together with their runs."""

    def __init__(
        self, connection: sqlite3.Connection, home: Home, new_id: Callable[[], str], now: float
    ) -> None:
        self._connection, self._home, self._new_id, self._now = connection, home, new_id, now
        self._planned = home.schedule.planned
        self._key = storable(self._planned.id)

    def by(self, judge: Judge) -> list[TickRow]:
        """Commit what a judge says of the ticks since the last ones; returns what is new."""
        before = self._home.schedule.decided
        found = tuple((run, state) for run, state, _ in self._open())
        until, verdicts = judge(Standing(self._planned, before, found))
        if until < before:  # the clock went back: what was skipped then is yet to come
            self._execute("forget_skips_after", self._key, until)
        if until != before:
            self._execute("decide_schedule", until, self._key)
        rows = map(self._judged, verdicts)
        return [row for row in rows if row is not None]

    def _judged(self, verdict: Verdict) -> TickRow | None:
        """Commit a tick, and its run if it has one; None if that was done before."""
        row = self._tick(verdict.instant, verdict.why, runs=verdict.runs)
        row = row._replace(until=max(verdict.until, verdict.instant), ticks=verdict.ticks)
        if not self._execute("add_tick", *tick_values(row)):
            return None
        if verdict.cancels:
            self._cancel_open()
        if row.run:
            self._add_run(row, verdict.previous)
        return row

    def after_others(self) -> TickRow:
        """A tick of this very moment, since what the schedule follows has succeeded."""
        asked = statements()["followed_runs"], (self._key,)
        runs = ", ".join(run for (run,) in self._connection.execute(*asked))
        row = self._tick(self._now, f"after {runs}")
        while not self._execute("add_tick", *tick_values(row)):  # of two at once one is later
            row = row._replace(instant=row.instant + 0.001, until=row.until + 0.001)
        self._execute("forget_successes", self._key)
        self._add_run(row, None)
        return row

    def again(self, instant: float, previous: float | None, concurrency: int) -> TickRow:
        """A run for a tick, whatever became of it before."""
        row = self._tick(instant, "backfill")
        self._execute("set_tick", *tick_values(row))
        self._add_run(row, previous, backfill=concurrency)
        return row

    # --- inside ---

    def _tick(self, instant: float, why: str, *, runs: bool = True) -> TickRow:
        run = fresh(self._connection, self._new_id) if runs else ""
        state = "queued" if runs else ""
        return TickRow(self._planned.id, instant, instant, 1, run, why, self._now, state)

    def _add_run(self, row: TickRow, previous: float | None, **settings: Any) -> None:
        deployed = self._home.deployed
        deployed = deployed._replace(settings={**deployed.settings, **settings})
        tick = row.schedule, row.instant, previous
        add_run(self._connection, row.run, deployed, self._planned.given, self._now, tick)

    def _open(self) -> list[tuple[str, str, int]]:
        asked = storable(self._home.schedule.pipeline), self._key
        return self._connection.execute(statements()["open_runs_of_schedule"], asked).fetchall()

    def _cancel_open(self) -> None:
        for _, state, number in self._open():
            if state == "queued":
                why = "a later tick is due"
                self._execute("end_queued_run", "cancelled", self._now, why, "", number)
            else:
                self._execute("add_request", number, "cancel")

    def _execute(self, name: str, *values: Any) -> int:
        return self._connection.execute(statements()[name], values).rowcount


def fresh(connection: sqlite3.Connection, new_id: Callable[[], str]) -> str:
    """An id that no run has: many are made in one moment, and ids are of moments."""
    while connection.execute(statements()["owner_of"], (made := new_id(),)).fetchone():
        continue
    return made
