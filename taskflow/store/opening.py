"""Connections to the database of a store, and the migration of an older one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from taskflow.errors import StoreError
from taskflow.store.faults import is_busy
from taskflow.store.sqltext import migrations

if TYPE_CHECKING:
    from taskflow.store.lock import StoreLock
    from taskflow.store.places import Place

#: Seconds that a reader waits for a program that keeps even readers out.
_PATIENCE: Final = 30.0
#: Seconds after which the writer looks up from waiting; it never gives up.
WRITER_PATIENCE: Final = 1.0

_WRITER: Final = """
PRAGMA journal_mode = WAL;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
PRAGMA mmap_size = 0;
"""


def open_writer(place: Place, lock: StoreLock) -> sqlite3.Connection:
    """The connection that writes; it makes the database, or migrates an older one."""
    _make_file(place.database)
    connection = sqlite3.connect(
        place.database, timeout=WRITER_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        with lock.held():
            _check(connection, place)
            connection.executescript(_WRITER)
            _migrate(connection, place)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_file(path: str) -> None:
    """Make an empty file that nobody else can read, unless there is one.

    One that is there is not even opened: to close it would drop all locks that connections of this
    process hold on it, as POSIX wants it. Another process would then take itself for the last one,
    and remove the log of writes from under them.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def open_reader(place: Place) -> sqlite3.Connection | None:
    """A connection that only reads; None where there is no database of this version yet."""
    if not os.path.exists(place.database):
        return None
    try:
        return _reader(place, "mode=ro")
    except sqlite3.OperationalError as error:
        if is_busy(error) or os.path.exists(f"{place.database}-wal"):
            raise
        # The folder is read-only: SQLite cannot make the index that it shares with writers, and
        # without a log of writes there is nothing in it.
        return _reader(place, "mode=ro&immutable=1")


def _reader(place: Place, how: str) -> sqlite3.Connection | None:
    path = place.database.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{path}?{how}",
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    version = 0
    try:
        version = _check(connection, place)
    finally:
        if version < len(migrations()):
            connection.close()
    return connection if version == len(migrations()) else None


def _check(connection: sqlite3.Connection, place: Place) -> int:
    """The version of the database; raises for one of another program, or of a newer taskflow."""
    # Before the version: who makes the tables just now commits both at once.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations()):
        raise StoreError(
            f"the store {place.database} was written by a newer taskflow (version {version} of its "
            f"tables; this one knows {len(migrations())}): upgrade this one, or choose another "
            "store with TASKFLOW_STORE=sqlite:///path"
        )
    if tables and not version:
        raise StoreError(
            f"{place.database} is a database of another program; choose another path for the "
            "store with TASKFLOW_STORE=sqlite:///path"
        )
    return version


def _migrate(connection: sqlite3.Connection, place: Place) -> None:
    """Bring the tables up to date, in one transaction."""
    version, newest = _check(connection, place), len(migrations())
    if version == newest:
        return
    if version:
        _back_up(connection, f"{place.database}.v{version}.bak")
    steps = "\n".join(migrations()[version:])
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{steps}\nPRAGMA user_version = {newest};\nCOMMIT;"
        )
    except sqlite3.Error:
        with suppress(sqlite3.Error):  # the first one says what is wrong
            connection.execute("ROLLBACK")
        raise


def _back_up(connection: sqlite3.Connection, path: str) -> None:
    """Copy the database; a copy that was cut short never has the name of a backup."""
    unfinished = f"{path}.part"
    with suppress(FileNotFoundError):
        os.unlink(unfinished)
    os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(unfinished)) as copy:
        connection.backup(copy)
    handle = os.open(unfinished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.rename(unfinished, path)
