"""Which failures were taken as values, and so do not fail the run.

A task that runs although an input failed takes that failure, and with it the failures that had
reached the input as data. Ordering edges take nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.engine.rules import PICKY, RUN, TOLERANT, judge, judge_map
from taskflow.graph.graph import GATHER, OUTCOME, VALUE, Link, Split, node_of, nodes_of
from taskflow.lifecycle import BAD, CANCELLED, GOOD, SKIPPED, SUCCEEDED, UPSTREAM_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.engine.plan import Plan
    from taskflow.graph.graph import Ref


class Taking:
    """How the nodes of a plan see their inputs, and whose failures they take."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.taken: set[int] = set()

    def verdict(self, node: int) -> str:
        """`RUN`, or the state in which a node ends without running."""
        plan, graph = self.plan, self.plan.graph
        spec = plan.spec_of(node)
        rule = "all_success" if spec is None else spec.trigger_rule
        if plan.is_stopped(node):
            return CANCELLED
        gate = graph.gates.get(node)
        if gate is not None:
            truth, expected = gate
            if plan.state[truth] not in GOOD:
                return judge("all_success", [plan.state[truth]])
            if plan.value[truth] != expected:
                return SKIPPED
        if node not in plan.hurt and rule not in PICKY:
            return RUN
        states = self.input_states(node)
        if node not in graph.maps:
            return judge(rule, states)
        # What is to be taken apart has to be there, whatever the rule says of the elements.
        verdict = judge("all_success", self.split_states(node))
        return judge_map(rule, states) if verdict == RUN else verdict

    def input_states(self, node: int) -> list[str]:
        """The states of a node's inputs, as its trigger rule sees them."""
        graph = self.plan.graph
        states = [self.seen_state(node, ref) for ref in graph.inputs[node] if node_of(ref) >= 0]
        return states + [self.plan.state[edge] for edge in graph.after.get(node, ())]

    def split_states(self, node: int) -> list[str]:
        """The states of the values whose elements a map runs over."""
        return [self.seen_state(node, ref) for ref in self._split_refs(node)]

    def _split_refs(self, node: int) -> list[Ref]:
        spec = self.plan.graph.maps.get(node)
        if spec is None:
            return []
        refs = [source.ref for source in spec.sources if isinstance(source, Split)]
        return [ref for ref in refs if node_of(ref) >= 0]

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
            for ref in (*self.plan.graph.inputs[node], *self._split_refs(node)):
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
            stack += nodes_of(self.plan.graph.inputs[node])
            if node in self.plan.graph.gates:
                stack.append(self.plan.graph.gates[node][0])
            stack += self.plan.mapping.upstream_maps(node)
            stack += self.plan.expansions.results_of(node)

    def is_tolerated(self, node: int) -> bool:
        """Whether some descendant takes failures as values, so that this one may not count."""
        seen = {node}
        stack = [node]
        while stack:
            upstream = stack.pop()
            for below, take in self._readers(upstream):
                spec = self.plan.spec_of(below)
                if take != VALUE or (spec is not None and spec.trigger_rule in TOLERANT):
                    return True
                if below not in seen:
                    seen.add(below)
                    stack.append(below)
        return False

    def _readers(self, node: int) -> Iterator[tuple[int, str]]:
        """The nodes that a value goes to, and how they take it; ordering edges carry none."""
        graph = self.plan.graph
        for below in self.plan.dependants[node]:
            for ref in (*graph.inputs[below], *self._split_refs(below)):
                if node_of(ref) == node:
                    yield below, ref.take if isinstance(ref, Link) else VALUE
            if below in graph.gates and graph.gates[below][0] == node:
                yield below, VALUE
        yield from self.plan.mapping.readers(node)
        owner = self.plan.expansions.owner_of(node)
        if owner >= 0:
            yield owner, VALUE

    @property
    def untaken(self) -> list[int]:
        """Nodes with failures that nobody took as values, in the order of the trace."""
        return sorted(self.plan.failed - self.taken)
