"""The store in a SQLite file: any number of processes write to it, and nothing needs a server."""

from __future__ import annotations

import os
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from taskflow.crashing import reach
from taskflow.errors import StoreError, UnknownRunError
from taskflow.plain import storable
from taskflow.records import Owner, Removed
from taskflow.store import owners, reading
from taskflow.store.book import Book
from taskflow.store.codec import encode, pack, to_json, unpack
from taskflow.store.filenames import make_values, stored_in
from taskflow.store.history import History
from taskflow.store.ledger import DRIVEN, SqliteLedger
from taskflow.store.places import make_folder, unusable
from taskflow.store.retention import Housekeeping
from taskflow.store.shared import SHIFT, refuse_owned, refuse_withdrawn
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from taskflow.records import CacheEntry, NewRun, Retention
    from taskflow.store.places import Place


class SqliteStore(History):
    """Runs in a file, values of their tasks in files beside it."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.url = place.url
        self.is_closed = False
        self.book = Book(self._do, self._all_named)
        _STORES.add(self)

    def close(self) -> None:
        """Write what is queued, and close all files."""
        self.is_closed = True
        while self._idle:
            self._idle.pop().close()
        self.writer.close()  # the last one: it takes the log of writes away

    # --- writing ---

    def new_dir(self, run_id: str) -> str:
        """Make the folder of a run."""
        make_folder(self.place)
        try:
            return make_values(self.place.runs, run_id)
        except OSError as error:
            raise unusable(self.place, error) from error

    def serving(self) -> list[tuple[str, Owner]]:
        """The folders that living services look after, with this store."""
        return [(folder, owner) for folder, owner in self.book.services() if self.lives(owner)]

    def present(self, now: float) -> Owner:
        """This process as an owner from now on, which others see to live."""
        make_folder(self.place)
        return self._me(now)

    def _me(self, now: float) -> Owner:
        try:
            return owners.present(self.place.folder, now)
        except OSError as error:
            raise unusable(self.place, error) from error

    def create(self, run: NewRun) -> SqliteLedger:
        """Keep a new run."""
        self.new_dir(run.id)
        row = _new_row(run, self._me(time.time()))

        def work(connection: sqlite3.Connection) -> int:
            sql = statements()
            if connection.execute(sql["owner_of"], (run.id,)).fetchone():
                raise StoreError(f"there is a run {run.id} already in {self.place.database}")
            return connection.execute(sql["add_run"], row).lastrowid or 0

        number = self.writer.do(work)
        return SqliteLedger(self.writer, number, run.id, 1, run.settings)

    def take_over(self, run_id: str, granted: int = 0) -> SqliteLedger:
        """Own a run that nobody drives, once what its last owner left behind has ended.

        Its present owner gives it away to whoever knows its epoch, which is then `granted`. What
        was granted may be withdrawn: the run was ended before it began, or taken by another.
        """
        number, epoch, settings = self._owned(run_id, granted)
        reach("run taken over")
        ledger = SqliteLedger(self.writer, number, run_id, epoch, unpack(settings))
        try:
            self.new_dir(run_id)
            for worker in self._all("workers_of", number):
                owners.end(*worker)
            self._change("forget_workers", number)
            reach("orphans ended")
        except BaseException:
            ledger.close()
            raise
        return ledger

    def request(self, run_id: str, what: str) -> bool:
        """Ask the owner of a run for something; one that waits for a service is cancelled."""

        def work(connection: sqlite3.Connection) -> bool:
            found = _owner(connection, run_id)
            if found is None:
                return False
            if self._is_driven(run_id, found[1]):
                connection.execute(statements()["add_request"], (found[0], what))
                return True
            values = time.time(), found[0]
            return connection.execute(statements()["cancel_waiting"], values).rowcount > 0

        asked: bool = self.writer.do(work)
        return asked

    # --- cache ---

    def cached(self, keys: Sequence[str], now: float) -> dict[str, CacheEntry]:
        """Results of earlier runs."""
        rows = [row for key in keys for row in self._all("cached", key, now)]
        names = self._names()
        return {row[0]: reading.cache_entry(row, names) for row in rows}

    def nearest(self, name: str, limit: int = 5) -> list[CacheEntry]:
        """The newest results of a task."""
        rows = self._all("nearest", storable(name), limit)
        return [reading.cache_entry(row, self._names()) for row in rows]

    def claim(self, keys: Sequence[str], run_id: str) -> set[str]:
        """Claim what no living run has claimed."""

        def work(connection: sqlite3.Connection) -> set[str]:
            mine = {key for key in keys if self._is_free(connection, key, run_id)}
            connection.executemany(statements()["add_claim"], [(key, run_id) for key in mine])
            return mine

        claimed: set[str] = self.writer.do(work)
        return claimed

    def cache(self, entries: Sequence[CacheEntry]) -> None:
        """Keep results for others; returns when they are committed."""
        names = self._names()

        def work(connection: sqlite3.Connection) -> None:
            sql = statements()
            for entry in entries:
                connection.execute(sql["remove_cached_files"], (entry.key,))
                connection.execute(sql["add_cached"], _cache_row(entry, names.name))
                for stored in stored_in(entry.value):
                    home, name = names.split(stored.path)
                    connection.execute(sql["add_file"], (home, name, 0, entry.key, stored.size))
                connection.execute(sql["forget_claim"], (entry.key,))

        self.writer.do(work)

    def release(self, keys: Sequence[str], run_id: str) -> None:
        """Give up claims."""
        rows = [(key, run_id) for key in keys]
        self.writer.do(
            lambda connection: connection.executemany(statements()["release_claim"], rows)
        )

    # --- keeping house ---

    def gc(self, retention: Retention, now: float) -> Removed:
        """Remove old runs and values."""
        if not os.path.exists(self.place.runs):
            return Removed()
        house = Housekeeping(self.place.runs, self.writer.do, self._all, self._at_rest)
        return house.clean(retention, now)

    def gc_due(self, now: float) -> bool:
        """Whether nobody has kept house for a day."""
        rows = self._all("fact", "last gc")
        return not rows or now - float(rows[0][0]) >= _DAY

    # --- inside ---

    def _owned(self, run_id: str, granted: int) -> tuple[int, int, bytes]:
        """Own a run by a commit: its number, epoch and settings."""
        key = self.place.database, run_id
        taken: list[tuple[int, int, bytes]] = []

        def work(connection: sqlite3.Connection) -> None:
            taken.append(self._own(connection, run_id, granted))
            DRIVEN.add(key)  # here, where one at a time decides

        try:
            self.writer.do(work)
        except BaseException:
            if taken:
                DRIVEN.discard(key)
            raise
        return taken[0]

    def _own(
        self, connection: sqlite3.Connection, run_id: str, granted: int
    ) -> tuple[int, int, bytes]:
        """Own a run in a transaction, if nobody drives it."""
        found = _owner(connection, run_id)
        if found is None:
            raise UnknownRunError(f"there is no run {run_id} in {self.place.database}")
        number, owner, state, epoch, stalled, settings = found
        if epoch != granted and self._is_driven(run_id, owner):
            refuse_owned(run_id, owner)
        if granted not in (0, epoch):
            refuse_withdrawn(run_id)
        was_cut_off = state == "running" and not _has_progressed(connection, number)
        row = (stalled + 1 if was_cut_off else 0, *self._me(time.time()), number)
        connection.execute(statements()["own"], row)
        return number, epoch + 1, settings

    def _is_driven(self, run_id: str, owner: Owner) -> bool:
        return bool(owner.pid) and self.drives(run_id, owner)

    def _at_rest(self, connection: sqlite3.Connection, run_id: str) -> tuple[int, str] | None:
        """Number and state of a run that nobody drives; None of another."""
        found = _owner(connection, run_id)
        if found is None or self._is_driven(run_id, found[1]):
            return None
        return found[0], found[2]

    def _is_free(self, connection: sqlite3.Connection, key: str, run_id: str) -> bool:
        """Whether a run may claim a key: nobody has, or a run that is gone."""
        row = connection.execute(statements()["claimed"], (key,)).fetchone()
        if row is None or row[0] == run_id:
            return True
        found = _owner(connection, row[0])
        return found is None or not self._is_driven(row[0], found[1])

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return self.writer.do(work)  # the writer is another one after a fork

    def _change(self, statement: str, *values: Any) -> None:
        self.writer.do(lambda connection: connection.execute(statements()[statement], values))


_DAY: Final = 86_400.0

#: The stores of this process, for what a fork has to do.
_STORES: Final[weakref.WeakSet[SqliteStore]] = weakref.WeakSet()


def _after_fork() -> None:
    DRIVEN.clear()
    for store in list(_STORES):
        store.disown()


os.register_at_fork(after_in_child=_after_fork)


def _new_row(run: NewRun, owner: Owner) -> tuple[Any, ...]:
    texts = [storable(each) for each in (run.file, run.entry, run.parent)]
    plain = [to_json(each) for each in (run.params, run.values, run.secrets, run.tags)]
    return (
        run.id, storable(run.pipeline), run.created, *texts, run.given, *plain,
        pack(run.settings), *owner,
    )  # fmt: skip


def _owner(
    connection: sqlite3.Connection, run_id: str
) -> tuple[int, Owner, str, int, int, bytes] | None:
    """Number, owner, state, epoch, stalled and settings of a run."""
    row = connection.execute(statements()["owner_of"], (run_id,)).fetchone()
    if row is None:
        return None
    number, state, epoch, stalled, *owner, settings = row
    return number, Owner(*owner), state, epoch, stalled, settings


def _has_progressed(connection: sqlite3.Connection, number: int) -> bool:
    """Whether anything has come to an end in the last trace of a run."""
    sql = statements()
    trace = connection.execute(sql["last_trace"], (number,)).fetchone()
    if trace is None:
        return False
    low = trace[0] << SHIFT
    asked = (low, low | (1 << SHIFT) - 1)
    return connection.execute(sql["last_own_outcome"], asked).fetchone() is not None


def _cache_row(entry: CacheEntry, name: Callable[[Any], str]) -> tuple[Any, ...]:
    key, task, run_id, task_key, time, value, parts, expires = entry
    is_coded = value is not None and type(value) is not bytes
    data = encode(value, name) if is_coded else value
    return (
        key, storable(task), run_id, storable(task_key), time, expires, to_json(parts), is_coded,
        data,
    )  # fmt: skip
