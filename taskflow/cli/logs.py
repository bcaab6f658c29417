"""`taskflow logs`: what the tasks of a run wrote, also while it goes on."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import (
    GOING,
    SETTINGS,
    Command,
    iso,
    json_option,
    takes_run,
    the_store,
)
from taskflow.cli.recorded import Recorded, is_called
from taskflow.progress.clean import one_line, output_lines
from taskflow.progress.jsonl import as_json
from taskflow.progress.paint import Paint, cells
from taskflow.progress.speech import NOBODY
from taskflow.progress.tally import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.interfaces import Store
    from taskflow.records import LogRow

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
#: Seconds between two looks at a run that goes on.
PAUSE: Final = 0.3
_LABEL: Final = 40
_STYLES: Final = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "bold red"}


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
@click.argument("task", default="")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    help="Only records of logging from this level on.",
)
@json_option
def logs(*, run: str, task: str, follow: bool, level: str | None, as_json: bool) -> int:
    """Show what the tasks of RUN wrote and logged, or TASK alone.

    TASK is a task key, a tail of one, or a name; fetch_page[17] is an element of a map.

    \b
        taskflow logs last
        taskflow logs last fetch_page --level WARNING
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _shown(run, task, level, follow=follow, in_json=as_json))


def _shown(name: str, task: str, level: str | None, *, follow: bool, in_json: bool) -> int:
    store = the_store()
    run = store.find(name)
    least = logging.getLevelNamesMapping()[level] if level else 0
    rows = followed(store, run.id, least) if follow else store.logs(run.id, level=least)
    write = _json_writer() if in_json else _line_writer(run.pipeline)
    silent = True
    for row in rows:
        if not task or is_called(row.key, task):
            silent = False
            write(row)
    if silent:
        _explain_silence(Recorded(store, run), task, level)
    return 0


def followed(
    store: Store, run_id: str, level: int = 0, wait: Callable[[float], None] = time.sleep
) -> Iterator[LogRow]:
    """What is written in a run, as it comes, until the run has ended."""
    after, going = 0, True
    while going:
        # Asked before the rows are read: what was written until the end is among them.
        going = store.find(run_id).state in GOING
        for row in store.logs(run_id, after=after, level=level):
            after = row.number
            yield row
        if going:
            sys.stdout.flush()
            wait(PAUSE)


def _json_writer() -> Callable[[LogRow], None]:
    def write(row: LogRow) -> None:
        told = {
            "number": row.number,
            "time": iso(row.time),
            "task": row.key,
            "level": logging.getLevelName(row.level) if row.level else None,
            "logger": row.logger or None,
            "text": row.text,
        }
        sys.stdout.write(f"{as_json(told)}\n")

    return write


def _line_writer(pipeline: str) -> Callable[[LogRow], None]:
    """Writes text behind the task it is of; further lines of it stand below the first."""
    paint = Paint(sys.stdout)

    def write(row: LogRow) -> None:
        label = one_line(within(pipeline, row.key), _LABEL) or NOBODY
        bar = ("│", _STYLES.get(row.level, "dim"))
        for line in output_lines(row.text, colour=paint.colour):
            front = paint.line([(label, "dim cyan"), (" ", ""), bar])
            sys.stdout.write(f"{front} {paint.plain(line)}".rstrip() + "\n")
            label = " " * cells(label)

    return write


def _explain_silence(recorded: Recorded, task: str, level: str | None) -> None:
    """Say why nothing was shown: there is no such task, or it wrote nothing."""
    if task and not (any(recorded.find(task)) or recorded.calls(task)):
        raise recorded.unknown(task)
    whose = f"{task} wrote" if task else "its tasks wrote"
    least = f" at {level} or above" if level else ""
    click.echo(f"run {recorded.run.id}: {whose} nothing{least}", err=True)
