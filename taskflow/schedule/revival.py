"""When a service starts another nursery: at once, but later and later if none lives for long.

A package that is being upgraded, or a machine without memory, may end each of them at its start.
"""

from __future__ import annotations

import math
from typing import Final


class Revival:
    """When another nursery is to be started; times are those of a monotonic clock."""

    #: One that has lived so long was well; seconds. And the longest wait.
    WELL: Final = 60.0
    LONGEST: Final = 30.0

    def __init__(self) -> None:
        self.is_awaited = False
        self.at = -math.inf
        self._wait = 0.0

    def put_off(self, now: float) -> None:
        """The nursery is gone, or could not be started."""
        was_well = now - self.at > self.WELL
        self._wait = 0.0 if was_well else min(self.LONGEST, max(1.0, 2 * self._wait))
        self.is_awaited, self.at = True, now + self._wait

    def is_due(self, now: float) -> bool:
        """Whether another one is to be started now."""
        return self.is_awaited and now >= self.at
