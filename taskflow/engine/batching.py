"""One batch in the making: works from the stack, and what can run ahead behind them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from taskflow.call import ASK_VALUE
from taskflow.engine.work import ASKS, Work
from taskflow.events import PENDING
from taskflow.graph.graph import GATHER, TASK, TRUTH

if TYPE_CHECKING:
    from taskflow.call import Call
    from taskflow.engine.dispatch import Dispatcher, SlotState

#: Work in one batch, in seconds, once durations are known.
BATCH_SECONDS: Final = 0.025
#: No task is reckoned cheaper than this.
LEAST_SECONDS: Final = 2e-6
#: Work withdrawn from a slot must be worth the trouble.
WITHDRAW_SECONDS: Final = 0.002
#: How many works that must be alone a batch looks past, to find one that need not.
LOOK_PAST: Final = 8


class Builder:
    """Collects the works of one batch."""

    def __init__(self, dispatcher: Dispatcher, slot: SlotState, room: int) -> None:
        self._dispatcher = dispatcher
        self._plan = dispatcher.plan
        self._limiter = dispatcher.limiter
        self._slot = slot
        self._room = room
        self._target = self._target_seconds()
        self.works: list[Work] = []
        self.seconds = 0.0
        self.units = 0
        self.exclusive = False
        self._inside: set[int] = set()  # nodes whose values are made in this batch
        self._waiting: dict[int, int] = {}  # inputs that dependants still lack

    def _target_seconds(self) -> float:
        """Less towards the end of the work, so that all slots end together."""
        ready = self._plan.ready
        known = 0.0
        for work in itertools.islice(reversed(ready), 64):
            known += (self._dispatcher.estimate(work) or 0.0) * work.count
        if len(ready) > 64:
            known *= len(ready) / 64
        elif ready:  # few are ready, but what depends on them can go along
            known = max(known, (self._dispatcher.estimate(ready[-1]) or 0.0) * self._plan.unended)
        share = known / (2 * len(self._dispatcher.slots))
        return min(BATCH_SECONDS, max(share, 10 * LEAST_SECONDS))

    def collect(self) -> None:
        """Take work off the stack until the batch is full."""
        aside: list[Work] = []
        ready = self._plan.ready
        while ready and self.units < self._room and len(aside) < LOOK_PAST:
            work = ready.pop()
            if self._plan.is_stale(work):
                self._limiter.wake(self._limiter.limits_of(work))
                continue
            estimate = self._dispatcher.estimate(work)
            lonely = estimate is None or self._dispatcher.must_be_alone(work)
            if lonely and (self.works or self._slot.queue):
                aside.append(work)
                if self.works:
                    break
                continue
            if self._limiter.limits_of(work):
                if not self._limiter.admit(work):
                    continue
                work = self._split_off(work, 1)
                self._limiter.take(work)
            if lonely:
                self._add(self._split_off(work, 1), estimate or 0.0)
                self.exclusive = self._dispatcher.must_be_alone(work)
                break
            assert estimate is not None  # else it were lonely
            fits = max(1, int((self._target - self.seconds) / max(estimate, LEAST_SECONDS)))
            self._add(self._split_off(work, min(fits, self._room - self.units)), estimate)
            self._run_ahead()
            if self.seconds >= self._target:
                break
        ready.extend(reversed(aside))

    def _split_off(self, work: Work, count: int) -> Work:
        """The first `count` units of this work; the rest goes back on the stack."""
        if work.count <= count:
            return work
        rest = work._replace(first=work.first + count, count=work.count - count)
        self._plan.ready.append(rest)
        return work._replace(count=count)

    def _add(self, work: Work, estimate: float) -> None:
        self.works.append(work)
        self.units += work.count
        self.seconds += max(estimate, LEAST_SECONDS) * work.count
        if work.first == -1 and work.ask == ASK_VALUE:
            self._inside.add(work.node)

    def _run_ahead(self) -> None:
        """Take in dependants of the last work whose inputs are all made in this batch."""
        last = self.works[-1]
        stack = [last.node] if last.node in self._inside else []
        while stack and self.seconds < self._target and self.units < self._room:
            for below in self._plan.dependants[stack.pop()]:
                left = self._waiting.get(below, self._plan.waiting[below]) - 1
                self._waiting[below] = left
                if left or self.seconds >= self._target or not self._may_run_ahead(below):
                    continue
                work = Work(below, ask=ASKS[self._plan.graph.kind[below]])
                self._add(work, self._dispatcher.estimate(work) or 0.0)
                if work.ask == ASK_VALUE:
                    stack.append(below)

    def _may_run_ahead(self, node: int) -> bool:
        plan = self._plan
        if plan.state[node] != PENDING or node in plan.hurt or node in plan.graph.gates:
            return False
        kind = plan.graph.kind[node]
        if kind not in (TASK, GATHER, TRUTH) or node in plan.graph.after:
            return False  # a worker notices a missing value, but no missing order
        spec = plan.spec_of(node)
        if spec is not None and (spec.trigger_rule != "all_success" or spec.limits):
            return False
        work = Work(node, ask=ASKS[kind])
        estimate = self._dispatcher.estimate(work)
        short = estimate is not None and estimate < WITHDRAW_SECONDS
        return short and not self._dispatcher.must_be_alone(work)

    def calls(self) -> list[Call]:
        """The calls of the batch, in order."""
        return [self._plan.calls.make(work, self._inside) for work in self.works]
