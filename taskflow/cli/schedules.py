"""`taskflow schedules`: what runs when, what became of past ticks, and pause and resume."""

from __future__ import annotations

import os
import shlex
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.authoring.advice import near
from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command, NothingMatched, iso, json_option
from taskflow.cli.queued import unserved
from taskflow.cli.serve import the_store
from taskflow.cli.tables import state, table, write_lines
from taskflow.launch import new_run_id
from taskflow.progress.clean import one_line
from taskflow.progress.jsonl import as_json as in_json
from taskflow.progress.words import counted
from taskflow.schedule.coming import coming, in_zone
from taskflow.schedule.judging import judge

if TYPE_CHECKING:
    from taskflow.planned import PipelineRow, Planned, ScheduleRow, TickRow
    from taskflow.progress.paint import Line
    from taskflow.store.book import Book
    from taskflow.store.sqlite import SqliteStore

_TITLES: Final = ("SCHEDULE", "WHEN", "ZONE", "STATE", "LAST RUN", "NEXT")
_ACTIONS: Final = ("pause", "resume", "next", "history")
#: How many names are told to whoever seeks one that is not there.
_NAMES: Final = 10
#: How many ticks ahead are told.
_NEXT: Final = 5
#: And how many that have passed.
_PAST: Final = 20
_SHOWN: Final = 60


@click.command(cls=Command, context_settings=SETTINGS)
@click.argument("words", nargs=-1, metavar="[DIR | pause|resume|next|history NAME]")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many ticks [next: 5, history: 20].",
)
@click.option(
    "--catch-up",
    is_flag=True,
    help="With resume: what was due meanwhile is started as the schedule's `catchup` says.",
)
@json_option
def schedules(words: tuple[str, ...], *, limit: int | None, catch_up: bool, as_json: bool) -> int:
    """List the schedules of a folder that is or was served, or do something about one.

    NAME is that of a schedule, or of a pipeline for all that it has. After a resume nothing of what
    was due meanwhile is started, unless --catch-up says so; taskflow backfill does that later.

    \b
        taskflow schedules pipelines/
        taskflow schedules next scrape_site
        taskflow schedules history scrape_site --limit 50
        taskflow schedules pause scrape_site
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    if catch_up and words[:1] != ("resume",):
        raise click.UsageError("--catch-up is for taskflow schedules resume NAME")
    return guarded(lambda: _done(list(words), limit, catch_up=catch_up, as_json=as_json))


def _done(words: list[str], limit: int | None, *, catch_up: bool, as_json: bool) -> int:
    if words and words[0] in _ACTIONS and not os.path.isdir(words[0]):
        if len(words) != 2:
            raise click.UsageError(f"write taskflow schedules {words[0]} NAME")
        return _act(words[0], words[1], limit, catch_up=catch_up, as_json=as_json)
    if len(words) > 1:
        raise click.UsageError(f"{words[0]!r} is none of {', '.join(_ACTIONS)}")
    folder = os.path.abspath(words[0]) if words else ""
    store = the_store(folder)
    if folder and not os.path.isdir(folder) and folder not in store.book.folders():
        said = f"there is no folder {words[0]!r}; of one schedule: taskflow schedules next NAME"
        raise NothingMatched(said)
    return _listed(store, folder, as_json=as_json)


def _act(action: str, name: str, limit: int | None, *, catch_up: bool, as_json: bool) -> int:
    book = the_store().book
    found = named(book, name, gone=action == "history")
    if action == "next":
        _write_next(found, limit or _NEXT, as_json=as_json)
    elif action == "history":
        _write_history(book, found, limit or _PAST, as_json=as_json)
    else:
        said = _pause(book, found) if action == "pause" else _resume(book, found, catch_up=catch_up)
        if as_json:
            rows = book.standing(row.planned.id for row in found)
            click.echo(in_json({row.planned.id: row.state for row in rows}))
        else:
            click.echo("\n".join(said), err=True)
    return 0


def _pause(book: Book, found: list[ScheduleRow]) -> list[str]:
    """Start no ticks of schedules any more; what is to be said of it."""
    for row in found:
        book.pause(row.planned.id)
    return [f"schedule {row.planned.id} is paused" for row in found]


def _resume(book: Book, found: list[ScheduleRow], *, catch_up: bool) -> list[str]:
    """Go on with schedules; ticks that passed meanwhile are skipped, for a backfill to run."""
    now, said = time.time(), []
    judged = partial(judge, now=now)
    for row in found:
        rows = book.resume(row.planned.id, judged, new_run_id, now, catch_up=catch_up) or []
        many = sum(tick.ticks for tick in rows)
        passed = f"; skipped what passed meanwhile: {counted(many, 'tick')}" if many else ""
        said.append(f"schedule {row.planned.id} goes on{passed}")
    return said


def named(book: Book, name: str, *, gone: bool = False) -> list[ScheduleRow]:
    """The schedule of a name, or those of the pipeline of a name; `gone`: also if they are gone."""
    rows = [row for row in book.schedules() if gone or not row.is_gone]
    found = [row for row in rows if name in (row.planned.id, row.pipeline)]
    if not found:
        names = {row.planned.id for row in rows} | {row.pipeline for row in rows}
        known = near(name, names) or "; taskflow schedules lists them"
        raise NothingMatched(f"there is no schedule {name!r}{known}")
    return found


# --- the list ------------------------------------------------------------------------------


def _listed(store: SqliteStore, folder: str, *, as_json: bool) -> int:
    book = store.book
    rows = [row for row in book.schedules(folder) if not row.is_gone]
    last = book.last_runs()
    bad = _bad_files(book, folder)
    unknown = book.unknown_followed()
    if as_json:
        facts = {
            "store": store.url,
            "schedules": [_as_plain(row, last.get(row.planned.id)) for row in rows],
            "bad_files": bad,
            "unserved": unserved(store, folder),
            "following_nobody": [f"{schedule} after {name}" for schedule, name in unknown],
        }
        click.echo(in_json(facts))
        return 0
    write_lines(table(_TITLES, [_row(row, last.get(row.planned.id)) for row in rows]))
    for path, error in bad.items():
        head, *rest = error.splitlines()
        write_lines([[("✘ ", "bold red"), (f"{path}: {head}", "red")]])
        write_lines([[(f"    {line}", "dim")] for line in rest])
    for each in unserved(store, folder):
        _warn(f"nobody looks after {each}: taskflow serve {shlex.quote(each)}")
    for schedule, name in unknown:
        _warn(f"{schedule} starts after {name!r}, and there is no such pipeline")
    if not rows and not bad:
        where = f"of {folder} " if folder else ""
        raise NothingMatched(
            f"the store {store.place.database} knows no schedules {where}- taskflow serve DIR "
            "reads a folder, and TASKFLOW_STORE names another store"
        )
    return 0


def _warn(text: str) -> None:
    write_lines([[("! ", "bold yellow"), (text, "yellow")]])


def _bad_files(book: Book, folder: str) -> dict[str, str]:
    folders = [folder] if folder else book.folders()
    return {row.path: row.error for each in folders for row in book.files(each) if row.error}


def _row(row: ScheduleRow, last: TickRow | None) -> list[Line]:
    planned = row.planned
    when = in_zone(planned, last.instant) if last else ""
    ran: Line = [state(last.state or "removed"), (f" {when}", "dim")] if last else []
    coming = _coming(row, 1)
    return [
        [(planned.id, "bold")],
        [(one_line(planned.words.replace(f" ({planned.zone})", ""), _SHOWN), "")],
        [(planned.zone if planned.cron else "", "")],
        [(row.state, "yellow" if row.state == "paused" else "")],
        ran,
        [(coming[0] if coming else "", "")],
    ]


def _coming(row: ScheduleRow, count: int) -> list[str]:
    """The next ticks in ISO 8601, with the offset of the schedule's zone."""
    if row.state != "active" or not row.planned.cron:
        return []
    ticks = coming(row.planned, max(time.time(), row.decided), count)
    return [in_zone(row.planned, tick) for tick in ticks]


