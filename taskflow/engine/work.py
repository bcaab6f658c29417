"""What a plan has ready and a dispatcher gives to slots."""

from __future__ import annotations

from typing import Final, NamedTuple

from taskflow.call import ASK_GRAPH, ASK_TRUTH, ASK_VALUE
from taskflow.graph.graph import DYNAMIC, GATHER, TASK, TRUTH


class Work(NamedTuple):
    """What can be given to a worker: a node, or `count` elements of a map from `first` on.

    `first` is -1 for a node itself; the number of a source, counted down from -2, for the
    elements of a value that a MAP runs over; the parent element for a list of a FLAT.
    """

    node: int
    first: int = -1
    count: int = 1  # type: ignore[assignment] # hides tuple.count, which means nothing here
    ask: int = ASK_VALUE


#: What a call for a node of some kind asks.
ASKS: Final = {TASK: ASK_VALUE, GATHER: ASK_VALUE, TRUTH: ASK_TRUTH, DYNAMIC: ASK_GRAPH}
