"""`taskflow run`: runs a pipeline here and now, shows how it goes, prints its value."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, cast

import click

from taskflow.cli.exits import FAILED, INTERNAL, INTERRUPTED, STOPPED, guarded
from taskflow.cli.output import Output
from taskflow.cli.page import SETTINGS, Command
from taskflow.cli.target import data_kept_apart, requested, takes_pipeline
from taskflow.errors import DefinitionError
from taskflow.policies import seconds
from taskflow.progress.choose import command_line_progress
from taskflow.progress.jsonl import JsonProgress
from taskflow.progress.paint import is_terminal
from taskflow.secret import redactor

if TYPE_CHECKING:
    from typing import TextIO

    from taskflow.cli.target import Request
    from taskflow.interfaces import Listener

EXECUTORS: Final = ("processes", "threads", "inline")
_CODES: Final = {
    "succeeded": 0,
    "failed": FAILED,
    "timed_out": STOPPED,
    "cancelled": STOPPED,
    "interrupted": INTERRUPTED,
}


def _as_seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """A timeout as the option gives it: a number of seconds, or a text with units."""
    if value is None:
        return None
    try:
        return seconds(float(value) if value.replace(".", "", 1).isdecimal() else value)
    except DefinitionError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=Command, context_settings=SETTINGS)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="How many run at once.")
@click.option("--executor", type=click.Choice(EXECUTORS), help="Where tasks run.")
@click.option("--fail-fast", is_flag=True, help="Cancel the rest when a task has failed.")
@click.option(
    "--timeout",
    metavar="TIME",
    callback=_as_seconds,
    help="End the run after this time: 90, 5m, 1h30m.",
)
@click.option("--json", "as_json", is_flag=True, help="Print events as lines of JSON.")
@click.option("--no-progress", is_flag=True, help="Show only what tasks print and what failed.")
@click.option("--full-traceback", is_flag=True, help="Show tracebacks with every frame.")
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
    options, parameters = request.options, request.parameters()
    output = Output(sys.stdout)
    json = JsonProgress(cast("TextIO", output)) if options["as_json"] else None
    # Lines of JSON and a live table would write over each other.
    hidden = options["no_progress"] or (json is not None and is_terminal(sys.stdout))
    shown = command_line_progress(hidden=hidden, full=options["full_traceback"])
    with data_kept_apart():
        state, value = _executed(request, parameters, [shown, *([json] if json else [])])
    # Logs of CI keep what a command prints; who needs the secret itself calls taskflow.run.
    redact = redactor(request.pipeline.parameters.shown(parameters))
    if json is not None:
        json.finish(value, redact)
        output.check()
    elif value is not None:
        click.echo(redact(str(value)))
    return _CODES.get(state, INTERNAL)


def _executed(
    request: Request, parameters: dict[str, Any], listeners: list[Listener]
) -> tuple[str, Any]:
    """Run the pipeline in this thread; how it ended, and its value if it has one."""
    given = {
        name: request.options[name]
        for name in ("executor", "workers", "fail_fast", "timeout", "tags")
        if request.options[name] not in (None, False, ())
    }
    pipeline = request.pipeline.options(**given) if given else request.pipeline
    try:
        run = pipeline.execute(parameters, listeners=listeners)
    finally:
        for listener in listeners:
            listener.close()
    if run.state == "succeeded":
        return run.state, run.result()
    return "interrupted" if run.interrupted else run.state, None
