"""The ways of lines from box to box: where they begin, which rows they pass, where they end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.draw import picture as p

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskflow.draw.rows import Grid

FORK: Final = 11.0  #: length of a fork at the end of a line, which is straight so far
HEAD: Final = 5.0  #: length of an arrow's head
_PORTS: Final = 9.0  #: between the ends of two lines at one side of a box
_STRAIGHT: Final = 0.5


class Rect(NamedTuple):
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Half way between left and right."""
        return self.x + self.width / 2


@dataclass(slots=True)
class Route:
    """The way of a line, downwards: where it passes, and where in it the label stands."""

    line: p.Line
    #: (x, upper y, lower y) in each row it passes; the first and last are at its boxes
    stops: list[tuple[float, float, float]]
    label: tuple[float, float] | None = None  #: its middle
    up: bool = False  #: the arrow points to the upper end: part of a circle


def routed(
    picture: p.Picture,
    lines: Sequence[p.Line],
    grid: Grid,
    x: Sequence[float],
    bands: Sequence[tuple[float, float]],
    boxes: Mapping[int, Rect],
) -> list[Route]:
    """The ways of all lines, each along its chain of items."""
    routes, ends = [], defaultdict[tuple[int, int], list[Route]](list)
    for line, chain in zip(lines, grid.chains, strict=True):
        first, last = (picture.boxes[chain[at]].number for at in (0, -1))
        upper, lower = boxes[first], boxes[last]
        stops = [(x[item], *bands[grid.row_of[item]]) for item in chain]
        begin, end = upper.y + upper.height, lower.y
        up = first != line.tail
        # The ends of a line are straight, for its head and forks stand on them.
        stem = HEAD * up + FORK * (line.kind == p.COLLECTED)
        neck = HEAD * (not up) + FORK * (line.kind == p.SPLIT)
        stops[0] = (stops[0][0], begin, max(stops[0][2], begin + stem))
        stops[-1] = (stops[-1][0], min(stops[-1][1], end - neck), end)
        route = Route(line, stops, up=up)
        if line.label:
            route.label = (stops[1][0], (stops[1][1] + stops[1][2]) / 2)
        routes.append(route)
        ends[first, 0].append(route)
        ends[last, -1].append(route)
    wide = {box.number for box in picture.boxes if box.shape in p.TASKS}
    for (box, end), found in ends.items():
        if box in wide:
            _spread(found, end, boxes[box])
    return routes


def _spread(routes: list[Route], end: int, rect: Rect) -> None:
    """Lines do not end all in the middle of a box; one that goes straight on does."""
    beside = 1 if end == 0 else -2
    routes.sort(key=lambda route: route.stops[beside][0])
    off = [abs(route.stops[beside][0] - rect.middle) for route in routes]
    centre = off.index(min(off)) if min(off) < _STRAIGHT else (len(routes) - 1) / 2
    outermost = max(1.0, centre, len(routes) - 1 - centre)
    step = min(_PORTS, (rect.width / 2 - 10) / outermost)
    for at, route in enumerate(routes):
        _, upper, lower = route.stops[end]
        route.stops[end] = (rect.middle + (at - centre) * step, upper, lower)