def _as_plain(row: ScheduleRow, last: TickRow | None) -> dict[str, Any]:
    planned = row.planned
    return {
        "schedule": planned.id,
        "pipeline": row.pipeline,
        "cron": planned.cron,
        "written": planned.written,
        "words": planned.words,
        "zone": planned.zone,
        "state": row.state,
        "follows": list(planned.follows),
        "catchup": planned.catchup,
        "overlap": planned.overlap,
        "params": dict(planned.given.shown),
        "warnings": list(planned.warnings),
        "last": last and {"run": last.run, "state": last.state, "tick": iso(last.instant)},
        "next": _coming(row, _NEXT),
    }


# --- one schedule --------------------------------------------------------------------------


def _write_next(found: list[ScheduleRow], count: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(in_json({row.planned.id: _coming(row, count) for row in found}))
        return
    for row in found:
        planned = row.planned
        words = f"{planned.id}: {planned.words}"
        write_lines(
            [[(words, "bold"), (f" ({row.state})" if row.state != "active" else "", "yellow")]]
        )
        ticks = _coming(row, count) or ["no tick to come that is known"]
        write_lines([[(f"  {tick}", "")] for tick in ticks])
        write_lines([[("  ! ", "bold yellow"), (text, "yellow")] for text in planned.warnings])


def _write_history(book: Book, found: list[ScheduleRow], limit: int, *, as_json: bool) -> None:
    every = [(row, tick) for row in found for tick in book.ticks(row.planned.id, limit)]
    if as_json:
        click.echo(in_json([_tick_as_plain(tick) for _, tick in every]))
        return
    if not every:
        names = ", ".join(row.planned.id for row in found)
        said = f"no tick of {names} was due yet; taskflow runs lists what was submitted"
        click.echo(said, err=True)
        return
    titles = ("TICK", "SCHEDULE", "BECAME", "RUN", "WHY")
    rows: list[list[Line]] = [
        [
            [(in_zone(row.planned, tick.instant), "")],
            [(tick.schedule, "")],
            [
                state((tick.state or "removed") if tick.run else "skipped"),
                (_many(row.planned, tick), "dim"),
            ],
            [(tick.run, "")],
            [(one_line(tick.why, _SHOWN * 2), "dim")],
        ]
        for row, tick in every
    ]
    write_lines(table(titles, rows))


def _many(planned: Planned, tick: TickRow) -> str:
    """How many ticks a row stands for, if not for one."""
    if tick.until <= tick.instant:
        return ""
    return f" ({f'{tick.ticks:,}' if tick.ticks else 'many'} until {in_zone(planned, tick.until)})"


def _tick_as_plain(tick: TickRow) -> dict[str, Any]:
    return {
        **tick._asdict(),
        "instant": iso(tick.instant),
        "until": iso(tick.until),
        "decided": iso(tick.decided),
    }


def pipeline_named(book: Book, name: str) -> PipelineRow:
    """The pipeline of a name in a folder that is or was served."""
    rows = [row for row in book.pipelines() if not row.is_gone]
    for row in rows:
        if row.deployed.name == name:
            return row
    names = [row.deployed.name for row in rows]
    known = near(name, names) or (f"; there are {', '.join(names[:_NAMES])}" if names else "")
    raise NothingMatched(f"no folder that is served has a pipeline {name!r}{known}")
