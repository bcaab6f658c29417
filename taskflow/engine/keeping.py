"""How long values are kept in memory: until every node that may read them has ended.

Consumers that are tried again, or lose their worker, have not ended: they find their inputs. The
inputs of the run's result, and what a dynamic call will hand on, stay for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.graph.graph import nodes_of, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taskflow.engine.plan import Plan


class Keeping:
    """Counts the readers of each value that have not ended."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        #: By node; a value that stays for good has one reader that never ends.
        self.readers: list[int] = []

    def adopt(self, first: int) -> None:
        """Take in the nodes from `first` on: a whole graph, or the fragment of a dynamic call."""
        graph, readers = self._plan.graph, self.readers
        readers += [0] * (len(graph) - first)
        for node in self._readers(range(first, len(graph))):
            for above in self._read_by(node):
                readers[above] += 1
        for node in graph.since(first, graph.gates):  # a truth is small, and asked until the end
            readers[graph.gates[node][0]] += 1
        if first:
            readers[-1] += 1
        elif graph.result is not None:
            for above in nodes_of(graph.result[1]):
                readers[above] += 1

    def _readers(self, nodes: Iterable[int]) -> list[int]:
        """Those that read values of others, which of many calls none may do."""
        inputs, maps = self._plan.graph.inputs, self._plan.graph.maps
        return [node for node in nodes if inputs[node] or node in maps]

    def _read_by(self, node: int) -> list[int]:
        graph = self._plan.graph
        read = nodes_of(graph.inputs[node]) if graph.inputs[node] else []
        return read + sources_of(graph.maps[node]) if node in graph.maps else read

    def ended(self, nodes: Sequence[int]) -> None:
        """Nodes ended: they read their inputs no more."""
        for node in self._readers(nodes):
            for above in self._read_by(node):
                self.readers[above] -= 1
                if not self.readers[above]:
                    self._drop(above)

    def map_ended(self, node: int) -> None:
        """A map ended: what its own sources brought is read no more."""
        for source in self._plan.mapping.runs[node].sources:
            if source.upstream is None:
                source.pieces.drop()

    def _drop(self, node: int) -> None:
        self._plan.value[node] = None
        run = self._plan.mapping.runs.get(node)
        if run is not None:
            run.values.drop()
