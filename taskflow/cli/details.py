"""`taskflow show RUN TASK`: a task run with all that is known of it, or a list where many match."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.history import error_as_plain, iso, local, show_command
from taskflow.cli.inputs import inputs_of
from taskflow.cli.previews import preview
from taskflow.cli.reasons import why_ended, why_waiting
from taskflow.cli.tables import facts, state, table, write_lines
from taskflow.lifecycle import BAD
from taskflow.progress.clean import one_line, output_lines
from taskflow.progress.failures import Failures
from taskflow.progress.jsonl import as_json
from taskflow.progress.report import block
from taskflow.progress.tally import within
from taskflow.progress.words import duration
from taskflow.records import UNMET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.cli.recorded import Recorded, TaskRun
    from taskflow.progress.paint import Line
    from taskflow.records import LogRow, Tried

_TITLES: Final = ("TASK RUN", "STATE", "ATTEMPT", "ENDED", "TOOK", "RESULT")
_MOST: Final = 30
_NAME: Final = 60
_RESULT: Final = 80
_LONGEST: Final = 400
_LOG_LINES: Final = 10
#: Failures that are searched for those of one name.
_READ: Final = 1000


def show_task_runs(recorded: Recorded, task: str, *, in_json: bool) -> int:
    """Print what is called `task` in a run; the exit code."""
    found = recorded.find(task)
    first = list(islice(found, 2))
    nodes = [] if first else sorted(recorded.calls(task))
    if not first and not nodes:
        raise recorded.unknown(task)
    if in_json:
        click.echo(as_json(recorded.hide(_plain(recorded, [*first, *found], nodes))))
    elif not first:
        write_lines(map(recorded.hide, _not_there_yet(recorded, nodes)))
    elif len(first) == 1:
        write_lines(map(recorded.hide, _page(recorded, first[0])))
    else:
        write_lines(map(recorded.hide, _list(recorded, task)))
    return 0


def _not_there_yet(recorded: Recorded, nodes: Sequence[int]) -> Iterator[Line]:
    for node in nodes[:_MOST]:
        key = one_line(within(recorded.run.pipeline, recorded.graph.key_of(node)))
        yield [(key, "bold"), (f" {why_waiting(recorded, node)}", "")]
    if len(nodes) > _MOST:
        yield [(f"… {len(nodes) - _MOST:,} more", "dim")]


# --- one -------------------------------------------------------------------------------------


def _page(recorded: Recorded, task_run: TaskRun) -> Iterator[Line]:
    kept, pipeline = task_run.kept, recorded.run.pipeline
    tried = tries_of(recorded, task_run)
    if kept.state in BAD:
        failures = Failures(pipeline)
        yield from block(failures.take([task_run.event])[0], full=True)
    else:
        yield _headline(recorded, task_run)
    yield from facts(_facts(recorded, task_run))
    for number, each in enumerate(tried, 1):
        yield _try(number, each)
    rows = recorded.store.logs(recorded.run.id, _whole_key(task_run))
    if rows and not (kept.error and kept.error.log_tail):
        yield []
        yield [("  last of its log", "dim")]
        yield from ([(f"    {line}", "")] for line in _last_lines(rows))


def _headline(recorded: Recorded, task_run: TaskRun) -> Line:
    kept = task_run.kept
    spent = f" in {duration(kept.seconds)}" if kept.seconds else ""
    together = f" for {kept.count:,} elements together" if spent and kept.count > 1 else ""
    return [
        (one_line(within(recorded.run.pipeline, task_run.key), _NAME), "bold"),
        ("  ", ""),
        state(kept.state),
        (spent + together, "dim"),
    ]


def _facts(recorded: Recorded, task_run: TaskRun) -> Iterator[tuple[str, str]]:
    kept = task_run.kept
    yield "ended", local(kept.ended)
    yield "attempts", str(kept.attempt) if kept.attempt > 1 else ""
    for line in why_ended(recorded, task_run):
        yield "why", line
    if kept.state not in BAD:
        title = "inputs"
        for name, text in inputs_of(recorded, task_run):
            yield title, f"{one_line(name)} = {one_line(text, _LONGEST)}"
            title = ""
        yield "result", preview(task_run, _LONGEST)


def _whole_key(task_run: TaskRun) -> str:
    """The key of a task run, or of the map that a span is of."""
    kept = task_run.kept
    return kept.key_of(task_run.first) if task_run.alone else kept.key


def tries_of(recorded: Recorded, task_run: TaskRun) -> list[Tried]:
    """The attempts of a task run before its last."""
    key = _whole_key(task_run)
    return [each for each in recorded.tried if each.key == key and each.node != UNMET]


def _try(number: int, tried: Tried) -> Line:
    said = tried.error.line if tried.error else tried.why
    return [
        (f"  attempt {number} until {local(tried.ended)}, {duration(tried.seconds)}", "dim"),
        (f": {one_line(said, _LONGEST)}" if said else "", "red"),
    ]


def _last_lines(rows: Sequence[LogRow]) -> list[str]:
    lines = [line for row in rows[-_LOG_LINES:] for line in output_lines(row.text)]
    return lines[-_LOG_LINES:]


# --- many ------------------------------------------------------------------------------------


def _list(recorded: Recorded, task: str) -> Iterator[Line]:
    """The first task runs that are called so, in a line each; what failed comes first."""
    good = (each for each in recorded.find(task) if each.kept.state not in BAD)
    found = list(islice(chain(recorded.failed(task, _READ), good), _MOST + 1))
    shown = found[:_MOST]
    yield from table(_TITLES, [_row(recorded, each) for each in shown], right=[2, 4])
    if len(found) > _MOST:
        yield [("… more; --json lists all", "dim")]
    yield []
    yield [(f"all of one: {show_command(recorded.run, shown[0])}", "dim")]


def _row(recorded: Recorded, task_run: TaskRun) -> list[Line]:
    kept = task_run.kept
    said = recorded.hide(kept.error.line if kept.error else preview(task_run, _LONGEST))
    return [
        [(one_line(within(recorded.run.pipeline, task_run.key), _NAME), "bold")],
        [state(kept.state)],
        [(str(kept.attempt) if kept.attempt > 1 else "", "")],
        [(local(kept.ended), "dim")],
        [(duration(kept.seconds) if kept.seconds else "", "")],
        [(one_line(said, _RESULT), "red" if kept.error else "")],
    ]


# --- for programs ----------------------------------------------------------------------------


def _plain(recorded: Recorded, found: Sequence[TaskRun], nodes: Sequence[int]) -> dict[str, Any]:
    alone = len(found) == 1
    waiting = [
        {
            "task": recorded.graph.key_of(node),
            "state": "pending",
            "reasons": [why_waiting(recorded, node)],
        }
        for node in nodes
    ]
    told = [_task_run(each) | (_more(recorded, each) if alone else {}) for each in found]
    return {"run": recorded.run.id, "task_runs": told + waiting}


def _task_run(task_run: TaskRun) -> dict[str, Any]:
    kept = task_run.kept
    return {
        "task": _whole_key(task_run),
        "name": kept.name,
        "state": kept.state,
        "first": task_run.first if kept.first >= 0 else None,
        "count": 1 if task_run.alone else kept.count,
        "attempt": kept.attempt,
        "ended": iso(kept.ended),
        "seconds": round(kept.seconds, 6),
        "origin": kept.origin or None,
        "result": preview(task_run, _LONGEST) or None,
        "error": error_as_plain(kept.error),
    }


def _more(recorded: Recorded, task_run: TaskRun) -> dict[str, Any]:
    """What is told of a task run that was asked for alone."""
    rows = recorded.store.logs(recorded.run.id, _whole_key(task_run))
    return {
        "inputs": dict(inputs_of(recorded, task_run)),
        "reasons": list(why_ended(recorded, task_run)),
        "tried": [
            {
                "state": each.state,
                "ended": iso(each.ended),
                "seconds": round(each.seconds, 6),
                "why": each.why,
                "error": error_as_plain(each.error),
            }
            for each in tries_of(recorded, task_run)
        ],
        "log": _last_lines(rows),
    }
