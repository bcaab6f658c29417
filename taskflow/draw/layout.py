"""Where everything in a picture stands: a layered layout, from top to bottom.

Rows (`ranks`), the order in each row (`rows`), the place in it (`columns`), and here the heights,
the frames and the ways of the lines. All of it takes time in proportion to the picture, uses no
recursion, and gives the same for the same picture. SVG is written from it, and whoever wants to
draw elsewhere takes the plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.draw import picture as p
from taskflow.draw.columns import PAD, Columns
from taskflow.draw.ranks import Tie, ranks, without_cycles
from taskflow.draw.routes import Rect, Route, routed
from taskflow.draw.rows import arrange, grid_of
from taskflow.draw.text import width

if TYPE_CHECKING:
    from taskflow.draw.rows import Grid

NAME: Final = 12.0  #: sizes of letters
SMALL: Final = 10.0
LABEL: Final = 9.5
MARK: Final = 16.0  #: room for the mark of a state
SHEETS: Final = 6.0  #: what a stack shows of the boxes behind
TITLE: Final = 14.0  #: room for the label of a frame
_GAP: Final = 26.0
_SIDES: Final = 12.0
#: How much a line wants to be short and straight. Lines that say little do less; what a dynamic
#: pipeline became hangs close below it, and maps element by element stay together.
_WEIGHTS: Final = {p.ORDER: 0.4, p.SIDE: 0.8, p.EACH: 1.5, p.EXPANDS: 2.4}


@dataclass(slots=True)
class Layout:
    """The places of all boxes and frames by number, and the ways of all lines but loops."""

    width: float
    height: float
    boxes: dict[int, Rect]
    frames: dict[int, Rect]
    routes: list[Route]


def laid_out(picture: p.Picture) -> Layout:
    """Place all that a picture shows."""
    lines = [line for line in picture.lines if line.tail != line.head]
    sizes = [_size(box) for box in picture.boxes]
    place = {box.number: at for at, box in enumerate(picture.boxes)}
    ties = without_cycles(len(sizes), [_tie(picture, place, line) for line in lines])
    grid = grid_of(
        ranks(len(sizes), ties, _held(picture)),
        [wide for wide, _ in sizes],
        [box.frame for box in picture.boxes],
        {frame.number: frame.parent for frame in picture.frames},
        ties,
    )
    arrange(grid)
    labels = {frame.number: width(frame.label, SMALL) + PAD for frame in picture.frames}
    columns = Columns(grid, ties, labels)
    bands = _bands(picture, grid, columns, [high for _, high in sizes])
    boxes, frames = {}, {}
    for at, box in enumerate(picture.boxes):
        (wide, high), (upper, lower) = sizes[at], bands.rows[grid.row_of[at]]
        boxes[box.number] = Rect(columns.x[at] - wide / 2, (upper + lower - high) / 2, wide, high)
    for frame, (upper, lower) in bands.frames.items():
        left, right = columns.sides[frame]
        frames[frame] = Rect(left, upper, right - left, lower - upper)
    routes = routed(picture, lines, grid, columns.x, bands.rows, boxes)
    return Layout(columns.width, bands.height, boxes, frames, routes)


def _size(box: p.Box) -> tuple[float, float]:
    """How wide and high a box is drawn."""
    if box.shape == p.POINT:
        return 7.0, 7.0
    if box.shape == p.CHOICE:
        return 15.0, 15.0
    if box.shape == p.PILL:
        return width(box.name, SMALL + 0.5) + 2 * _SIDES, 23.0
    if box.shape == p.WHEN:
        return width(box.name, SMALL) + 36, 36.0
    wide = width(box.name, NAME) + (width(f"  {box.count}", SMALL) if box.count else 0)
    wide = max(wide, width(box.note, SMALL)) + 2 * _SIDES + (MARK if box.state else 0)
    high = (43.0 if box.note else 30.0) + (SHEETS if box.shape in p.MAPS else 0)
    return max(wide, 44.0), high


def _held(picture: p.Picture) -> list[set[int]]:
    """The boxes in each frame, by their places in the list of boxes; inner frames first."""
    held: dict[int, set[int]] = {frame.number: set() for frame in picture.frames}
    for place, box in enumerate(picture.boxes):
        if box.frame >= 0:
            held[box.frame].add(place)
    for frame in reversed(picture.frames):
        if frame.parent >= 0:
            held[frame.parent] |= held[frame.number]
    return list(reversed(held.values()))


def _tie(picture: p.Picture, place: dict[int, int], line: p.Line) -> Tie:
    tail, head = place[line.tail], place[line.head]
    one, other = picture.boxes[tail], picture.boxes[head]
    weight = _WEIGHTS.get(line.kind, 1.0)
    if one.shape == p.PILL and one.name != "flatten":
        weight = 0.5  # parameters stand beside the way of the data
    # Lines within a frame are stronger: what belongs together stays near.
    weight *= 1.5 if one.frame == other.frame else 1.0
    return Tie(tail, head, weight, width(line.label, LABEL) + 4 if line.label else 0.0)


# --- heights ---------------------------------------------------------------------------------


class _Bands(NamedTuple):
    """Upper and lower y of each row and frame, and how high all of it is."""

    rows: list[tuple[float, float]]
    frames: dict[int, tuple[float, float]]
    height: float


def _bands(picture: p.Picture, grid: Grid, columns: Columns, heights: list[float]) -> _Bands:
    heads, feet = _margins(picture, grid)
    rows: list[tuple[float, float]] = []
    y = 0.0
    for number, items in enumerate(grid.rows):
        if number:
            y += _gap(grid, columns, number)
        y += max((heads[f] for f, span in grid.spans.items() if span[0] == number), default=0)
        high = max((heights[item] if item < grid.boxes else 12.0 for item in items), default=0.0)
        rows.append((y, y + high))
        y += high
        y += max((feet[f] for f, span in grid.spans.items() if span[-1] == number), default=0)
    frames = {
        frame: (rows[span[0]][0] - heads[frame], rows[span[-1]][1] + feet[frame])
        for frame, span in grid.spans.items()
    }
    return _Bands(rows, frames, y)


def _margins(picture: p.Picture, grid: Grid) -> tuple[dict[int, float], dict[int, float]]:
    """What each frame adds above its first row and below its last."""
    heads = {frame.number: 10 + (TITLE if frame.label else 0) for frame in picture.frames}
    feet = dict.fromkeys(heads, 10.0)
    own = dict(heads)
    for frame in reversed(picture.frames):  # inner ones first
        number, around = frame.number, frame.parent
        if around >= 0:
            span, outer = grid.spans[number], grid.spans[around]
            if span[0] == outer[0]:
                heads[around] = max(heads[around], own[around] + heads[number])
            if span[-1] == outer[-1]:
                feet[around] = max(feet[around], 10 + feet[number])
    return heads, feet


def _gap(grid: Grid, columns: Columns, number: int) -> float:
    """Between a row and the one above; lines that go far sideways are given more room."""
    x = columns.x
    ways = (abs(x[item] - x[upper]) for item in grid.rows[number] for upper in grid.up[item])
    return _GAP + min(44.0, max(ways, default=0.0) * 0.06)
