"""Ordinary task runs: most of them are, so the plan and the dispatcher treat them in columns.

Ordinary is the call of a task that has no timeout, limit, rate or cache, and runs when all its
inputs have succeeded: whether it may begin, and what it takes along, can be told by a flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.call import CallColumns
from taskflow.graph.graph import TASK

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from taskflow.engine.plan import Plan
    from taskflow.graph.graph import Graph, TaskSpec

#: What a node is; an ordinary one that has an order or a branch beside its inputs must not run
#: before that is known, for a worker notices a missing value, but nothing else.
OTHER: Final = 0
ORDERED: Final = 1
ORDINARY: Final = 2


class Ordinary:
    """Which nodes of a plan are ordinary; `of[node]` says it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.of = bytearray()
        self._specs = bytearray()
        self._names: dict[tuple[int, int], str] = {}

    def adopt(self, first: int) -> None:
        """Take in the nodes from `first` on."""
        graph = self._plan.graph
        self._specs += bytes(map(_flag, graph.specs[len(self._specs) :]))
        specs = self._specs
        self.of += bytes(
            specs[spec] if kind == TASK else OTHER
            for kind, spec in zip(graph.kind[first:], graph.spec[first:], strict=True)
        )
        for node in (*graph.since(first, graph.after), *graph.since(first, graph.gates)):
            self.of[node] = min(self.of[node], ORDERED)

    def columns(self, nodes: Sequence[int], ahead: Container[int]) -> CallColumns:
        """The calls of some nodes; those in `ahead` come before them in the same batch."""
        graph, inputs = self._plan.graph, self._plan.calls.inputs
        spec, scope, nth, payload, refs = (
            graph.spec, graph.scope, graph.nth, graph.payload, graph.inputs,
        )  # fmt: skip
        known = self._names
        return CallColumns(
            list(nodes),
            [spec[node] for node in nodes],
            [
                known.get((scope[node], spec[node])) or self.name(scope[node], spec[node])
                for node in nodes
            ],
            [nth[node] for node in nodes],
            [payload[node] for node in nodes],
            [inputs(node, ahead) if refs[node] else () for node in nodes],
        )

    def name(self, scope: int, spec: int) -> str:
        """The key of the first call of a task in a scope; later ones have a number behind it."""
        name = self._names.get((scope, spec))
        if name is None:
            plan = self._plan
            name = f"{plan.path_of(scope)}/{plan.graph.specs[spec].short}"
            self._names[scope, spec] = name
        return name


def alike(graph: Graph, nodes: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Spans of nodes that are calls of one task in one scope: these two, begin and end."""
    specs, scopes = graph.spec, graph.scope
    start, scope, spec = 0, -1, -1
    for place, node in enumerate(nodes):
        if specs[node] != spec or scopes[node] != scope:
            if place:
                yield scope, spec, start, place
            start, scope, spec = place, scopes[node], specs[node]
    if nodes:
        yield scope, spec, start, len(nodes)


def _flag(spec: TaskSpec) -> int:
    asks = spec.timeout or spec.limits or spec.rates or spec.cache is not None
    is_plain = not asks and not spec.dynamic and spec.trigger_rule == "all_success"
    return ORDINARY if is_plain else OTHER
