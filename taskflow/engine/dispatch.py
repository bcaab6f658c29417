"""Which work goes to which slot, in batches sized by measured durations.

A task that was never measured goes alone, to a slot that has nothing else. Short ones go in
batches of some 50 ms, and a slot gets its next batch before the last one ends. A batch may run
ahead: it takes in tasks whose inputs are made earlier in the same batch, so a chain does not
pay a round trip for each edge. What is queued behind something long is withdrawn for a slot
that has nothing to do. A slot that runs many bodies at once is simply kept full.

Pure like the plan: batches are returned, not sent, and the time is an argument.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from taskflow.call import ASK_PRINT, NOT_RUN, OF_ARGUMENTS, Batch, CallColumns, ErrorReport
from taskflow.engine.attempts import MAX_LOSSES
from taskflow.engine.batching import WITHDRAW_SECONDS, builder_for
from taskflow.engine.durations import QUESTION_SECONDS, QUESTIONS, Durations
from taskflow.engine.limiting import Limiter
from taskflow.engine.slots import AHEAD_SECONDS, REST_SECONDS, Queue, slot_states
from taskflow.engine.work import Work
from taskflow.events import RunNoticed, TaskRetrying, TasksReturned, TasksStarted
from taskflow.graph.graph import HELPERS
from taskflow.lifecycle import CRASHED, RETRYING, SUCCEEDED, TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskflow.call import Call, Code, Done, Lost, Outcome, Started
    from taskflow.engine.plan import Plan
    from taskflow.engine.slots import SlotState, Unit
    from taskflow.interfaces import Lane


class Given(NamedTuple):
    """A batch for a slot."""

    slot: int
    batch: Batch


class Dispatcher:
    """Gives the ready work of a plan to slots, and knows what each slot has."""

    def __init__(self, plan: Plan, lanes: Sequence[Lane]) -> None:
        self.plan = plan
        self.slots = slot_states(lanes)
        self._queues: dict[int, list[tuple[int, Queue]]] = {}  # by lane, with their numbers
        for number, slot in enumerate(self.slots):
            if isinstance(slot, Queue):
                self._queues.setdefault(slot.lane, []).append((number, slot))
        self.lanes = lanes
        self.durations = Durations()
        self._numbers = itertools.count(1)
        self.limiter = Limiter(plan)
        self._inputs: dict[Unit, tuple[tuple[str, str], ...]] = {}  # previews, of some that run

    # --- giving ---

    def fill(self, now: float, capacity: Callable[[int], int]) -> list[Given]:
        """Batches for all slots that want work: in turn, so that none takes what is left alone."""
        given: list[Given] = []
        stacks = self.plan.ready.stacks
        one_by_one = self.plan.is_wary and self.plan.attempts.suspects
        if not any(stacks) or (one_by_one and not self.is_idle):
            return given
        wanting = [n for n, slot in enumerate(self.slots) if slot.wants()]
        # The first lane last: work of the others may have questions, which go there.
        wanting.sort(key=lambda number: (-self.slots[number].lane, self.slots[number].ahead))
        while wanting:
            for number in wanting[:]:
                slot = self.slots[number]
                wants = stacks[slot.lane] and slot.wants()
                batch = self._batch(number, slot, now, capacity(number)) if wants else None
                if batch is None:
                    wanting.remove(number)
                else:
                    given.append(Given(number, batch))
                    if one_by_one:
                        return given
        return given

    def _batch(self, number: int, slot: SlotState, now: float, capacity: int) -> Batch | None:
        """The next batch for a slot; None when nothing on its stack suits it."""
        builder = builder_for(self, slot, capacity, now)
        builder.collect()
        if not builder.works:
            return None
        ident = next(self._numbers)
        calls = tuple(builder.calls())
        slot.give(ident, builder.works, builder.units, builder.seconds, now)
        slot.exclusive = builder.exclusive
        self._begin(calls, number)
        codes, blobs = self._news(slot)
        return Batch(ident, calls, codes, blobs)

    def _begin(self, calls: Sequence[Call | CallColumns], number: int) -> None:
        plan = self.plan
        counts: Counter[str] = Counter()
        for call in calls:
            if isinstance(call, CallColumns):
                plan.begin_all(call.nodes)
                for spec, count in Counter(call.specs).items():
                    counts[plan.graph.specs[spec].short] += count
            elif call.ask not in OF_ARGUMENTS:
                work = Work(call.node, call.first, call.count, call.ask)
                plan.begin(work)
                if self.is_shown(work):
                    counts[plan.name_of(call.node)] += call.count
        plan.events += [TasksStarted(name, count, number) for name, count in counts.items()]

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

    def is_shown(self, work: Work) -> bool:
        """Whether it is the body of a task, and not a question or a helper of the graph."""
        if work.ask in OF_ARGUMENTS or work.first < -1:
            return False
        return self.plan.graph.kind[work.node] not in HELPERS

    def estimate(self, work: Work) -> float | None:
        """Expected seconds of one unit of this work; None if it was never measured."""
        spec = self.plan.graph.spec[work.node]
        if spec < 0 or work.first < -1 or work.ask in OF_ARGUMENTS:
            return self.durations.get(QUESTIONS, QUESTION_SECONDS)
        return self.durations.get(spec)

    def must_be_alone(self, work: Work) -> bool:
        """Whether a slot that works off a queue must run this work with nothing beside it."""
        spec = self.plan.spec_of(work.node)
        if spec is not None and work.first >= -1 and spec.timeout and work.ask not in OF_ARGUMENTS:
            return True
        return self.group_of(work) is not None

    def group_of(self, work: Work) -> int | None:
        """The group that it must run in, since it was in flight when a worker died."""
        suspects = self.plan.attempts.suspects
        return suspects.get((work.node, work.first)) if suspects and work.count == 1 else None

    # --- reports ---

    def take(self, number: int, outcomes: list[Outcome], now: float) -> None:
        """Outcomes from a slot; of one with a queue, in its order."""
        slot = self.slots[number]
        slot.reported = now
        for outcome in outcomes:
            work = slot.ended(outcome)
            if work is None:  # it was given up, and ended all the same
                continue
            if self._inputs:
                self._inputs.pop((outcome.node, outcome.first), None)
            if outcome.state != NOT_RUN and work.ask not in OF_ARGUMENTS:
                self.plan.attempts.suspects.pop((outcome.node, outcome.first), None)
            self.limiter.release(work, now, ran=outcome.state != NOT_RUN)
            if outcome.state != NOT_RUN:
                self._measure(work, outcome)
            elif self.is_shown(work):
                name = self.plan.name_of(work.node)
                self.plan.events.append(TasksReturned(name, outcome.count))
            if work.ask == ASK_PRINT and outcome.state != NOT_RUN:
                self._take_prints(work, outcome)
            elif work.ask in OF_ARGUMENTS:
                self._take_keys(number, work, outcome, now)
            else:
                self.plan.take(outcome, now)
        if not slot.units:
            slot.clear()

    def done(self, report: Done, now: float) -> None:
        """Ordinary calls of a slot succeeded: they had no limits, nor anything else to let go."""
        slot = self.slots[report.slot]
        assert isinstance(slot, Queue)  # only those are given columns
        slot.reported = now
        slot.done(report.nodes)
        self.durations.note_all(self.plan.graph.spec, report.nodes, report.seconds)
        self.plan.take_done(*report[1:])
        if not slot.units:
            slot.clear()

    def _take_prints(self, work: Work, outcome: Outcome) -> None:
        """The digests of arguments came, by which results of earlier runs are found."""
        caching = self.plan.caching
        assert caching is not None  # it has asked for them
        if self._is_moot(work):
            return
        if outcome.keys:
            self.plan.mapping.note_keys(work.node, work.first, outcome.keys)
        answered = self._body_of(work)._replace(count=outcome.count)
        if outcome.state == SUCCEEDED:
            caching.learn(answered, outcome.value if work.first >= 0 else (outcome.value,))
        else:
            caching.run_without(answered)
        self.plan.settle()

    def _take_keys(self, number: int, work: Work, outcome: Outcome, now: float) -> None:
        """The keys of limits came; where they cannot be found, the task itself has failed."""
        if outcome.state == SUCCEEDED:
            self.limiter.learn(work, outcome.value, now)
            return
        if self._is_moot(work):
            return
        if outcome.state != NOT_RUN:
            self._begin_after_all(number, work, outcome.count)
        self.plan.take(outcome, now)

    def _begin_after_all(self, number: int, work: Work, count: int) -> None:
        body = self._body_of(work)._replace(count=count)
        self.plan.begin(body)
        if self.is_shown(body):
            self.plan.events.append(TasksStarted(self.plan.name_of(work.node), count, number))

    def _is_moot(self, work: Work) -> bool:
        """Whether a question is about a body that has been cancelled meanwhile."""
        return work.ask in OF_ARGUMENTS and self.plan.is_stale(self._body_of(work))

    def _body_of(self, work: Work) -> Work:
        """The work whose arguments a question was about."""
        if work.ask not in OF_ARGUMENTS:
            return work
        return work._replace(ask=self.plan.ask_of(work.node, work.first))

    def _measure(self, work: Work, outcome: Outcome) -> None:
        is_body = work.first >= -1 and work.ask not in OF_ARGUMENTS
        spec = self.plan.graph.spec[work.node] if is_body else QUESTIONS
        self.durations.note(spec, outcome.seconds / outcome.count)

    def started(self, said: Started, now: float) -> None:
        """A body whose start is worth a word has begun."""
        unit = (said.node, said.element)
        self.limiter.begun(unit, now)
        spec = self.plan.spec_of(said.node)
        if spec is not None and spec.timeout:
            self.slots[said.slot].started(unit, now + spec.timeout)
        if said.keys:
            self.plan.mapping.note_keys(*unit, said.keys)
        if said.inputs:
            self._inputs[unit] = said.inputs

    def withdrawn(self, number: int, taken: dict[int, int], now: float) -> None:
        """A slot's worker lost its claim to the last calls of some batches."""
        for work in self.slots[number].withdrawn(taken):
            self._return(work, now)  # last first, so the stack keeps its order

    def _return(self, work: Work, now: float) -> None:
        self.limiter.release(work, now, ran=False)
        if self.is_shown(work):
            self.plan.events.append(TasksReturned(self.plan.name_of(work.node), work.count))
        if not self._is_moot(work):
            self.plan.give_back(self._body_of(work))

    def overloaded(self, now: float) -> list[int]:
        """Slots from which queued work should be withdrawn, because one like it is idle."""
        found = []
        for queues in self._lopsided():
            busy = [
                (slot.ahead, number)
                for number, slot in queues
                if slot.units > 1
                and not slot.killed_for
                and (slot.ahead > WITHDRAW_SECONDS or now - slot.reported > AHEAD_SECONDS)
                and self._could_share(slot)
            ]
            found += [max(busy)[1]] if busy else []
        return found

    def _lopsided(self) -> Iterator[list[tuple[int, Queue]]]:
        """The slots of each lane where one is idle and nothing is ready."""
        for lane, queues in self._queues.items():
            if not self.plan.ready.stacks[lane] and not all(slot.units for _, slot in queues):
                yield queues

    def _could_share(self, slot: Queue) -> bool:
        """Whether another slot could begin something that is queued behind the first unit."""
        works = slot.works()
        if next(works).count > 1:
            return True
        return any(work.first >= 0 or not self.plan.waiting[work.node] for work in works)

    # --- deaths ---

    def lost(self, report: Lost, now: float) -> None:
        """A worker died: charge the one call that was in flight, or none if there were several."""
        slot = self.slots[report.slot]
        self.withdrawn(report.slot, dict(report.unclaimed), now)
        reason = slot.killed_for
        late, suspects = slot.lost(now, report.stubborn)
        slot.buried()
        units = [(each.node, each.first + n) for each in suspects for n in range(each.count)]
        only = len(units) == 1
        # Nor is it known who held up the others when it did not stop and nobody else could look.
        if units and (not reason or (reason == "timeout" and not late)):
            self.plan.attempts.suspect(units, slot.groups(len(units)))
        for work in reversed(late):
            self.limiter.release(work, now, ran=True)
            self._timed_out(work, now)
        for work in reversed(suspects):
            if self._is_moot(work):
                continue
            if reason == "end" or (reason == "cancel" and self.plan.is_stopped(work.node)):
                self.limiter.release(work, now, ran=True)
                for element in range(work.count):
                    self.plan.stop_running(work.node, work.first + element)
            elif only and not reason:
                self.limiter.release(work, now, ran=True)
                self._charge(work, report)
            else:
                self._return(work, now)
        if not (suspects or late or reason or self.plan.cancelled):
            self.plan.events.append(RunNoticed(f"an idle worker was lost: {report.cause}"))

    def _timed_out(self, work: Work, now: float) -> None:
        spec = self.plan.spec_of(work.node)
        limit = spec.timeout if spec and spec.timeout else 0.0
        report = ErrorReport(
            "taskflow.errors.TaskTimeout",
            f"it ran longer than its timeout of {limit:g} s",
            inputs=self._inputs.pop((work.node, work.first), ()),
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
            shown = self.is_shown(work)
            self.plan.journal.tried(*unit, RETRYING, 0.0, why)
            self.plan.events.append(TaskRetrying(key, name, losses, 0.0, why, running=shown))
            self.plan.give_back(self._body_of(work))
            return
        if work.ask in OF_ARGUMENTS:
            self._begin_after_all(lost.slot, work, 1)
        report = ErrorReport(
            "taskflow.errors.TaskCrashed",
            f"its worker died {losses} times; the last time: {lost.cause}",
            retryable=False,
            inputs=self._inputs.pop(unit, ()),
            log_tail=lost.tail,
        )
        self.plan.end_badly(work.node, work.first, CRASHED, report)

    # --- time ---

    def late(self, now: float) -> list[int]:
        """Slots that are to be killed, since a body has run longer than its timeout."""
        return [
            number
            for number, slot in enumerate(self.slots)
            if slot.units and not slot.killed_for and (slot.deadline or now + 1) <= now
        ]

    def next_time(self, now: float) -> float | None:
        """When this dispatcher wants to be asked again, if nothing happens before."""
        times = [
            slot.deadline
            for slot in self.slots
            if slot.deadline is not None and slot.units and not slot.killed_for
        ]
        if (limited := self.limiter.next_time) is not None:
            times.append(limited)
        if any(slot.units > 1 for queues in self._lopsided() for _, slot in queues):
            times.append(now + AHEAD_SECONDS)
        return min(times, default=None)

    def leisure(self, now: float) -> float:
        """For so many seconds no slot will want more: what they report meanwhile may wait.

        None at all while a slot is idle, which may be waiting for just that; once there is one that
        runs many bodies at once; or where bodies are so short that all wait for the engine.
        """
        left = REST_SECONDS
        for slot in self.slots:
            if isinstance(slot, Queue):
                left = min(left, slot.left(now))
            elif slot.known_codes:
                return 0.0
        return max(0.0, left)

    @property
    def is_idle(self) -> bool:
        """Whether no slot has anything."""
        return not any(slot.units for slot in self.slots)
