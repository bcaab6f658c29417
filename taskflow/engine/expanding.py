"""Dynamic pipelines: a call comes back as a graph, which becomes part of the run.

The call ends when all nodes of its graph have ended; its value is what the body returned, put
together by the graph's last GATHER node.
"""

from __future__ import annotations

import pickle
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from taskflow.call import ErrorReport
from taskflow.graph.merge import Merger
from taskflow.lifecycle import BAD, FAILED, UPSTREAM_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.engine.plan import Plan
    from taskflow.graph.graph import Graph

#: Keys of a chain of expansions that a message shows.
SHOWN_CHAIN = 8


class Fragment(NamedTuple):
    """A graph that became part of the run, and the call it came from."""

    owner: int
    element: int
    first: int
    stop: int
    depth: int
    parent: int  # the fragment that the owner is in, -1 for none


class Expansions:
    """The fragments of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.fragments: list[Fragment] = []
        self._firsts: list[int] = []
        self._left: list[int] = []  # nodes of each fragment that have not ended
        self._of_owner: dict[int, list[int]] = {}
        self._merger: Merger | None = None
        self._added = 0
        self._after: deque[Callable[[], None]] = deque()

    def open(self, node: int, element: int, data: bytes, now: float) -> None:
        """A dynamic pipeline was traced in a worker: its graph becomes part of the run."""
        plan = self.plan
        part: Graph = pickle.loads(data)
        parent = self.fragment_of(node)
        depth = 1 if parent < 0 else self.fragments[parent].depth + 1
        refusal = self._refusal(node, element, depth, len(part))
        if refusal:
            report = ErrorReport("taskflow.errors.RunawayError", refusal, retryable=False)
            plan.end_badly(node, element, FAILED, report)
            return
        if self._merger is None:
            self._merger = Merger(plan.graph)
        label = plan.label_in_scope(node, element)
        first = self._merger.merge(part, plan.graph.scope[node], label)
        self._added += len(part)
        number = len(self.fragments)
        stop = first + len(part)
        self.fragments.append(Fragment(node, element, first, stop, depth, parent))
        self._firsts.append(first)
        self._left.append(len(part))
        self._of_owner.setdefault(node, []).append(number)
        plan.adopt(first)

    def _refusal(self, node: int, element: int, depth: int, count: int) -> str:
        spec = self.plan.spec_of(node)
        assert spec is not None  # only dynamic pipelines expand
        if depth > spec.max_depth:
            return (
                f"{spec.short} expanded deeper than max_depth={spec.max_depth}:\n"
                f"{self._chain(node, element)}\n"
                f"let the recursion end, or write @pipeline(dynamic=True, max_depth=...)"
            )
        if self._added + count > spec.max_tasks:
            return (
                f"expansions of {spec.short} made more than max_tasks={spec.max_tasks:,} calls; "
                f"the last chain:\n{self._chain(node, element)}\n"
                f"let the recursion end, or write @pipeline(dynamic=True, max_tasks=...)"
            )
        return ""

    def _chain(self, node: int, element: int) -> str:
        names: list[str] = []
        while True:
            label, line = self.plan.label_in_scope(node, element), self.plan.graph.line_of(node)
            names.insert(0, f"{label} ({line})")
            number = self.fragment_of(node)
            if number < 0:
                break
            node, element = self.fragments[number][:2]
        if len(names) > SHOWN_CHAIN:
            half = SHOWN_CHAIN // 2
            names = [*names[:half], f"... {len(names) - SHOWN_CHAIN} more ...", *names[-half:]]
        return " -> ".join(names)

    def fragment_of(self, node: int) -> int:
        """The fragment a node came with, or -1."""
        number = bisect_right(self._firsts, node) - 1
        if number < 0 or node >= self.fragments[number].stop:
            return -1
        return number

    def nodes_ended(self, nodes: Sequence[int]) -> None:
        """Nodes ended; perhaps some were the last of their fragments."""
        if self.fragments:
            for node in nodes:
                self._node_ended(node)

    def _node_ended(self, node: int) -> None:
        number = self.fragment_of(node)
        if number >= 0:
            self._left[number] -= 1
            if not self._left[number]:
                self.after(lambda: self._close(number))

    def _close(self, number: int) -> None:
        plan = self.plan
        fragment = self.fragments[number]
        gather = fragment.stop - 1
        state = plan.state[gather]
        if state in BAD:  # the failure is reported where it is; the owner lacks its value
            state = UPSTREAM_FAILED
        if fragment.element >= 0:
            plan.mapping.element_ended(fragment.owner, fragment.element, state, plan.value[gather])
        else:
            plan.value[fragment.owner] = plan.value[gather]
            plan.journal.unrun(fragment.owner, -1, 1, state)
            kept = plan.recall is not None and (fragment.owner, -1) in plan.recall.expanded
            plan.end(fragment.owner, state, running=not kept)

    def results_of(self, node: int) -> list[int]:
        """The last nodes of the graphs that a call expanded into."""
        return [self.fragments[number].stop - 1 for number in self._of_owner.get(node, ())]

    def owner_of(self, node: int) -> int:
        """The call whose value a node makes, as the last one of its fragment; -1 if it is not."""
        fragment = self.fragments[self.fragment_of(node)] if self.fragments else None
        return fragment.owner if fragment and node == fragment.stop - 1 else -1

    def after(self, step: Callable[[], None]) -> None:
        """Do a step once the present one is done, in the order of asking."""
        self._after.append(step)

    def settle(self) -> bool:
        """Do one step; False when there is none."""
        if not self._after:
            return False
        self._after.popleft()()
        return True
