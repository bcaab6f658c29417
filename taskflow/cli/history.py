"""What all commands about the history of runs share: the store, RUN, times, and how they are told.

Times are local in what people read, and ISO 8601 in UTC in what programs read.
"""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.completion import complete_run
from taskflow.cli.exits import UNMATCHED
from taskflow.cli.page import painted
from taskflow.errors import DefinitionError, StoreError
from taskflow.pickled import viewed
from taskflow.policies import seconds
from taskflow.progress import words
from taskflow.progress.clean import one_line
from taskflow.progress.tally import within
from taskflow.secret import MASK, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.call import ErrorReport
    from taskflow.cli.recorded import TaskRun
    from taskflow.interfaces import Store
    from taskflow.records import RunRow

#: Settings of these commands: their options may stand anywhere.
SETTINGS: Final[dict[str, Any]] = {"max_content_width": 100}
#: States of a run that goes on, and of one that `taskflow resume` can take on.
GOING: Final = frozenset({"queued", "running"})
RESUMABLE: Final = frozenset({"failed", "interrupted", "paused", "cancelled", "timed_out"})

_WHY: Final = 300
#: What is kept of why a run ended early, in words.
_REASONS: Final = {
    "cancel": "somebody cancelled it",
    "interrupt": "it was interrupted by Ctrl-C or a signal",
    "fail_fast": "a task failed, and fail_fast is set",
    "timeout": "it took longer than its timeout",
}


class Command(click.Command):
    """A command about the history of runs; its page of help looks like that of all others."""

    def get_help(self, ctx: click.Context) -> str:
        return painted(super().get_help(ctx))


class NothingMatched(click.ClickException):
    """What was asked for is not there; the command ends with 5."""

    exit_code = UNMATCHED

    def show(self, file: Any = None) -> None:
        click.echo(self.message, file=file, err=True)


def the_store() -> Store:
    """The store of this folder, or the one that `TASKFLOW_STORE` names."""
    from taskflow import launch  # `--help` does without

    store = launch.the_store()
    if store is None:
        raise StoreError(
            "TASKFLOW_STORE is memory:, which keeps no history; unset it, or name a file: "
            "sqlite:///runs.db"
        )
    return store


# --- what is given ---------------------------------------------------------------------------


def takes_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add RUN to a command: an id, a unique beginning of one, `last` or `last-failed`."""
    return click.argument("run", metavar="RUN", shell_complete=complete_run)(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def as_moment(_: click.Context, __: click.Parameter, value: str | None) -> float:
    """Seconds since the epoch of a date, of a date with a time, or of how long ago: `2d`, `90m`."""
    if value is None:
        return 0.0
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(value).timestamp()
    with suppress(DefinitionError):
        return time.time() - seconds(value)
    raise click.BadParameter(
        f"{value!r} is no time; write how long ago (2d, 90m), a date (2026-01-31), or a date with "
        "a time (2026-01-31T06:30)"
    )


# --- what is told ----------------------------------------------------------------------------


def local(moment: float) -> str:
    """A time as people here read it."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}" if moment else ""  # noqa: DTZ006 - local on purpose


def iso(moment: float) -> str | None:
    """A time as programs anywhere read it; None for what has not been yet."""
    return words.iso(moment) if moment else None


def hider(run: RunRow) -> Redactor:
    """What hides the secrets of a run: tasks were given them, and may have returned them."""
    secret = [name for name, text in run.params if text == MASK]
    bound = viewed(run.given) if secret and run.given else {}
    return Redactor(bound[name] for name in secret if name in bound)


def run_as_plain(run: RunRow) -> dict[str, Any]:
    """A run as JSON tells it; parameters are masked as they were kept."""
    owner = run.owner
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "state": run.state,
        "created": iso(run.created),
        "started": iso(run.started),
        "ended": iso(run.ended),
        "seconds": round(took(run), 6),
        "file": run.file,
        "entry": run.entry,
        "params": {**dict(run.params), **dict(run.values)},
        "secrets": list(run.secrets),
        "tags": list(run.tags),
        "settings": run.settings,
        "counts": run.counts,
        "why": run.why,
        "error": run.error,
        "result": run.result,
        "parent": run.parent or None,
        "schedule": run.schedule or None,
        "tick": iso(run.tick),
        "version": run.version or None,
        "resumed": run.resumed,
        "at_work": [{"task": key, "since": iso(since)} for key, since in run.at_work.bodies],
        "at_work_more": run.at_work.more,
        "owner": owner and {"pid": owner.pid, "host": owner.host, "since": iso(owner.since)},
    }


def error_as_plain(error: ErrorReport | None) -> dict[str, Any] | None:
    """An error as JSON tells it."""
    if error is None:
        return None
    return {
        "type": error.type,
        "message": error.message,
        "traceback": error.traceback,
        "inputs": dict(error.inputs),
    }


def reason(run: RunRow) -> str:
    """Why a run ended early, or will not go on; empty if nobody knows."""
    return one_line(_REASONS.get(run.why, run.why), _WHY)


def show_command(run: RunRow, task_run: TaskRun) -> str:
    """The command that shows one task run, as a shell takes it: brackets mean something there."""
    key = within(run.pipeline, task_run.kept.key_of(task_run.first))
    return f"taskflow show {run.id} {shlex.quote(one_line(key, len(key)))}"


def took(run: RunRow) -> float:
    """How long the run took, or has been going on."""
    going = run.state == "running" and run.started
    return max(0.0, time.time() - run.started) if going else run.took
