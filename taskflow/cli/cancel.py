"""`taskflow cancel`: asks whoever drives a run to end it."""

from __future__ import annotations

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import (
    RESUMABLE,
    SETTINGS,
    Command,
    NothingMatched,
    takes_run,
    the_store,
)


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
def cancel(run: str) -> int:
    """Ask a running run to end: nothing new begins, what runs has some seconds to end.

    It is asked, and this command does not wait; taskflow logs -f RUN does.
    """
    return guarded(lambda: _asked(run))


def _asked(name: str) -> int:
    store = the_store()
    run = store.find(name)
    if store.request(run.id, "cancel"):
        click.echo(f"run {run.id} of {run.pipeline} was asked to end", err=True)
        return 0
    run = store.find(run.id)  # it may have ended since
    said = f"nobody drives run {run.id} of {run.pipeline}: it is {run.state.replace('_', ' ')}"
    if run.state in RESUMABLE:
        said += f"; to go on with it: taskflow resume {run.id}"
    raise NothingMatched(said)
