"""What a worker has claimed of its batches and has not begun yet.

Short units are claimed some at once. When the one before them takes long after all, the thread
that sends gives the rest back, so that another worker may have them: no unit waits for another
that happens to stand before it.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.executors.wire import WorkerTokens


class Claims(Protocol):
    """Asked before each unit that a worker runs."""

    def take(self, count: int) -> int:
        """Claim up to `count` units of the batch that runs; 0 when the rest was withdrawn."""
        ...

    def begin(self) -> bool:
        """Whether the next unit that was claimed may begin: it has not been given back."""
        ...


class Granted:
    """The claims of bodies that run in the thread that withdraws: it cannot do so meanwhile."""

    def __init__(self, take: Callable[[int], int]) -> None:
        self.take = take

    def begin(self) -> bool:
        """It may."""
        return True


class Claimed:
    """The claims of a worker that is fed by a token pipe.

    `wait` returns once the engine has taken back what it was given back, with all that was
    queued behind it; `on_many` is called when units are claimed that cannot begin at once.
    """

    def __init__(
        self, tokens: WorkerTokens, wait: Callable[[], None], on_many: Callable[[], None]
    ) -> None:
        self.batch = 0
        self._tokens = tokens
        self._wait = wait
        self._on_many = on_many
        # One entry a unit, since taking one off a deque is atomic: two threads do.
        self._left: deque[None] = deque()
        self._has_given_back = False

    def take(self, count: int) -> int:
        """Claim units; after some were given back, there are none until the engine knows."""
        if self._has_given_back:
            self._has_given_back = False
            self._wait()
        granted = self._tokens.claim(self.batch, count)
        self._left.extend(itertools.repeat(None, granted))
        if granted > 1:
            self._on_many()
        return granted

    @property
    def has_more(self) -> bool:
        """Whether there are units that were claimed and have not begun."""
        return bool(self._left)

    def begin(self) -> bool:
        """Take one of the units that were claimed."""
        try:
            self._left.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> int:
        """Take all units that have not begun from the thread that runs them: how many."""
        count = 0
        while self.begin():
            self._has_given_back = True
            count += 1
        return count
