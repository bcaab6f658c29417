"""Which failures were taken as values, and so do not fail the run.

A task that runs although an input failed takes that failure, and with it the failures that had
reached the input as data. Ordering edges take nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.engine.rules import TOLERANT
from taskflow.events import BAD, CANCELLED, GOOD, SKIPPED, SUCCEEDED, UPSTREAM_FAILED
from taskflow.graph.graph import GATHER, OUTCOME, VALUE, Link, node_of

if TYPE_CHECKING:
    from taskflow.engine.plan import Plan
    from taskflow.graph.graph import Ref


class Taking:
    """How the nodes of a plan see their inputs, and whose failures they take."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.taken: set[int] = set()

    def input_states(self, node: int) -> list[str]:
        """The states of a node's inputs, as its trigger rule sees them."""
        refs = [ref for ref in self.plan.graph.inputs[node] if node_of(ref) >= 0]
        states = [self.seen_state(node, ref) for ref in refs]
        edges = self.plan.edges(node)
        return states + [self.plan.state[edge] for edge in edges[len(states) :]]

    def seen_state(self, node: int, ref: Ref) -> str:
        """The state of an input, as a node sees it that may take failures as values."""
        state = self.plan.state[node_of(ref)]
        if isinstance(ref, Link) and ref.take != VALUE:
            if ref.take == OUTCOME:
                # `successes` and `outcomes` of a list leave out what was skipped themselves.
                among_many = (
                    self.plan.graph.kind[node] == GATHER and self.plan.graph.spec[node] >= 0
                )
                taken = (
                    state in BAD or state == UPSTREAM_FAILED or (among_many and state == SKIPPED)
                )
                return SUCCEEDED if taken else state
            run = self.plan.mapping.runs.get(ref.node)
            if run is not None and run.open and state != CANCELLED:
                return SUCCEEDED
        return state

    def take_inputs(self, node: int) -> None:
        """A node runs although some inputs failed: it takes their failures as values."""
        if node in self.plan.hurt:
            for ref in self.plan.graph.inputs[node]:
                if node_of(ref) >= 0 and self.plan.state[node_of(ref)] not in GOOD:
                    self.take_failures(node_of(ref))

    def take_failures(self, node: int) -> None:
        """Mark the failures behind a node as taken: its own, or those that reached it as data."""
        stack = [node]
        while stack:
            node = stack.pop()
            if node in self.taken:
                continue
            self.taken.add(node)
            stack += [node_of(ref) for ref in self.plan.graph.inputs[node] if node_of(ref) >= 0]
            stack += self.plan.mapping.upstream_maps(node)
            stack += self.plan.expansions.results_of(node)

    def is_tolerated(self, node: int) -> bool:
        """Whether some descendant takes failures as values, so that this one may not count."""
        seen = {node}
        stack = [node]
        while stack:
            upstream = stack.pop()
            for below in [
                *self.plan.dependants[upstream],
                *self.plan.mapping.downstream_maps(upstream),
            ]:
                spec = self.plan.spec_of(below)
                links = [ref for ref in self.plan.graph.inputs[below] if node_of(ref) == upstream]
                tolerant = spec is not None and spec.trigger_rule in TOLERANT and bool(links)
                if tolerant or any(isinstance(ref, Link) and ref.take != VALUE for ref in links):
                    return True
                if below not in seen:
                    seen.add(below)
                    stack.append(below)
        return False

    @property
    def untaken(self) -> list[int]:
        """Nodes with failures that nobody took as values, in the order of the trace."""
        return sorted(self.plan.failed - self.taken)
