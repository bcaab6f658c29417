"""What went wrong with the files of a store, in words that say what to do."""

from __future__ import annotations

import errno
import glob
import os
import resource
import sqlite3
from typing import TYPE_CHECKING, Final

from taskflow.errors import StoreError, StoreFullError

if TYPE_CHECKING:
    from taskflow.store.places import Place

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

#: Free bytes below which a write that failed is taken to have found no room.
_ROOM: Final = 1024 * 1024


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program holds SQLite's own lock."""
    return _code(error) in _BUSY


def explain(error: Exception, place: Place) -> StoreError:
    """The error to raise for one of SQLite or of the system."""
    if isinstance(error, StoreError):
        return error
    explained = _explained(error, place)
    explained.__cause__ = error
    return explained


def _explained(error: Exception, place: Place) -> StoreError:
    if isinstance(error, OSError):
        if isinstance(error, FileNotFoundError):
            return _gone(error)
        return _full(place, error) if error.errno in _FULL else _failing(place, error)
    if not isinstance(error, sqlite3.Error):
        return StoreError(f"something cannot be kept in {place.database}: {error}")
    code = _code(error)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_room(place)):
        return _full(place, error)
    if code == sqlite3.SQLITE_CORRUPT or (code == sqlite3.SQLITE_NOTADB and _was_ours(place)):
        return _damaged(place, error)
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(
            f"{place.database} is no SQLite database; name another file: "
            "TASKFLOW_STORE=sqlite:///path"
        )
    if code in _CLOSED:
        return StoreError(
            f"the store {place.database} cannot be opened or written: {error}; look at the rights "
            "of the file and its folder, or choose another with TASKFLOW_STORE=sqlite:///path"
        )
    if code in _BUSY:
        return StoreError(
            f"the store {place.database} is locked by another program, such as a database "
            "browser; close it, then try again"
        )
    if code == sqlite3.SQLITE_IOERR:
        return _failing(place, error)
    return StoreError(f"the store {place.database} cannot be used: {error}")


def _code(error: sqlite3.Error) -> int:
    """The primary code of SQLite; errors of Python's own part have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _full(place: Place, error: Exception) -> StoreFullError:
    return StoreFullError(
        f"there is no room for the store {place.database}: {error}; free some space there "
        "(`taskflow gc` removes old runs)"
    )


def _gone(error: OSError) -> StoreError:
    return StoreError(
        f"the file {error.filename} is gone, which the store was about to name: somebody cleaned "
        "up the folder while the run went on; `taskflow resume` makes it again"
    )


def _failing(place: Place, error: Exception) -> StoreError:
    return StoreError(
        f"the disk of the store {place.database} fails: {error}; what was kept before is safe; "
        "look at the system's log (`dmesg`)"
    )


def _damaged(place: Place, error: Exception) -> StoreError:
    backups = sorted(glob.glob(f"{glob.escape(place.database)}.*.bak"))
    known = f"; backups: {', '.join(backups)}" if backups else ""
    return StoreError(
        f"the store {place.database} is damaged: {error}; taskflow never writes over it. Rescue "
        f"what can be read with `sqlite3 {place.database} .recover | sqlite3 rescued.db`, or move "
        f"it away to begin anew{known}"
    )


def _was_ours(place: Place) -> bool:
    """Whether the file lies in a folder that taskflow has made, or began as a database."""
    try:
        with open(place.database, "rb") as file:
            return file.read(16) == b"SQLite format 3\0" or ".taskflow" in place.database
    except OSError:
        return False


def _has_no_room(place: Place) -> bool:
    """Whether a failed write is one for want of space, or of the largest size of a file."""
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    free = os.statvfs(place.folder)
    return free.f_bavail * free.f_frsize < _ROOM
