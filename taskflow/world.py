"""What surrounds a run beside its options: this machine, unless a test puts a world in its place.

`taskflow.testing` is what does: then runs that ask for nothing else are inline, on a clock of the
test, and are listened to, also those that the code under test starts by itself.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Clock, Executor, Listener, Store


class SystemClock:
    """The clock of this machine."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    random = staticmethod(random.random)


class World:
    """What a test puts in place of this machine; this one changes nothing.

    `asked` is the executor that the run asks for.
    """

    def clock_for(self, asked: str | Executor | None) -> Clock | None:
        """The clock of a run; None for this machine's."""

    def executor_for(self, asked: str | Executor | None, graph: Graph) -> Executor | None:
        """The executor of a run; None for what it asks for."""

    def store_for(self) -> Store | None:
        """Where runs are kept that do not say; None for where they always are."""

    def listeners(self) -> list[Listener]:
        """Who listens to a run, in place of what would show it; none leave that as it is."""
        return []


#: The worlds that tests of this process are in; the last one counts.
worlds: Final[list[World]] = []


def world() -> World | None:
    """The world that a run would begin in just now; None for this machine."""
    return worlds[-1] if worlds else None
