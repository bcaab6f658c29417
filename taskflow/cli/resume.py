"""`taskflow resume`: goes on with a run where it was."""

from __future__ import annotations

from typing import Any

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command, takes_run
from taskflow.cli.running import chosen, run_and_show, showing_options, workers_options


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
@click.option("--repair", is_flag=True, help="Check the files of kept values; re-run what is lost.")
@workers_options
@showing_options
def resume(*, run: str, repair: bool, **options: Any) -> int:
    """Go on with RUN: keep what has ended and still matches, run the rest.

    A task is kept if neither its code nor its inputs have changed since. For each task that runs
    again it is told why.

    \b
        taskflow resume last-failed
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _resumed(run, repair, options), full=options["full_traceback"])


def _resumed(run: str, repair: bool, options: dict[str, Any]) -> int:
    from taskflow.authoring.recovery import resume as resumed

    return run_and_show(
        lambda listeners: resumed(run, repair=repair, listeners=listeners, **chosen(options)),
        options,
    )
