"""How far from the left each item stands: nobody touches, lines run straight, all is centred.

Items on straight lines are glued to one column where that crosses nothing: the edges of frames
first, then lines that pass several rows, then those between items that are each other's median
(after Brandes and Kopf, "Fast and Simple Horizontal Coordinate Assignment", GD 2001). Columns keep
apart by the order of the rows, and that order is free of circles, since glued lines do not cross.
Then every column goes towards the mean of its neighbours, some times over.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.draw.ranks import Tie
    from taskflow.draw.rows import Grid

GAP: Final = 22.0  #: between two boxes
LINE_GAP: Final = 14.0  #: between two lines that pass, or a line and a box
PAD: Final = 14.0  #: between a frame and what is in it
_ROUNDS: Final = 40
_FINISH: Final = 12
_PUSHES: Final = 4
_NEAR: Final = 0.02  #: how much what hangs on nothing wants to be near its neighbours in the row

Apart = tuple[int, int, float]  # left column, right column, at least so far


class Columns:
    """The columns of a grid: the place of each item, and the sides of each frame."""

    def __init__(self, grid: Grid, ties: Sequence[Tie], labels: dict[int, float]) -> None:
        self.grid = grid
        self._ties = ties
        self.sides: dict[int, tuple[float, float]] = {}
        self._edges: dict[int, tuple[int, int]] = {}  # frame -> entries of its sides, first row
        self._rows = list(self._with_sides())
        self._column = self._glued()
        apart = self._apart(labels)
        at = _settled(self._beginning(), apart, self._pulls())
        self.x = [at[self._column[item]] for item in range(len(grid.row_of))]
        for frame, (left, right) in self._edges.items():
            self.sides[frame] = (at[self._column[left]], at[self._column[right]])

    # --- the sides of frames stand in the rows ---

    def _with_sides(self) -> Iterator[list[int]]:
        """Rows in which the sides of frames stand as entries of their own, after all items."""
        grid = self.grid
        self._pad = [0] * len(grid.row_of)  # of an entry: -1 left side, 1 right side, 0 an item
        self._side_of = [-1] * len(grid.row_of)
        self._links: list[tuple[int, int]] = []  # entries of a side in two rows
        last: dict[tuple[int, int], int] = {}
        for items in grid.rows:
            row: list[int] = []
            open_now: tuple[int, ...] = ()
            for item in [*items, -1]:
                path = grid.paths[grid.frame[item]] if item >= 0 else ()
                common = sum(1 for _ in _shared(open_now, path))
                row += [self._side(frame, 1, last) for frame in reversed(open_now[common:])]
                row += [self._side(frame, -1, last) for frame in path[common:]]
                open_now = path
                row += [item] * (item >= 0)
            yield row

    def _side(self, frame: int, which: int, last: dict[tuple[int, int], int]) -> int:
        entry = len(self._pad)
        self._pad.append(which)
        self._side_of.append(frame)
        if (frame, which) in last:
            self._links.append((last[frame, which], entry))
        elif which < 0:
            self._edges[frame] = (entry, -1)
        else:
            self._edges[frame] = (self._edges[frame][0], entry)
        last[frame, which] = entry
        return entry

    # --- columns ---

    def _glued(self) -> list[int]:
        """The column of each entry."""
        at = [(0, 0)] * len(self._pad)
        for number, row in enumerate(self._rows):
            for spot, entry in enumerate(row):
                at[entry] = (number, spot)
        glue: list[list[tuple[int, int]]] = [[] for _ in self._rows]
        column = list(range(len(self._pad)))
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
        grid, boxes = self.grid, self.grid.boxes
        yield from self._links
        between = []
        strong = {
            pair
            for tie, chain in zip(self._ties, grid.chains, strict=True)
            for pair in pairwise(chain)
            if tie.weight >= 1
        }
        place = {item: at for row in grid.rows for at, item in enumerate(row)}
        ups = _strong(grid.up, strong, place, upward=True)
        downs = _strong(grid.down, strong, place, upward=False)
        for upper in range(len(grid.row_of)):
            for lower in grid.down[upper]:
                if upper >= boxes and lower >= boxes:
                    yield upper, lower
                elif _median(downs[upper], lower) and _median(ups[lower], upper):
                    between.append((len(downs[upper]) + len(ups[lower]), upper, lower))
        for _, upper, lower in sorted(between):
            yield upper, lower

    def _apart(self, labels: dict[int, float]) -> list[Apart]:
        """Which column is to the right of which, and how far at least."""
        least: dict[tuple[int, int], float] = {}
        for row in self._rows:
            for left, right in pairwise(row):
                pair = (self._column[left], self._column[right])
                least[pair] = max(least.get(pair, 0.0), self._distance(left, right))
        for frame, (left, right) in self._edges.items():
            pair = (self._column[left], self._column[right])
            least[pair] = max(least.get(pair, 0.0), labels.get(frame, 0.0))
        return [(left, right, gap) for (left, right), gap in least.items()]

    def _distance(self, left: int, right: int) -> float:
        sides = (self._pad[left], self._pad[right])
        halves = sum(self.grid.width[each] / 2 for each in (left, right) if not self._pad[each])
        if sides in {(-1, 0), (0, 1), (-1, -1), (1, 1)}:
            return halves + PAD
        boxes = self.grid.boxes
        if any(not self._pad[each] and each >= boxes for each in (left, right)):
            return halves + LINE_GAP
        return halves + GAP

    def _beginning(self) -> list[float]:
        """Each row by itself, around one middle; a column in the mean of its places."""
        places: list[list[float]] = [[] for _ in range(max(self._column, default=-1) + 1)]
        for row in self._rows:
            x, own = 0.0, []
            for left, right in pairwise(row):
                own.append(x)
                x += self._distance(left, right)
            for entry, here in zip(row, [*own, x], strict=True):
                places[self._column[entry]].append(here - x / 2)
        return [sum(each) / len(each) for each in places]

    def _pulls(self) -> list[dict[int, float]]:
        """Of each column, how strongly it wants to be above or below which others."""
        pulls: list[dict[int, float]] = [{} for _ in range(max(self._column, default=-1) + 1)]
        boxes = self.grid.boxes
        for tie, chain in zip(self._ties, self.grid.chains, strict=True):
            for upper, lower in pairwise(chain):
                one, other = self._column[upper], self._column[lower]
                weight = tie.weight * (1 + (upper >= boxes) + (lower >= boxes))
                if one != other:
                    pulls[one][other] = pulls[one].get(other, 0.0) + weight
                    pulls[other][one] = pulls[other].get(one, 0.0) + weight
        free = [not pull for pull in pulls]  # what hangs on nothing stays near what it is beside
        for row in self._rows:
            for left, right in pairwise(row):
                for one, other in ((left, right), (right, left)):
                    if free[self._column[one]]:
                        pulls[self._column[one]][self._column[other]] = _NEAR
        return pulls


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> Iterator[int]:
    """What two paths have in common from the start."""
    for each, same in zip(one, other, strict=False):
        if each != same:
            return
        yield each


def _strong(
    near: list[list[int]], strong: set[tuple[int, int]], place: dict[int, int], *, upward: bool
) -> list[list[int]]:
    """The neighbours of each item that matter, or else all, from left to right."""
    found = []
    for item, ends in enumerate(near):
        pairs = {each: (each, item) if upward else (item, each) for each in ends}
        kept = [each for each in pairs if pairs[each] in strong] or list(pairs)
        found.append(sorted(kept, key=place.__getitem__))
    return found


def _median(ends: list[int], end: int) -> bool:
    """Whether one of them is the one in the middle."""
    return len(ends) % 2 == 1 and ends[len(ends) // 2] == end


def _settled(at: list[float], apart: list[Apart], pulls: list[dict[int, float]]) -> list[float]:
    """Better places for columns: as near to their neighbours as the others let them.

    By turns, every column goes part of its way, and whoever is too near to another is moved, the
    lighter more than the heavier, which changes little else (the relaxation of Jakobsen, "Advanced
    Character Physics", GDC 2001). The last bit is done exactly.
    """
    columns, totals = range(len(at)), [sum(pull.values()) for pull in pulls]
    for number in range(_ROUNDS):
        eager = 1 - number / _ROUNDS
        for column in columns if number % 2 else reversed(columns):
            if pull := pulls[column]:
                mean = sum(at[each] * weight for each, weight in pull.items()) / totals[column]
                at[column] += eager * (mean - at[column])
        for again in range(_PUSHES if number < _ROUNDS - 1 else 10 * _PUSHES):
            _push(at, apart if again % 2 else apart[::-1], totals)
    right_of: list[list[tuple[int, float]]] = [[] for _ in at]
    left_of: list[list[tuple[int, float]]] = [[] for _ in at]
    for left, right, gap in apart:
        right_of[left].append((right, gap))
        left_of[right].append((left, gap))
    order = _left_to_right(right_of, left_of)
    at = _pushed(at, order, left_of, right_of)
    for number in range(_FINISH):
        for column in order if number % 2 else reversed(order):
            if pull := pulls[column]:
                mean = sum(at[each] * weight for each, weight in pull.items()) / totals[column]
                low = max((at[each] + gap for each, gap in left_of[column]), default=mean)
                high = min((at[each] - gap for each, gap in right_of[column]), default=mean)
                at[column] = min(max(mean, low), high) if low <= high else at[column]
    return at


def _push(at: list[float], apart: list[Apart], weights: list[float]) -> None:
    """Move those away from each other that are too near."""
    for left, right, gap in apart:
        missing = at[left] + gap - at[right]
        if missing > 0:
            share = missing * weights[right] / (weights[left] + weights[right])
            at[left] -= share
            at[right] += missing - share


def _pushed(
    wanted: list[float],
    order: list[int],
    left_of: list[list[tuple[int, float]]],
    right_of: list[list[tuple[int, float]]],
) -> list[float]:
    """Places near the wanted ones in which nobody touches."""
    rightwards, leftwards = wanted.copy(), wanted.copy()
    for column in order:
        for left, gap in left_of[column]:
            rightwards[column] = max(rightwards[column], rightwards[left] + gap)
    for column in reversed(order):
        for right, gap in right_of[column]:
            leftwards[column] = min(leftwards[column], leftwards[right] - gap)
    return [(one + other) / 2 for one, other in zip(rightwards, leftwards, strict=True)]


def _left_to_right(
    right_of: list[list[tuple[int, float]]], left_of: list[list[tuple[int, float]]]
) -> list[int]:
    waits = [len(each) for each in left_of]
    order = [column for column, count in enumerate(waits) if not count]
    for column in order:
        for right, _ in right_of[column]:
            waits[right] -= 1
            if not waits[right]:
                order.append(right)
    return order
