"""How far from the left each item stands: nobody touches, lines run straight, all is centred.

Items on straight lines are glued to one column where that crosses nothing: the edges of frames
first, then lines that pass several rows, then those between items that are each other's median
(after Brandes and Kopf, "Fast and Simple Horizontal Coordinate Assignment", GD 2001). Columns keep
apart by the order of the rows, and that order is free of circles, since glued lines do not cross.
Then every column goes towards the mean of its neighbours, some times over.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from graphlib import TopologicalSorter
from itertools import accumulate, pairwise
from operator import add, sub
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskflow.draw.ranks import Tie
    from taskflow.draw.rows import Grid

GAP: Final = 22.0  #: between two boxes
LINE_GAP: Final = 14.0  #: between two lines that pass, or a line and a box
PAD: Final = 14.0  #: between a frame and what is in it
_ROUNDS: Final = 40
_FINISH: Final = 12
_PUSHES: Final = 4
_NEAR: Final = 0.02  #: how much what hangs on nothing wants to be near its neighbours in the row

_BOX, _LINE, _LEFT, _RIGHT = range(4)  # what stands in a row: items, and the sides of frames
#: A frame and what is in it, from left to right.
_NESTED: Final = {(_LEFT, each) for each in (_LEFT, _BOX, _LINE)} | {
    (each, _RIGHT) for each in (_RIGHT, _BOX, _LINE)
}

Apart = tuple[int, int, float]  # left column, right column, at least so far
_Gaps = list[list[tuple[int, float]]]  # of each column: another, at least so far away


class Columns:
    """The columns of a grid: the place of each item, and the sides of each frame."""

    def __init__(self, grid: Grid, ties: Sequence[Tie], labels: dict[int, float]) -> None:
        self.grid = grid
        self._ties = ties
        self._edges: dict[int, tuple[int, int]] = {}  # frame -> entries of its sides, first row
        self._rows = list(self._with_sides())
        self._column = self._glued()
        at = _settled(self._beginning(), self._apart(labels), self._pulls())
        places = [at[column] for column in self._column]
        halves = [wide / 2 for wide in self._width]
        left = min(map(sub, places, halves), default=0.0)
        self.width = max(map(add, places, halves), default=0.0) - left
        self.x = [x - left for x in places]  #: the middle of each item, and then of each side
        self.sides = {
            frame: (self.x[one], self.x[two]) for frame, (one, two) in self._edges.items()
        }

    # --- the sides of frames stand in the rows ---

    def _with_sides(self) -> Iterator[list[int]]:
        """Rows in which the sides of frames stand as entries of their own, after all items."""
        grid = self.grid
        self._width = grid.width.copy()
        self._kind = [_BOX if item < grid.boxes else _LINE for item in range(len(grid.row_of))]
        self._links: list[tuple[int, int]] = []  # entries of a side in two rows
        last: dict[tuple[int, int], int] = {}
        for items in grid.rows:
            row: list[int] = []
            open_now: tuple[int, ...] = ()
            for item in [*items, -1]:
                path = grid.paths[grid.frame[item]] if item >= 0 else ()
                closed = [each for each in reversed(open_now) if each not in path]
                opened = [each for each in path if each not in open_now]
                row += [self._side(each, _RIGHT, last) for each in closed]
                row += [self._side(each, _LEFT, last) for each in opened]
                open_now = path
                row += [item] * (item >= 0)
            yield row

    def _side(self, frame: int, which: int, last: dict[tuple[int, int], int]) -> int:
        entry = len(self._kind)
        self._kind.append(which)
        self._width.append(0.0)
        if (frame, which) in last:
            self._links.append((last[frame, which], entry))
        else:
            left, _ = self._edges.get(frame, (entry, entry))
            self._edges[frame] = (left, entry)
        last[frame, which] = entry
        return entry

    # --- columns ---

    def _glued(self) -> list[int]:
        """The column of each entry."""
        at = [(0, 0)] * len(self._kind)
        for number, row in enumerate(self._rows):
            for spot, entry in enumerate(row):
                at[entry] = (number, spot)
        glue: list[list[tuple[int, int]]] = [[] for _ in self._rows]
        column = list(range(len(self._kind)))
        for upper, lower in self._straight():
            (above, left), (_, right) = at[upper], at[lower]
            known, pair = glue[above], (left, right)
            place = bisect_left(known, pair)
            before = known[place - 1] if place else (-1, -1)
            behind = known[place] if place < len(known) else (1 << 30, 1 << 30)
            if before[0] < left < behind[0] and before[1] < right < behind[1]:
                known.insert(place, pair)
        for number, pairs in enumerate(glue[:-1]):
            for left, right in pairs:
                column[self._rows[number + 1][right]] = column[self._rows[number][left]]
        names = {name: place for place, name in enumerate(dict.fromkeys(column))}
        return [names[name] for name in column]

    def _straight(self) -> Iterator[tuple[int, int]]:
        """What wants to be straight, the most important first."""
        grid = self.grid
        yield from self._links
        ups, downs = self._strong()
        between = []
        for upper, lowers in enumerate(grid.down):
            for lower in lowers:
                if upper >= grid.boxes and lower >= grid.boxes:
                    yield upper, lower
                elif _median(downs[upper]) == lower and _median(ups[lower]) == upper:
                    between.append((len(downs[upper]) + len(ups[lower]), upper, lower))
        for _, upper, lower in sorted(between):
            yield upper, lower

    def _strong(self) -> tuple[list[list[int]], list[list[int]]]:
        """The upper and lower neighbours of each item that matter, or else all, in order."""
        grid = self.grid
        ups: list[list[int]] = [[] for _ in grid.row_of]
        downs: list[list[int]] = [[] for _ in grid.row_of]
        for tie, chain in zip(self._ties, grid.chains, strict=True):
            for upper, lower in pairwise(chain if tie.weight >= 1 else ()):
                ups[lower].append(upper)
                downs[upper].append(lower)
        spot = {item: at for row in grid.rows for at, item in enumerate(row)}
        for kept, near in ((ups, grid.up), (downs, grid.down)):
            for item, every in enumerate(near):
                kept[item] = sorted(set(kept[item] or every), key=spot.__getitem__)
        return ups, downs

    def _apart(self, labels: dict[int, float]) -> list[Apart]:
        """Which column is to the right of which, and how far at least."""
        least: dict[tuple[int, int], float] = defaultdict(float)
        gaps = [(*pair, self._distance(*pair)) for row in self._rows for pair in pairwise(row)]
        gaps += [(*sides, labels[frame]) for frame, sides in self._edges.items()]
        for left, right, gap in gaps:
            pair = (self._column[left], self._column[right])
            least[pair] = max(least[pair], gap)
        return [(left, right, gap) for (left, right), gap in least.items()]

    def _distance(self, left: int, right: int) -> float:
        halves = (self._width[left] + self._width[right]) / 2
        kinds = (self._kind[left], self._kind[right])
        if kinds in _NESTED:
            return halves + PAD
        return halves + (LINE_GAP if _LINE in kinds else GAP)

    def _beginning(self) -> list[float]:
        """Each row by itself, around one middle; a column in the mean of its places."""
        places: dict[int, list[float]] = defaultdict(list)
        for row in self._rows:
            gaps = (self._distance(*pair) for pair in pairwise(row))
            x = list(accumulate(gaps, initial=0.0))
            for entry, here in zip(row, x, strict=False):  # an empty row has a beginning, too
                places[self._column[entry]].append(here - x[-1] / 2)
        return [sum(each) / len(each) for _, each in sorted(places.items())]

    def _pulls(self) -> list[dict[int, float]]:
        """Of each column, how strongly it wants to be above or below which others."""
        pulls: list[dict[int, float]] = [defaultdict(float) for _ in set(self._column)]
        boxes = self.grid.boxes
        for tie, chain in zip(self._ties, self.grid.chains, strict=True):
            for upper, lower in pairwise(chain):
                one, other = self._column[upper], self._column[lower]
                weight = tie.weight * (1 + (upper >= boxes) + (lower >= boxes))
                if one != other:
                    pulls[one][other] += weight
                    pulls[other][one] += weight
        free = [not pull for pull in pulls]  # what hangs on nothing stays near what it is beside
        for row in self._rows:
            for left, right in pairwise(row):
                for one, other in ((left, right), (right, left)):
                    if free[self._column[one]]:
                        pulls[self._column[one]][self._column[other]] = _NEAR
        return pulls


def _median(ends: list[int]) -> int | None:
    """The one in the middle, if there is one."""
    return ends[len(ends) // 2] if len(ends) % 2 else None


def _settled(at: list[float], apart: list[Apart], pulls: list[dict[int, float]]) -> list[float]:
    """Better places for columns: as near to their neighbours as the others let them.

    By turns, every column goes part of its way, and whoever is too near to another is moved, the
    lighter more than the heavier, which changes little else (the relaxation of Jakobsen, "Advanced
    Character Physics", GDC 2001). The last bit is done exactly.
    """
    weights = [sum(pull.values()) for pull in pulls]
    columns = range(len(at))

    def wanted(column: int) -> float:
        pulled = sum(at[each] * pull for each, pull in pulls[column].items())
        return pulled / weights[column] if weights[column] else at[column]

    for number in range(_ROUNDS):
        eager = 1 - number / _ROUNDS
        for column in columns if number % 2 else reversed(columns):
            at[column] += eager * (wanted(column) - at[column])
        for again in range(_PUSHES if number < _ROUNDS - 1 else 10 * _PUSHES):
            _push(at, apart if again % 2 else apart[::-1], weights)
    _finish(at, apart, wanted)
    return at


def _finish(at: list[float], apart: list[Apart], wanted: Callable[[int], float]) -> None:
    """Move the columns a little more, so that nobody touches and what can be centred is."""
    right_of: _Gaps = [[] for _ in at]
    left_of: _Gaps = [[] for _ in at]
    for left, right, gap in apart:
        right_of[left].append((right, gap))
        left_of[right].append((left, gap))
    known = {column: [each for each, _ in gaps] for column, gaps in enumerate(left_of)}
    order = list(TopologicalSorter(known).static_order())
    at[:] = _pushed(at, order, left_of, right_of)
    for number in range(_FINISH):
        for column in order if number % 2 else reversed(order):
            low = max((at[each] + gap for each, gap in left_of[column]), default=-math.inf)
            high = min((at[each] - gap for each, gap in right_of[column]), default=math.inf)
            at[column] = max(low, min(wanted(column), high))


def _push(at: list[float], apart: list[Apart], weights: list[float]) -> None:
    """Move those away from each other that are too near."""
    for left, right, gap in apart:
        missing = at[left] + gap - at[right]
        if missing > 0:
            share = missing * weights[right] / (weights[left] + weights[right])
            at[left] -= share
            at[right] += missing - share


def _pushed(at: list[float], order: list[int], left_of: _Gaps, right_of: _Gaps) -> list[float]:
    """Places nearby in which nobody touches."""
    rightwards, leftwards = at.copy(), at.copy()
    for column in order:
        for left, gap in left_of[column]:
            rightwards[column] = max(rightwards[column], rightwards[left] + gap)
    for column in reversed(order):
        for right, gap in right_of[column]:
            leftwards[column] = min(leftwards[column], leftwards[right] - gap)
    return [(one + other) / 2 for one, other in zip(rightwards, leftwards, strict=True)]
