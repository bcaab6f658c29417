"""A store that keeps nothing beyond this process: for tests, and for runs nobody asks about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.events import Event


class MemoryStore:
    """Keeps the events of runs in lists."""

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = {}

    def append(self, run_id: str, events: Sequence[Event]) -> None:
        """Keep the events of a run."""
        self._events.setdefault(run_id, []).extend(events)

    def events(self, run_id: str) -> Sequence[Event]:
        """The events of a run in order; empty for an unknown run."""
        return tuple(self._events.get(run_id, ()))

    def runs(self) -> Sequence[str]:
        """The ids of the runs, oldest first."""
        return tuple(self._events)
