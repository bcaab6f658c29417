"""The lock that every write transaction of every process holds.

SQLite's own lock lets whoever asks first after a commit have the next one, which is nearly always
the process that has just committed: the others starve. It also keeps two connections from resetting
the write-ahead log at once, which corrupts the file before SQLite 3.51.3.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class StoreLock:
    """A fair lock among processes: who waits holds the turn, who has just written queues for it."""

    def __init__(self, folder: str) -> None:
        self._turn = _open(os.path.join(folder, "store.turn"))
        self._lock = _open(os.path.join(folder, "store.lock"))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, and hold it."""
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files; a lock that is held stays so until the process that holds it lets go.

        Safe to call twice: the numbers may be those of other files by then.
        """
        open_files, self._turn, self._lock = (self._turn, self._lock), -1, -1
        for fd in open_files:
            if fd >= 0:
                os.close(fd)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
