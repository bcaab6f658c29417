"""From a graph, and what is known of its run, to a picture.

Up to 300 calls are shown one by one, but for those of which there are many alike: calls of one task
that take from the same and give to the same. Of larger graphs, all calls of one task in one
pipeline are one box, equal pipelines are one frame, and a pipeline that calls itself is drawn once.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.draw import picture as p
from taskflow.draw.arrows import Arrow, arrows_of, expansions_of, leave_out
from taskflow.draw.looks import worst
from taskflow.draw.text import shortened, took
from taskflow.graph import graph as g
from taskflow.lifecycle import BAD, PENDING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from taskflow.draw.words import Facts

FOLD_ABOVE: Final = 300  #: calls; nobody reads more boxes, and `dot` takes minutes for thousands
_HELPERS_ABOVE: Final = 1000  #: all nodes, those between the calls too
SHAPES: Final = {
    g.FLAT: p.PILL,
    g.DYNAMIC: p.DYNAMIC,
    g.GATHER: p.POINT,
    g.TRUTH: p.WHEN,
    g.CHOICE: p.CHOICE,
    g.BARRIER: p.POINT,
    g.INPUT: p.PILL,
}
WORDS: Final = {g.FLAT: "flatten", g.TRUTH: "when", g.CHOICE: "", g.GATHER: "", g.BARRIER: ""}
TWINS_ABOVE: Final = 16  #: boxes alike in a row that are still read one by one; a guess
_TIP: Final = 200


class _View(NamedTuple):
    """What the parts of this module share."""

    graph: g.Graph
    facts: Facts | None
    homes: Mapping[int, int]  #: scope -> the scope that it is drawn as
    counts: Mapping[int, int | None]  #: map -> how many elements, None where nobody knows yet


def picture_of(graph: g.Graph, facts: Facts | None = None) -> p.Picture:
    """The picture of a graph, with what is known of a run of it."""
    expansions = expansions_of(graph)
    arrows = arrows_of(graph, expansions)
    left_out = leave_out(graph, arrows)
    calls = sum(kind not in g.HELPERS for kind in graph.kind)
    folded = calls > FOLD_ABOVE or len(graph) > _HELPERS_ABOVE
    homes = _homes(graph, folded=folded)
    view = _View(graph, facts, homes, _counts(graph, facts))
    named = _by_name(graph, homes)
    boxes = defaultdict[object, list[int]](list)
    for node, way in enumerate(named if folded else _twins(named, arrows)):
        if node not in left_out:
            boxes[way].append(node)
    stands: dict[int, int] = {p.RESULT: p.RESULT}  # node -> number of its box
    title = shortened(graph.scopes[0][1] if graph.scopes else graph.pipeline)
    picture = p.Picture(title)
    for nodes in boxes.values():
        stands |= dict.fromkeys(nodes, nodes[0])
        picture.boxes.append(_box(view, nodes))
    if arrows[-1]:
        picture.boxes.append(p.Box(p.RESULT, p.PILL, "result"))
    picture.lines = _lines(arrows, stands)
    _add_frames(picture, view, set(expansions))
    if len(stands) > len(set(stands.values())):
        picture.subtitle = f"{calls:,} calls, equal ones drawn as one"
    if facts is not None:
        for box in picture.boxes:
            picture.tally.update(box.tally)
    return picture


def _lines(arrows: list[list[Arrow]], stands: Mapping[int, int]) -> list[p.Line]:
    """One line for all arrows of a kind between two boxes, with all their labels."""
    labels: dict[tuple[int, int, int], dict[str, None]] = defaultdict(dict)
    for node, head in [*((node, head) for node, head in stands.items() if node >= 0), (-1, -1)]:
        for source, kind, label in arrows[node]:
            labels[stands[source], head, kind][label] = None
    return [
        p.Line(tail, head, kind, shortened(", ".join(filter(None, found))))
        for (tail, head, kind), found in labels.items()
    ]


# --- boxes -----------------------------------------------------------------------------------


def _homes(graph: g.Graph, *, folded: bool) -> dict[int, int]:
    """The scope that each scope is drawn as: itself or, in a large graph, the first one like it."""
    homes = {-1: -1}
    first: dict[object, int] = {}
    for scope, (parent, label, kind) in enumerate(graph.scopes):
        around, name = homes[parent], (_bare(label), kind)
        home = first.setdefault((around, name), scope) if folded else scope
        first.setdefault((home, name), home)
        homes[scope] = home
    return homes


def _bare(label: str) -> str:
    """The label of a scope without its `#2` or `[key]`."""
    return re.sub(r"#\d+$", "", label.partition("[")[0]) or label


def _by_name(graph: g.Graph, homes: Mapping[int, int]) -> list[Hashable]:
    """What nodes of one box share in a large graph: the scope, the kind and the name."""
    return [
        (homes[graph.scope[node]], kind, graph.name_of(node))
        for node, kind in enumerate(graph.kind)
    ]


def _twins(named: list[Hashable], arrows: list[list[Arrow]]) -> list[Hashable]:
    """What nodes of one box share otherwise: where many stand alike, their way of standing.

    Classes of nodes are split by what leads into them and out of them, until no class changes
    (colour refinement; Weisfeiler and Leman, 1968). Two nodes of one way never share a class.
    """
    out: list[list[Arrow]] = [[] for _ in arrows]
    for node, into in enumerate(arrows):
        for source, kind, label in into:
            out[source].append(Arrow(node, kind, label))
    kinds = [*map(hash, named), -1]  # the last is the result
    known, found = 0, len(set(kinds))
    while known < found < len(kinds) - TWINS_ABOVE:
        around = (
            [frozenset((kinds[end], how, what) for end, how, what in ends) for ends in (into, onto)]
            for into, onto in zip(arrows, out, strict=True)
        )
        kinds = [hash((kind, *sides)) for kind, sides in zip(kinds, around, strict=True)]
        known, found = found, len(set(kinds))
    many = Counter(kinds)
    return [kind if many[kind] > TWINS_ABOVE else (node,) for node, kind in enumerate(kinds[:-1])]


def _counts(graph: g.Graph, facts: Facts | None) -> dict[int, int | None]:
    """How many elements each map has, as far as the run or else the graph can tell."""
    counts: dict[int, int | None] = {}
    for node, spec in graph.maps.items():
        like = [each for each in spec.sources if isinstance(each, g.Elements)]
        told = [counts.get(each.node) for each in like if each.take != g.SUCCESSES]
        known = [each for each in (g.known_count(spec), *told) if each is not None]
        counts[node] = known[0] if known and graph.kind[node] == g.MAP else None
        tally = facts.tallies.get(node) if facts is not None else None
        if counts[node] is None and tally:
            counts[node] = sum(tally.values())
    return counts


def _box(view: _View, nodes: list[int]) -> p.Box:
    """How a box looks and what it says."""
    graph, node = view.graph, nodes[0]
    kind, spec = graph.kind[node], graph.spec[node]
    name = shortened(WORDS.get(kind, graph.name_of(node)))
    box = p.Box(node, SHAPES.get(kind, p.TASK), name, view.homes[graph.scope[node]])
    box.tip = _tip(graph, nodes)
    if kind in g.HELPERS:
        return box
    if view.facts is not None:
        _add_facts(box, view.facts, nodes)
    if len(nodes) == 1 and graph.nth[node] > 1:
        box.name += f"#{graph.nth[node]}"
    if kind == g.MAP or len(nodes) > 1:
        box.shape = p.DYNAMIC_MAP if graph.specs[spec].dynamic else p.MAP
        box.count = _count(view, nodes)
    return box


def _count(view: _View, nodes: list[int]) -> str:
    parts = [view.counts.get(each, 1) for each in nodes]
    many = "×n" if None in parts else f"×{sum(filter(None, parts)):,}"
    maps = view.graph.kind[nodes[0]] == g.MAP and len(nodes) > 1
    return f"{len(nodes):,} maps {many}" if maps else many


def _add_facts(box: p.Box, facts: Facts, nodes: list[int]) -> None:
    """The state of a box, how long it took, and how many of many did not go well."""
    tally = Counter[str]()
    for node in nodes:
        tally.update(facts.tallies.get(node) or {facts.states.get(node, PENDING): 1})
    box.tally = +tally  # without what there is none of
    bad = sorted(box.tally.keys() & BAD)
    box.state = worst({facts.states.get(node, PENDING) for node in nodes}.union(bad))
    words = [f"{tally[each]:,} {each.replace('_', ' ')}" for each in bad if tally.total() > 1]
    spent = sum(facts.seconds.get(node, 0.0) for node in nodes)
    time = [took(spent)] if spent > 0 else []
    box.note = " · ".join([*words, *time])
    box.tip += "\n" + " · ".join([box.state.replace("_", " "), *time, *words])


def _tip(graph: g.Graph, nodes: list[int]) -> str:
    """The key of a box, and the place of its call."""
    key = shortened(graph.key_of(nodes[0]), _TIP)
    place = shortened(os.path.basename(graph.line_of(nodes[0])), _TIP)
    more = f" and {len(nodes) - 1:,} more" if len(nodes) > 1 else ""
    return f"{key}{more}\n{place}" if place != "?" else f"{key}{more}"


# --- frames ----------------------------------------------------------------------------------


def _add_frames(picture: p.Picture, view: _View, expansions: set[int]) -> None:
    """Frames that hold something worth one; what is in no frame lies on the page."""
    scopes, homes = view.graph.scopes, view.homes
    copies = Counter(homes.values())
    held = Counter(box.frame for box in picture.boxes)
    for scope in range(len(scopes) - 1, -1, -1):  # inner ones first
        parent, _, kind = scopes[scope]
        if homes[scope] != scope or not held[scope]:
            held[scope] = 0
        # A side of one box needs no frame; and which side it is, the lines into it say.
        elif parent < 0 or (kind == "branch" and held[scope] < 2):
            held[homes[parent]] += held.pop(scope)
        else:
            held[homes[parent]] += 1
    shown: dict[int, int] = {-1: -1}
    for scope, (parent, label, kind) in enumerate(scopes):
        shown[scope] = shown[homes[parent]] if parent >= 0 else -1
        if held[scope] and parent >= 0:
            many = copies[scope] > 1
            text = f"{_bare(label)} ×{copies[scope]:,}" if many else label
            text = "" if kind == "branch" else shortened(text)
            kind = "expansion" if scope in expansions else kind  # noqa: PLW2901 - the finer word
            picture.frames.append(p.Frame(scope, shown[scope], text, kind))
            shown[scope] = scope
    for box in picture.boxes:
        box.frame = shown[box.frame]
