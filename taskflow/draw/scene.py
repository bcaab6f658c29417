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
from taskflow.events import BAD, PENDING
from taskflow.graph import graph as g

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

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
    folded: bool
    homes: Mapping[int, int]  #: scope -> the scope that it is drawn as
    counts: Mapping[int, int | None]  #: map -> how many elements, None where nobody knows yet


def picture_of(graph: g.Graph, facts: Facts | None = None) -> p.Picture:
    """The picture of a graph, with what is known of a run of it."""
    expansions = expansions_of(graph)
    arrows = arrows_of(graph, expansions)
    left_out = leave_out(graph, arrows)
    calls = sum(kind not in g.HELPERS for kind in graph.kind)
    folded = calls > FOLD_ABOVE or len(graph) > _HELPERS_ABOVE
    view = _View(graph, facts, folded, _homes(graph, folded=folded), _counts(graph, facts))
    alike = _by_name(view) if folded else _twins(graph, arrows)
    stands: dict[int, int] = {p.RESULT: p.RESULT}  # node -> number of its box
    title = shortened(graph.scopes[0][1] if graph.scopes else graph.pipeline)
    picture = p.Picture(title)
    for nodes in _boxes(alike, left_out):
        stands |= dict.fromkeys(nodes, nodes[0])
        picture.boxes.append(_box(view, nodes))
    if arrows[-1]:
        picture.boxes.append(p.Box(p.RESULT, p.PILL, "result"))
    picture.lines = _lines(arrows, stands)
    _add_frames(picture, view, set(expansions))
    if len(stands) > len(set(stands.values())):
        picture.subtitle = f"{calls:,} calls, equal ones drawn as one"
    if facts is not None:
        picture.tally = Counter()
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


def _by_name(view: _View) -> list[object]:
    """What nodes of one box share in a large graph: the name and the scope."""
    graph = view.graph
    return [
        (view.homes[graph.scope[node]], graph.kind[node], graph.name_of(node))
        for node in range(len(graph))
    ]


def _twins(graph: g.Graph, arrows: list[list[Arrow]]) -> list[object]:
    """What nodes of one box share otherwise: where many stand alike, their way of standing.

    Classes of nodes are split by what leads into them and out of them, until no class changes
    (colour refinement; Weisfeiler and Leman, 1968). Two nodes of one way never share a class.
    """
    own = [(graph.scope[node], graph.kind[node], graph.name_of(node)) for node in range(len(graph))]
    kinds = list(map(hash, own))
    out: list[list[Arrow]] = [[] for _ in arrows]
    for node, into in enumerate(arrows):
        for source, kind, label in into:
            out[source].append(Arrow(node, kind, label))
    known, found = 0, len(set(kinds))
    while known < found < len(graph) - TWINS_ABOVE:
        kinds.append(-1)  # the result
        around = [
            hash(
                (
                    kinds[node],
                    *(
                        frozenset((kinds[end], how, what) for end, how, what in ends)
                        for ends in (arrows[node], out[node])
                    ),
                )
            )
            for node in range(len(graph))
        ]
        kinds, known, found = around, found, len(set(around))
    many = Counter(kinds)
    return [kind if many[kind] > TWINS_ABOVE else (node,) for node, kind in enumerate(kinds)]


def _boxes(alike: list[object], left_out: Container[int]) -> list[list[int]]:
    """The nodes of each box: those that are alike."""
    boxes = defaultdict[object, list[int]](list)
    for node, way in enumerate(alike):
        if node not in left_out:
            boxes[way].append(node)
    return list(boxes.values())


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
    box.tip = _tip(view, nodes)
    if kind not in g.HELPERS and view.facts is not None:
        _add_facts(box, view, nodes)
    if kind not in g.HELPERS and len(nodes) == 1 and graph.nth[node] > 1:
        box.name += f"#{graph.nth[node]}"
    if spec >= 0 and kind != g.GATHER and (kind == g.MAP or len(nodes) > 1):
        dynamic = kind == g.DYNAMIC or graph.specs[spec].dynamic
        box.shape = p.DYNAMIC_MAP if dynamic else p.MAP
        box.count = _count(view, nodes)
    return box


def _count(view: _View, nodes: list[int]) -> str:
    parts = [view.counts.get(each, 1) for each in nodes]
    many = "×n" if None in parts else f"×{sum(filter(None, parts)):,}"
    maps = view.graph.kind[nodes[0]] == g.MAP and len(nodes) > 1
    return f"{len(nodes):,} maps {many}" if maps else many


def _add_facts(box: p.Box, view: _View, nodes: list[int]) -> None:
    """The state of a box, how long it took, and how many of many did not go well."""
    facts, tally = view.facts, Counter[str]()
    assert facts is not None  # asked by who calls
    for node in nodes:
        own = facts.tallies.get(node)
        tally.update(own or {facts.states.get(node, PENDING): 1})
    tally += Counter()  # without what there is none of
    box.tally = tally
    box.state = worst({facts.states.get(node, PENDING) for node in nodes} | (tally.keys() & BAD))
    words = [f"{tally[each]:,} {each.replace('_', ' ')}" for each in sorted(tally.keys() & BAD)]
    spent = sum(facts.seconds.get(node, 0.0) for node in nodes)
    words = words if sum(tally.values()) > 1 else []
    box.note = " · ".join([*words, *([took(spent)] if spent > 0 else [])])
    box.tip += "\n" + " · ".join(
        filter(None, [box.state.replace("_", " "), took(spent) if spent > 0 else "", *words])
    )


def _tip(view: _View, nodes: list[int]) -> str:
    """The key of a box, and the place of its call."""
    key = shortened(view.graph.key_of(nodes[0]), _TIP)
    place = shortened(os.path.basename(view.graph.line_of(nodes[0])), _TIP)
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
