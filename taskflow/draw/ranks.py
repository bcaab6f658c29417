"""In which row each box stands: lines lead down, and are short.

Longest paths give a first answer, after which each box slides towards what it has more lines to,
as long as that shortens them: a cheap stand-in for the network simplex of Gansner, Koutsofios,
North and Vo, "A Technique for Drawing Directed Graphs" (IEEE TSE 1993).
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDS: Final = 8


class Tie(NamedTuple):
    """A line between two boxes, by their places in a list of boxes."""

    tail: int
    head: int
    #: how much it matters that it is short and straight
    weight: float = 1.0
    #: how wide its label is
    label: float = 0.0

    @property
    def least(self) -> int:
        """Rows that it spans at least: a label needs a row of its own."""
        return 2 if self.label else 1


def without_cycles(count: int, ties: Sequence[Tie]) -> list[Tie]:
    """The same ties, some turned round so that no circle is left; a graph without any stays.

    Only folded drawings have circles. Depth-first search finds the ties that lead back to where
    it came from (Sugiyama, Tagawa and Toda, IEEE SMC 1981).
    """
    out: list[list[int]] = [[] for _ in range(count)]
    for tie in ties:
        out[tie.tail].append(tie.head)
    heads, seen, back = [iter(each) for each in out], set[int](), set[tuple[int, int]]()
    for start in range(count):
        path = {} if start in seen else {start: None}
        while path:
            box = next(reversed(path))
            seen.add(box)
            head = next(heads[box], None)
            if head is None:
                del path[box]
            elif head in path:
                back.add((box, head))
            elif head not in seen:
                path[head] = None
    return [
        tie._replace(tail=tie.head, head=tie.tail) if (tie.tail, tie.head) in back else tie
        for tie in ties
    ]


def ranks(count: int, ties: Sequence[Tie], groups: Sequence[set[int]] = ()) -> list[int]:
    """The row of each box, from 0 at the top; `ties` hold no circle, `groups` slide as one."""
    into: list[list[Tie]] = [[] for _ in range(count)]
    out: list[list[Tie]] = [[] for _ in range(count)]
    for tie in ties:
        into[tie.head].append(tie)
        out[tie.tail].append(tie)
    order = TopologicalSorter({box: [tie.tail for tie in into[box]] for box in range(count)})
    rank = [0] * count
    sledges = []
    for box in order.static_order():
        rank[box] = max((rank[tie.tail] + tie.least for tie in into[box]), default=0)
        sledges.append(_sledge({box}, into, out))
    large = [_sledge(members, into, out) for members in groups]
    for _ in range(_ROUNDS):
        before = rank.copy()
        for each in (*reversed(sledges), *large):
            each.slide(rank, equal_goes_down=True)
        for each in (*sledges, *large):
            each.slide(rank, equal_goes_down=False)
        if rank == before:
            break
    top = min(rank, default=0)
    return [row - top for row in rank]


class _Sledge(NamedTuple):
    """Boxes that slide together, and the ties that lead to them and from them."""

    boxes: set[int]
    into: list[Tie]
    out: list[Tie]

    def slide(self, rank: list[int], *, equal_goes_down: bool) -> None:
        """Move towards the side that pulls more, as far as that makes ties shorter."""
        pull = sum(tie.weight for tie in self.out) - sum(tie.weight for tie in self.into)
        way = 0
        if self.out and (pull > 0 or (pull == 0 and equal_goes_down)):
            way = min(rank[tie.head] - tie.least - rank[tie.tail] for tie in self.out)
        elif self.into and pull < 0:
            way = max(rank[tie.tail] + tie.least - rank[tie.head] for tie in self.into)
        for box in self.boxes if way else ():
            rank[box] += way


def _sledge(boxes: set[int], into: list[list[Tie]], out: list[list[Tie]]) -> _Sledge:
    return _Sledge(
        boxes,
        [tie for box in boxes for tie in into[box] if tie.tail not in boxes],
        [tie for box in boxes for tie in out[box] if tie.head not in boxes],
    )
