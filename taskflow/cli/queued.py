"""Why a run is queued, and has not begun."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from taskflow.progress.words import counted
from taskflow.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from taskflow.interfaces import Store
    from taskflow.store.picking import Holdup


def unserved(store: SqliteStore, folder: str = "") -> list[str]:
    """The folders of which files are known, and that no living service looks after."""
    served = dict(store.serving())
    return [each for each in ([folder] if folder else store.book.folders()) if each not in served]


def warn_unserved(store: SqliteStore, name: str) -> None:
    """Say so if no service is there for the runs of a pipeline."""
    for each in _unserved_homes(store, name):
        said = f"! nobody looks after {each}, so it waits: taskflow serve {shlex.quote(each)}"
        click.echo(said, err=True)


def _unserved_homes(store: SqliteStore, name: str) -> set[str]:
    """The folders that have a pipeline, and that no living service looks after."""
    return {site.folder for site in store.book.homes([name])} & set(unserved(store))


def waits_for(store: Store, run_id: str) -> str:
    """What a queued run waits for, in words; empty if it is not queued."""
    assert isinstance(store, SqliteStore)  # no other has runs that wait
    holdup = store.book.holdup(run_id)
    if holdup is None:
        return ""
    for each in _unserved_homes(store, holdup.pipeline):
        return f"a service: taskflow serve {shlex.quote(each)}"
    return _room(holdup)


def _room(holdup: Holdup) -> str:
    """Who has the places that it could have."""
    whose = "its backfill" if holdup.is_filling else holdup.pipeline
    waits = "waits" if holdup.before == 1 else "wait"
    before = f"; {counted(holdup.before, 'run')} {waits} before it" if holdup.before else ""
    if holdup.most is None or holdup.going + holdup.before < holdup.most:
        return f"a place in the service{before}"
    limit = "--concurrency" if holdup.is_filling else "max_active_runs"
    return f"one of {counted(holdup.most, 'run')} of {whose} to end: {limit}={holdup.most}{before}"
