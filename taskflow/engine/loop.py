"""Drives one plan through one executor: the only part of the engine that waits.

requests, timers ─▶ plan ─▶ dispatcher ─▶ executor.submit
                     ▲                          │
   events ◀──────────┴── reports ◀── executor.wait
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from taskflow.call import NOT_RUN, Abort, Done, Ended, Hello, Lost, Output, Started, Stuck, Waits
from taskflow.crashing import reach
from taskflow.engine.chatter import Chatter
from taskflow.engine.dispatch import Dispatcher
from taskflow.engine.feeding import read_iterators
from taskflow.engine.journal import Recording
from taskflow.engine.lasting import Lasting
from taskflow.engine.lookups import Lookups
from taskflow.errors import RunOwnedError, StoreError
from taskflow.events import RunNoticed, TaskProgressed, TaskWrote
from taskflow.lifecycle import BAD
from taskflow.quiet import seldom_collecting
from taskflow.records import Worker, Wrote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.call import Outcome, Report
    from taskflow.engine.plan import Plan
    from taskflow.engine.work import Work
    from taskflow.events import Event
    from taskflow.interfaces import Clock, Executor, Ledger, Listener, Store

#: After a cancel, bodies that run may go on for so long, in seconds.
GRACE_SECONDS: Final = 10.0
#: So long another program may keep the store from being written until that is said.
BUSY_SECONDS: Final = 2.0
#: Output of a task run that its failure report shows, in characters.
TAIL_CHARACTERS: Final = 2000
#: Task runs whose last output is kept in mind.
TAILS: Final = 256
#: What a report of a failure says when a worker found no room for a value, or its file gone.
WORKER_FAULT: Final = "taskflow.errors.WorkerFault"


class Engine:
    """Runs a plan to its end."""

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        clock: Clock,
        listeners: Sequence[Listener] = (),
        timeout: float | None = None,
        ledger: Ledger | None = None,
        store: Store | None = None,
    ) -> None:
        self.plan = plan
        self.executor = executor
        self.clock = clock
        self.dispatcher = Dispatcher(plan, executor.lanes)
        self._listeners = listeners
        self._deadline = None if timeout is None else clock.monotonic() + timeout
        self._tails: OrderedDict[str, str] = OrderedDict()
        self._cancel_asked: float | None = None  # the grace that was asked for
        self._cancel_why = ""
        self._kill_at: float | None = None
        self._stopping = False
        self._has_killed = False
        self._ledger = ledger
        self._journal = plan.journal if isinstance(plan.journal, Recording) else Recording()
        self._chatter = Chatter()
        self._lasting = Lasting(self.dispatcher)
        self._lookups = Lookups(plan.caching, store) if plan.caching and store else None
        self._was_busy = False
        self._has_news = False  # whether anything was reported since the last rest
        #: Why it stopped before the end of the plan: nothing more could be kept.
        self.paused: StoreError | None = None
        if ledger is not None:
            ledger.on_news = executor.wake

    # --- from outside, also from other threads and signal handlers ---

    def cancel(self, why: str, grace: float = GRACE_SECONDS) -> None:
        """Ask to stop: nothing new begins, what runs has `grace` seconds to end."""
        asked = self._cancel_asked
        self._cancel_asked = grace if asked is None else min(grace, asked)
        self._cancel_why = self._cancel_why or why
        self.executor.wake()

    @property
    def cancel_why(self) -> str:
        """Why the run was stopped before its end; empty if it was not."""
        return self._cancel_why

    # --- the loop ---

    def run(self) -> None:
        """Run the plan to its end."""
        self.emit()
        # Where bodies run in this process, the garbage they leave is to be found as ever.
        is_alone = all(lane.can_kill for lane in self.executor.lanes)
        with seldom_collecting() if is_alone else contextlib.nullcontext():
            while not self._is_over:
                try:
                    self._step()
                except Abort:
                    self._abort()
        self._journal.records += self._chatter.rest()
        self.emit()
        self._keep(is_last=True)

    @property
    def _is_over(self) -> bool:
        idle = self.paused is not None and self.dispatcher.is_idle
        return self.plan.is_over or idle

    def _step(self) -> None:
        now = self.clock.monotonic()
        self._read_date()
        self._stop_if_asked(now)
        self.plan.tick(now)
        self.dispatcher.limiter.tick(now)
        for slot in self.dispatcher.late(now):
            self._kill(slot, "timeout")
        if self.paused is None and self._lookups is not None:
            self._look_up(self._lookups, now)
        if self.paused is None:
            read_iterators(self.dispatcher, self.executor.wake)
            self._give(now)
        self.emit()
        self._tell_lasting(now)
        self._keep()
        if self._is_over:
            return
        reports = self._wait(now)
        self._read_date()
        for report in reports:
            self._take(report, self.clock.monotonic())

    def _wait(self, now: float) -> list[Report]:
        """What is reported next; or, while all have enough to do, all that is in a while."""
        patience = self._patience(now)
        leisure = self.dispatcher.leisure(now) if self._has_news else 0.0
        if patience is not None:
            leisure = min(leisure, patience)
        if leisure:
            self.executor.rest(leisure)
            patience = 0.0
        reports = self.executor.wait(patience)
        self._has_news = bool(reports)
        return reports

    def _read_date(self) -> None:
        self._journal.now = self.clock.now()
        if self.plan.caching is not None:
            self.plan.caching.now = self._journal.now

    def _give(self, now: float) -> None:
        self._submit(now)
        for slot in self.dispatcher.overloaded(now):
            self.dispatcher.withdrawn(slot, self.executor.withdraw(slot), now)
            self._submit(now)

    def _submit(self, now: float) -> None:
        for slot, batch in self.dispatcher.fill(now, self.executor.capacity):
            if self._ledger is not None:
                self._journal.given(slot, batch)
            if self.plan.is_wary:
                self._keep_all()
            self.executor.submit(slot, batch)
            reach("batch given")

    def _patience(self, now: float) -> float | None:
        """How long the executor may wait for something to happen."""
        times = [
            self.plan.next_time,
            self.plan.caching.next_time if self.plan.caching else None,
            self.dispatcher.next_time(now),
            self._lasting.next_time,
            self._kill_at,
            self._deadline,
        ]
        known = [time for time in times if time is not None]
        if known:
            return max(0.0, min(known) - now)
        if self.dispatcher.is_idle and not any(True for _ in self.plan.mapping.hungry(1)):
            raise RuntimeError(
                f"the engine has nothing to wait for, yet {self.plan.unended} nodes have not "
                "ended: please report this"
            )
        return None

    def _take(self, report: Report, now: float) -> None:
        self._journal.slot = report.slot
        if isinstance(report, (Ended, Done)):
            reach("outcomes received")
        if isinstance(report, Ended):
            outcomes = [
                self._with_tail(each) if each.state in BAD else each for each in report.outcomes
            ]
            if self._ledger is not None:
                outcomes = self._without_faults(outcomes)
            self.dispatcher.take(report.slot, outcomes, now)
            if self._chatter.holds:
                self._let_out([each[:2] for each in outcomes])
        elif isinstance(report, Done):
            self.dispatcher.done(report, now)
            if self._chatter.holds:
                self._let_out([(node, -1) for node in report.nodes])
        elif isinstance(report, Stuck):
            self.dispatcher.withdrawn(report.slot, self.executor.withdraw(report.slot), now)
        elif isinstance(report, Output):
            self._note_output(report)
        elif isinstance(report, Waits):
            self._keep_all()
            if self.paused is None:  # else it is ended in a while
                self.executor.go_on(report.slot)
        elif isinstance(report, Hello):
            reach("worker heard")
            self._journal.records.append(Worker(*report, self._journal.now))
        elif isinstance(report, Started):
            self.dispatcher.started(report, now)
        else:
            self.dispatcher.lost(report, now)

    def _without_faults(self, outcomes: list[Outcome]) -> list[Outcome]:
        """What ended in a fault of its worker has not: the run pauses until that is mended."""
        for place, outcome in enumerate(outcomes):
            if outcome.state in BAD and outcome.value.type == WORKER_FAULT:
                if self.paused is None:
                    self.pause(StoreError(outcome.value.message))
                outcomes[place] = outcome._replace(state=NOT_RUN, value=None)
        return outcomes

    def _note_output(self, output: Output) -> None:
        if output.progress is not None:
            self.plan.events.append(TaskProgressed(output.key, *output.progress))
            return
        if self._ledger is not None:
            wrote = Wrote(output.key, self._journal.now, output.text, output.level, output.logger)
            self._journal.records += self._chatter.take(wrote)
        self.plan.events.append(TaskWrote(output.key, output.text, *output[4:]))
        tail = self._tails.pop(output.key, "") + output.text
        self._tails[output.key] = tail[-TAIL_CHARACTERS:]
        if len(self._tails) > TAILS:
            self._tails.popitem(last=False)

    def _let_out(self, ended: Sequence[tuple[int, int]]) -> None:
        """Keep the end of what task runs wrote that have ended."""
        for unit in ended:
            key = self.plan.key_of_call(*unit)
            self._journal.records += self._chatter.ended(key)

    def _with_tail(self, outcome: Outcome) -> Outcome:
        """A failure with the last lines that its task wrote."""
        if outcome.keys:  # what it wrote came under its own key
            self.plan.mapping.note_keys(outcome.node, outcome.first, outcome.keys)
        tail = self._tails.get(self.plan.key_of_call(outcome.node, outcome.first), "")
        return outcome._replace(value=dataclasses.replace(outcome.value, log_tail=tail))

    # --- keeping ---

    def _look_up(self, lookups: Lookups, now: float) -> None:
        """Ask what the cache has of what wants to run."""
        try:
            lookups.look_up(now)
        except StoreError as error:
            self.pause(error)

    def _tell_lasting(self, now: float) -> None:
        """Keep which bodies go on for long, for those who look on."""
        told = self._lasting.look(now, self._journal.now - now)
        if told is not None:
            self._journal.records.append(told)

    def _keep(self, *, is_last: bool = False) -> None:
        """Hand what happened to the store, and hear what others ask of this run."""
        records = self._journal.drain()
        if self._ledger is None or self.paused is not None:
            return
        if records:
            self._ledger.write(records)
            reach("records queued")
        self._note_busy(self._ledger.busy)
        try:
            if self._lookups is not None:  # after the records that its values came with
                self._lookups.give(is_last=is_last)
            if "cancel" in self._ledger.poll():
                self.cancel("cancel")
        except StoreError as error:
            self.pause(error)

    def _keep_all(self) -> None:
        """Wait until all that has happened is committed."""
        self._keep()
        if self._ledger is not None and self.paused is None:
            try:
                self._ledger.flush()
            except StoreError as error:
                self.pause(error)

    def _note_busy(self, seconds: float) -> None:
        """Say once that the store is locked; the run goes on, and what is to be kept waits."""
        if seconds > BUSY_SECONDS and not self._was_busy:
            text = (
                "the store is busy: another program has locked its file; what is to be kept waits"
            )
            self.plan.events.append(RunNoticed(text))
        self._was_busy = seconds > BUSY_SECONDS

    def pause(self, error: StoreError) -> None:
        """Nothing can be kept any more: nothing new begins, what runs has a while to end.

        A run that another process drives now ends at once.
        """
        self.paused = error
        now = self.clock.monotonic()
        for slot, state in enumerate(self.dispatcher.slots):
            if state.units:
                self.dispatcher.withdrawn(slot, self.executor.withdraw(slot), now)
        self._has_killed = True  # clean-up tasks, too: there will be another time for them
        self._kill_at = now + (0.0 if isinstance(error, RunOwnedError) else GRACE_SECONDS)

    # --- stopping ---

    def _stop_if_asked(self, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self.cancel("timeout", 0.0)
        if self.plan.cancelled and not self._stopping:  # fail_fast, decided by the plan
            self.cancel("fail_fast", 0.0)
        if self._cancel_asked is not None:
            grace, self._cancel_asked = self._cancel_asked, None
            kill_at = now + grace
            self._kill_at = kill_at if self._kill_at is None else min(kill_at, self._kill_at)
            if not self._stopping:
                self._stopping = True
                self._stop_waiting_work(now)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_running()

    def _stop_waiting_work(self, now: float) -> None:
        self.plan.cancel()
        for slot, state in enumerate(self.dispatcher.slots):
            if state.units:
                self.dispatcher.withdrawn(slot, self.executor.withdraw(slot), now)
        running = sum(slot.units for slot in self.dispatcher.slots)
        if running and self._cancel_why in {"cancel", "interrupt"}:
            grace = max(0.0, (self._kill_at or 0.0) - now)
            again = "; Ctrl-C again ends it now" if self._cancel_why == "interrupt" else ""
            text = f"stopping: {running} running may take {grace:.0f} s, nothing new begins{again}"
            self.plan.events.append(RunNoticed(text))

    def _kill_running(self) -> None:
        """End what runs; clean-up only when it is asked for once more."""
        self._kill_at = None
        every, self._has_killed = self._has_killed, True
        for slot, state in enumerate(self.dispatcher.slots):
            if state.units and (every or not any(map(self._is_cleanup, state.works()))):
                self._kill(slot, "end" if every else "cancel")

    def _is_cleanup(self, work: Work) -> bool:
        spec = self.plan.spec_of(work.node)
        return spec is not None and spec.trigger_rule == "always"

    def _kill(self, slot: int, why: str) -> None:
        state = self.dispatcher.slots[slot]
        # Bodies in threads cannot be killed, but given up.
        if state.kind.can_kill or (state.kind.crowd and why != "timeout"):
            state.killed_for = why
            self.executor.kill(slot)

    def _abort(self) -> None:
        """The body that runs in this thread was ended from outside: cancel all, now."""
        self.plan.cancel()
        self._stopping = True
        self.dispatcher.slots[0].killed_for = "cancel"
        unclaimed = self.executor.withdraw(0)
        self.dispatcher.lost(Lost(0, "", "", unclaimed, killed=True), self.clock.monotonic())

    def emit(self, *more: Event) -> None:
        """Hand the events that have come together to the listeners."""
        if not self.plan.events and not more:
            return
        events, self.plan.events = [*self.plan.events, *more], []
        for listener in self._listeners:
            listener.notice(events)
