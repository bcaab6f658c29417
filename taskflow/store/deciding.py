"""What becomes of the ticks of one schedule, within one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskflow.plain import storable
from taskflow.planned import PAUSED, Standing, TickRow
from taskflow.store.plans import add_run, tick_values
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

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

    def by(self, judge: Judge, *, is_paused: bool = False) -> list[TickRow]:
        """Commit what a judge says of the ticks since the last ones; returns what is new."""
        before = self._home.schedule.decided
        until, verdicts = judge(self._standing(is_paused=is_paused))
        if until < before:  # the clock was set back: what was skipped then is yet to come
            self._execute("forget_skips_after", self._key, until)
        if until != before:
            self._execute("decide_schedule", until, self._key)
        rows = map(self._judged, verdicts)
        return [row for row in rows if row is not None]

    def passed(self, judge: Judge) -> list[TickRow]:
        """Commit that all was skipped that was due while the schedule was paused."""
        return self.by(judge, is_paused=True) + self.after_others(PAUSED)

    def _standing(self, *, is_paused: bool) -> Standing:
        """How the schedule stands now."""
        decided = since = self._home.schedule.decided
        spanning = None
        if self._now < decided:  # the clock was set back
            asked = {"schedule": self._key, "now": self._now}
            spanning = self._all("skipped_over", asked)
            since = min([self._now, *(first for first, _ in spanning)])
        taken = tuple([instant for (instant,) in self._all("instants_of_runs", (self._key, since))])
        return Standing(
            self._planned, decided, self._open_runs(), is_paused, taken,
            spanning[0] if spanning else None,
        )  # fmt: skip

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

    def after_others(self, refusal: str = "") -> list[TickRow]:
        """Ticks of this very moment, since what the schedule follows has succeeded.

        Of one pipeline each success is a tick; several pipelines have one together.
        """
        successes = self._all("successes", (self._key,))
        self._execute("forget_successes", self._key)
        together = [successes] if successes and len(self._planned.follows) > 1 else []
        return [self._after(each, refusal) for each in together or zip(successes)]

    def _after(self, successes: Sequence[tuple[str, float | None]], refusal: str) -> TickRow:
        """A tick after the success of some runs, of each its id and its end, if it is known."""
        runs = ", ".join(run for run, _ in successes)
        late = self._now - max(self._now if ended is None else ended for _, ended in successes)
        standing = Standing(self._planned, 0.0, self._open_runs())
        refusal = refusal or self._out_of_season() or self._too_late(late) or standing.refusal
        why = f"after {runs}; {refusal}" if refusal else f"after {runs}"
        row = self._tick(self._now, why, runs=not refusal)
        while not self._execute("add_tick", *tick_values(row)):  # of two at once one is later
            row = row._replace(instant=row.instant + 0.001, until=row.until + 0.001)
        if row.run:
            if standing.cancels:
                self._cancel_open()
            self._add_run(row, None)
        return row

    def again(self, instant: float, previous: float | None, concurrency: int) -> TickRow:
        """A run for a tick, whatever became of it before."""
        tick = {"schedule": self._key, "instant": instant}
        for name in ("forget_last_skip", "leave_out_tick"):
            self._connection.execute(statements()[name], tick)
        row = self._tick(instant, "backfill")
        self._execute("set_tick", *tick_values(row))
        self._add_run(row, previous, concurrency)
        return row

    # --- inside ---

    def _tick(self, instant: float, why: str, *, runs: bool = True) -> TickRow:
        run = fresh(self._connection, self._new_id) if runs else ""
        state = "queued" if runs else ""
        return TickRow(self._planned.id, instant, instant, 1, run, why, self._now, state)

    def _add_run(self, row: TickRow, previous: float | None, backfill: int = 0) -> None:
        given, tick = self._planned.given, (row.schedule, row.instant, previous, self._planned.zone)
        add_run(self._connection, row.run, self._home.deployed, given, self._now, tick, backfill)

    def _out_of_season(self) -> str:
        """Why what others do starts nothing now; empty if it does."""
        start, end = self._planned.start, self._planned.end
        if start is not None and self._now < start:
            return "before its start"
        return "after its end" if end is not None and self._now > end else ""

    def _too_late(self, seconds: float) -> str:
        """Why what succeeded so long ago starts nothing; empty if it does."""
        latest = self._planned.latest
        if latest is None or seconds <= latest:
            return ""
        is_said = self._planned.grace is not None
        policy = f"misfire_grace is {latest:g} s" if is_said else 'catchup is "none"'
        return f"{seconds:.0f} s late; {policy}"

    def _open(self) -> list[tuple[str, str, int]]:
        asked = storable(self._home.schedule.pipeline), self._key
        return self._all("open_runs_of_schedule", asked)

    def _open_runs(self) -> tuple[tuple[str, str], ...]:
        return tuple([(run, state) for run, state, _ in self._open()])

    def _cancel_open(self) -> None:
        for _, state, number in self._open():
            if state == "queued":
                why = "a later tick is due"
                self._execute("end_queued_run", "cancelled", self._now, why, "", number)
            else:
                self._execute("add_request", number, "cancel")

    def _all(self, name: str, values: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
        return self._connection.execute(statements()[name], values).fetchall()

    def _execute(self, name: str, *values: Any) -> int:
        return self._connection.execute(statements()[name], values).rowcount


def fresh(connection: sqlite3.Connection, new_id: Callable[[], str]) -> str:
    """An id that no run has: many are made in one moment, and ids are of moments."""
    while connection.execute(statements()["owner_of"], (made := new_id(),)).fetchone():
        continue
    return made
