"""One batch in the making: work from the stack of a lane, and what can run ahead behind it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from taskflow.call import ASK_VALUE
from taskflow.engine.durations import LEAST_SECONDS
from taskflow.engine.ordinary import ORDINARY
from taskflow.engine.slots import Crowd
from taskflow.engine.work import ASKS, Work
from taskflow.graph.graph import GATHER, TASK, TRUTH
from taskflow.lifecycle import PENDING, READY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.call import Call, CallColumns
    from taskflow.engine.dispatch import Dispatcher
    from taskflow.engine.slots import SlotState

#: Work in one batch, in seconds, once durations are known.
BATCH_SECONDS: Final = 0.05
#: The same, towards the end of the work: a batch takes the engine 0.2 ms, whatever is in it.
LEAST_BATCH_SECONDS: Final = 0.001
#: Work withdrawn from a slot must be worth the trouble.
WITHDRAW_SECONDS: Final = 0.002
#: How many works that must be alone a batch looks past, to find one that need not.
LOOK_PAST: Final = 8


class Builder:
    """Collects the works of one batch, for a slot that takes up to `room` units."""

    def __init__(self, dispatcher: Dispatcher, slot: SlotState, room: int, now: float) -> None:
        self._dispatcher = dispatcher
        self._plan = dispatcher.plan
        self._limiter = dispatcher.limiter
        self._stack = dispatcher.plan.ready.stacks[slot.lane]
        self._slot = slot
        self._room = room
        self._now = now
        self.works: list[Work] = []
        self.seconds = 0.0
        self.units = 0
        self.exclusive = False

    def collect(self) -> None:
        """Take work off the stack until the batch is full."""
        aside: list[Work] = []
        while self._stack and not self._is_full() and len(aside) < LOOK_PAST:
            if self._take_ordinary():
                continue
            work = self._stack.pop()
            if self._plan.is_stale(work):
                self._limiter.stale(work, self._now)
                continue
            lonely = self._is_lonely(work)
            if lonely and (self.works or self._slot.units):
                aside.append(work)
                if self.works:
                    break
            elif not self._take(work, lonely=lonely):
                break
        self._plan.ready.extend(reversed(aside))

    def _is_full(self) -> bool:
        return self.units >= self._room

    def _take_ordinary(self) -> bool:
        """Take in what needs no second look; whether there was any."""
        return False

    def _is_lonely(self, work: Work) -> bool:
        """Whether this work waits until the slot has nothing else."""
        raise NotImplementedError

    def _take(self, work: Work, *, lonely: bool) -> bool:
        """Take in work, or a part of it, if its limits let it; whether there may be more."""
        raise NotImplementedError

    def _admitted(self, work: Work) -> Work | None:
        """What of this work may begin now; None when it has to wait for a limit."""
        if not self._limiter.limits(work):
            return work
        if not self._limiter.admit(work, self._now):
            return None
        work = self._split_off(work, 1)
        self._limiter.take(work, self._now)
        return work

    def _split_off(self, work: Work, count: int) -> Work:
        """The first `count` units of this work; the rest goes back on the stack."""
        if work.count <= count:
            return work
        rest = work._replace(first=work.first + count, count=work.count - count)
        self._plan.ready.push(rest)
        return work._replace(count=count)

    def _add(self, work: Work, estimate: float) -> None:
        self.works.append(work)
        self.units += work.count
        self.seconds += max(estimate, LEAST_SECONDS) * work.count

    def calls(self) -> Sequence[Call | CallColumns]:
        """The calls of the batch, in order."""
        return [self._plan.calls.make(work) for work in self.works]


class CrowdBuilder(Builder):
    """For a slot that runs many bodies at once: whatever there is room for, or one group."""

    #: The group of suspects that the batch is; None for a batch of what is above suspicion.
    _group: int | None = None

    def _is_lonely(self, work: Work) -> bool:
        return self._dispatcher.group_of(work) != self._group

    def _take(self, work: Work, *, lonely: bool) -> bool:
        admitted = self._admitted(work)
        if admitted is None:
            return True
        if lonely:
            self._group = self._dispatcher.group_of(work)
        self._add(self._split_off(admitted, self._room - self.units), 0.0)
        self.exclusive = self._group is not None
        return True


class QueueBuilder(Builder):
    """For a slot that works off a queue: some 50 ms of work, and what can run ahead."""

    def __init__(self, dispatcher: Dispatcher, slot: SlotState, room: int, now: float) -> None:
        super().__init__(dispatcher, slot, room, now)
        self._target = self._target_seconds()
        self._inside: set[int] = set()  # nodes whose values are made in this batch
        self._waiting: dict[int, int] = {}  # inputs that dependants still lack
        self._ordinary = 0  # how many of the works are so
        self._of = self._plan.ordinary.of
        self._spec = self._plan.graph.spec
        self._seconds_of = dispatcher.durations

    def _target_seconds(self) -> float:
        """Less towards the end of the work, so that all slots end together."""
        ready = self._stack
        known = 0.0
        count = len(ready)
        top = next(iter(ready), None)
        for work in itertools.islice(ready, 64):
            known += (self._dispatcher.estimate(work) or 0.0) * work.count
        if count > 64:
            known *= count / 64
        elif top:  # few are ready, but what depends on them can go along
            known = max(known, (self._dispatcher.estimate(top) or 0.0) * self._plan.unended)
        share = known / (2 * self._slot.kind.slots)
        return min(BATCH_SECONDS, max(share, LEAST_BATCH_SECONDS))

    def _is_full(self) -> bool:
        return self.units >= self._room or self.seconds >= self._target

    def _is_lonely(self, work: Work) -> bool:
        """What has a limit, too: it would hold it while it waits for what is before it."""
        return (
            self._dispatcher.estimate(work) is None
            or self._dispatcher.must_be_alone(work)
            or self._limiter.limits(work)
        )

    def _take_ordinary(self) -> bool:
        """Take in the ordinary works on top of the stack; whether there were any."""
        plan, level = self._plan, self._stack.top
        if plan.attempts.suspects:
            return False
        state, dependants, spec, of = plan.state, plan.dependants, self._spec, self._of
        seconds_of = self._seconds_of.get
        count = len(self.works)
        while level and self.seconds < self._target and self.units < self._room:
            node, first, _, ask = work = level[-1]
            if first != -1 or ask != ASK_VALUE or not of[node] or state[node] != READY:
                break
            each = seconds_of(spec[node])
            if each is None:
                break
            level.pop()
            self._add_ordinary(work, each)
            below = dependants[node]
            if below:
                self._run_ahead(below)
        return len(self.works) > count

    def _add_ordinary(self, work: Work, each: float) -> None:
        self.works.append(work)
        self.units += 1
        self.seconds += each
        self._inside.add(work[0])
        self._ordinary += 1

    def _take(self, work: Work, *, lonely: bool) -> bool:
        admitted = self._admitted(work)
        if admitted is None:
            return True
        estimate = self._dispatcher.estimate(work)
        if lonely:
            self._add(self._split_off(admitted, 1), estimate or 0.0)
            self.exclusive = self._dispatcher.must_be_alone(work)
            return False
        assert estimate is not None  # else it were lonely
        fits = max(1, int((self._target - self.seconds) / max(estimate, LEAST_SECONDS)))
        self._add(self._split_off(admitted, min(fits, self._room - self.units)), estimate)
        last = self.works[-1].node
        if last in self._inside:
            self._run_ahead(self._plan.dependants[last])
        return True

    def _add(self, work: Work, estimate: float) -> None:
        super()._add(work, estimate)
        if work.first == -1 and work.ask == ASK_VALUE:
            self._inside.add(work.node)

    def _run_ahead(self, dependants: list[int]) -> None:
        """Take in, of the dependants of a work, those whose inputs are all made in this batch.

        Then theirs, in depth.
        """
        waiting, left_of = self._plan.waiting, self._waiting
        stack = [dependants]
        while stack:
            for below in stack.pop():
                left = left_of.get(below)
                left = left_of[below] = (waiting[below] if left is None else left) - 1
                if not left and not self._is_full() and self._take_ahead(below):
                    stack.append(self._plan.dependants[below])

    def _take_ahead(self, node: int) -> bool:
        """Take in a node before its inputs are there, if it may; whether its value is made so."""
        each = self._seconds_ahead(node)
        if each is None:
            return False
        if self._of[node]:
            self._add_ordinary(Work(node), each)
        else:
            self._add(Work(node, ask=ASKS[self._plan.graph.kind[node]]), each)
        return node in self._inside

    def _seconds_ahead(self, node: int) -> float | None:
        """How long a node should take that may run ahead of its inputs; None if it may not."""
        plan = self._plan
        if plan.recall is not None or plan.state[node] != PENDING or node in plan.hurt:
            return None  # what an earlier trace may have need not run at all
        spec = self._spec[node]
        if self._of[node] == ORDINARY:
            each = self._seconds_of.get(spec)
        elif self._may_run_ahead(node):
            each = self._dispatcher.estimate(Work(node, ask=ASKS[plan.graph.kind[node]]))
        else:
            each = None
        if each is None or each >= WITHDRAW_SECONDS:
            return None
        level = plan.ready.level(spec)  # never another lane, or what is less urgent
        is_near = level is self._stack.level(0) or level is plan.ready.level_of(self.works[0])
        return each if is_near else None

    def _may_run_ahead(self, node: int) -> bool:
        plan = self._plan
        if plan.caching is not None and plan.caching.covers(node):
            return False  # it may not have to run at all
        if node in plan.graph.gates or node in plan.graph.after:
            return False  # a worker notices a missing value, but no missing order
        kind = plan.graph.kind[node]
        spec = plan.spec_of(node)
        if kind not in (TASK, GATHER, TRUTH):
            return False
        if spec is not None and spec.trigger_rule != "all_success":
            return False
        return not self._is_lonely(Work(node, ask=ASKS[kind]))

    def calls(self) -> list[Call | CallColumns]:
        if not self._slot.kind.columns:
            return [self._plan.calls.make(work, self._inside) for work in self.works]
        attempts = self._plan.attempts
        if self._ordinary == len(self.works) and not (attempts.tries or attempts.postponed):
            nodes = [work[0] for work in self.works]
            return [self._plan.ordinary.columns(nodes, self._inside)]
        found: list[Call | CallColumns] = []
        for is_ordinary, some in itertools.groupby(self.works, self._goes_in_column):
            if is_ordinary:
                nodes = [work[0] for work in some]
                found.append(self._plan.ordinary.columns(nodes, self._inside))
            else:
                found += [self._plan.calls.make(work, self._inside) for work in some]
        return found

    def _goes_in_column(self, work: Work) -> bool:
        node, first, _, ask = work
        if first != -1 or ask != ASK_VALUE or not self._of[node]:
            return False
        return self._plan.attempts.number((node, -1)) == 1


def builder_for(dispatcher: Dispatcher, slot: SlotState, capacity: int, now: float) -> Builder:
    """What collects the next batch of a slot."""
    if isinstance(slot, Crowd):
        return CrowdBuilder(dispatcher, slot, min(slot.room, capacity), now)
    return QueueBuilder(dispatcher, slot, min(capacity - slot.units, capacity // 2), now)
