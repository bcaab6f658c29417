"""Who stands where in each row, so that few lines cross and every frame stays in one piece.

Lines that pass a row have an item there too. Rows are sorted by where the neighbours of each item
stand in the row above, then in the row below, some times over; then neighbours change places where
that saves crossings (Sugiyama, Tagawa and Toda, IEEE SMC 1981; Gansner et al., IEEE TSE 1993).

An item is sorted by its whole path of frames, and a frame has one key in all rows: so the items of
a frame stand side by side, and two frames stand in the same order wherever they meet (the need for
that is shown by Sander, "Layout of Compound Directed Graphs", 1996).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)  #: first and last row

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
    labels: Sequence[float],
) -> Grid:
    """Items for boxes and for all that passes by; `labels` are the widths of those of the ties."""
    grid = Grid(len(rank))
    for frame, parent in parents.items():
        grid.paths[frame] = (*grid.paths[parent], frame)
    for row, width, frame in zip(rank, widths, frames, strict=True):
        item = grid.add(row, width, frame)
        for around in grid.paths[frame]:
            first, last = grid.spans.get(around, (row, row))
            grid.spans[around] = (min(first, row), max(last, row))
        assert item < grid.boxes
    for tie, label in zip(ties, labels, strict=True):
        grid.chains.append(_chain(grid, tie, label))
    _fill(grid)
    return grid


def _chain(grid: Grid, tie: Tie, label: float) -> list[int]:
    """The items of a line: its two boxes, and what stands for it in the rows between."""
    chain = [tie.tail]
    tail, head = (grid.paths[grid.frame[box]] for box in (tie.tail, tie.head))
    for row in range(grid.row_of[tie.tail] + 1, grid.row_of[tie.head]):
        # As deep in frames as both sides allow, so that a line leaves a frame at its lower edge.
        inside = [
            path
            for path in (
                [each for each in tail if _spans(grid, each, row)],
                [each for each in head if _spans(grid, each, row)],
            )
            if path
        ]
        frame = max(inside, key=len)[-1] if inside else -1
        wide = label if row == grid.row_of[tie.tail] + 1 else 0.0
        chain.append(grid.add(row, wide, frame))
    chain.append(tie.head)
    for upper, lower in pairwise(chain):
        grid.down[upper].append(lower)
        grid.up[lower].append(upper)
    return chain


def _spans(grid: Grid, frame: int, row: int) -> bool:
    first, last = grid.spans[frame]
    return first <= row <= last


def _fill(grid: Grid) -> None:
    """A frame holds its place in a row in which it has nothing."""
    seen = {
        (frame, row)
        for row, items in enumerate(grid.rows)
        for item in items
        for frame in grid.paths[grid.frame[item]]
    }
    for frame, (first, last) in sorted(grid.spans.items(), reverse=True):  # inner ones first
        for row in range(first, last + 1):
            if (frame, row) not in seen:
                grid.add(row, 0.0, frame)
                seen.update((around, row) for around in grid.paths[frame])


# --- sorting ---------------------------------------------------------------------------------


def arrange(grid: Grid) -> None:
    """Sort all rows so that few lines cross; the first of the best is kept.

    The first is the order in which the calls were made, which readers know.
    """
    patience = _PATIENCE // max(1, len(grid.row_of))
    best = _Best(grid)
    for leftmost_last in (False, True):
        place = _first_places(grid, leftmost_last=leftmost_last)
        _sort(grid, range(len(grid.rows)), place, _ways(grid, place))
        for sweep in range(min(_SWEEPS, 2 + patience)):
            if sweep:
                _sweep(grid, place, down=sweep % 2 == 1)
            if best.take(crossings(grid)):
                _swap(grid, place, best, rounds=min(_SWAPS, patience))
    grid.rows = best.rows


class _Best:
    """The rows with the fewest crossings so far."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.rows: list[list[int]] = []
        self.fewest = -1
        self.last = 0

    def take(self, found: int) -> bool:
        """Look at the rows as they are now; returns whether any could be better."""
        self.last = found
        if self.fewest < 0 or found < self.fewest:
            self.rows, self.fewest = [row.copy() for row in self._grid.rows], found
        return self.fewest > 0


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
    sums = {frame: [0.0, 0.0] for frame in grid.paths}
    for item, frame in enumerate(grid.frame):
        sums[frame][0] += place[item]
        sums[frame][1] += 1
    for frame in reversed(grid.paths):  # inner ones first
        path = grid.paths[frame]
        if len(path) > 1:
            sums[path[-2]][0] += sums[frame][0]
            sums[path[-2]][1] += sums[frame][1]
    middle = {frame: total / max(1.0, count) for frame, (total, count) in sums.items()}
    return {
        frame: tuple((middle[each], -1 - each) for each in path)
        for frame, path in grid.paths.items()
    }


def _sort(grid: Grid, rows: Sequence[int], place: list[float], ways: _Ways) -> None:
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
        for end in ends:
            found += len(seen) - bisect_left(seen, end + 1)
        for end in ends:
            insort(seen, end)
    return found


def _swap(grid: Grid, place: list[float], best: _Best, rounds: int) -> None:
    """Let neighbours in a frame change places where that saves crossings.

    Those between whom it makes no difference change places every other round, which opens ways.
    """
    at = {item: number for row in grid.rows for number, item in enumerate(row)}
    for number in range(rounds):
        saved = sum(_swap_in(grid, row, at, least=1 - number % 2) for row in grid.rows)
        if not best.take(best.last - saved) or (number % 2 and not saved):
            break
    for row in grid.rows:
        for item, x in zip(row, sorted(place[item] for item in row), strict=True):
            place[item] = x


def _swap_in(grid: Grid, row: list[int], at: dict[int, int], least: int) -> int:
    """One round in one row; how many crossings it saved."""
    saved = 0
    for number in range(len(row) - 1):
        left, right = row[number], row[number + 1]
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
    if not left or not right:
        return 0
    if len(left) == len(right) == 1:  # so it is where lines pass, and most do
        return int(at[left[0]] > at[right[0]])
    ends = sorted(at[each] for each in right)
    return sum(bisect_left(ends, at[each]) for each in left)
