"""Runs within a command: shows how one goes, prints its value, ends with the code that says how."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, cast

import click

from taskflow.cli.exits import FAILED, INTERNAL, INTERRUPTED, STOPPED
from taskflow.cli.output import Output
from taskflow.cli.target import data_kept_apart
from taskflow.progress.choose import command_line_progress
from taskflow.progress.jsonl import JsonProgress
from taskflow.progress.paint import is_terminal
from taskflow.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from taskflow.handle import Run
    from taskflow.interfaces import Listener

_EXECUTORS: Final = ("processes", "threads", "inline")
#: The exit code of a command that has seen a run to its end, by how that was.
CODES: Final = {
    "succeeded": 0,
    "failed": FAILED,
    "timed_out": STOPPED,
    "cancelled": STOPPED,
    "interrupted": INTERRUPTED,
}


def workers_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add to a command where and how many tasks of its run go at once."""
    for add in (
        click.option("--executor", type=click.Choice(_EXECUTORS), help="Where tasks run."),
        click.option(
            "--workers", type=click.IntRange(min=1), metavar="N", help="How many run at once."
        ),
    ):
        command = add(command)
    return command


def chosen(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen of `workers_options`, as `pipeline.options` takes it."""
    return {name: options[name] for name in ("executor", "workers") if options[name] is not None}


def showing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add to a command what it shows of its run."""
    for add in (
        click.option("--full-traceback", is_flag=True, help="Show tracebacks with every frame."),
        click.option(
            "--no-progress", is_flag=True, help="Show only what tasks print and what failed."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print events as lines of JSON."),
    ):
        command = add(command)
    return command


def run_and_show(begin: Callable[[list[Listener]], Run], options: Mapping[str, Any]) -> int:
    """The exit code of a run that `begin` makes, told these listeners, and sees to its end."""
    output = Output(sys.stdout)
    json = JsonProgress(cast("TextIO", output)) if options["as_json"] else None
    # Lines of JSON and a live table would write over each other.
    hidden = options["no_progress"] or (json is not None and is_terminal(sys.stdout))
    shown = command_line_progress(hidden=hidden, full=options["full_traceback"])
    with data_kept_apart():
        run = _ended(begin, [shown, *([json] if json else [])])
        value = run.result() if run.state == "succeeded" else None
    # Logs of CI keep what a command prints; who needs the secret itself calls taskflow.run.
    redact = redactor(run.params)
    if json is not None:
        json.finish(value, redact)
        output.check()
    elif value is not None:
        click.echo(redact(str(value)))
    return CODES.get("interrupted" if run.interrupted else run.state, INTERNAL)


def _ended(begin: Callable[[list[Listener]], Run], listeners: list[Listener]) -> Run:
    try:
        return begin(listeners)
    finally:
        for listener in listeners:
            listener.close()
