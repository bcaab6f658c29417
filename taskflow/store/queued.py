"""What waits for the next transaction: jobs that somebody waits for, and records of runs."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from taskflow.records import KeptTasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.errors import StoreError
    from taskflow.records import Record
    from taskflow.store.ledger import SqliteLedger
    from taskflow.store.rows import Rows


class Job:
    """Something to do in a transaction, that somebody waits for."""

    size = 1

    def __init__(
        self, work: Callable[[sqlite3.Connection], Any], ledger: SqliteLedger | None
    ) -> None:
        self.ledger = ledger
        self._work = work
        self._done = threading.Event()
        self._result: Any = None
        self._error: Exception | None = None

    def prepare(self) -> None:
        """There is nothing to do before the transaction."""

    def apply(self, connection: sqlite3.Connection) -> None:
        """Do it; what it says of itself does not concern the rest of the transaction."""
        connection.execute("SAVEPOINT job")
        try:
            self._result = self._work(connection)
        except (sqlite3.Error, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - raised where somebody waits for the job
            connection.execute("ROLLBACK TO job")
            self._error = error
        connection.execute("RELEASE job")

    def finish(self, error: StoreError | None = None) -> None:
        """Tell who waits that it is committed, or why it is not."""
        self._error = self._error or error
        self._done.set()

    def wait(self) -> Any:
        """What came of it, once it is committed."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class Records:
    """Records of a run on their way to the disk."""

    def __init__(self, ledger: SqliteLedger, records: list[Record]) -> None:
        self.ledger: SqliteLedger | None = ledger
        self._owner = ledger
        self._records = records
        self._rows: Rows | None = None

    @property
    def size(self) -> int:
        """How many task runs there are, and other records."""
        return sum([_size(each) for each in self._records])

    def extend(self, later: Records) -> None:
        """Add what came later."""
        self._records += later._records

    def prepare(self) -> None:
        """Make rows, and put the files that they name on the disk."""
        self._rows = self._owner.rows(self._records)

    def apply(self, connection: sqlite3.Connection) -> None:
        """Insert the rows."""
        assert self._rows is not None
        self._rows.insert(connection)

    def finish(self, error: StoreError | None = None) -> None:
        """Tell the run if they could not be written."""
        if error is not None:
            self._owner.fail(error)


def _size(record: Record) -> int:
    return len(record.nodes) if isinstance(record, KeptTasks) else 1
