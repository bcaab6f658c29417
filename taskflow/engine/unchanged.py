"""What is kept of a run whose graph is traced again just as it was, which most resumes are.

Then an outcome belongs to the node that has its number, and no digests are needed: what a task run
was given then is what the outcomes above it are, and it is given the same now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.graph.graph import BARRIER, CHOICE
from taskflow.lifecycle import GOOD, SKIPPED
from taskflow.records import NO_CALL, Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from taskflow.graph.graph import Graph

#: Kinds that end by themselves when what is above them has.
_BY_THEMSELVES: Final = frozenset({BARRIER, CHOICE})
#: States of which a later trace can keep the outcome.
USABLE: Final = GOOD | {SKIPPED}
#: What of a graph decides what its nodes are given.
_STRUCTURE: Final = (
    *("kind", "spec", "scope", "nth", "payload", "inputs", "after", "gates", "labels", "scopes"),
    "constants",
)


def by_node(
    then: Graph, now: Graph, records: Iterable[Kept], usable: Callable[[Kept], bool]
) -> dict[int, Kept] | None:
    """The outcomes of the last trace by node, as this one keeps them.

    None if not all of them can stay, for an edit, a damaged file, or because something above them
    runs again: then each is looked up by what it is given. So are maps and dynamic pipelines.
    """
    if then.maps or any(spec.dynamic for spec in then.specs) or not _is_alike(then, now):
        return None
    found, skipped = {}, set()
    for kept in records:
        if kept.ask == NO_CALL:
            if kept.state == SKIPPED:
                skipped.add(kept.node)
        elif kept.state in USABLE:
            found[kept.node] = kept
    settled = _settled(then, now, found.keys() | skipped)
    if not (all(map(settled.__getitem__, found)) and all(map(usable, found.values()))):
        return None
    return {node: kept._replace(origin="kept", row=0) for node, kept in found.items()}


def _is_alike(then: Graph, now: Graph) -> bool:
    """Whether each node is the same call of the same nodes; their values and code apart."""
    rules = [[(spec.name, spec.trigger_rule) for spec in graph.specs] for graph in (then, now)]
    return rules[0] == rules[1] and all(
        getattr(then, name) == getattr(now, name) for name in _STRUCTURE
    )


def _settled(then: Graph, now: Graph, ended: Iterable[int]) -> bytearray:
    """By node: whether it has ended by the code of today, and so has all that is above it."""
    edited = [then.codes.get(spec.name, "") != now.codes.get(spec.name, "") for spec in now.specs]
    settled = bytearray(len(now))
    for node in ended:
        settled[node] = now.spec[node] < 0 or not edited[now.spec[node]]
    for node, kind in enumerate(now.kind):
        if settled[node] or kind in _BY_THEMSELVES:
            # By `>>` a later call may come first; whether that one stays is not known here.
            settled[node] = all(above < node and settled[above] for above in now.upstream(node))
    return settled
