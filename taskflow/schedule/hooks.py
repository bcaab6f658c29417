"""Who is told of runs and ticks: functions that pipelines name, and commands of the service.

`on_success` and `on_failure` of a pipeline are called where its run was, with the `Run`. `on_late`
and `on_skipped` are called in a process of their own, with each tick. A command is run by the
shell for all pipelines alike; its environment says what happened.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

from taskflow.schedule.orders import HookOrder
from taskflow.schedule.saying import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskflow.planned import ScheduleRow, TickRow
    from taskflow.records import RunRow
    from taskflow.schedule.around import Around

#: What can be told.
HOOKS: Final = ("on_success", "on_failure", "on_late", "on_skipped")
#: Which hook tells of a run that ended so; of others nobody is told.
_OF_STATE: Final = {
    "succeeded": "on_success", "failed": "on_failure", "timed_out": "on_failure",
}  # fmt: skip


class Hooks:
    """The hooks of one service."""

    def __init__(self, around: Around, commands: Mapping[str, str]) -> None:
        self._store, self._nursery, self._say = around.store, around.nursery, around.say
        self._commands = commands
        self._going: list[subprocess.Popen[bytes]] = []
        self._number = 0

    def of_run(self, run: RunRow) -> None:
        """Run the command for a run that has ended; its pipeline's own hook was called there."""
        hook = _OF_STATE.get(run.state, "")
        facts = {
            "pipeline": run.pipeline, "run": run.id, "state": run.state, "error": run.error,
            "schedule": run.schedule, "tick": shown(run.tick) if run.tick else "",
        }  # fmt: skip
        self._run_command(hook, facts)

    def of_ticks(self, hook: str, rows: Sequence[TickRow]) -> None:
        """Tell of ticks that were late, or skipped."""
        by_pipeline: dict[str, list[TickRow]] = {}
        names = {row.planned.id: row.pipeline for row in self._standing(rows)}
        for row in rows:
            by_pipeline.setdefault(names.get(row.schedule, ""), []).append(row)
            facts = {
                "pipeline": names.get(row.schedule, ""), "schedule": row.schedule, "run": row.run,
                "tick": shown(row.instant), "why": row.why, "ticks": str(row.ticks),
            }  # fmt: skip
            self._run_command(hook, facts)
        for pipeline, ticks in by_pipeline.items():
            for known in self._store.book.pipelines(name=pipeline) if pipeline else ():
                if hook in known.deployed.hooks:
                    self._number += 1
                    order = HookOrder(self._store.url, pipeline, hook, tuple(ticks))
                    self._nursery.start_run(f"{hook} {self._number}", order.encoded())

    def _standing(self, rows: Sequence[TickRow]) -> Sequence[ScheduleRow]:
        return self._store.book.standing(dict.fromkeys(row.schedule for row in rows))

    def _run_command(self, hook: str, facts: Mapping[str, str]) -> None:
        command = self._commands.get(hook)
        if not command:
            return
        told = {f"TASKFLOW_{name.upper()}": value for name, value in facts.items()}
        environment = {**os.environ, "TASKFLOW_HOOK": hook, **told}
        try:
            process = subprocess.Popen(  # noqa: S602 - whoever starts the service has written it
                command,
                shell=True,
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._going.append(process)
        except (OSError, ValueError) as error:
            self._say("trouble", hook, error=f"{command!r} cannot be run: {error}")

    def reap(self) -> None:
        """Take note of commands that have ended."""
        for process in self._going[:]:
            status = process.poll()
            if status is None:
                continue
            self._going.remove(process)
            if status:
                self._say("trouble", "hook", error=f"{process.args!r} ended with {status}")
