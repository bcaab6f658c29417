"""`taskflow backfill`: runs ticks of a schedule that are in the past."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command, json_option
from taskflow.cli.queued import warn_unserved
from taskflow.cli.schedules import named
from taskflow.cli.serve import the_store
from taskflow.cli.tables import write_lines
from taskflow.launch import new_run_id
from taskflow.lifecycle import OPEN_RUNS
from taskflow.progress.jsonl import as_json as in_json
from taskflow.progress.words import counted
from taskflow.schedule.coming import LITTLE, between, in_zone, up_to

if TYPE_CHECKING:
    from taskflow.planned import Planned, TickRow

#: So many ticks of a preview are listed.
_LISTED: Final = 20
#: A backfill of more is refused: it was hardly meant.
MOST: Final = 100_000


class Tick(NamedTuple):
    """A tick that a backfill looks at, the one before it, and what became of it so far."""

    instant: float
    previous: float | None
    known: str


@click.command(cls=Command, context_settings=SETTINGS)
@click.argument("name", metavar="NAME")
@click.option(
    "--from",
    "begin",
    required=True,
    metavar="TIME",
    help="The first moment, in the schedule's zone: 2026-01-31, 2026-01-31T06:00.",
)
@click.option(
    "--to", "end", required=True, metavar="TIME", help="The last moment; a day means all of it."
)
@click.option(
    "--only",
    type=click.Choice(("missing", "failed", "all")),
    default="missing",
    help="Which ticks: those without a run; also those whose run did not succeed; all [missing].",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Runs that go on at once [1].",
)
@click.option("--dry-run", is_flag=True, help="Only show which ticks would run.")
@json_option
def backfill(name: str, begin: str, end: str, **options: Any) -> int:
    """Queue runs for the ticks of a schedule between two times; the service starts them.

    A backfill that was cut off goes on when it is asked for again: ticks that have a run are left
    alone.

    \b
        taskflow backfill scrape_site --from 2026-01-01 --to 2026-01-31 --dry-run
        taskflow backfill scrape_site --from 2026-01-01 --to 2026-01-31 --concurrency 4
        taskflow backfill scrape_site --from 2026-01-01 --to 2026-01-31 --only failed
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _filled(name, (begin, end), options))


def _filled(name: str, span: tuple[str, str], options: dict[str, Any]) -> int:
    store = the_store()
    book = store.book
    planned = _one_of([row.planned for row in named(book, name)], name)
    first, last = (
        _moment(text, planned.zone, is_end=is_end)
        for text, is_end in zip(span, (False, True), strict=True)
    )
    if last < first:
        raise click.UsageError("--to is before --from")
    known = {tick.instant: tick for tick in book.runs_between(planned.id, first, last)}
    ticks = _ticks(planned, first, min(last, time.time()), known)
    wanted = [tick for tick in ticks if _is_wanted(tick, options["only"])]
    if not options["as_json"]:
        _show(planned, ticks, wanted)
    queued = [] if options["dry_run"] else wanted
    pairs = [(tick.instant, tick.previous) for tick in queued]
    rows = book.fill(planned.id, pairs, new_run_id, time.time(), options["concurrency"])
    if options["as_json"]:
        told = [in_zone(planned, tick.instant) for tick in wanted]
        facts = {"ticks": len(ticks), "to_run": told, "runs": [row.run for row in rows]}
        click.echo(in_json(facts))
    if queued:
        said = f"queued {counted(len(queued), 'run')}; taskflow schedules history {planned.id}"
        click.echo(said, err=True)
        warn_unserved(store, name)
    return 0


def _one_of(every: list[Planned], name: str) -> Planned:
    """The only schedule that has ticks of its own."""
    found = [planned for planned in every if planned.cron]
    if len(found) > 1:
        ids = ", ".join(planned.id for planned in found)
        raise click.UsageError(f"{name!r} has {len(found)} schedules ({ids}); name one")
    if not found:
        raise click.UsageError(
            f"{name!r} has no ticks of its own, it runs {every[0].words}; taskflow submit starts it"
        )
    return found[0]


def _ticks(planned: Planned, first: float, last: float, known: dict[float, TickRow]) -> list[Tick]:
    """The ticks of a span, with what became of them."""
    found: list[Tick] = []
    previous = up_to(planned, first - LITTLE)
    for instant in between(planned, first - LITTLE, last):
        if len(found) >= MOST:
            raise click.UsageError(f"these are more than {MOST:,} ticks: ask for a shorter time")
        row = known.get(instant)
        found.append(Tick(instant, previous, (row.state or "removed") if row and row.run else ""))
        previous = instant
    return found


def _is_wanted(tick: Tick, only: str) -> bool:
    if tick.known in OPEN_RUNS:
        return False
    if only == "all" or not tick.known:
        return True
    return only == "failed" and tick.known not in ("succeeded", "removed")


def _show(planned: Planned, ticks: list[Tick], wanted: list[Tick]) -> None:
    """The preview: how many ticks there are, and which would run."""
    told = [in_zone(planned, tick.instant) for tick in wanted]
    write_lines(
        [[(f"{planned.id}: {counted(len(ticks), 'tick')}, {len(wanted):,} to run", "bold")]]
    )
    half = _LISTED // 2
    if len(told) > _LISTED:
        told = [*told[:half], f"... {len(told) - _LISTED:,} more ...", *told[-half:]]
    write_lines([[(f"  {text}", "")] for text in told])


def _moment(text: str, zone: str, *, is_end: bool) -> float:
    """A date or a date with a time, in the zone of a schedule, as seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(text)
        if is_end and len(text) <= len("2026-01-31"):
            moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
        if not moment.tzinfo:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no time; write a date (2026-01-31), or one with a time (2026-01-31T06:30)"
        ) from None
    if seconds < 0:
        raise click.BadParameter(f"{text!r} is before 1970; there are no ticks so long ago")
    return seconds
