"""How a store is: its size, its integrity, what it stands on; looked at without changing it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.errors import StoreError
from taskflow.store.faults import explain
from taskflow.store.opening import open_reader
from taskflow.store.sqltext import migrations, statements

if TYPE_CHECKING:
    from taskflow.store.places import Place

#: File systems on which locks, or the memory that SQLite shares, may not work between machines.
_NETWORK: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs"}
    | {"lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"}
)
_MOUNTS: Final = "/proc/self/mountinfo"
#: How many complaints of SQLite about one file are worth reading.
_COMPLAINTS: Final = 10


class Health(NamedTuple):
    """What was found; `complaints` are reasons for which the store cannot be relied upon."""

    database: str
    exists: bool = False
    sqlite: str = sqlite3.sqlite_version
    #: the version of the tables that this taskflow writes
    version: int = 0
    database_bytes: int = 0
    values_bytes: int = 0
    #: whether an older taskflow wrote it; the next run migrates it
    is_older: bool = False
    runs: int = 0
    #: folders of runs that are not in the store
    leftovers: tuple[str, ...] = ()
    free_bytes: int = 0
    file_system: str = ""
    complaints: tuple[str, ...] = ()

    @property
    def is_remote(self) -> bool:
        """Whether the store is on a file system that machines share."""
        return self.file_system in _NETWORK


def examine(place: Place) -> Health:
    """Look at a store; raises nothing for what is wrong with it, but tells it."""
    folder = _existing(place.folder)
    disk = os.statvfs(folder)
    health = Health(
        place.database,
        os.path.exists(place.database),
        version=len(migrations()),
        database_bytes=sum(_size(place.database + each) for each in ("", "-wal", "-shm")),
        values_bytes=_bytes_below(place.runs),
        free_bytes=disk.f_bavail * disk.f_frsize,
        file_system=file_system_of(folder),
    )
    try:
        ids, complaints = _read(place)
    except (sqlite3.Error, StoreError, OSError) as error:
        return health._replace(complaints=(str(explain(error, place)),))
    return health._replace(runs=len(ids), leftovers=_leftovers(place, ids), complaints=complaints)


def _read(place: Place) -> tuple[set[str], tuple[str, ...]]:
    """The ids of the runs, and what SQLite finds wrong with the file."""
    connection = open_reader(place)
    if connection is None:
        return set(), ()
    with closing(connection):
        found = connection.execute(f"PRAGMA integrity_check({_COMPLAINTS})").fetchall()
        ids = {row[0] for row in connection.execute(statements()["ids_of_runs"])}
    return ids, tuple(row[0] for row in found if row[0] != "ok")


def _leftovers(place: Place, ids: set[str]) -> tuple[str, ...]:
    with suppress(FileNotFoundError):
        return tuple(sorted(set(os.listdir(place.runs)) - ids))
    return ()


def file_system_of(path: str, mounts: str = _MOUNTS) -> str:
    """The kind of file system that a path is on, as the system calls it; "" if it does not say."""
    with suppress(OSError), open(mounts, encoding="utf-8", errors="replace") as file:
        # The mount point is the fifth field; the kind follows a lone hyphen.
        found = [(line.split()[4], line.partition(" - ")[2].split()[0]) for line in file]
        above = [
            (len(point), kind) for point, kind in found if _is_below(os.path.realpath(path), point)
        ]
        return max(above)[1] if above else ""
    return ""


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point if point == "/" else f"{point}/")


def _existing(path: str) -> str:
    """The path, or the nearest folder above it that is there."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _bytes_below(folder: str) -> int:
    return sum(
        _size(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names
    )


def _size(path: str) -> int:
    with suppress(OSError):  # it may just have been removed
        return os.lstat(path).st_size
    return 0
