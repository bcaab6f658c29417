"""What a graph says about the work of a plan: its edges, its keys and names, its counts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from taskflow.call import ASK_GRAPH, ASK_SPLIT, ASK_VALUE
from taskflow.engine.work import ASKS
from taskflow.events import TasksPlanned
from taskflow.graph.graph import DYNAMIC, FLAT, MAP, TASK, Split, nodes_of

if TYPE_CHECKING:
    from taskflow.events import Event
    from taskflow.graph.graph import Graph, TaskSpec


class Facts:
    """A graph, and what can be asked of it while it grows."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._paths: dict[int, str] = {}

    def label_of(self, node: int, element: int) -> str:
        """What stands between the brackets of an element's key."""
        raise NotImplementedError

    def edges(self, node: int) -> list[int]:
        """The nodes that must end before this one is judged; elements of maps stream apart."""
        graph = self.graph
        edges = nodes_of(graph.inputs[node])
        if node in graph.after:
            edges += graph.after[node]
        if node in graph.gates:
            edges.append(graph.gates[node][0])
        if node in graph.maps:
            sources = graph.maps[node].sources
            edges += nodes_of(source.ref for source in sources if isinstance(source, Split))
        return edges

    def announcements(self, first: int) -> list[Event]:
        """How many task runs of each name come with the nodes from `first` on."""
        graph = self.graph
        counts: dict[str, int] = {}
        paths: dict[str, str] = {}
        columns = graph.kind[first:], graph.spec[first:], graph.scope[first:]
        for (kind, spec, scope), count in Counter(zip(*columns, strict=True)).items():
            if kind in (TASK, DYNAMIC, MAP):
                name = graph.specs[spec].short
                # How many elements a map has is announced when it is known.
                counts[name] = counts.get(name, 0) + (count if kind != MAP else 0)
                paths.setdefault(name, self.path_of(scope))
        return [TasksPlanned(name, count, paths[name]) for name, count in counts.items()]

    def spec_of(self, node: int) -> TaskSpec | None:
        """The task of a node; None for helpers."""
        index = self.graph.spec[node]
        return self.graph.specs[index] if index >= 0 else None

    def name_of(self, node: int) -> str:
        """The name that people see."""
        return self.graph.name_of(node)

    def ask_of(self, node: int, first: int) -> int:
        """What a call for this work asks."""
        kind = self.graph.kind[node]
        if kind == FLAT or (kind == MAP and first < -1):
            return ASK_SPLIT
        spec = self.spec_of(node)
        if kind == MAP:
            return ASK_GRAPH if spec is not None and spec.dynamic else ASK_VALUE
        return ASKS[kind]

    def key_of(self, node: int, element: int = -1) -> str:
        """The task key of a node or of an element of a map."""
        key = self.graph.key_of(node, self.path_of(self.graph.scope[node]))
        if element < 0:
            return key
        return f"{key}[{self.label_of(node, element)}]"

    def label_in_scope(self, node: int, element: int = -1) -> str:
        """The last part of a task key; it may hold a `/` of its own, from a map key."""
        return self.key_of(node, element)[len(self.path_of(self.graph.scope[node])) + 1 :]

    def path_of(self, scope: int) -> str:
        """The call path of a scope."""
        path = self._paths.get(scope)
        if path is None:
            path = self._paths[scope] = self.graph.path_of(scope)
        return path
