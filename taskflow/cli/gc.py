"""`taskflow gc`: removes old runs and large values that nobody needs any more."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command, json_option, the_store
from taskflow.cli.tables import size
from taskflow.progress.jsonl import as_json as in_json
from taskflow.progress.words import counted
from taskflow.records import Retention
from taskflow.tidying import bytes_of, retention_of

if TYPE_CHECKING:
    from taskflow.records import Removed

_USUAL: Final = Retention()


def _as_bytes(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """A number of bytes, with a unit or without."""
    if value is None:
        return None
    found = bytes_of(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no size; write bytes, or 500MB, 10GB")
    return int(found)


@click.command(cls=Command, context_settings=SETTINGS)
@click.option(
    "--runs",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Keep the last N runs of each pipeline [{_USUAL.runs}].",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    metavar="D",
    help=f"Keep all runs of the last D days [{_USUAL.days:g}].",
)
@click.option(
    "--size",
    "bytes",
    metavar="SIZE",
    callback=_as_bytes,
    help="Of succeeded runs, drop the largest values that only later tasks read, while all values "
    f"together are larger than this [{size(_USUAL.bytes)}].",
)
@json_option
def gc(*, as_json: bool, **given: Any) -> int:
    """Remove old runs; a run that is going on is never touched.

    A run goes when it is neither among the last N of its pipeline nor younger than D days. What is
    not given is what TASKFLOW_KEEP says, and this happens once a day by itself.

    \b
        taskflow gc --runs 10 --days 7 --size 2GB
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _removed(given, as_json=as_json))


def _removed(given: dict[str, Any], *, as_json: bool) -> int:
    removed = the_store().gc(_wanted(given), time.time())
    click.echo(in_json(removed._asdict()) if as_json else _told(removed))
    return 0


def _wanted(given: dict[str, Any]) -> Retention:
    chosen = {name: value for name, value in given.items() if value is not None}
    usual = retention_of(os.environ.get("TASKFLOW_KEEP", ""))
    if usual is None and not chosen:
        raise click.UsageError(
            "TASKFLOW_KEEP=all keeps everything; say what is to stay: --runs N, --days D, "
            "--size SIZE"
        )
    return (usual or _USUAL)._replace(**chosen)


def _told(removed: Removed) -> str:
    runs, files = counted(removed.runs, "run"), counted(removed.files, "file")
    return f"removed {runs} and {files}, {size(removed.bytes)}"
