"""Many rows with few statements.

Each statement gives way to the other threads of the process, and then waits until they let it go
on: beside a busy engine that costs more than the insert does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from taskflow.store.sqltext import for_rows, statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

#: Values that a statement may have in SQLite before 3.32.
_MOST_VALUES: Final = 999


def insert(connection: sqlite3.Connection, name: str, values: Sequence[Any]) -> None:
    """Insert rows by the statement of a name; `values` has one row after another.

    Statements are for powers of two of rows, so that few have to be prepared.
    """
    width = statements()[name].count("?")
    most, end, done = _MOST_VALUES // width, len(values) // width, 0
    while done < end:
        size = 1 << min(end - done, most).bit_length() - 1
        connection.execute(for_rows(name, size), values[width * done : width * (done + size)])
        done += size


def quick(value: bytes | None) -> bytearray | None:
    """Bytes in the one form for which the module `sqlite3` does not look for an adapter."""
    return None if value is None else bytearray(value)
