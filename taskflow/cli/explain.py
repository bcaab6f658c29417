"""`taskflow explain`: why a task ran, was kept, was skipped, came from the cache, or waits."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import SETTINGS, Command, json_option, takes_run, the_store
from taskflow.cli.reasons import why_ended, why_waiting
from taskflow.cli.recorded import Recorded
from taskflow.cli.tables import write_lines
from taskflow.progress.clean import one_line
from taskflow.progress.jsonl import as_json as in_json
from taskflow.progress.tally import within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.cli.recorded import TaskRun
    from taskflow.progress.paint import Line

_MOST: Final = 20


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
@click.argument("task")
@json_option
def explain(*, run: str, task: str, as_json: bool) -> int:
    """Say why TASK of RUN ran, was kept, was skipped, was taken from the cache, or waits.

    TASK is a task key, a tail of one, or a name; fetch_page[17] is an element of a map.

    \b
        taskflow explain last 'extract[17]'
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _explained(run, task, as_json=as_json))


def _explained(name: str, task: str, *, as_json: bool) -> int:
    store = the_store()
    recorded = Recorded(store, store.find(name))
    found = list(islice(_all(recorded, task), None if as_json else _MOST + 1))
    if not found:
        raise recorded.unknown(task)
    if as_json:
        for each in found:
            key, reasons = _reasons(recorded, each)
            click.echo(in_json(recorded.hide({"task": key, "reasons": reasons})))
    else:
        write_lines(map(recorded.hide, _page(recorded, found)))
    return 0


def _page(recorded: Recorded, found: Sequence[TaskRun | int]) -> Iterator[Line]:
    for each in found[:_MOST]:
        key, (first, *rest) = _reasons(recorded, each)
        short = one_line(within(recorded.run.pipeline, key))
        yield [(short, "bold"), (f" {first}", "")]
        yield from ([(f"  {line}", "")] for line in rest)
    if len(found) > _MOST:
        yield [("… more; --json lists all", "dim")]


def _all(recorded: Recorded, task: str) -> Iterator[TaskRun | int]:
    """All that is called so: task runs that have ended, then nodes of which none has."""
    known = set()
    for task_run in recorded.find(task):
        known.add(task_run.kept.node)
        yield task_run
    yield from sorted(recorded.calls(task) - known)


def _reasons(recorded: Recorded, found: TaskRun | int) -> tuple[str, list[str]]:
    """Key and reasons of what has ended, or of a node that has not."""
    if isinstance(found, int):
        return recorded.graph.key_of(found), [why_waiting(recorded, found)]
    return found.key, list(why_ended(recorded, found))
