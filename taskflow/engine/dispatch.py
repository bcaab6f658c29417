"""Which work goes to which slot, in batches sized by measured durations.

A task that was never measured goes alone, to a slot that has nothing else. Short ones go in
batches of some 20 ms, and a slot gets its next batch before the last one ends. A batch may run
ahead: it takes in tasks whose inputs are made earlier in the same batch, so a chain does not
pay a round trip for each edge. What is queued behind something long is withdrawn for a slot
that has nothing to do.

Pure like the plan: batches are returned, not sent, and the time is an argument.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.call import NOT_RUN, Batch, ErrorReport
from taskflow.engine.attempts import MAX_LOSSES
from taskflow.engine.batching import LEAST_SECONDS, WITHDRAW_SECONDS, Builder
from taskflow.engine.limiting import Limiter
from taskflow.events import (
    CRASHED,
    TIMED_OUT,
    RunNoticed,
    TaskRetrying,
    TasksReturned,
    TasksStarted,
)
from taskflow.graph.graph import HELPERS

if TYPE_CHECKING:
    from taskflow.call import Code, Lost, Outcome
    from taskflow.engine.plan import Plan
    from taskflow.engine.work import Work

#: A slot with less work than this ahead gets its next batch.
AHEAD_SECONDS: Final = 0.010
#: Weight of a new measurement in the running mean of a task's duration.
WEIGHT: Final = 0.3


class Entry:
    """Work that a slot was given and has not reported; elements are reported from the front."""

    __slots__ = ("batch", "work")

    def __init__(self, batch: int, work: Work) -> None:
        self.batch = batch
        self.work = work


class SlotState:
    """What one slot has been given."""

    def __init__(self) -> None:
        self.queue: deque[Entry] = deque()
        self.units = 0
        self.ahead = 0.0  # estimated seconds of all that is queued
        self.exclusive = False  # runs something that must be alone
        self.deadline: float | None = None
        self.reported = 0.0  # when it was last heard of, or given work while idle
        self.killed_for = ""  # "timeout", "cancel", or "end": clean-up, too
        self.known_codes = 0
        self.known_blobs = 0


class Given(NamedTuple):
    """A batch for a slot."""

    slot: int
    batch: Batch


class Dispatcher:
    """Gives the ready work of a plan to slots, and knows what each slot has."""

    def __init__(self, plan: Plan, slots: int) -> None:
        self.plan = plan
        self.slots = [SlotState() for _ in range(slots)]
        self.durations: dict[int, float] = {}
        self._numbers = itertools.count(1)
        self.limiter = Limiter(plan)
        self.calls_given = 0

    # --- giving ---

    def fill(self, now: float, capacity: int) -> list[Given]:
        """Batches for all slots that want work: in turn, so that none takes what is left alone."""
        given: list[Given] = []
        wanting = sorted(range(len(self.slots)), key=lambda number: self.slots[number].ahead)
        while self.plan.ready and wanting:
            for number in wanting[:]:
                slot = self.slots[number]
                wants = self.plan.ready and self._wants(slot)
                batch = self._batch(number, slot, now, capacity) if wants else None
                if batch is None:
                    wanting.remove(number)
                else:
                    given.append(Given(number, batch))
        return given

    def _wants(self, slot: SlotState) -> bool:
        if slot.exclusive or slot.killed_for:
            return False
        return not slot.queue or slot.ahead < AHEAD_SECONDS

    def _batch(self, number: int, slot: SlotState, now: float, capacity: int) -> Batch | None:
        """The next batch for a slot; None when nothing on the stack suits it."""
        builder = Builder(self, slot, min(capacity - slot.units, capacity // 2))
        builder.collect()
        if not builder.works:
            return None
        if not slot.queue:
            slot.reported = now
        ident = next(self._numbers)
        calls = tuple(builder.calls())
        counts: Counter[str] = Counter()
        for work in builder.works:
            self.plan.begin(work)
            slot.queue.append(Entry(ident, work))
            slot.units += work.count
            if self._is_shown(work):
                counts[self.plan.name_of(work.node)] += work.count
        slot.ahead += builder.seconds
        slot.exclusive = builder.exclusive
        self.calls_given += builder.units
        self.plan.events += [TasksStarted(name, count, number) for name, count in counts.items()]
        codes, blobs = self._news(slot)
        return Batch(ident, calls, codes, blobs)

    def _news(
        self, slot: SlotState
    ) -> tuple[tuple[tuple[int, Code], ...], tuple[tuple[int, bytes], ...]]:
        """The functions this slot's worker has not been told of."""
        graph = self.plan.graph
        specs = range(slot.known_codes, len(graph.specs))
        blobs = range(slot.known_blobs, len(graph.blobs))
        slot.known_codes, slot.known_blobs = len(graph.specs), len(graph.blobs)
        return (
            tuple((each, graph.specs[each].code) for each in specs),
            tuple((each, graph.blobs[each]) for each in blobs),
        )

    def _is_shown(self, work: Work) -> bool:
        return self.plan.graph.kind[work.node] not in HELPERS and work.first >= -1

    def estimate(self, work: Work) -> float | None:
        """Expected seconds of one unit of this work; None if it was never measured."""
        spec = self.plan.graph.spec[work.node]
        if spec < 0 or (work.first < -1):
            return self.durations.get(-1, 1e-4)
        return self.durations.get(spec)

    def must_be_alone(self, work: Work) -> bool:
        """Whether a slot must run this work with nothing beside it."""
        spec = self.plan.spec_of(work.node)
        if spec is not None and work.first >= -1 and spec.timeout:
            return True
        alone = self.plan.attempts.alone
        return bool(alone) and work.count == 1 and (work.node, work.first) in alone

    # --- reports ---

    def take(self, number: int, outcomes: list[Outcome], now: float) -> None:
        """Outcomes from a slot, in the order of its queue."""
        slot = self.slots[number]
        slot.reported = now
        slot.deadline = None
        for outcome in outcomes:
            work = self._reported(slot, outcome)
            self.limiter.release(work, outcome.count)
            if outcome.state != NOT_RUN:
                self._measure(work, outcome)
            elif self._is_shown(work):
                name = self.plan.name_of(work.node)
                self.plan.events.append(TasksReturned(name, outcome.count))
            self.plan.take(outcome, now)
        if not slot.queue:
            slot.ahead = 0.0
            slot.exclusive = False

    def _reported(self, slot: SlotState, outcome: Outcome) -> Work:
        entry = slot.queue[0]
        work = entry.work
        assert (work.node, work.first) == (outcome.node, outcome.first), (work, outcome)
        slot.units -= outcome.count
        slot.ahead = max(0.0, slot.ahead - outcome.count * (self.estimate(work) or 0.0))
        if outcome.count == work.count:
            slot.queue.popleft()
        else:
            entry.work = work._replace(
                first=work.first + outcome.count, count=work.count - outcome.count
            )
        return work

    def _measure(self, work: Work, outcome: Outcome) -> None:
        spec = self.plan.graph.spec[work.node] if work.first >= -1 else -1
        took = max(LEAST_SECONDS, outcome.seconds / outcome.count)
        known = self.durations.get(spec)
        self.durations[spec] = took if known is None else known + WEIGHT * (took - known)

    def started(self, number: int, now: float, node: int) -> None:
        """A body with a timeout has begun."""
        spec = self.plan.spec_of(node)
        if spec is not None and spec.timeout:
            self.slots[number].deadline = now + spec.timeout

    def withdrawn(self, number: int, taken: dict[int, int]) -> None:
        """A slot's worker lost its claim to the last calls of some batches."""
        slot = self.slots[number]
        kept: deque[Entry] = deque()
        returned: list[Work] = []
        while slot.queue:
            entry = slot.queue.pop()
            work = entry.work
            count = min(taken.get(entry.batch, 0), work.count)
            if count:
                taken[entry.batch] -= count
                keep = work.count - count
                lost = work if not keep else work._replace(first=work.first + keep, count=count)
                returned.append(lost)
                if not keep:
                    continue
                entry.work = work._replace(count=keep)
            kept.appendleft(entry)
        slot.queue = kept
        slot.units = sum(entry.work.count for entry in kept)
        slot.ahead = sum((self.estimate(e.work) or 0.0) * e.work.count for e in kept)
        if not kept:
            slot.exclusive = False
        for work in returned:  # last first, so the stack keeps its order
            self._return(work)

    def _return(self, work: Work, *, alone: bool = False) -> None:
        self.limiter.release(work, work.count)
        if self._is_shown(work):
            self.plan.events.append(TasksReturned(self.plan.name_of(work.node), work.count))
        self.plan.give_back(work, alone=alone)

    def overloaded(self, now: float) -> list[int]:
        """Slots from which queued work should be withdrawn, because another slot is idle."""
        if self.plan.ready or all(slot.queue for slot in self.slots):
            return []
        busy = [
            (slot.ahead, number)
            for number, slot in enumerate(self.slots)
            if slot.units > 1
            and not slot.killed_for
            and (slot.ahead > WITHDRAW_SECONDS or now - slot.reported > AHEAD_SECONDS)
            and self._could_share(slot)
        ]
        return [max(busy)[1]] if busy else []

    def _could_share(self, slot: SlotState) -> bool:
        """Whether another slot could begin something that is queued behind the first unit."""
        if slot.queue[0].work.count > 1:
            return True
        behind = itertools.islice(slot.queue, 1, None)
        return any(
            entry.work.first >= 0 or not self.plan.waiting[entry.work.node] for entry in behind
        )

    # --- deaths ---

    def lost(self, report: Lost, now: float) -> None:
        """A worker died: charge the one call that was in flight, or none if there were several."""
        slot = self.slots[report.slot]
        self.withdrawn(report.slot, dict(report.unclaimed))
        suspects = [entry.work for entry in slot.queue]
        reason = slot.killed_for
        slot.queue.clear()
        slot.units, slot.ahead, slot.exclusive = 0, 0.0, False
        slot.deadline, slot.killed_for = None, ""
        slot.known_codes = slot.known_blobs = 0
        only = sum(work.count for work in suspects) == 1
        for work in reversed(suspects):
            if reason == "end" or (reason == "cancel" and self.plan.is_stopped(work.node)):
                self.limiter.release(work, work.count)
                for element in range(work.count):
                    self.plan.stop_running(work.node, work.first + element)
            elif reason == "timeout" and only:
                self.limiter.release(work, work.count)
                self._timed_out(work, now)
            elif only and not reason:
                self.limiter.release(work, work.count)
                self._charge(work, report)
            else:
                self._return(work, alone=not reason)
        if not suspects and not reason:
            self.plan.events.append(RunNoticed(f"an idle worker was lost: {report.cause}"))

    def _timed_out(self, work: Work, now: float) -> None:
        spec = self.plan.spec_of(work.node)
        limit = spec.timeout if spec and spec.timeout else 0.0
        report = ErrorReport(
            "taskflow.errors.TaskTimeout", f"it ran longer than its timeout of {limit:g} s"
        )
        self.plan.fail(work.node, work.first, TIMED_OUT, report, now, limit)

    def _charge(self, work: Work, lost: Lost) -> None:
        unit = (work.node, work.first)
        losses = self.plan.attempts.lost(unit)
        if losses < MAX_LOSSES and self.plan.is_stopped(work.node):
            self.plan.stop_running(*unit)
            return
        if losses < MAX_LOSSES:
            key, name = self.plan.key_of_call(*unit), self.plan.name_of(work.node)
            why = f"its worker died: {lost.cause}"
            shown = self._is_shown(work)
            self.plan.events.append(TaskRetrying(key, name, losses, 0.0, why, running=shown))
            self.plan.give_back(work, alone=True)
            return
        report = ErrorReport(
            "taskflow.errors.TaskCrashed",
            f"its worker died {losses} times; the last time: {lost.cause}",
            retryable=False,
            log_tail=lost.tail,
        )
        self.plan.end_badly(work.node, work.first, CRASHED, report)

    # --- time ---

    def late(self, now: float) -> list[int]:
        """Slots whose body has run longer than its timeout."""
        return [
            number
            for number, slot in enumerate(self.slots)
            if slot.deadline is not None and slot.deadline <= now and not slot.killed_for
        ]

    def next_time(self, now: float) -> float | None:
        """When this dispatcher wants to be asked again, if nothing happens before."""
        times = [slot.deadline for slot in self.slots if slot.deadline is not None]
        idle = any(not slot.queue for slot in self.slots)
        if idle and not self.plan.ready and any(slot.units > 1 for slot in self.slots):
            times.append(now + AHEAD_SECONDS)
        return min(times, default=None)

    @property
    def is_idle(self) -> bool:
        """Whether no slot has anything."""
        return not any(slot.queue for slot in self.slots)
