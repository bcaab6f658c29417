"""The one thread of a process that writes to a store.

What arrives while a commit waits for the disk goes into the next one: many small records cost one
flush. After a commit the thread rests for a moment, unless somebody waits for the next one: the
cores are for tasks. Every transaction holds the lock of the store, and has the records of a run
only if this process still owns it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from taskflow.crashing import reach
from taskflow.errors import StoreError
from taskflow.store.faults import explain, is_busy
from taskflow.store.lock import StoreLock
from taskflow.store.opening import open_writer
from taskflow.store.places import make_folder, unusable
from taskflow.store.queued import Job, Records
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.records import Record
    from taskflow.store.ledger import SqliteLedger
    from taskflow.store.places import Place

#: Seconds after which the thread looks for what other processes ask of the runs of this one.
_LOOK: Final = 0.5
#: Records that go into one transaction, about: others want to write, too.
_GROUP: Final = 20_000
#: After a transaction the thread rests for so many seconds: a commit takes some 0.5 ms of a core,
#: and what a killed engine may lose of what has ended stays small.
_REST: Final = 0.05


class Writer:
    """Takes jobs and records from any thread, and commits them in their order."""

    def __init__(self, place: Place) -> None:
        self.place = place
        #: by number of the run
        self.ledgers: dict[int, SqliteLedger] = {}
        self._queue: deque[Job | Records] = deque()
        self._asked = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._connection: sqlite3.Connection | None = None
        self._lock: StoreLock | None = None
        self._is_full: bool | None = None
        self._seen = 0
        self._waits_since = 0.0
        self._hurry = threading.Event()
        self._rested = 0.0  # when the next transaction may begin for which nobody waits

    @property
    def busy(self) -> float:
        """For how many seconds this has been waiting for another program to let it write."""
        since = self._waits_since
        return time.monotonic() - since if since else 0.0

    def do(
        self, work: Callable[[sqlite3.Connection], Any], ledger: SqliteLedger | None = None
    ) -> Any:
        """Do something in a transaction, and return what came of it when that is committed."""
        job = Job(work, ledger)
        self._put(job)
        return job.wait()

    def put_records(self, ledger: SqliteLedger, records: Sequence[Record]) -> None:
        """Queue records of a run."""
        if records:
            self._put(Records(ledger, list(records)))

    def close(self) -> None:
        """Write what is queued, and end the thread."""
        with self._guard:
            self._is_closed = True
            thread = self._thread
        self._asked.set()
        self._hurry.set()
        if thread is not None:
            thread.join()

    # --- the thread ---

    def _put(self, item: Job | Records) -> None:
        with self._guard:
            if self._is_closed:
                raise StoreError(f"the store {self.place.url} is closed; open it again")
            self._queue.append(item)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._serve, name="taskflow-store", daemon=True
                )
                self._thread.start()
        self._asked.set()
        if isinstance(item, Job):
            self._hurry.set()

    def _serve(self) -> None:
        while self._queue or not self._is_closed:
            self._asked.wait(_LOOK if self.ledgers else None)
            self._asked.clear()
            while self._queue:
                self._rest()
                self._commit(self._next_group())
                if not self._queue:
                    self._rested = time.monotonic() + _REST
            self._look()
        self._disconnect()
        if self._lock is not None:
            self._lock.close()

    def _rest(self) -> None:
        """Let more come together, as long as nobody waits for what is there."""
        left = self._rested - time.monotonic()
        if left > 0:
            self._hurry.wait(left)
        self._hurry.clear()

    def _next_group(self) -> list[Job | Records]:
        """What goes into the next transaction; records of a run that follow each other as one."""
        group: list[Job | Records] = []
        size = 0
        while self._queue and size < _GROUP:
            item = self._queue.popleft()
            size += item.size
            last = group[-1] if group else None
            if (
                isinstance(item, Records)
                and isinstance(last, Records)
                and item.ledger is last.ledger
            ):
                last.extend(item)
            else:
                group.append(item)
        return group

    def _commit(self, group: list[Job | Records]) -> None:
        """Write a group, or say to all of it why not."""
        ready = [item for item in group if self._is_prepared(item)]
        error = None
        try:
            self._write(ready)
        except Exception as problem:  # noqa: BLE001 - a thread that ends would leave all waiting
            error = explain(problem, self.place)
            self._disconnect()
        for item in ready:
            if error is not None and item.ledger is not None:
                item.ledger.fail(error)
            item.finish(error)

    def _apply(self, items: list[Job | Records], connection: sqlite3.Connection) -> None:
        """Do all that is for runs that are still this process's."""
        for ledger in {item.ledger for item in items if item.ledger is not None}:
            try:
                ledger.check(connection)
            except StoreError as error:
                ledger.fail(error)
        for item in items:
            if item.ledger is None or item.ledger.error is None:
                item.apply(connection)
            else:
                item.finish(item.ledger.error)

    def _is_prepared(self, item: Job | Records) -> bool:
        """Whether what comes before the transaction went well; what is wrong concerns one run."""
        error = item.ledger.error if item.ledger is not None else None
        if error is None:
            try:
                item.prepare()
            except Exception as problem:  # noqa: BLE001 - as in _commit
                error = explain(problem, self.place)
                if item.ledger is not None:
                    item.ledger.fail(error)
        if error is not None:
            item.finish(error)
        return error is None

    def _write(self, items: list[Job | Records]) -> None:
        if not items:
            return
        self._waits_since = time.monotonic()
        try:
            connection = self._connected()
            self._set_durability(
                connection, any(each.ledger is None or each.ledger.is_full for each in items)
            )
            assert self._lock is not None
            with self._lock.held():
                self._begin(connection)
                self._waits_since = 0.0
                reach("transaction begun")
                self._apply(items, connection)
                reach("before a commit")
                connection.execute("COMMIT")
            reach("after a commit")
        finally:
            self._waits_since = 0.0

    def _connected(self) -> sqlite3.Connection:
        """The connection of this thread; made at the first use, and after a fault."""
        while self._connection is None:
            try:
                if self._lock is None:
                    make_folder(self.place)
                    self._lock = StoreLock(self.place.folder)
                self._connection = open_writer(self.place, self._lock)
            except sqlite3.OperationalError as error:
                self._go_on_waiting(error)
            except OSError as error:
                raise unusable(self.place, error) from error
            self._is_full = None
        return self._connection

    def _set_durability(self, connection: sqlite3.Connection, is_full: bool) -> None:
        if is_full != self._is_full:
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_full else 'NORMAL'}")
            self._is_full = is_full

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction; a program that keeps SQLite locked is waited for as long as it does.

        Nothing fails for that: the lock belongs to somebody's database browser, or backup.
        """
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                self._go_on_waiting(error)
            else:
                return

    def _go_on_waiting(self, error: sqlite3.OperationalError) -> None:
        """Raise what is not the lock of another program, or when the store is to be closed."""
        if self._is_closed or not is_busy(error):
            raise error

    def _look(self) -> None:
        """Look whether other processes have written, and what they ask of the runs of this one."""
        if not self.ledgers or self._connection is None:
            return
        with suppress(sqlite3.Error):  # the next write says what is wrong
            seen = self._connection.execute("PRAGMA data_version").fetchone()[0]
            asked = self._connection.execute(statements()["requests"]).fetchall()
            if seen != self._seen or asked:
                self._seen = seen
                self._tell(self._connection, asked)

    def _tell(self, connection: sqlite3.Connection, asked: list[tuple[int, int, str]]) -> None:
        """Tell runs of this process what is asked of them, or that they are no longer its."""
        for ledger in list(self.ledgers.values()):
            try:
                ledger.check(connection)
            except StoreError as error:
                ledger.fail(error)
            mine = [(number, what) for number, run, what in asked if run == ledger.number]
            if mine:
                self._forget([number for number, _ in mine])
                ledger.hear([what for _, what in mine])

    def _forget(self, numbers: list[int]) -> None:
        """Remove requests that were heard."""
        rows = [(number,) for number in numbers]
        job = Job(
            lambda connection: connection.executemany(statements()["forget_request"], rows), None
        )
        self._commit([job])

    def _disconnect(self) -> None:
        """Close the connection: what was not committed is undone."""
        if self._connection is not None:
            with suppress(sqlite3.Error):  # it is closed because it fails
                self._connection.close()
            self._connection = None

    # --- after a fork ---

    def abandon(self) -> None:
        """In a child: leave all that belongs to the parent alone; it goes on using it."""
        self._guard = threading.Lock()
        self._is_closed = True
        if self._lock is not None:
            self._lock.close()
        for ledger in self.ledgers.values():
            ledger.error = StoreError(
                f"run {ledger.run_id} belongs to the process that this one was forked from"
            )
        ABANDONED.append(self._connection)


#: Connections of a parent, which SQLite must not even close in a child.
ABANDONED: Final[list[sqlite3.Connection | None]] = []
