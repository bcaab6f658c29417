"""`taskflow runs`: lists the runs that were kept, newest first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.exits import UNMATCHED, guarded
from taskflow.cli.history import (
    SETTINGS,
    Command,
    as_moment,
    json_option,
    local,
    run_as_plain,
    the_store,
    took,
)
from taskflow.cli.tables import counts, pairs, state, table, write_lines
from taskflow.lifecycle import RUN_STATES
from taskflow.progress.clean import one_line
from taskflow.progress.jsonl import as_json
from taskflow.progress.words import duration
from taskflow.records import RunFilter

if TYPE_CHECKING:
    from taskflow.interfaces import Store
    from taskflow.progress.paint import Line
    from taskflow.records import RunRow

_TITLES: Final = ("RUN", "PIPELINE", "STATE", "STARTED", "TOOK", "TASKS", "TAGS", "PARAMETERS")
_PARAMS: Final = 60
_NAME: Final = 40


@click.command(cls=Command, context_settings=SETTINGS)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(RUN_STATES),
    help="Only runs in this state; repeatable.",
)
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--tag", "tags", multiple=True, help="Only runs with this tag; repeatable.")
@click.option(
    "--since", metavar="TIME", callback=as_moment, help="Only runs from then on: 2d, 2026-01-31."
)
@click.option("--until", metavar="TIME", callback=as_moment, help="Only runs from before then.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="At most so many [20]."
)
@json_option
def runs(*, as_json: bool, limit: int, **wanted: Any) -> int:
    """List runs, newest first.

    \b
        taskflow runs --state failed --since 2d
        taskflow runs --json | jq -r .id
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _listed(wanted, limit, in_json=as_json))


def _listed(wanted: dict[str, Any], limit: int, *, in_json: bool) -> int:
    given = {name: value for name, value in wanted.items() if value}
    store = the_store()
    found = [_so_far(store, run) for run in store.runs(RunFilter(**given, limit=limit))]
    if in_json:
        for run in found:
            click.echo(as_json(run_as_plain(run)))
    elif found:
        write_lines(table(_TITLES, map(_row, found), right=[4]))
    if found:
        return 0
    if given:
        click.echo("no run is like that; taskflow runs lists all", err=True)
        return UNMATCHED
    click.echo("no run is kept here yet; taskflow run FILE makes one", err=True)
    return 0


def _so_far(store: Store, run: RunRow) -> RunRow:
    """A run with the counts that it will have only at its end, as far as they are known."""
    groups = [] if run.counts or not run.started else store.groups(run.id)
    if not groups:
        return run
    sums: Counter[str] = Counter()
    for group in groups:
        sums[group.state] += group.count
    spent = max(group.ended for group in groups) - run.started
    return replace(run, counts=dict(sums), seconds=run.seconds or max(0.0, spent))


def _row(run: RunRow) -> list[Line]:
    return [
        [(run.id, "bold")],
        [(one_line(run.pipeline, _NAME), "")],
        [state(run.state)],
        [(local(run.started), "dim") if run.state != "queued" else ("", "")],
        [(duration(took(run)) if run.started else "", "")],
        counts(run.counts),
        [(one_line(", ".join(run.tags), _NAME), "cyan")],
        [(pairs(run.params, _PARAMS), "dim")],
    ]
