"""The nodes of a plan: they enter, are judged when all their inputs have ended, and end.

Everything that follows from an end is worked off by `settle`, from a queue and never by recursion,
so a chain of any length is fine.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from taskflow.engine.facts import Facts
from taskflow.engine.ordinary import ORDINARY
from taskflow.engine.rules import RUN
from taskflow.engine.work import ASKS, Work
from taskflow.events import TasksEnded
from taskflow.graph.graph import (
    BARRIER,
    CHOICE,
    DYNAMIC,
    FLAT,
    HELPERS,
    MAP,
    TASK,
    node_of,
)
from taskflow.lifecycle import CANCELLED, GOOD, PENDING, READY, SKIPPED, SUCCEEDED

if TYPE_CHECKING:
    from array import array
    from collections import deque
    from collections.abc import Sequence

    from taskflow.call import ErrorReport
    from taskflow.engine.attempts import Attempts
    from taskflow.engine.caching import Caching
    from taskflow.engine.expanding import Expansions
    from taskflow.engine.journal import Journal
    from taskflow.engine.keeping import Keeping
    from taskflow.engine.mapping import Mapping
    from taskflow.engine.ordinary import Ordinary
    from taskflow.engine.ready import Ready
    from taskflow.engine.recall import Recall
    from taskflow.engine.taking import Taking
    from taskflow.events import Event


#: The dependants of a node that has none; most have none or few.
_NOBODY: Final[list[int]] = []


class Judging(Facts):
    """The states of the nodes of a plan, and what makes them change."""

    journal: Journal
    recall: Recall | None
    caching: Caching | None
    state: list[str]
    waiting: list[int]
    dependants: list[list[int]]
    value: list[Any]
    hurt: set[int]
    ready: Ready
    seconds: array[float]
    events: list[Event]
    cancelled: bool
    unended: int
    attempts: Attempts
    taking: Taking
    mapping: Mapping
    expansions: Expansions
    keeping: Keeping
    ordinary: Ordinary
    _due: deque[int]

    # --- nodes enter ---

    def adopt(self, first: int) -> None:
        """Take in the nodes from `first` on."""
        graph = self.graph
        count = len(graph) - first
        self.unended += count
        self.state += [PENDING] * count
        self.waiting += [0] * count
        self.dependants += [_NOBODY] * count
        self.value += [None] * count
        self.seconds.extend(itertools.repeat(0.0, count))
        self._connect(first)
        self.ordinary.adopt(first)
        self.keeping.adopt(first)
        self.events += self.announcements(first)
        for node in graph.since(first, graph.maps):
            self.mapping.add(node)
        before = self.ready.sizes()
        self._due.extend(node for node in range(first, len(graph)) if not self.waiting[node])
        self.settle()
        self.ready.sort_above(before)

    def _connect(self, first: int) -> None:
        graph, dependants, waiting = self.graph, self.dependants, self.waiting
        inputs, has_more = graph.inputs, graph.after or graph.gates or graph.maps
        for node in range(first, len(graph)):
            if not inputs[node] and not has_more:
                continue
            edges = self.edges(node)
            waiting[node] = len(edges)
            for upstream in edges:
                if dependants[upstream]:
                    dependants[upstream].append(node)
                else:
                    dependants[upstream] = [node]

    # --- ending and judging ---

    def end(
        self,
        node: int,
        state: str,
        took: float = 0.0,
        *,
        running: bool = False,
        attempt: int = 1,
        error: ErrorReport | None = None,
        why: str = "",
    ) -> None:
        """A node ended; whoever waits for it comes closer to being judged."""
        self.state[node] = state
        self.seconds[node] = took
        self.unended -= 1
        kind = self.graph.kind[node]
        if kind in (TASK, DYNAMIC) or (error is not None and kind in HELPERS):
            attempt = max(attempt, self.attempts.last((node, -1)))
            key, name = self.key_of(node), self.name_of(node)
            shown = running and kind not in HELPERS
            self.events.append(
                TasksEnded(key, name, state, took, attempt, running=shown, error=error, why=why)
            )
        if state not in GOOD:
            self.hurt.update(self.dependants[node])
        self._ended((node,))
        if kind in (MAP, FLAT):
            self.keeping.map_ended(node)

    def end_done(
        self, nodes: Sequence[int], values: Sequence[Any], seconds: Sequence[float]
    ) -> None:
        """Ordinary nodes succeeded at once: the same as `end` for each, in columns."""
        readers = self.keeping.readers
        for node, value, took in zip(nodes, values, seconds, strict=True):
            self.state[node] = SUCCEEDED
            self.seconds[node] = took
            if readers[node]:
                self.value[node] = value
        self.unended -= len(nodes)
        self._ended(nodes)

    def _ended(self, nodes: Sequence[int]) -> None:
        """What waits for these nodes comes closer to being judged, and they need no input more."""
        state, waiting = self.state, self.waiting
        for node in nodes:
            for dependant in self.dependants[node]:
                waiting[dependant] -= 1
                if not waiting[dependant] and state[dependant] == PENDING:
                    self._due.append(dependant)
        self.mapping.nodes_ended(nodes)
        self.expansions.nodes_ended(nodes)
        self.keeping.ended(nodes)

    def settle(self) -> None:
        """Work off all that follows from what was just noted."""
        while True:
            if self._due:
                self._judge(self._due.popleft())
            elif not (self.expansions.settle() or self.mapping.settle() or self._recalled()):
                return

    def _recalled(self) -> bool:
        if self.recall is not None and self.recall.settle():
            return True
        return self.caching is not None and self.caching.settle()

    def _judge(self, node: int) -> None:
        if self.state[node] != PENDING or self.waiting[node]:
            return
        is_free = self.ordinary.of[node] == ORDINARY and node not in self.hurt
        if is_free and self.recall is None and not self.cancelled:
            self.state[node] = READY
            self.ready.level(self.graph.spec[node]).append(Work(node))
            return
        kind = self.graph.kind[node]
        if kind == CHOICE:
            self._choose(node)
            return
        verdict = self.taking.verdict(node)
        if verdict != RUN:
            self._end_unrun(node, verdict)
        elif kind == BARRIER:
            self.end(node, SUCCEEDED)
        elif kind in (MAP, FLAT):
            self.taking.take_inputs(node)
            self.mapping.open(node)
        else:
            self.taking.take_inputs(node)
            self.make_ready(Work(node, ask=ASKS[kind]))

    def _end_unrun(self, node: int, verdict: str) -> None:
        if node in self.mapping.runs:
            self.mapping.shut(node)
        self.journal.unrun(node, -1, int(self.graph.kind[node] != MAP), verdict)
        self.end(node, verdict)

    def _choose(self, node: int) -> None:
        """A CHOICE has the state and value of the branch that was not skipped."""
        branches = [node_of(ref) for ref in self.graph.inputs[node]]
        taken = [branch for branch in branches if self.state[branch] != SKIPPED]
        if not taken:
            self.end(node, CANCELLED if self.cancelled else SKIPPED)
            return
        self.value[node] = self.value[taken[0]]
        self.end(node, self.state[taken[0]])

    def make_ready(self, *works: Work) -> None:
        """Put work on the stack."""
        raise NotImplementedError

    def is_stopped(self, node: int) -> bool:
        """Whether the run was cancelled, and this is no clean-up that runs all the same."""
        raise NotImplementedError
