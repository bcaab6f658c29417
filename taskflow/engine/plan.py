"""A run as a pure state machine: outcomes in, work and events out.

No clock, thread, socket or database: `now` is an argument, work is taken from `ready` by the
dispatcher, events are collected by the loop. So every situation can be replayed in a test.

    pending ──inputs ended──▶ ready ──given to a slot──▶ running ──▶ succeeded, failed, ...
       │                        ▲                          │ │
       │ rule says no           └── withdrawn, worker lost ┘ └──▶ retrying ──delay──▶ ready
       └──▶ upstream_failed, skipped, cancelled

A node is judged once all its inputs have ended. Nodes are integers, states are a list by node;
what happens to elements of maps is in `mapping`, graphs that arrive while running are in
`expanding`. Everything that follows from an outcome is worked off by `settle`, from a queue
and never by recursion, so a chain of any length is fine.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from taskflow.call import ASK_SPLIT, NOT_RUN, RETRY_LATER
from taskflow.engine.attempts import Attempts
from taskflow.engine.calls import Calls
from taskflow.engine.expanding import Expansions
from taskflow.engine.journal import Journal
from taskflow.engine.judging import Judging
from taskflow.engine.keeping import Keeping
from taskflow.engine.mapping import Mapping
from taskflow.engine.ordinary import Ordinary, alike
from taskflow.engine.ready import Ready
from taskflow.engine.taking import Taking
from taskflow.engine.work import Work
from taskflow.events import TaskRetrying, TasksDone
from taskflow.graph.graph import (
    DYNAMIC,
    FLAT,
    HELPERS,
    MAP,
)
from taskflow.lifecycle import (
    BAD,
    CACHED,
    CANCELLED,
    ENDED,
    GOOD,
    PENDING,
    READY,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taskflow.call import ErrorReport, Outcome
    from taskflow.engine.caching import Caching
    from taskflow.engine.recall import Recall
    from taskflow.events import Event
    from taskflow.graph.graph import Graph


class Plan(Judging):
    """The state of a run; see the module's docstring."""

    def __init__(
        self,
        graph: Graph,
        *,
        fail_fast: bool = False,
        draw: Any = None,
        lanes: Sequence[str] = ("",),
        journal: Journal | None = None,
        recall: Recall | None = None,
        caching: Caching | None = None,
    ) -> None:
        super().__init__(graph)
        self.journal = journal or Journal()
        self.recall = recall
        self.caching = caching
        self.fail_fast = fail_fast
        self.state: list[str] = []
        self.waiting: list[int] = []
        self.dependants: list[list[int]] = []
        self.value: list[Any] = []
        self.hurt: set[int] = set()  # nodes with an input that did not succeed
        self.failed: set[int] = set()  # nodes that failed, or have elements that did
        self.errors: dict[int, ErrorReport] = {}
        self.ready = Ready(graph, lanes)
        self.seconds = array("f")  # of the last attempt; of a map, all its elements together
        self.events: list[Event] = []
        self.cancelled = False
        self.unended = 0
        self.attempts = Attempts(draw)
        self.calls = Calls(self)
        self.taking = Taking(self)
        self.mapping = Mapping(self)
        self.expansions = Expansions(self)
        self.keeping = Keeping(self)
        self.ordinary = Ordinary(self)
        self._due: deque[int] = deque()  # nodes whose inputs have all ended
        for each in (journal, recall, caching):
            if each is not None:
                each.attach(self)
        self.adopt(0)

    # --- outcomes enter ---

    def take(self, outcome: Outcome, now: float, *, journaled: bool = False) -> None:
        """Take note of how a call, or a span of elements, ended."""
        node, first, count, state, value = outcome[:5]
        if outcome.keys:
            self.mapping.note_keys(node, first, outcome.keys)
        if state == NOT_RUN:
            self.give_back(Work(node, first, count, self.ask_of(node, first)))
        elif state == RETRY_LATER:
            delay, why = value
            work = Work(node, first, 1, self.ask_of(node, first))
            attempt = self.attempts.number((node, first))
            self.attempts.postponed[node, first] += 1
            self._retry(work, now + delay, delay, why, attempt)
        elif state in BAD:
            for element in range(first, first + count):
                self.fail(node, element, state, value, now, outcome.seconds / count)
        else:
            if not journaled:
                self.journal.ended(outcome)
                if self.caching is not None:
                    self.caching.ended(outcome)
            self._take_good(outcome, now)
        self.settle()

    def take_done(
        self, nodes: Sequence[int], values: Sequence[bytes], seconds: Sequence[float]
    ) -> None:
        """Take note that ordinary calls succeeded at their first attempts."""
        nths = self.graph.nth
        for scope, spec, start, stop in alike(self.graph, nodes):
            some, took = nodes[start:stop], seconds[start:stop]
            numbers, name = [nths[node] for node in some], self.graph.specs[spec].short
            self.events.append(TasksDone(self.ordinary.name(scope, spec), name, numbers, took))
            self.journal.done(self.path_of(scope), name, some, numbers, values[start:stop], took)
        self.end_done(nodes, values, seconds)
        self.settle()

    def _take_good(self, outcome: Outcome, now: float) -> None:
        node, first, _, state, value = outcome[:5]
        kind = self.graph.kind[node]
        if kind == FLAT or (kind == MAP and first < -1):
            self.mapping.split_ended(node, first, value)
        elif first >= 0:
            self.mapping.ended(outcome)
        elif state == SKIPPED:
            self.end(node, SKIPPED, outcome.seconds, why=value, running=True)
        elif kind == DYNAMIC:
            self.expansions.open(node, -1, value, now)
        else:
            if self.keeping.readers[node]:
                self.value[node] = value
            self.end(node, SUCCEEDED, outcome.seconds, running=True, attempt=outcome.attempt)

    def take_kept(self, outcome: Outcome) -> None:
        """Take note of what an earlier trace, or run, has brought for a task run, or elements."""
        node, first, _, state, value, seconds, attempt = outcome[:7]
        if first >= 0:
            if outcome.keys:
                self.mapping.note_keys(node, first, outcome.keys)
            self.mapping.ended(outcome, kept=True)
        else:
            if self.keeping.readers[node] and state in GOOD:
                self.value[node] = value
            why = value if state == SKIPPED else "" if state == CACHED else "kept"
            self.end(node, state, seconds, attempt=attempt, why=why)

    def fail(
        self, node: int, element: int, state: str, report: ErrorReport, now: float, took: float
    ) -> None:
        """An attempt ended with an exception or a timeout: try again, or end it so."""
        spec = self.spec_of(node)
        unit = (node, element)
        failures = self.attempts.failed(unit)
        work = Work(node, element, 1, self.ask_of(node, element))
        if (
            spec is not None
            and report.retryable
            and failures <= spec.retry.times
            and work.ask != ASK_SPLIT
            and not self.is_stopped(node)
        ):
            delay = spec.retry.wait(failures, self.attempts.draw())
            self._retry(work, now + delay, delay, report.line, failures)
            return
        self.end_badly(node, element, state, report, took)

    def end_badly(
        self, node: int, element: int, state: str, report: ErrorReport, took: float = 0.0
    ) -> None:
        """End a node, or an element of a map, in a state of failure."""
        self.failed.add(node)
        if self.caching is not None:
            self.caching.gave_up(node, element)
        self.journal.failed(node, element, state, report, took)
        kind = self.graph.kind[node]
        if kind == FLAT or (kind == MAP and element < 0):
            self.mapping.split_failed(node, element, report)
        elif element >= 0:
            self.mapping.end_badly(node, element, state, report, took)
        else:
            self.errors[node] = report
            self.end(node, state, took, running=True, error=report)
        if self.fail_fast and not self.cancelled and not self.taking.is_tolerated(node):
            self.cancel()
        self.settle()

    def _retry(self, work: Work, when: float, delay: float, why: str, attempt: int) -> None:
        if self.is_stopped(work.node):
            self._cancel_work(work, running=True)
            return
        self._set_state(work, RETRYING)
        self.attempts.wait(when, work)
        self.journal.tried(work.node, work.first, RETRYING, delay, why)
        key, name = self.key_of(work.node, work.first), self.name_of(work.node)
        self.events.append(TaskRetrying(key, name, attempt, delay, why))

    def give_back(self, work: Work) -> None:
        """Work that a slot had been given did not run there; what may kill its worker, singly."""
        if self.is_stopped(work.node):
            self._cancel_work(work, running=False)
        elif work.first == -1 and self.waiting[work.node]:
            self.state[work.node] = PENDING  # it had run ahead of its inputs
        elif work.first == -1 and work.node in self.hurt:
            self.state[work.node] = PENDING
            self._due.append(work.node)
        elif work.count > 1 and (work.node, work.first) in self.attempts.suspects:
            self._make_ready_again(
                *(work._replace(first=work.first + each, count=1) for each in range(work.count))
            )
        else:
            self._make_ready_again(work)
        self.settle()

    def make_ready(self, *works: Work) -> None:
        """Put work on the stack, but for what the past has of it."""
        for work in works:
            self._set_state(work, READY)
        self._stack(works if self.recall is None else self.recall.sift(works))

    def _make_ready_again(self, *works: Work) -> None:
        """Put work back on the stack: the past was asked for it before, and had nothing."""
        for work in works:
            self._set_state(work, READY)
        self._stack(works)

    def _stack(self, works: Iterable[Work]) -> None:
        self.ready.extend(works if self.caching is None else self.caching.divert(works))

    @property
    def is_wary(self) -> bool:
        """Whether something may end the engine itself: what begins has to be known before."""
        return self.recall is not None and self.recall.is_wary

    def begin(self, work: Work) -> None:
        """A slot was given this work."""
        self._set_state(work, RUNNING)

    def begin_all(self, nodes: Sequence[int]) -> None:
        """A slot was given these nodes."""
        for node in nodes:
            self.state[node] = RUNNING

    def _set_state(self, work: Work, state: str) -> None:
        if work.first == -1:
            self.state[work.node] = state
        elif work.ask != ASK_SPLIT:
            self.mapping.set_state(work, state)

    def is_stale(self, work: Work) -> bool:
        """Whether work on the stack has been cancelled meanwhile."""
        if work.first == -1:
            return self.state[work.node] in ENDED
        return self.state[work.node] in ENDED or self.mapping.is_stale(work)

    # --- time ---

    def tick(self, now: float) -> None:
        """Make ready what waited for its time."""
        for work in self.attempts.due(now):
            if not self.is_stale(work):
                self._make_ready_again(work)

    @property
    def next_time(self) -> float | None:
        """When `tick` is due next."""
        return self.attempts.next_time(self.is_stale)

    # --- cancelling ---

    def cancel(self) -> None:
        """Cancel all that has not begun, except what has the rule `always`."""
        if self.cancelled:
            return
        self.cancelled = True
        for work in self.ready:  # what was to be taken apart: nobody will
            if work.ask == ASK_SPLIT and self.is_stopped(work.node):
                self.mapping.runs[work.node].splitting -= 1
        for node in range(len(self.graph)):
            if not self.is_stopped(node):
                continue
            if node in self.mapping.runs and self.state[node] == RUNNING:
                self.mapping.cancel(node)
            elif self.state[node] in (PENDING, READY, RETRYING):
                self._end_unrun(node, CANCELLED)
        if self.caching is not None:
            self.caching.cancelled()
        self.settle()

    def is_stopped(self, node: int) -> bool:
        """Whether the run was cancelled, and this is no clean-up that runs all the same."""
        if not self.cancelled:
            return False
        spec = self.spec_of(node)
        return spec is None or spec.trigger_rule != "always"

    def _cancel_work(self, work: Work, *, running: bool) -> None:
        if self.caching is not None:
            self.caching.gave_up(*work[:3])
        if work.first == -1:
            self.journal.unrun(work.node, -1, 1, CANCELLED)
            self.end(work.node, CANCELLED, running=running)
        else:
            self.mapping.cancel_work(work, running=running)

    def stop_running(self, node: int, element: int) -> None:
        """What ran was killed by a cancel."""
        self._cancel_work(Work(node, element, 1, self.ask_of(node, element)), running=True)
        self.settle()

    # --- reading ---

    @property
    def is_over(self) -> bool:
        """Whether every node has ended."""
        return not self.unended

    def counts(self) -> dict[str, int]:
        """How many task runs are in each state; those of a map are its elements.

        What joins tasks is no task run, but may be what failed.
        """
        kinds, states = self.graph.kind, self.state
        # All at once: there may be a million.
        each = Counter(zip(kinds, states, strict=False))
        each.subtract((kinds[node], states[node]) for node in self.mapping.runs)
        tallies = [((kind, state), {state: count}) for (kind, state), count in each.items()]
        tallies += [((kinds[n], states[n]), run.tally) for n, run in self.mapping.runs.items()]
        counts: Counter[str] = Counter()
        for (kind, state), tally in tallies:
            if kind not in HELPERS or state in BAD:
                counts.update(tally)
        return dict(+counts)

    def label_of(self, node: int, element: int) -> str:
        """What stands between the brackets of an element's key."""
        return self.mapping.runs[node].label(element)

    def key_of_call(self, node: int, first: int) -> str:
        """The key of what a call is for; a FLAT is given the lists of the map above it."""
        run = self.mapping.runs.get(node)
        if run is None or run.parent is None:
            return self.key_of(node, first)
        return f"{self.key_of(node)}[{run.parent.label(first)}]"
