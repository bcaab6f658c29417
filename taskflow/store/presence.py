"""Shows processes that cannot look up each other's number that this one lives.

Containers number their processes each on its own, and have names that change; but they share the
locks of a file. A process that owns runs holds a lock on one byte of a file of the store, at a
place drawn from who it is, until the kernel lets go of it: when it ends, however that is.

The locks are POSIX ones: a fork has no part in them. They are lost with the first of a process's
descriptors of the file that is closed, so each process has one, and never closes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from taskflow.records import Owner

_FILE: Final = "owners.lock"
#: By process and folder, its descriptor; and whether it holds its lock.
_files: Final[dict[tuple[int, str], int]] = {}
_shown: Final[set[tuple[int, str]]] = set()


def show(owner: Owner, folder: str) -> None:
    """From now on others see that this process, which is `owner`, lives."""
    key = os.getpid(), folder
    if key not in _shown:
        fcntl.lockf(_file(folder, os.O_CREAT), fcntl.LOCK_EX, 1, _place(owner))
        _shown.add(key)


def is_shown(owner: Owner, folder: str) -> bool:
    """Whether another process is seen to live; where that cannot be told, one elsewhere does."""
    try:
        file = _file(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return owner.host != socket.gethostname()
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(owner))
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _place(owner))
    except OSError:  # it holds the lock; or no lock can be had here
        return True
    return False


def _file(folder: str, flags: int = 0) -> int:
    key = os.getpid(), folder
    if key not in _files:
        path = os.path.join(folder, _FILE)
        # Of two threads that open it at once one is the first; the other's stays open, unused.
        _files.setdefault(key, os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600))
    return _files[key]


def _place(owner: Owner) -> int:
    who = repr(owner[:4]).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(who, digest_size=7).digest())
