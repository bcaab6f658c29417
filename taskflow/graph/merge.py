"""Puts a graph that was traced while running into the graph of its run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

from taskflow.call import KNOWN_BLOB
from taskflow.graph.graph import Const, Elements, Iterated, Link, MapSpec, Nodes, Split

if TYPE_CHECKING:
    from taskflow.graph.graph import Graph, Ref, Source, TaskSpec

_T = TypeVar("_T")


class Merger:
    """Appends fragments to one graph; equal specs and blobs are kept once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._specs = {spec: index for index, spec in enumerate(graph.specs)}
        self._blobs = {blob: index for index, blob in enumerate(graph.blobs)}
        self._places = {place: index for index, place in enumerate(graph.places)}

    def merge(self, part: Graph, scope: int, label: str) -> int:
        """Append `part` below `scope` under `label`; returns the id of its first node."""
        graph = self.graph
        first, constant = len(graph), len(graph.constants)
        scopes = self._add_scopes(part, scope, label)
        specs = [self._add_spec(part, spec) for spec in part.specs]
        places = [self._index(self._places, graph.places, place) for place in part.places]
        graph.constants += part.constants
        graph.kind += part.kind
        graph.spec.extend(specs[spec] if spec >= 0 else spec for spec in part.spec)
        graph.scope.extend(scopes[each] for each in part.scope)
        graph.nth.extend(part.nth)
        graph.place.extend(places[place] if place >= 0 else place for place in part.place)
        graph.payload += part.payload
        shift = Shift(first, constant)
        graph.inputs += [shift.refs(refs) for refs in part.inputs]
        for node, nodes in part.after.items():
            graph.after[first + node] = [first + each for each in nodes]
        for node, (truth, expected) in part.gates.items():
            graph.gates[first + node] = (first + truth, expected)
        for node, spec in part.maps.items():
            graph.maps[first + node] = shift.map_spec(spec)
        for node, text in part.labels.items():
            graph.labels[first + node] = text
        # What was noted where the run began stands: by-value code may look different in a worker.
        graph.codes = part.codes | graph.codes
        graph.uncovered |= part.uncovered
        return first

    def _add_scopes(self, part: Graph, parent: int, label: str) -> list[int]:
        base = len(self.graph.scopes)
        for number, (above, own, kind) in enumerate(part.scopes):
            self.graph.scopes.append((base + above, own, kind) if number else (parent, label, kind))
        return list(range(base, len(self.graph.scopes)))

    def _add_spec(self, part: Graph, spec: TaskSpec) -> int:
        if spec.code.blob <= KNOWN_BLOB:
            known = KNOWN_BLOB - spec.code.blob
            spec = dataclasses.replace(spec, code=dataclasses.replace(spec.code, blob=known))
        elif spec.code.blob >= 0:
            blob = self._index(self._blobs, self.graph.blobs, part.blobs[spec.code.blob])
            spec = dataclasses.replace(spec, code=dataclasses.replace(spec.code, blob=blob))
        return self._index(self._specs, self.graph.specs, spec)

    @staticmethod
    def _index(known: dict[_T, int], table: list[_T], item: _T) -> int:
        index = known.get(item)
        if index is None:
            index = known[item] = len(table)
            table.append(item)
        return index


class Shift:
    """References of a fragment as references of the graph it was put into."""

    def __init__(self, node: int, constant: int) -> None:
        self._node = node
        self._constant = constant

    def ref(self, ref: Ref) -> Ref:
        """One reference."""
        if isinstance(ref, Link):
            return ref._replace(node=ref.node + self._node)
        if isinstance(ref, Const):
            return Const(ref.number + self._constant)
        return ref + self._node

    def refs(self, refs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        """The inputs of a node."""
        return tuple(map(self.ref, refs))

    def map_spec(self, spec: MapSpec) -> MapSpec:
        """The sources of a map."""
        return dataclasses.replace(spec, sources=tuple(map(self._source, spec.sources)))

    def _source(self, source: Source) -> Source:
        if isinstance(source, Elements):
            return source._replace(node=source.node + self._node)
        if isinstance(source, Split):
            return Split(self.ref(source.ref))
        if isinstance(source, Nodes):
            items = (item if isinstance(item, bytes) else self.ref(item) for item in source.items)
            return Nodes(tuple(items))
        if isinstance(source, Iterated):
            raise TypeError("an iterator cannot travel between processes")
        return source
