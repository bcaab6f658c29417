"""How fast work goes lately, and how long the rest of it may take."""

from __future__ import annotations

from collections import deque
from typing import Final

#: Seconds that are looked back on: long enough to be calm, short enough to follow a change.
SPAN: Final = 30.0
_MARKS: Final = 30


class Pace:
    """Marks of how much work was done when, over the last half a minute."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()

    def mark(self, now: float, work: float) -> None:
        """Note how much has been done by now."""
        marks = self._marks
        if marks and now - marks[-1][0] < SPAN / _MARKS:
            return
        marks.append((now, work))
        while len(marks) > 1 and now - marks[1][0] >= SPAN:
            marks.popleft()

    def rate(self, now: float, work: float, began: float) -> float:
        """Work per second since the oldest mark, or since it all began."""
        then, before = self._marks[0] if self._marks else (began, 0.0)
        seconds = now - then
        return (work - before) / seconds if seconds > 0 else 0.0
