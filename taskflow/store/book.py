"""What a store knows of pipelines in folders, and what became of each tick of their schedules.

Every change is one transaction, so any number of services can share a store: a tick and its run
come into being together, and whoever comes second finds that it is decided.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskflow.call import Source
from taskflow.errors import DefinitionError, StoreError
from taskflow.plain import readable, storable
from taskflow.planned import FileRow
from taskflow.records import Owner
from taskflow.store.codec import to_json
from taskflow.store.deciding import Deciding, fresh
from taskflow.store.homes import Site, circle, homes_of, taken
from taskflow.store.picking import choose, holdup, pick
from taskflow.store.plans import (
    add_run,
    home_of,
    pipeline_row,
    put_pipeline,
    put_version,
    reader,
    retire,
    schedule_row,
    tick_row,
)
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from taskflow.planned import Deployed, Given, PipelineRow, ScheduleRow, TickRow
    from taskflow.store.deciding import Judge
    from taskflow.store.picking import Holdup, Lives, Picked
    from taskflow.store.plans import Read, Row


class Book:
    """Pipelines, schedules and ticks.

    `do` does a job in a write transaction, and `read` gives the rows that a statement finds.
    """

    def __init__(
        self,
        do: Callable[[Callable[[sqlite3.Connection], Any]], Any],
        read: Callable[[str, Mapping[str, Any] | Sequence[Any]], list[Row]],
    ) -> None:
        self._do, self._read = do, read

    # --- files and pipelines ---

    def put_file(
        self,
        folder: str,
        file: FileRow,
        deployed: Sequence[Deployed],
        sources: Mapping[str, Source],
        seconds: float,
        lives: Callable[[Owner], bool] = lambda _: True,
    ) -> dict[str, str]:
        """Keep what was found in a file; of one with an error, what it had before stays.

        It loses what it does not have any more, and gets nothing new if another file, of this
        folder or of one that a service looks after which `lives`, has one of its names: returns
        these names, each with its file.

        Raises:
            DefinitionError: its pipelines, and others, would start one another for ever.
        """

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            read = reader(connection)
            row = (
                storable(file.path), storable(folder), file.digest, to_json(file.parts),
                storable(file.error), seconds, file.time,
            )  # fmt: skip
            connection.execute(statements()["schedules_changed"])
            if file.error:
                connection.execute(statements()["put_file"], row)
                return {}
            retire(connection, file.path, {each.name for each in deployed})
            served = {each for each, owner in _services(read) if lives(owner)} - {folder}
            found = taken(read, Site(file.path, folder), deployed, served)
            if found:
                return found
            if around := circle(read, deployed):
                told = " starts ".join(around)
                raise DefinitionError(f"these would start one another for ever: {told}")
            connection.execute(statements()["put_file"], row)
            for each in deployed:
                put_version(connection, each.version, sources)
                put_pipeline(connection, folder, each, file.time)
            return {}

        kept: dict[str, str] = self._do(work)
        return kept

    def remove_file(self, path: str) -> None:
        """A file is not there any more, nor what it had."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(statements()["remove_file"], (storable(path),))
            connection.execute(statements()["schedules_changed"])
            retire(connection, path, set())

        self._do(work)

    def files(self, folder: str) -> list[FileRow]:
        """The files of a folder, as they were last read."""
        return [
            FileRow(readable(path), digest, json.loads(parts), readable(error), when)
            for path, digest, parts, error, when in self._read("files", (storable(folder),))
        ]

    def folders(self) -> list[str]:
        """The folders of which files are known."""
        return [readable(folder) for (folder,) in self._read("folders", ())]

    def homes(self, names: Iterable[str]) -> list[Site]:
        """Who has pipelines or schedules of these names."""
        return [home for name in names for home in homes_of(self._read, name)]

    def pipelines(self, folder: str = "", name: str = "") -> list[PipelineRow]:
        """The pipelines of a folder, or of all; or the one of a name."""
        asked = {"folder": storable(folder), "name": storable(name)}
        return [pipeline_row(row) for row in self._read("pipelines", asked)]

    def sources(self, version: str) -> dict[str, Source]:
        """The sources of a version."""
        return {
            module: Source(readable(path), text, bool(is_package))
            for module, path, text, is_package in self._read("version_sources", (version,))
        }

    # --- services ---

    def serve(self, folder: str, owner: Owner, lives: Callable[[Owner], bool]) -> None:
        """Note that a process looks after a folder; those that are gone are forgotten."""
        gone = [each for _, each in self.services() if not lives(each)]

        def work(connection: sqlite3.Connection) -> None:
            sql = statements()
            connection.executemany(sql["remove_service"], [each[:4] for each in (*gone, owner)])
            connection.execute(sql["add_service"], (storable(folder), *owner))

        self._do(work)

    def leave(self, owner: Owner) -> None:
        """A process looks after no folder any more."""
        self._do(lambda connection: connection.execute(statements()["remove_service"], owner[:4]))

    def services(self) -> list[tuple[str, Owner]]:
        """The folders that processes look, or looked, after."""
        return _services(self._read)

    # --- schedules ---

    def changes(self) -> int:
        """A number that grows whenever files, pipelines or schedules change."""
        rows = self._read("fact", ("schedules changed",))
        return int(rows[0][0]) if rows else 0

    def standing(self, schedules: Iterable[str]) -> list[ScheduleRow]:
        """Some schedules as they stand now; those that are not there are left out."""
        rows = [row for each in schedules for row in self._read("schedule", (storable(each),))]
        return [schedule_row(row) for row in rows]

    def schedules(self, folder: str = "") -> list[ScheduleRow]:
        """The schedules of a folder, or of all."""
        return [schedule_row(row) for row in self._read("schedules", {"folder": storable(folder)})]

    def unknown_followed(self) -> list[tuple[str, str]]:
        """Schedules, each with a pipeline that it follows and that nobody has."""
        rows = self._read("unknown_followed", ())
        return [(readable(schedule), readable(name)) for schedule, name in rows]

    def pause(self, schedule: str) -> bool:
        """Start no ticks of a schedule any more; whether there is such a schedule."""

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(statements()["schedules_changed"])
            sql = statements()["pause_schedule"]
            return connection.execute(sql, (True, storable(schedule))).rowcount > 0

        found: bool = self._do(work)
        return found

    def resume(
        self,
        schedule: str,
        judge: Judge,
        new_id: Callable[[], str],
        now: float,
        *,
        catch_up: bool = False,
    ) -> list[TickRow] | None:
        """Go on with a paused schedule; None if there is no such schedule.

        What was due meanwhile is skipped, and returned; with `catch_up` it is left to whoever
        judges next, as if nobody had been there.
        """

        def work(connection: sqlite3.Connection) -> list[TickRow] | None:
            home = home_of(connection, schedule)
            if home is None:
                return None
            connection.execute(statements()["schedules_changed"])
            connection.execute(statements()["pause_schedule"], (False, storable(schedule)))
            if catch_up or home.schedule.state != "paused":
                return []
            return Deciding(connection, home, new_id, now).passed(judge)

        skipped: list[TickRow] | None = self._do(work)
        return skipped

    def ticks(self, schedule: str, limit: int = 100) -> list[TickRow]:
        """What became of the last ticks of a schedule, the newest first."""
        return [tick_row(row) for row in self._read("ticks", (storable(schedule), limit))]

    def runs_between(self, schedule: str, first: float, last: float) -> list[TickRow]:
        """The ticks of a schedule between two moments that have, or had, a run."""
        asked = storable(schedule), first, last
        return [tick_row(row) for row in self._read("runs_between", asked)]

    def last_runs(self) -> dict[str, TickRow]:
        """By schedule, the last tick that has a run."""
        return {row.schedule: row for row in map(tick_row, self._read("last_ticks", ()))}

    # --- ticks ---

    def decide(
        self, schedules: Iterable[str], judge: Judge, new_id: Callable[[], str], now: float
    ) -> list[TickRow]:
        """Judge the ticks of some schedules, and commit what becomes of them, with their runs.

        `judge` is told how a schedule stands, in the transaction, and returns up to when all is
        decided, and what becomes of each tick until then. Returns what is new.
        """

        def work(connection: sqlite3.Connection) -> list[TickRow]:
            found: list[TickRow] = []
            for schedule in schedules:
                home = home_of(connection, schedule)
                if home is not None and home.schedule.state == "active":
                    found += Deciding(connection, home, new_id, now).by(judge)
            return found

        decided: list[TickRow] = self._do(work)
        return decided

    def follow(self, new_id: Callable[[], str], now: float, folder: str = "") -> list[TickRow]:
        """Start what waits for the success of other pipelines, once all of them have succeeded.

        Of a folder, or of all. Returns what is new: a tick that its policies do not let run is
        skipped.
        """
        asked = {"folder": storable(folder)}
        if not self._read("ready_followers", asked):
            return []

        def work(connection: sqlite3.Connection) -> list[TickRow]:
            found: list[TickRow] = []
            for (schedule,) in list(reader(connection)("ready_followers", asked)):
                home = home_of(connection, readable(schedule))
                if home is not None and home.schedule.state == "active":
                    found += Deciding(connection, home, new_id, now).after_others()
            return found

        decided: list[TickRow] = self._do(work)
        return decided

    def fill(
        self,
        schedule: str,
        instants: Sequence[tuple[float, float | None]],
        new_id: Callable[[], str],
        now: float,
        concurrency: int,
    ) -> list[TickRow]:
        """Give ticks of a schedule a run, whatever became of them before: a backfill.

        `instants` are ticks, each with the one before. At most `concurrency` of these runs go on
        at once.
        """
        if not instants:
            return []

        def work(connection: sqlite3.Connection) -> list[TickRow]:
            home = home_of(connection, schedule)
            if home is None:
                raise StoreError(f"there is no schedule {schedule!r}")
            deciding = Deciding(connection, home, new_id, now)
            return [deciding.again(*each, concurrency) for each in instants]

        filled: list[TickRow] = self._do(work)
        return filled

    # --- runs ---

    def submit(self, pipeline: str, given: Given, new_id: Callable[[], str], now: float) -> str:
        """Queue a run of a pipeline that no schedule asks for; returns its id."""

        def work(connection: sqlite3.Connection) -> str:
            asked = {"folder": "", "name": storable(pipeline)}
            row = connection.execute(statements()["pipelines"], asked).fetchone()
            if row is None or pipeline_row(row).is_gone:
                raise StoreError(f"no folder that is served has a pipeline {pipeline!r}")
            run_id = fresh(connection, new_id)
            add_run(connection, run_id, pipeline_row(row).deployed, given, now)
            return run_id

        run_id: str = self._do(work)
        return run_id

    def driven(self, lives: Lives, folder: str = "") -> dict[str, Owner]:
        """Runs that somebody drives who still has them in hand, and who that is."""
        rows = self._read("owned_runs", {"folder": storable(folder)})
        owners = {run_id: Owner(*owner) for _, _, _, _, _, run_id, *owner in rows}
        return {run_id: owner for run_id, owner in owners.items() if lives(run_id, owner)}

    def holdup(self, run_id: str) -> Holdup | None:
        """What a run waits for that is queued; None if it is not, or not any more."""
        return holdup(self._read, run_id)

    def pick(
        self, want: int, owner: Owner, lives: Lives, now: float, folder: str = ""
    ) -> list[Picked]:
        """Own up to `want` runs that nobody drives and that may begin now, fairly.

        They are of the pipelines of a folder, or of all. `lives` tells whether an owner still has a
        run in hand.
        """
        if want < 1 or not choose(self._read, want, lives, now, folder):
            return []
        picked: list[Picked] = self._do(
            lambda connection: pick(connection, want, owner, lives, now, folder)
        )
        return picked

    def end_unstarted(self, run_id: str, epoch: int, why: str, now: float) -> bool:
        """End a run as failed that could not begin, or go on; whether it was still to do so."""

        def work(connection: sqlite3.Connection) -> bool:
            values = now, why, run_id, epoch
            return connection.execute(statements()["end_unstarted"], values).rowcount > 0

        ended: bool = self._do(work)
        return ended


def _services(read: Read) -> list[tuple[str, Owner]]:
    return [(readable(folder), Owner(*owner)) for folder, *owner in read("services", ())]
