"""Who is told of runs and ticks: functions that pipelines name, and commands of the service.

`on_success` and `on_failure` of a pipeline are called where its run was, with the `Run`. `on_late`
and `on_skipped` are called in a process of their own, with each tick. A command is run by the
shell for all pipelines alike; its environment says what happened.

A hook that hangs is ended; while many go on, others wait. None of them holds up the service.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.progress.words import iso
from taskflow.schedule.orders import DONE, NOT_BEGUN, HookOrder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskflow.planned import ScheduleRow, TickRow
    from taskflow.records import RunRow
    from taskflow.schedule.around import Around
    from taskflow.schedule.messages import Ended

#: A hook has so long; seconds.
HOOK_SECONDS: Final = 300.0
#: So many go on at once, and so many may wait; of more nobody is told.
AT_ONCE: Final = 20
MOST_WAITING: Final = 1_000
#: Which hook tells of a run that ended so; of others nobody is told.
_OF_STATE: Final = {
    "succeeded": "on_success", "failed": "on_failure", "timed_out": "on_failure",
}  # fmt: skip


class _Command(NamedTuple):
    """A command to be run, and what its environment is to say."""

    hook: str
    line: str
    told: Mapping[str, str]


class _Going(NamedTuple):
    """A hook that goes on: a process of ours for a command, one of the nursery's for a function."""

    what: str
    since: float
    process: subprocess.Popen[bytes] | None = None


class Hooks:
    """The hooks of one service."""

    def __init__(self, around: Around, commands: Mapping[str, str]) -> None:
        self._store, self._nursery, self._say = around.store, around.nursery, around.say
        self._clock = around.clock
        self._commands = commands
        self._waiting: deque[_Command | HookOrder] = deque()
        self._going: dict[str, _Going] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._going)

    def of_run(self, run: RunRow) -> None:
        """Run the command for a run that has ended; its pipeline's own hook was called there."""
        hook = _OF_STATE.get(run.state, "")
        facts = {
            "pipeline": run.pipeline, "run": run.id, "state": run.state, "error": run.error,
            "schedule": run.schedule, "tick": iso(run.tick) if run.tick else "",
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
                "tick": iso(row.instant), "why": row.why, "ticks": str(row.ticks),
            }  # fmt: skip
            self._run_command(hook, facts)
        for pipeline, ticks in by_pipeline.items():
            for known in self._store.book.pipelines(name=pipeline) if pipeline else ():
                if hook in known.deployed.hooks:
                    self._put(HookOrder(self._store.url, pipeline, hook, tuple(ticks)))

    def _standing(self, rows: Sequence[TickRow]) -> Sequence[ScheduleRow]:
        return self._store.book.standing(dict.fromkeys(row.schedule for row in rows))

    def _run_command(self, hook: str, facts: Mapping[str, str]) -> None:
        line = self._commands.get(hook)
        if line:
            told = {f"TASKFLOW_{name.upper()}": value for name, value in facts.items()}
            self._put(_Command(hook, line, {"TASKFLOW_HOOK": hook, **told}))

    # --- their processes ---

    def _put(self, wanted: _Command | HookOrder) -> None:
        if len(self._waiting) >= MOST_WAITING:
            why = f"{MOST_WAITING:,} hooks wait already, so nobody is told; do they hang?"
            self._say("trouble", wanted.hook, error=why)
            return
        self._waiting.append(wanted)
        self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._going) < AT_ONCE:
            wanted = self._waiting.popleft()
            self._number += 1
            ident = f"{wanted.hook} {self._number}"
            if isinstance(wanted, HookOrder):
                what = f"{wanted.hook} of {wanted.pipeline}"
                self._going[ident] = _Going(what, self._clock.monotonic())
                self._nursery.start_run(ident, wanted.encoded())
            else:
                self._start(ident, wanted)

    def _start(self, ident: str, wanted: _Command) -> None:
        about = wanted.told.get("TASKFLOW_RUN") or wanted.told.get("TASKFLOW_SCHEDULE", "")
        what = f"{wanted.line!r} for {about}"
        try:
            process = subprocess.Popen(  # noqa: S602 - whoever starts the service has written it
                wanted.line,
                shell=True,
                env={**os.environ, **wanted.told},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._say("trouble", wanted.hook, error=f"{what} cannot be run: {error}")
        else:
            self._going[ident] = _Going(what, self._clock.monotonic(), process)

    def take(self, ended: Ended) -> None:
        """Take note that a process has ended, in case it was one of a function."""
        going = self._going.pop(ended.ident, None)
        if going is not None and ended.status not in (DONE, NOT_BEGUN):
            how = ended.how or f"exit code {ended.status}"
            self._say("trouble", "hook", error=f"{going.what} ended badly: {how}")

    def forget(self) -> None:
        """Nothing is heard of the nursery's processes any more."""
        self._going = {ident: each for ident, each in self._going.items() if each.process}

    def reap(self) -> None:
        """Take note of commands that have ended; end what takes too long, and start what waits."""
        late = self._clock.monotonic() - HOOK_SECONDS
        for ident, going in list(self._going.items()):
            status = going.process.poll() if going.process else None
            if status is not None:
                del self._going[ident]
                if status:
                    self._say("trouble", "hook", error=f"{going.what} ended with {status}")
            elif going.since < late:
                why = f"{going.what} took longer than {HOOK_SECONDS:.0f} s, and is ended"
                self._say("trouble", "hook", error=why)
                self._end(ident, going, signal.SIGKILL)
                self._going.pop(ident)
        self._fill()

    def _end(self, ident: str, going: _Going, number: int) -> None:
        if going.process is None:
            self._nursery.stop_run(ident, number)
            return
        with suppress(ProcessLookupError):
            os.killpg(going.process.pid, number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask all that go on to end; those that wait are dropped."""
        self._waiting.clear()
        for ident, going in self._going.items():
            self._end(ident, going, number)
