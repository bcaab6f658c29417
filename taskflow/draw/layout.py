"""Where everything in a picture stands: a layered layout, from top to bottom.

Rows (`ranks`), the order in each row (`rows`), the place in it (`columns`), and here the heights,
the frames and the ways of the lines. All of it takes time in proportion to the picture, uses no
recursion, and gives the same for the same picture. SVG is written from it, and whoever wants to
draw elsewhere takes the plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
_LOOP: Final = 18.0


@dataclass(slots=True)
class Layout:
    """The places of all boxes and frames by number, and the ways of all lines."""

    width: float = 0.0
    height: float = 0.0
    boxes: dict[int, Rect] = field(default_factory=dict)
    frames: dict[int, Rect] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    loops: list[p.Line] = field(default_factory=list)  #: from a box to itself


def laid_out(picture: p.Picture) -> Layout:
    """Place all that a picture shows."""
    found = Layout()
    found.loops = [line for line in picture.lines if line.tail == line.head]
    lines = [line for line in picture.lines if line.tail != line.head]
    looped = {line.tail for line in found.loops}
    sizes = [size(box, looped=box.number in looped) for box in picture.boxes]
    place = {box.number: at for at, box in enumerate(picture.boxes)}
    ties = without_cycles(len(sizes), [_tie(picture, place, line) for line in lines])
    labels = [width(line.label, LABEL) + 4 if line.label else 0.0 for line in lines]
    grid = grid_of(
        ranks(len(sizes), ties, _held(picture)),
        [wide for wide, _ in sizes],
        [box.frame for box in picture.boxes],
        {frame.number: frame.parent for frame in picture.frames},
        ties,
        labels,
    )
    arrange(grid)
    wide = {frame.number: width(frame.label, SMALL) + PAD for frame in picture.frames}
    columns = Columns(grid, ties, wide)
    bands = _bands(picture, grid, columns, [high for _, high in sizes])
    _put(picture, sizes, grid, columns, bands, found)
    found.routes = routed(picture, lines, grid, columns.x, bands.rows, found.boxes)
    _move_to_origin(found)
    return found


def _put(
    picture: p.Picture,
    sizes: list[tuple[float, float]],
    grid: Grid,
    columns: Columns,
    bands: _Bands,
    found: Layout,
) -> None:
    """Boxes and frames, by their rows and columns."""
    for at, box in enumerate(picture.boxes):
        own, high = sizes[at]
        upper, lower = bands.rows[grid.row_of[at]]
        y = (upper + lower - high) / 2
        found.boxes[box.number] = Rect(columns.x[at] - own / 2, y, own, high)
    for frame in picture.frames:
        left, right = columns.sides[frame.number]
        upper, lower = bands.frames[frame.number]
        found.frames[frame.number] = Rect(left, upper, right - left, lower - upper)


def size(box: p.Box, *, looped: bool = False) -> tuple[float, float]:
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
    high = 43.0 if box.note else 30.0
    stacked = SHEETS if box.shape in {p.MAP, p.DYNAMIC_MAP} else 0
    return max(wide, 44.0) + (2 * _LOOP if looped else 0), high + stacked


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
    return Tie(tail, head, 2 if line.label else 1, weight)


# --- heights ---------------------------------------------------------------------------------


class _Bands(NamedTuple):
    """Upper and lower y of each row and frame."""

    rows: list[tuple[float, float]]
    frames: dict[int, tuple[float, float]]


def _bands(picture: p.Picture, grid: Grid, columns: Columns, heights: list[float]) -> _Bands:
    heads, feet = _margins(picture, grid)
    rows: list[tuple[float, float]] = []
    y = 0.0
    for number, items in enumerate(grid.rows):
        if number:
            y += _gap(grid, columns, number)
        y += max((heads[f] for f, (first, _) in grid.spans.items() if first == number), default=0)
        high = max((heights[item] if item < grid.boxes else 12.0 for item in items), default=0.0)
        rows.append((y, y + high))
        y += high
        y += max((feet[f] for f, (_, last) in grid.spans.items() if last == number), default=0)
    frames = {
        frame: (rows[first][0] - heads[frame], rows[last][1] + feet[frame])
        for frame, (first, last) in grid.spans.items()
    }
    return _Bands(rows, frames)


def _margins(picture: p.Picture, grid: Grid) -> tuple[dict[int, float], dict[int, float]]:
    """What each frame adds above its first row and below its last."""
    heads = {frame.number: 10 + (TITLE if frame.label else 0) for frame in picture.frames}
    feet = dict.fromkeys(heads, 10.0)
    own = dict(heads)
    for frame in reversed(picture.frames):  # inner ones first
        if frame.parent >= 0:
            around, span = frame.parent, grid.spans[frame.number]
            outer = grid.spans[around]
            if span[0] == outer[0]:
                heads[around] = max(heads[around], own[around] + heads[frame.number])
            if span[1] == outer[1]:
                feet[around] = max(feet[around], 10 + feet[frame.number])
    return heads, feet


def _gap(grid: Grid, columns: Columns, number: int) -> float:
    """Between a row and the one above; lines that go far sideways are given more room."""
    far = max(
        (
            abs(columns.x[item] - columns.x[upper])
            for item in grid.rows[number]
            for upper in grid.up[item]
        ),
        default=0.0,
    )
    return _GAP + min(44.0, far * 0.06)


def _move_to_origin(found: Layout) -> None:
    """Let the drawing begin at (0, 0), whatever stands leftmost."""
    rects = [*found.boxes.values(), *found.frames.values()]
    labels = [
        (
            route.label[0] - width(route.line.label, LABEL) / 2,
            route.label[0] + width(route.line.label, LABEL) / 2,
        )
        for route in found.routes
        if route.label
    ]
    stops = [stop[0] for route in found.routes for stop in route.stops]
    left = min([rect.x for rect in rects] + [each for each, _ in labels] + stops, default=0.0)
    right = max(
        [rect.x + rect.width for rect in rects] + [each for _, each in labels] + stops, default=0.0
    )
    top = min((rect.y for rect in rects), default=0.0)
    bottom = max((rect.y + rect.height for rect in rects), default=0.0)
    for places in (found.boxes, found.frames):
        for number, rect in places.items():
            places[number] = rect._replace(x=rect.x - left, y=rect.y - top)
    for route in found.routes:
        route.stops = [(x - left, one - top, other - top) for x, one, other in route.stops]
        if route.label:
            route.label = (route.label[0] - left, route.label[1] - top)
    found.width, found.height = right - left, bottom - top
