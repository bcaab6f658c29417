"""How things look: a colour and a mark for each state, the words of the legend, the two themes.

The hues keep apart for people who see colours differently (after Okabe and Ito, "Color Universal
Design", 2008: bluish green against vermilion, not green against red), and no state is told by its
colour alone: each has its mark.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from taskflow.draw import picture as p


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


class Theme(NamedTuple):
    """The page: what lies on it, and what lies in boxes."""

    page: str
    ink: str
    grey: str  #: lines, labels, what stands on the page
    frame: str
    frame_line: str


LIGHT: Final = Theme("#ffffff", "#1d2733", "#66727f", "#f6f8fa", "#cdd5de")
DARK: Final = Theme("#12171e", "#e5eaf0", "#93a0ae", "#181f28", "#3a4654")

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
