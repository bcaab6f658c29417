"""What leads to what in a graph, as a reader wants to see it: the arrows into each node.

Nodes that only hand on a structure are left out where few things meet in them; a call of a
dynamic pipeline that has become a graph leads into that graph, and what it became leads on.
"""

from __future__ import annotations

import reprlib
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.draw.picture import COLLECTED, EACH, EXPANDS, ORDER, SIDE, SPLIT, VALUE
from taskflow.graph import graph as g

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

JOIN_ABOVE: Final = 12  #: arrows that a GATHER may turn into where it is left out; a guess
SIDES: Final = ("otherwise", "then")


class Arrow(NamedTuple):
    """An edge, as the node at its head sees it."""

    source: int
    kind: int = VALUE
    label: str = ""


def arrows_of(graph: g.Graph, expansions: Mapping[int, int]) -> list[list[Arrow]]:
    """The arrows into each node and, last, into the result.

    `expansions` tells which call became which scope.
    """
    arrows = [_into(graph, node) for node in range(len(graph))]
    above = cache(lambda node: frozenset(graph.upstream(node)))
    for node, after in graph.after.items():
        # Order with a nested pipeline is order with all calls in it: the first or last say enough.
        known, wanted = {arrow.source for arrow in arrows[node]}, frozenset(after)
        known.update(*(wanted & above(each) for each in above(node)))
        arrows[node] += [Arrow(each, ORDER) for each in after if each not in known]
    arrows.append(_data(graph, graph.result[1]) if graph.result else [])
    if expansions:
        _lead_through(graph, arrows, expansions)
    return arrows


def _into(graph: g.Graph, node: int) -> list[Arrow]:
    """The arrows of what a node takes; from a `when` only to where its branch begins."""
    found = _data(graph, graph.inputs[node])
    if node in graph.maps:
        found += _elements(graph, graph.maps[node])
    gate = graph.gates.get(node)
    if gate is None or graph.kind[node] == g.CHOICE:
        return found
    inside = gate in map(graph.gates.get, graph.upstream(node))
    return found if inside else [*found, Arrow(gate[0], SIDE, SIDES[gate[1]])]


def _data(graph: g.Graph, refs: Iterable[g.Ref | bytes], lone: int = VALUE) -> list[Arrow]:
    """Arrows for what is handed on whole; `lone` is their kind where that is no map."""
    found = []
    for ref in refs:
        node = -1 if isinstance(ref, bytes) else g.node_of(ref)
        path, take = (ref.path, ref.take) if isinstance(ref, g.Link) else ((), g.VALUE)
        if node >= 0:
            whole = graph.kind[node] in {g.MAP, g.FLAT} and not path
            label = f"{'' if take == g.VALUE else take} {''.join(map(_step, path))}"
            found.append(Arrow(node, COLLECTED if whole else lone, label.strip()))
    return found


def _step(step: tuple[str, Any]) -> str:
    how, key = step
    if how == "field":
        return f".{key}"
    # A key can be of any class: reprlib survives a repr that is endless or raises.
    return f'["{key}"]' if isinstance(key, str) else f"[{reprlib.repr(key)}]"


def _elements(graph: g.Graph, spec: g.MapSpec) -> Iterator[Arrow]:
    star = "*" if spec.star else ""
    for source in spec.sources:
        if isinstance(source, g.Elements):
            yield Arrow(source.node, EACH, star + source.take.removeprefix(g.VALUE))
        elif isinstance(source, g.Split):
            arrows = _data(graph, [source.ref], lone=SPLIT)
            yield from (Arrow(node, kind, star + label) for node, kind, label in arrows)
        elif isinstance(source, g.Nodes):
            yield from _data(graph, source.items)


# --- what dynamic pipelines became -----------------------------------------------------------


def expansions_of(graph: g.Graph) -> dict[int, int]:
    """Of each scope that a call of a dynamic pipeline became: that call.

    A scope tells by its label which call it came from: `crawl#2`, or `crawl[17]` in a map.
    """
    callers: dict[tuple[int, str], int] = {}
    for node, kind in enumerate(graph.kind):
        spec = graph.spec[node]
        if kind == g.DYNAMIC or (kind == g.MAP and spec >= 0 and graph.specs[spec].dynamic):
            callers[graph.scope[node], graph.key_of(node, "").removeprefix("/")] = node
    found: dict[int, int] = {}
    for scope, (parent, label, around) in enumerate(graph.scopes if callers else ()):
        # `name[key]`: the key of an element may hold brackets, the name of a task does not.
        bare = callers.get((parent, label.partition("[")[0]), -1)
        caller = callers.get((parent, label), bare)
        if caller >= 0 and around == "pipeline":
            found[scope] = caller
    return found


def _lead_through(graph: g.Graph, arrows: list[list[Arrow]], expansions: Mapping[int, int]) -> None:
    """Let a call lead to where its graph begins, and the end of that on to who takes the value."""
    ends: dict[int, list[int]] = {}
    for node in range(len(graph)):
        caller = expansions.get(graph.scope[node])
        if caller is not None and graph.labels.get(node) == "(result)":
            ends.setdefault(caller, []).append(node)
    for into in arrows:
        into[:] = [
            arrow._replace(source=end)
            for arrow in into
            for end in ends.get(arrow.source, [arrow.source])
        ]
    owners: list[int] = []
    for scope, (parent, _, _) in enumerate(graph.scopes):  # a scope comes after those around it
        owners.append(expansions.get(scope, owners[parent] if parent >= 0 else -1))
    for node, into in enumerate(arrows[:-1]):
        scope = graph.scope[node]
        if scope >= 0 and owners[scope] >= 0 and not into:
            into.append(Arrow(owners[scope], EXPANDS))


# --- what is left out ------------------------------------------------------------------------


def leave_out(graph: g.Graph, arrows: list[list[Arrow]]) -> dict[int, list[Arrow]]:
    """GATHER nodes that only pass on few things: arrows from them now come from their inputs."""
    uses = Counter(each.source for into in arrows for each in into)
    ends: dict[int, list[Arrow]] = {}
    before = {node: [each.source for each in into] for node, into in enumerate(arrows)}
    for node in TopologicalSorter(before).static_order():
        into = arrows[node]
        into[:] = [
            Arrow(end.source, each.kind or end.kind, each.label or end.label)
            for each in into
            for end in ends.get(each.source, [Arrow(each.source)])
        ]
        few = len(into) == 1 or 0 < len(into) * uses[node] <= JOIN_ABOVE
        if few and node < len(graph) and graph.kind[node] == g.GATHER:
            ends[node] = into
    return ends
