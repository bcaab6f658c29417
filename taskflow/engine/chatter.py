"""What tasks write, on its way to a store: capped for each task run, with its head and its tail."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.records import Wrote

#: Characters of one task run that are kept from its beginning, and as many from its end.
HEAD: Final = 256 * 1024
TAIL: Final = 256 * 1024


class Chatter:
    """Lets the beginning of what each task run writes through, and holds back the end."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._tails: dict[str, deque[Wrote]] = {}
        self._held: dict[str, int] = {}  # characters in the tail
        self._dropped: dict[str, int] = {}

    def take(self, wrote: Wrote) -> list[Wrote]:
        """What is to be kept now."""
        key, size = wrote.key, len(wrote.text)
        before = self._sizes.get(key, 0)
        self._sizes[key] = before + size
        if before + size <= HEAD:
            return [wrote]
        tail = self._tails.setdefault(key, deque())
        if size > TAIL:
            self._drop(key, size - TAIL)
            wrote = wrote._replace(text=wrote.text[-TAIL:])
        tail.append(wrote)
        self._held[key] = self._held.get(key, 0) + len(wrote.text)
        while self._held[key] > TAIL:
            gone = len(tail.popleft().text)
            self._held[key] -= gone
            self._drop(key, gone)
        return []

    def _drop(self, key: str, size: int) -> None:
        self._dropped[key] = self._dropped.get(key, 0) + size

    def ended(self, key: str) -> Iterator[Wrote]:
        """A task run ended: what was held back of it."""
        tail = self._tails.pop(key, None)
        self._sizes.pop(key, None)
        if tail is None:
            return
        dropped = self._dropped.pop(key, 0)
        del self._held[key]
        if dropped:
            first = tail[0]
            yield first._replace(text=f"... {dropped:,} characters left out ...\n", level=0)
        yield from tail

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._tails)

    def rest(self) -> Iterator[Wrote]:
        """What is held back of all."""
        for key in list(self._tails):
            yield from self.ended(key)
