"""How things look: a colour and a mark for each state, the words of the legend, the two themes.

The hues keep apart for people who see colours differently (after Okabe and Ito, "Color Universal
Design", 2008: bluish green against vermilion, not green against red), and no state is told by its
colour alone: each has its mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.draw import picture as p

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tint(NamedTuple):
    """Line and fill by day, line and fill by night, and a mark."""

    line: str
    fill: str
    night_line: str
    night_fill: str
    mark: str


def _tint(text: str) -> Tint:
    return Tint(*text.split())


#: A box that stands for many takes the first state here that occurs among them: what a person
#: should look at comes before what went well.
TINTS: Final = {
    "failed": _tint("#be401b #fdebe4 #ff8f66 #43231a ✗"),
    "crashed": _tint("#a81e5b #fce6ef #ff7fb0 #421a2c ↯"),
    "timed_out": _tint("#976000 #fdf0d2 #e9b44c #3c2e12 ⧖"),
    "running": _tint("#1d67c7 #e1edfd #6fb0ff #172c49 ▶"),
    "retrying": _tint("#866a00 #fbf4cf #dcc24a #38310f ↻"),
    "ready": _tint("#575fbe #e9eafc #a3a9f5 #262a4a •"),
    "cancelled": _tint("#736097 #efeaf6 #b8a4dd #2f2840 ⊘"),
    "upstream_failed": _tint("#8c6055 #f7eeea #cf9c8d #362923 ↥"),
    "pending": _tint("#5b6b80 #f1f4f8 #93a1b5 #222b37 ◦"),
    "skipped": _tint("#69707a #f5f6f8 #838e9e #1e252e –"),
    "cached": _tint("#16758b #dff3f7 #5cc3da #12323a ◆"),
    "succeeded": _tint("#0f7b5f #e2f5ee #4cc9a4 #14352c ✓"),
}
#: What has no state, because nothing has run.
PLAIN: Final = _tint("#4f6482 #f2f5f9 #8fa3c0 #1f2a38 ◦")


_CIRCLE: Final = "M1 5A4 4 0 1 0 9 5A4 4 0 1 0 1 5"
#: The marks as paths in a square of 10: no font has to have them.
MARKS: Final = {
    "failed": "M1.5 1.5L8.5 8.5M8.5 1.5L1.5 8.5",
    "crashed": "M6 .5L2.5 5.5H7.5L4 9.5",
    "timed_out": f"{_CIRCLE}M5 2.8V5.2L6.8 6.4",
    "running": "M2.5 1.2L8.5 5L2.5 8.8Z",
    "retrying": "M8.6 5A3.7 3.7 0 1 1 7.2 2.1M7.6 .2V2.6H5.2",
    "ready": "M3.6 5A1.4 1.4 0 1 0 6.4 5A1.4 1.4 0 1 0 3.6 5",
    "cancelled": f"{_CIRCLE}M2.3 7.7L7.7 2.3",
    "upstream_failed": "M5 9V3.4M2.2 5.8L5 3L7.8 5.8M1.5 .8H8.5",
    "pending": _CIRCLE,
    "skipped": "M1 5H6.2M4 2.4L6.6 5L4 7.6M8.8 2V8",
    "cached": "M5 .8L9.2 5L5 9.2L.8 5Z",
    "succeeded": "M1.2 5.4L4 8.2L8.9 2.2",
}


class Theme(NamedTuple):
    """The page: what lies on it, and what lies in boxes."""

    page: str
    ink: str
    grey: str  #: lines, labels, what stands on the page
    frame: str
    frame_line: str
    night: bool = False

    def of(self, state: str) -> tuple[str, str]:
        """Line and fill of a box in this state."""
        tint = TINTS.get(state, PLAIN)
        return (tint.night_line, tint.night_fill) if self.night else (tint.line, tint.fill)


LIGHT: Final = Theme("#ffffff", "#1d2733", "#66727f", "#f6f8fa", "#cdd5de")
DARK: Final = Theme("#12171e", "#e5eaf0", "#93a0ae", "#181f28", "#3a4654", night=True)

#: What a legend says of lines, and of boxes.
LINES: Final = {
    p.EACH: "element by element",
    p.COLLECTED: "collected into a list",
    p.SPLIT: "taken apart into elements",
    p.ORDER: "order only",
    p.EXPANDS: "expands into",
}
SHAPES: Final = {p.MAP: "map", p.DYNAMIC: "dynamic pipeline"}


def worst(states: set[str]) -> str:
    """The state that a box shows which stands for all of these."""
    return next((each for each in TINTS if each in states), "pending")


def in_order(tally: Mapping[str, int]) -> list[tuple[str, int]]:
    """States and their counts, what went well first."""
    return [(state, tally[state]) for state in reversed(TINTS) if tally.get(state)]
