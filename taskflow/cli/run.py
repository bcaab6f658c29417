"""`taskflow run`: runs a pipeline here and now, shows how it goes, prints its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from taskflow.cli.exits import guarded
from taskflow.cli.page import SETTINGS, Command
from taskflow.cli.running import run_and_show, showing_options, workers_options
from taskflow.cli.target import requested, takes_pipeline
from taskflow.errors import DefinitionError
from taskflow.policies import seconds

if TYPE_CHECKING:
    from taskflow.cli.target import Request


def as_seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """A timeout as the option gives it: a number of seconds, or a text with units."""
    if value is None:
        return None
    try:
        return seconds(float(value) if value.replace(".", "", 1).isdecimal() else value)
    except DefinitionError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=Command, context_settings=SETTINGS)
@workers_options
@click.option("--fail-fast", is_flag=True, help="Cancel the rest when a task has failed.")
@click.option(
    "--timeout",
    metavar="TIME",
    callback=as_seconds,
    help="End the run after this time: 90, 5m, 1h30m.",
)
@showing_options
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Mark the run; repeatable.")
@takes_pipeline
@click.pass_context
def run(ctx: click.Context, /, **options: Any) -> int:
    """Run the pipeline NAME of a Python file, or its only one, and print its value.

    Parameters of the pipeline stand after FILE; taskflow run FILE --help shows them.

    \b
        taskflow run scrape.py --domain example.org
        taskflow run --workers 8 flows/etl.py:nightly --params prod.toml --day 2026-01-31
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _run(requested(ctx, options)), full=options["full_traceback"])


def _run(request: Request) -> int:
    parameters = request.parameters()
    given = {
        name: request.options[name]
        for name in ("executor", "workers", "fail_fast", "timeout", "tags")
        if request.options[name] not in (None, False, ())
    }
    pipeline = request.pipeline.options(**given) if given else request.pipeline
    return run_and_show(
        lambda listeners: pipeline.execute(parameters, listeners=listeners), request.options
    )
