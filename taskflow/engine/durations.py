"""How long task runs take, by task: running means of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: No task is reckoned cheaper than this, in seconds.
LEAST_SECONDS: Final = 2e-6
#: What a question is reckoned to take before the first one was measured.
QUESTION_SECONDS: Final = 1e-4
#: Of questions about values, and helpers: what is no body of a task.
QUESTIONS: Final = -1
#: Weight of a new measurement in the running mean of a task's duration.
WEIGHT: Final = 0.3
#: How many of many measurements at once are taken in: of earlier ones nothing would be left.
TAIL: Final = 16


class Durations:
    """Expected seconds of one body of each task, by the number of its spec."""

    def __init__(self) -> None:
        self._known: dict[int, float] = {}
        #: The expected seconds of a task; None if it was never measured.
        self.get = self._known.get

    def note(self, spec: int, took: float) -> None:
        """A body took so long."""
        took = max(LEAST_SECONDS, took)
        known = self._known.get(spec)
        self._known[spec] = took if known is None else known + WEIGHT * (took - known)

    def note_all(self, spec: Sequence[int], nodes: Sequence[int], seconds: Sequence[float]) -> None:
        """Bodies of some nodes took so long, one after another; `spec` says of each what it is."""
        for node, took in zip(nodes[-TAIL:], seconds[-TAIL:], strict=True):
            self.note(spec[node], took)
