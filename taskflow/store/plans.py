"""Rows of pipelines, schedules and ticks: how they are written, and read back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from taskflow.plain import readable, storable
from taskflow.planned import Deployed, PipelineRow, Planned, ScheduleRow, TickRow
from taskflow.store.codec import pack, to_json
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping

    from taskflow.call import Source
    from taskflow.planned import Given

    #: Gives the rows that a statement finds.
    Read = Callable[[str, Any], Iterable[tuple[Any, ...]]]

Row = tuple[Any, ...]


class Home(NamedTuple):
    """A schedule, and its pipeline."""

    schedule: ScheduleRow
    deployed: Deployed


def reader(connection: sqlite3.Connection) -> Read:
    """Reads in the transaction of a connection."""
    return lambda name, values: connection.execute(statements()[name], values)


def put_version(
    connection: sqlite3.Connection, version: str, sources: Mapping[str, Source]
) -> None:
    """Keep the sources of a version; a text that another one has is not written again."""
    sql = statements()
    if connection.execute(sql["has_version"], (version,)).fetchone():
        return
    for module, source in sources.items():
        digest = hashlib.sha256(source.text).digest()
        connection.execute(sql["add_text"], (digest, source.text))
        row = (version, module, storable(source.path), source.is_package, digest)
        connection.execute(sql["add_version_source"], row)


def put_pipeline(
    connection: sqlite3.Connection, folder: str, deployed: Deployed, now: float
) -> None:
    """Keep a pipeline, and its schedules: new ones, and changed ones, count from now."""
    sql, name = statements(), storable(deployed.name)
    # The file has a column of its own: its name need not be UTF-8.
    facts = msgspec.msgpack.encode(deployed._replace(schedules=(), file=""))
    row = (
        name, storable(deployed.file), storable(folder), deployed.version, deployed.max_active,
        facts, now,
    )  # fmt: skip
    _leave_old_home(connection, name, folder, deployed.file)
    connection.execute(sql["put_pipeline"], row)
    for planned in deployed.schedules:
        key = storable(planned.id)
        row = connection.execute(sql["schedule"], (key,)).fetchone()
        known = None if row is None else schedule_row(row)
        decided = _decided_of(planned, known, now)
        data = msgspec.msgpack.encode(planned)
        connection.execute(sql["put_schedule"], (key, name, data, decided))
        _put_follows(connection, key, planned, comes_back=known is not None and known.is_gone)
    ids = _as_list(each.id for each in deployed.schedules)
    connection.execute(sql["retire_schedules"], (name, ids))


def _leave_old_home(
    connection: sqlite3.Connection, name: str | bytes, folder: str, file: str
) -> None:
    """A file of another folder loses a pipeline: it is read anew when that folder is served."""
    sql, asked = statements(), (name, storable(folder), storable(file))
    for (path,) in connection.execute(sql["file_elsewhere"], asked).fetchall():
        # As if nothing had been there: should the file be gone by then, it is found to be.
        connection.execute(sql["read_anew"], (to_json({readable(path): ""}), path))


def _put_follows(
    connection: sqlite3.Connection, key: str | bytes, planned: Planned, *, comes_back: bool
) -> None:
    """Keep what a schedule follows; of what it does not, and of before it went, nothing counts."""
    sql, followed = statements(), _as_list(planned.follows)
    connection.execute(sql["unfollow"], (key, followed))
    connection.execute(sql["forget_unfollowed"], (key, "[]" if comes_back else followed))
    connection.executemany(sql["follow"], [(key, storable(each)) for each in planned.follows])


def _decided_of(planned: Planned, known: ScheduleRow | None, now: float) -> float:
    """From when on the ticks of a schedule count: those of the past are not fired by an edit."""
    if known is not None and not known.is_gone and _times(known.planned) == _times(planned):
        return known.decided
    if known is None and planned.catchup == "all" and planned.start is not None:
        return min(now, planned.start - 0.001)  # its very first ticks are wanted
    return now if known is None else max(known.decided, now)


def _times(planned: Planned) -> Row:
    return planned.cron, planned.zone, planned.start, planned.end


def retire(connection: sqlite3.Connection, file: str, names: set[str]) -> None:
    """A file has only these pipelines now."""
    sql = statements()
    for (name,) in connection.execute(sql["pipelines_of_file"], (storable(file),)).fetchall():
        if readable(name) not in names:
            connection.execute(sql["retire_pipeline"], (name,))
            connection.execute(sql["retire_schedules"], (name, "[]"))


def add_run(
    connection: sqlite3.Connection,
    run_id: str,
    deployed: Deployed,
    given: Given,
    now: float,
    tick: tuple[str, float | None, float | None, str] = ("", None, None, ""),
    backfill: int = 0,
) -> None:
    """Queue a run, of a version of its pipeline; it may be of a backfill of so many at once."""
    schedule, instant, previous, zone = tick
    plain = [to_json(each) for each in (given.shown, given.values, given.secrets, deployed.tags)]
    row = (
        run_id, storable(deployed.name), now, storable(deployed.file), storable(deployed.entry),
        given.pickled, *plain, pack(deployed.settings), storable(schedule), instant, previous, zone,
        deployed.version, backfill,
    )  # fmt: skip
    connection.execute(statements()["add_queued_run"], row)


def home_of(connection: sqlite3.Connection, schedule: str) -> Home | None:
    """A schedule and its pipeline; None if there is no such schedule."""
    row = connection.execute(statements()["standing"], (storable(schedule),)).fetchone()
    if row is None:
        return None
    *own, file, facts = row
    return Home(schedule_row(tuple(own)), _deployed(file, facts))


def schedule_row(row: Row) -> ScheduleRow:
    """A schedule."""
    planned, pipeline, decided, is_paused, is_gone = row
    return ScheduleRow(
        msgspec.msgpack.decode(planned, type=Planned), readable(pipeline), decided,
        bool(is_paused), bool(is_gone),
    )  # fmt: skip


def pipeline_row(row: Row) -> PipelineRow:
    """A pipeline."""
    _, file, _, is_gone, _, facts, when, error = row
    return PipelineRow(_deployed(file, facts), bool(is_gone), readable(error), when)


def _deployed(file: str | bytes, facts: bytes) -> Deployed:
    return msgspec.msgpack.decode(facts, type=Deployed)._replace(file=readable(file))


def tick_row(row: Row) -> TickRow:
    """What became of a tick."""
    schedule, instant, until, many, run, why, decided, state = row
    return TickRow(readable(schedule), instant, until, many, run, readable(why), decided, state)


def tick_values(row: TickRow) -> Row:
    """What is written of a tick."""
    return (
        storable(row.schedule), row.instant, row.until, row.ticks, row.run, storable(row.why),
        row.decided,
    )  # fmt: skip


def _as_list(names: Iterable[str]) -> str:
    """Names as SQL finds them in a list."""
    return to_json(list(names))
