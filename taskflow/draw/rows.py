"""Who stands where in each row, so that few lines cross and every frame stays in one piece.

Lines that pass a row have an item there too. Rows are sorted by where the neighbours of each item
stand in the row above, then in the row below, some times over; then neighbours change places where
that saves crossings (Sugiyama, Tagawa and Toda, IEEE SMC 1981; Gansner et al., IEEE TSE 1993).

An item is sorted by its whole path of frames, and a frame has one key in all rows: so the items of
a frame stand side by side, and two frames stand in the same order wherever they meet (the need for
that is shown by Sander, "Layout of Compound Directed Graphs", 1996).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taskflow.draw.ranks import Tie

_SWEEPS: Final = 12
_SWAPS: Final = 6
#: Rounds of the above cost time by item; so many items are looked at, in sum.
_PATIENCE: Final = 20_000
_APART: Final = 24.0

_Ways = dict[int, tuple[tuple[float, int], ...]]


@dataclass(slots=True)
class Grid:
    """Items by row: boxes first, by their numbers, then what stands for lines that pass by."""

    boxes: int
    row_of: list[int] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    frame: list[int] = field(default_factory=list)
    up: list[list[int]] = field(default_factory=list)
    down: list[list[int]] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    chains: list[list[int]] = field(default_factory=list)  #: of each tie, its items downwards
    #: of each frame, the frames from the outermost to itself; -1 is the page
    paths: dict[int, tuple[int, ...]] = field(default_factory=lambda: {-1: ()})
    spans: dict[int, range] = field(default_factory=dict)  #: of each frame, its rows

    def add(self, row: int, width: float, frame: int) -> int:
        """Put another item into a row."""
        self.row_of.append(row)
        self.width.append(width)
        self.frame.append(frame)
        self.up.append([])
        self.down.append([])
        while len(self.rows) <= row:
            self.rows.append([])
        self.rows[row].append(len(self.row_of) - 1)
        return len(self.row_of) - 1


def grid_of(
    rank: Sequence[int],
    widths: Sequence[float],
    frames: Sequence[int],
    parents: dict[int, int],
    ties: Sequence[Tie],
) -> Grid:
    """Items for boxes and for all that passes by."""
    grid = Grid(len(rank))
    for frame, parent in parents.items():
        grid.paths[frame] = (*grid.paths[parent], frame)
    held: dict[int, list[int]] = defaultdict(list)
    for row, width, frame in zip(rank, widths, frames, strict=True):
        grid.add(row, width, frame)
        for around in grid.paths[frame]:
            held[around].append(row)
    grid.spans = {frame: range(min(rows), max(rows) + 1) for frame, rows in held.items()}
    for tie in ties:
        grid.chains.append(_chain(grid, tie))
    _fill(grid)
    return grid


def _chain(grid: Grid, tie: Tie) -> list[int]:
    """The items of a line: its two boxes, and what stands for it in the rows between."""
    chain = [tie.tail]
    tail, head = (grid.paths[grid.frame[box]] for box in (tie.tail, tie.head))
    for row in range(grid.row_of[tie.tail] + 1, grid.row_of[tie.head]):
        # As deep in frames as both sides allow, so that a line leaves a frame at its lower edge.
        sides = ([each for each in path if row in grid.spans[each]] for path in (tail, head))
        inside = max(sides, key=len)
        frame = inside[-1] if inside else -1
        wide = tie.label if row == grid.row_of[tie.tail] + 1 else 0.0
        chain.append(grid.add(row, wide, frame))
    chain.append(tie.head)
    for upper, lower in pairwise(chain):
        grid.down[upper].append(lower)
        grid.up[lower].append(upper)
    return chain


def _fill(grid: Grid) -> None:
    """A frame holds its place in a row in which it has nothing."""
    seen = {
        (frame, row)
        for row, items in enumerate(grid.rows)
        for item in items
        for frame in grid.paths[grid.frame[item]]
    }
    for frame in sorted(grid.spans, reverse=True):  # inner ones first
        for row in grid.spans[frame]:
            if (frame, row) not in seen:
                grid.add(row, 0.0, frame)
                seen.update((around, row) for around in grid.paths[frame])


# --- sorting ---------------------------------------------------------------------------------


def arrange(grid: Grid) -> None:
    """Sort all rows so that few lines cross; the first of the best is kept.

    The first is the order in which the calls were made, which readers know.
    """
    best, fewest = grid.rows, math.inf
    for found in _tries(grid):
        if found < fewest:
            best, fewest = [row.copy() for row in grid.rows], found
        if not found:
            break
    grid.rows = best


def _tries(grid: Grid) -> Iterator[int]:
    """Sort the rows again and again; each time, how many lines cross now."""
    patience = _PATIENCE // max(1, len(grid.row_of))
    for leftmost_last in (False, True):
        place = _first_places(grid, leftmost_last=leftmost_last)
        _sort(grid, range(len(grid.rows)), place, _ways(grid, place))
        for sweep in range(min(_SWEEPS, 2 + patience)):
            if sweep:
                _sweep(grid, place, down=sweep % 2 == 1)
            found = crossings(grid)
            yield found
            for saved in _swaps(grid, place, rounds=min(_SWAPS, patience)):
                found -= saved
                yield found


def _sweep(grid: Grid, place: list[float], *, down: bool) -> None:
    """Sort each row by where the neighbours stand in the row before it."""
    order = range(1, len(grid.rows)) if down else range(len(grid.rows) - 2, -1, -1)
    near, ways = grid.up if down else grid.down, _ways(grid, place)
    for row in order:
        for item in grid.rows[row]:
            if near[item]:
                place[item] = sum(place[each] for each in near[item]) / len(near[item])
        _sort(grid, [row], place, ways)


def _first_places(grid: Grid, *, leftmost_last: bool) -> list[float]:
    """Where items stand at first: as a walk down from each source comes upon them."""
    place, count = [-1.0] * len(grid.row_of), 0
    for source in range(len(grid.row_of)):
        stack = [source] if not grid.up[source] else []
        while stack:
            item = stack.pop()
            if place[item] < 0:
                place[item] = count
                count += 1
                stack += sorted(grid.down[item], reverse=not leftmost_last)
    return place


def _ways(grid: Grid, place: list[float]) -> _Ways:
    """How each frame is sorted: by the middles of all frames from the outermost to itself."""
    places: dict[int, list[float]] = {frame: [] for frame in grid.paths}
    for item, frame in enumerate(grid.frame):
        for around in grid.paths[frame]:
            places[around].append(place[item])
    middle = {frame: sum(each) / max(1, len(each)) for frame, each in places.items()}
    return {
        frame: tuple((middle[each], -1 - each) for each in path)
        for frame, path in grid.paths.items()
    }


def _sort(grid: Grid, rows: Iterable[int], place: list[float], ways: _Ways) -> None:
    """Sort rows by place, frames in one piece, and put the items where they then stand."""
    for row in rows:
        items = grid.rows[row]
        items.sort(key=lambda item: (*ways[grid.frame[item]], (place[item], item)))
        wanted = sum(place[item] for item in items) / max(1, len(items))
        x = wanted - sum(grid.width[item] + _APART for item in items) / 2
        for item in items:
            place[item] = x + grid.width[item] / 2
            x += grid.width[item] + _APART


def crossings(grid: Grid) -> int:
    """How many pairs of lines cross (counted as inversions; Barth, Junger and Mutzel, 2002)."""
    return sum(_crossings_below(grid, row) for row in range(len(grid.rows) - 1))


def _crossings_below(grid: Grid, row: int) -> int:
    at = {item: place for place, item in enumerate(grid.rows[row + 1])}
    seen: list[int] = []
    found = 0
    for item in grid.rows[row]:
        ends = sorted(at[each] for each in grid.down[item])
        found += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return found


def _swaps(grid: Grid, place: list[float], rounds: int) -> Iterator[int]:
    """Let neighbours in a frame change places where that saves crossings; how many, by round.

    Those between whom it makes no difference change places every other round, which opens ways.
    """
    at = {item: number for row in grid.rows for number, item in enumerate(row)}
    for number in range(rounds):
        saved = sum(_swap_in(grid, row, at, least=1 - number % 2) for row in grid.rows)
        yield saved
        if number % 2 and not saved:
            break
    for row in grid.rows:
        for item, x in zip(row, sorted(place[item] for item in row), strict=True):
            place[item] = x


def _swap_in(grid: Grid, row: list[int], at: dict[int, int], least: int) -> int:
    """One round in one row; how many crossings it saved."""
    saved = 0
    for number in range(len(row) - 1):
        left, right = row[number : number + 2]
        if grid.frame[left] != grid.frame[right]:
            continue
        gain = sum(
            _pairs(at, near[left], near[right]) - _pairs(at, near[right], near[left])
            for near in (grid.up, grid.down)
        )
        if gain >= least:
            row[number], row[number + 1] = right, left
            at[left], at[right] = number + 1, number
            saved += gain
    return saved


def _pairs(at: dict[int, int], left: list[int], right: list[int]) -> int:
    """Crossings between the lines of two neighbours that stand in this order."""
    ends = sorted(at[each] for each in right)
    return sum(bisect_left(ends, at[each]) for each in left)
