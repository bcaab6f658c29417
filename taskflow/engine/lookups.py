"""Asks a store what the tasks of a plan want from the cache, and gives it what they have made.

All that came together since the last time goes in one call of each kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.call import Chunk, Piece, Stored
from taskflow.valuefiles import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.engine.caching import Caching
    from taskflow.interfaces import Store
    from taskflow.records import CacheEntry


class Lookups:
    """What stands between the cache of one run and its store."""

    def __init__(self, caching: Caching, store: Store) -> None:
        self._caching = caching
        self._store = store
        self._run_id = caching.run_id

    def look_up(self, now: float) -> None:
        """Find, or claim, the keys that are wanted; `now` is of the engine's clock."""
        keys = self._caching.keys(now)
        if not keys:
            return
        found = self._intact(keys)
        missing = [key for key in keys if key not in found]
        mine = self._store.claim(missing, self._run_id) if missing else set()
        if mine:
            # Who had claimed a key before may have kept its result since it was looked up.
            late = self._intact(sorted(mine))
            found |= late
            mine -= late.keys()
            self._release(list(late))
        self._caching.answer(keys, found, mine, now)

    def _intact(self, keys: Sequence[str]) -> dict[str, CacheEntry]:
        """What is in the cache; a result whose file was damaged is to be made again."""
        found = self._store.cached(keys, self._caching.now)
        return {key: entry for key, entry in found.items() if not _is_damaged(entry)}

    def give(self, *, is_last: bool = False) -> None:
        """Keep what was made for others, and give up the claims of what failed; at last, all."""
        made, given_up = self._caching.drain()
        if made:
            self._store.cache(made)
        self._release(given_up + (self._caching.left() if is_last else []))

    def _release(self, keys: list[str]) -> None:
        if keys:
            self._store.release(keys, self._run_id)


def _is_damaged(entry: CacheEntry) -> bool:
    value = entry.value
    if isinstance(value, Piece) and isinstance(value.chunk, Chunk):
        value = value.chunk.value
    return isinstance(value, Stored) and bool(verify(value))
