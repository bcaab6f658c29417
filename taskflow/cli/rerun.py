"""`taskflow rerun`: a new run with the parameters of an earlier one."""

from __future__ import annotations

from typing import Any

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command, takes_run
from taskflow.cli.running import chosen, run_and_show, showing_options, workers_options


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
@click.option(
    "--from",
    "start_from",
    default="",
    metavar="TASK",
    help="Keep what RUN has made, but for this task and all that comes after it.",
)
@workers_options
@showing_options
def rerun(*, run: str, start_from: str, **options: Any) -> int:
    """Run the pipeline of RUN once more, with the same parameters, as a new run.

    \b
        taskflow rerun last --from extract
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _again(run, start_from, options), full=options["full_traceback"])


def _again(run: str, start_from: str, options: dict[str, Any]) -> int:
    from taskflow.authoring.recovery import rerun as again

    return run_and_show(
        lambda listeners: again(run, start_from=start_from, listeners=listeners, **chosen(options)),
        options,
    )
