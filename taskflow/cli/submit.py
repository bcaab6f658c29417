"""`taskflow submit`: queues a run of a pipeline for the service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.exits import INTERNAL, guarded
from taskflow.cli.given import read_given
from taskflow.cli.page import SETTINGS, Command
from taskflow.cli.queued import warn_unserved
from taskflow.cli.running import CODES
from taskflow.cli.schedules import pipeline_named
from taskflow.cli.serve import the_store
from taskflow.cli.target import data_kept_apart
from taskflow.launch import new_run_id
from taskflow.lifecycle import OPEN_RUNS
from taskflow.progress.jsonl import as_json as in_json
from taskflow.schedule.running import pipeline_from
from taskflow.values import dumps
from taskflow.wanted import given_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.planned import Deployed
    from taskflow.records import RunRow
    from taskflow.store.sqlite import SqliteStore

#: Seconds between two looks at a run that is waited for.
PAUSE: Final = 0.3


@click.command(cls=Command, context_settings=SETTINGS)
@click.option("--wait", is_flag=True, help="Wait until the run has ended.")
@click.option(
    "--params", multiple=True, metavar="FILE", help="Take parameters from a .json or .toml file."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("name", metavar="NAME")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]...")
def submit(name: str, words: tuple[str, ...], **options: Any) -> int:
    """Queue a run of the pipeline NAME of a folder that is served; the service starts it.

    Prints the id of the run. It uses the code that the service has read, not that of today's file.

    \b
        taskflow submit scrape_site --domain example.org
        taskflow submit --wait nightly
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _submitted(name, list(words), options))


def _submitted(name: str, words: list[str], options: dict[str, Any]) -> int:
    store = the_store()
    deployed = pipeline_named(store.book, name).deployed
    if "--help" in words:
        click.echo(_page(deployed))
        return 0
    known = {f"--{parameter}" for parameter, _, _ in deployed.parameters}
    own = {option for each in submit.params for option in each.opts if option.startswith("--")}
    for word in words:
        if word in own - known:  # what comes after the name are parameters
            raise click.UsageError(f"write {word} before the name: taskflow submit {word} {name}")
    with data_kept_apart():
        # As its run will: what the service has read, and what it imports from above its own folder.
        sources = store.book.sources(deployed.version)
        parameters = pipeline_from(sources, deployed.file, deployed.entry).parameters
    values = read_given(parameters, words, options["params"])
    given = given_of(parameters.shown(values), dumps(values))
    run_id = store.book.submit(name, given, new_run_id, time.time())
    warn_unserved(store, name)
    if not options["wait"]:
        click.echo(in_json({"run": run_id}) if options["as_json"] else run_id)
        return 0
    click.echo(f"run {run_id} is queued", err=True)
    run = ended(store, run_id)
    facts = {"run": run.id, "state": run.state, "seconds": run.took, "error": run.error}
    click.echo(
        in_json(facts) if options["as_json"] else f"{run.id} {run.state} {run.error}".rstrip()
    )
    return CODES.get(run.state, INTERNAL)


def _page(deployed: Deployed) -> str:
    """What a pipeline does and takes, as the service has read it."""
    shown = [
        f"  --{name.replace('_', '-')} {kind}" + ("" if default is None else f"  [{default}]")
        for name, kind, default in deployed.parameters
    ]
    head = f"taskflow submit [--wait] [--params FILE] [--json] {deployed.name} [--PARAMETER VALUE]"
    return "\n\n".join(filter(None, [head, deployed.doc, "\n".join(shown)]))


def ended(store: SqliteStore, run_id: str, wait: Callable[[float], None] = time.sleep) -> RunRow:
    """The row of a run, once it has ended."""
    while (run := store.find(run_id)).state in OPEN_RUNS:
        wait(PAUSE)
    return run
