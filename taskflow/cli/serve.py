"""`taskflow serve`: starts the pipelines of a folder on their schedules."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command
from taskflow.cli.run import as_seconds
from taskflow.errors import LoadError, StoreError
from taskflow.policies import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.store.sqlite import SqliteStore


def _hook_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--on-success` and its like."""
    told = {"on_success": "a run succeeded", "on_failure": "a run failed"}
    told |= {"on_late": "a tick was late", "on_skipped": "a tick was skipped"}
    for hook in reversed(HOOKS):
        option = f"--{hook.replace('_', '-')}"
        text = f"Run this by the shell when {told[hook]}."
        command = click.option(option, default="", metavar="COMMAND", help=text)(command)
    return command


@click.command(cls=Command, context_settings=SETTINGS)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs that go on at once, at most [one for each core].",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes of all runs together [two for each core].",
)
@click.option(
    "--grace",
    metavar="TIME",
    default="60s",
    callback=as_seconds,
    help="After SIGTERM runs have so long to end, and tasks 10 s more; they go on later [60s].",
)
@click.option(
    "--import-limit",
    metavar="TIME",
    default="60s",
    callback=as_seconds,
    help="A file that takes longer to import is a bad one [60s].",
)
@_hook_options
@click.option("--json", "as_json", is_flag=True, help="Say what happens as lines of JSON.")
def serve(folder: str, **options: Any) -> int:
    """Start the pipelines of a folder on their schedules, until SIGTERM or Ctrl-C.

    Files that are added, changed or removed are seen within two seconds. What happens is said on
    standard error, and kept in the store: taskflow schedules DIR shows it.

    \b
        taskflow serve pipelines/
        taskflow serve pipelines/ --runs 8 --on-failure 'mail -s "$TASKFLOW_PIPELINE" ops'
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _serve(folder, options))


def the_store(folder: str = "") -> SqliteStore:
    """The store of the working directory's project, or the one that `TASKFLOW_STORE` names.

    Of a folder of pipelines that it does not know, it is the store of the folder's project if that
    one does: whoever serves a folder, from wherever, is to find the ticks of it.
    """
    from taskflow.store import open_store
    from taskflow.store.sqlite import SqliteStore

    name = os.environ.get("TASKFLOW_STORE") or None
    store = open_store(name)
    if not isinstance(store, SqliteStore):
        raise StoreError(
            f"schedules need a store on the disk, and TASKFLOW_STORE is {store.url} - unset it, or "
            "name a file: TASKFLOW_STORE=sqlite:///runs.db"
        )
    if not folder or name or folder in store.book.folders():
        return store
    other = open_store(None, folder)
    return other if isinstance(other, SqliteStore) and folder in other.book.folders() else store


def _serve(folder: str, options: dict[str, Any]) -> int:
    from taskflow.executors.machine import cores
    from taskflow.schedule.around import Around
    from taskflow.schedule.catalog import Catalog
    from taskflow.schedule.crew import Crew
    from taskflow.schedule.folder import Folder
    from taskflow.schedule.hooks import Hooks
    from taskflow.schedule.nursery import Nursery
    from taskflow.schedule.saying import Steady, speaker
    from taskflow.schedule.service import Service
    from taskflow.world import SystemClock

    place = os.path.abspath(folder)
    if not os.access(place, os.R_OK | os.X_OK):
        raise LoadError(f"the folder {folder} cannot be read")
    store = the_store(place)
    _check_apart(store, place)
    with Steady(2) as stream:
        say = speaker(stream, time.time, as_json=options["as_json"])
        nursery = Nursery(limit=options["import_limit"])
        around = Around(store, place, nursery, say, SystemClock(), store.present(time.time()))
        hooks = Hooks(around, {hook: options[hook] for hook in HOOKS})
        most = options["runs"] or cores()
        workers = options["workers"] or 2 * cores()
        each = max(1, workers // most)
        crew = Crew(around, hooks, most, each, as_json=options["as_json"])
        say("serving", place, store=store.url, runs=most, workers=workers)
        try:
            store.book.serve(place, around.me, store.lives)
            crew.adopt()
            Service(around, Catalog(around, Folder(place)), crew, hooks).serve(options["grace"])
        finally:
            nursery.close()
        with suppress(StoreError):  # on a full disk, say: that it is gone is seen all the same
            store.book.leave(around.me)
        say("stopped", place)
    return 0


def _check_apart(store: SqliteStore, place: str) -> None:
    """A file belongs to one folder that is served."""
    for folder, owner in store.serving():
        inner, outer = sorted((place, folder), key=len, reverse=True)
        if place != folder and inner.startswith(os.path.join(outer, "")):
            raise StoreError(
                f"{inner} lies in {outer}, and process {owner.pid} looks after {folder} with the "
                "same store; serve the outer one alone, or give one of them a store of its own: "
                "TASKFLOW_STORE=sqlite:///folder/"
            )
