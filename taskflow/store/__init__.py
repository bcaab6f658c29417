"""What is kept of runs: their history, results, logs, and what the cache has.

url                            what it is
None                           the project's: `.taskflow/`, found upwards like git's
sqlite:///folder/              the folder of a store, from the working directory
sqlite:////data/history.db     a file, with `/data/history.files/` beside it
memory:                        nothing beyond this process
"""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Final

from taskflow.store.places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.interfaces import Store
    from taskflow.store.memory import MemoryStore
    from taskflow.store.sqlite import SqliteStore

_MEMORY: Final = "memory:"

_stores: Final[dict[str, MemoryStore | SqliteStore]] = {}
_guard: Final = threading.Lock()


def open_store(url: str | None = None, start: str | None = None) -> Store:
    """The store of a URL; without one that of the project which the folder `start` is in.

    All that ask for a store in one process share it: it writes in one thread. Nothing is made on
    the disk before something is written.
    """
    with _guard:
        if url == _MEMORY:
            return _shared(_MEMORY, _in_memory)
        place = place_of(url, start)

        def in_file() -> SqliteStore:
            from taskflow.store.sqlite import SqliteStore

            return SqliteStore(place)

        return _shared(place.database, in_file)


def _in_memory() -> MemoryStore:
    from taskflow.store.memory import MemoryStore

    return MemoryStore()


def _shared(key: str, make: Callable[[], MemoryStore | SqliteStore]) -> Store:
    """The store that is open under a key, or a new one."""
    if not _stores:
        atexit.unregister(close_all)
        atexit.register(close_all)
    known = _stores.get(key)
    if known is None or known.is_closed:
        known = _stores[key] = make()
    return known


def close_all() -> None:
    """Close the stores of this process, once what is queued is written; done when it ends."""
    with _guard:
        for store in _stores.values():
            store.close()
        _stores.clear()
