"""`taskflow show`: one run as it was kept, or some of its task runs."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.exits import guarded
from taskflow.cli.history import (
    GOING,
    RESUMABLE,
    SETTINGS,
    Command,
    error_as_plain,
    iso,
    json_option,
    local,
    reason,
    run_as_plain,
    show_command,
    takes_run,
    the_store,
    took,
)
from taskflow.cli.recorded import Recorded, TaskRun, is_task
from taskflow.cli.tables import counts, facts, pairs, state, table, write_lines
from taskflow.lifecycle import BAD
from taskflow.progress.clean import one_line
from taskflow.progress.failures import Failures
from taskflow.progress.jsonl import as_json
from taskflow.progress.report import in_short, inputs
from taskflow.progress.tally import pipelines_in, within
from taskflow.progress.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.interfaces import Store
    from taskflow.progress.paint import Line
    from taskflow.records import Group, Kept, RunRow

_TITLES: Final = ("TASK", "RUNS", "KEPT", "TIME", "MEAN")
#: Failures that are read to be grouped, and kinds of them that are shown.
_READ: Final = 1000
_KINDS: Final = 20
_LONGEST: Final = 300
#: Bodies that a run is at, of which the page tells.
_AT_WORK: Final = 8
_NAME: Final = 60


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
@click.argument("task", default="")
@json_option
def show(*, run: str, task: str, as_json: bool) -> int:
    """Show RUN: how it went, what failed, its tasks. Or TASK of it: inputs, result, error, log.

    TASK is a task key, a tail of one, or a name; fetch_page[17] is an element of a map.

    \b
        taskflow show last
        taskflow show last-failed 'extract[17]'
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _shown(run, task, in_json=as_json))


def _shown(name: str, task: str, *, in_json: bool) -> int:
    store = the_store()
    run = store.find(name)
    if task:
        from taskflow.cli.details import show_task_runs

        return show_task_runs(Recorded(store, run), task, in_json=in_json)
    if in_json:
        click.echo(as_json(_plain(store, run)))
    else:
        write_lines(_page(store, run))
    return 0


def _page(store: Store, run: RunRow) -> Iterator[Line]:
    yield _headline(run)
    yield from facts([*_facts(run), ("waits for", _waits_for(store, run))])
    groups = store.groups(run.id)
    yield from _failed(run, groups, store.failures(run.id, _READ))
    if groups:
        yield []
        yield from table(_TITLES, _task_rows(run, groups), right=[2, 3, 4])
    if run.result:
        yield []
        yield [("result  ", "dim"), (one_line(run.result, _LONGEST), "")]
    if run.state in RESUMABLE:
        yield []
        yield [("to go on with it: ", ""), (f"taskflow resume {run.id}", "bold")]


def _waits_for(store: Store, run: RunRow) -> str:
    """What a run of a service waits for that has not begun; empty for all others."""
    if run.state != "queued":
        return ""
    from taskflow.cli.queued import waits_for  # few are asked about

    return waits_for(store, run.id)


def _headline(run: RunRow) -> Line:
    spent = took(run)
    return [
        (run.id, "bold"),
        (f"  {one_line(run.pipeline)}  ", ""),
        state(run.state),
        (f" {'for' if run.state == 'running' else 'in'} {duration(spent)}" if spent else "", "dim"),
    ]


def _facts(run: RunRow) -> Iterator[tuple[str, str]]:
    yield "queued" if run.state == "queued" else "started", local(run.started or run.created)
    yield "ended", local(run.ended)
    again = run.resumed
    yield "resumed", "" if not again else "once" if again == 1 else f"{again} times"
    yield "schedule", f"{run.schedule}, its tick of {iso(run.tick)}" if run.schedule else ""
    yield "parent", f"a rerun of {run.parent}" if run.parent else ""
    if run.owner is not None:
        yield "driven by", f"process {run.owner.pid} on {one_line(run.owner.host)}"
    yield "at work" if run.state in GOING else "was at", _at_work(run)
    yield "parameters", pairs(run.params, _LONGEST)
    yield "tags", one_line(", ".join(run.tags), _LONGEST)
    yield "file", f"{run.file}:{run.entry}" if run.entry else run.file
    yield "why", reason(run)


def _at_work(run: RunRow) -> str:
    """The bodies that go on for long, and how long each has; since when, if the run was cut off."""
    now, (bodies, more) = time.time(), run.at_work
    said = []
    for key, since in bodies[:_AT_WORK]:
        lasts = f"for {duration(max(0.0, now - since))}"
        when = lasts if run.state in GOING else f"since {local(since)}"
        said.append(f"{one_line(within(run.pipeline, key), _NAME)} {when}")
    more += len(bodies[_AT_WORK:])
    return ", ".join([*said, f"{more:,} more"] if more else said)


# --- what failed -------------------------------------------------------------------------------


def _failed(run: RunRow, groups: Sequence[Group], failed: Sequence[Kept]) -> Iterator[Line]:
    """What failed, alike failures together; if no task did, what the run itself says."""
    failures = Failures(run.pipeline)
    failures.take([TaskRun(kept).event for kept in failed])
    kinds = list(failures.kinds.values())
    if kinds:
        yield []
    elif run.error:
        yield from ([], [("✘ ", "red"), (one_line(run.error, _LONGEST), "red")])
    for kind in kinds[:_KINDS]:
        yield in_short(kind)
        yield from inputs(kind.first.error) if kind.first.error else ()
    total = sum(group.count for group in groups if group.state in BAD)
    more = total - sum(kind.count for kind in kinds[:_KINDS])
    if more > 0:
        yield [(f"  … {more:,} more failed", "dim")]
    if kinds:
        yield [(f"  all of one: {show_command(run, TaskRun(failed[0]))}", "dim")]


# --- the tasks of a run ------------------------------------------------------------------------


def _task_rows(run: RunRow, groups: Sequence[Group]) -> Iterator[list[Line]]:
    """A row for each name; where pipelines share a name, a row for each of these."""
    together: defaultdict[tuple[str, ...], list[Group]] = defaultdict(list)
    for group in groups:
        if is_task(group.name, group.state):
            together[*pipelines_in(group.path), group.name].append(group)
    shared = Counter(name for *_, name in together)
    for (*around, name), members in together.items():
        full = within(run.pipeline, "/".join([*around, name])) if shared[name] > 1 else name
        kept = sum(each.kept for each in members)
        spent = sum(each.seconds for each in members)
        ran = sum(each.count for each in members if each.seconds)
        yield [
            [(one_line(full, _NAME), "bold")],
            counts(_by_state(members)),
            [(f"{kept:,}" if kept else "", "")],
            [(duration(spent) if spent else "", "")],
            [(duration(spent / ran) if ran else "", "dim")],
        ]


def _by_state(groups: Sequence[Group]) -> Counter[str]:
    found: Counter[str] = Counter()
    for group in groups:
        found[group.state] += group.count
    return found


# --- for programs ------------------------------------------------------------------------------


def _plain(store: Store, run: RunRow) -> dict[str, Any]:
    return {
        **run_as_plain(run),
        "waits_for": _waits_for(store, run) or None,
        "failures": [
            {"task": TaskRun(kept).key, "state": kept.state, "error": error_as_plain(kept.error)}
            for kept in store.failures(run.id)
        ],
        "tasks": [
            {**group._asdict(), "ended": iso(group.ended)}
            for group in store.groups(run.id)
            if is_task(group.name, group.state)
        ],
    }
