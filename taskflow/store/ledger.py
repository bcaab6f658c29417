"""The writing end of a run in a SQLite store."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from taskflow.crashing import reach
from taskflow.errors import StoreError
from taskflow.plain import storable
from taskflow.store.codec import pack, to_json
from taskflow.store.filenames import Names, sync, values_file
from taskflow.store.owners import boot
from taskflow.store.rows import Rows, Trace
from taskflow.store.shared import SHIFT, refuse_lost
from taskflow.store.sqltext import statements
from taskflow.valuefiles import seal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from taskflow.records import Kept, NewTrace, Record
    from taskflow.store.writer import Writer

#: The runs that ledgers of this process have in hand: database, run.
DRIVEN: Final[set[tuple[str, str]]] = set()


class SqliteLedger:
    """Hands the records of one run to the thread that writes."""

    def __init__(self, writer: Writer, number: int, run_id: str, epoch: int, settings: Any) -> None:
        self.number, self.run_id, self.epoch = number, run_id, epoch
        self.is_full = settings.get("durability") != "process"
        self.run_dir = os.path.join(writer.place.runs, run_id)
        self.on_news: Callable[[], None] = _ignore
        self.error: StoreError | None = None
        self._writer = writer
        self._trace: Trace | None = None
        self._began = 0.0
        self._news: list[str] = []
        self._synced: set[str] = set()
        self._key = writer.place.database, run_id
        self._is_open = True
        DRIVEN.add(self._key)
        writer.ledgers[number] = self

    @property
    def busy(self) -> float:
        """For how many seconds the store has been waiting for another program to let it write."""
        return self._writer.busy

    # --- what the engine says ---

    def begin(
        self,
        trace: NewTrace,
        kept: Sequence[Record] = (),
        *,
        digested: Sequence[tuple[Kept, bytes]] = (),
        reasons: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Begin a trace, in one transaction."""
        why = _as_text(reasons or {})

        def work(connection: sqlite3.Connection) -> Trace:
            sql = statements()
            row = (self.number, self.number, trace.graph, pack(trace.codes), why, trace.time)
            made = Trace(connection.execute(sql["add_trace"], row).lastrowid or 0, self._names)
            _add_sources(connection, made, trace)
            rows = Rows(made)
            rows.add(kept, self.number, boot())
            rows.insert(connection)
            connection.executemany(sql["digest"], [(new, old.row) for old, new in digested])
            connection.execute(sql["run_started"], (trace.time, self.number))
            return made

        self._trace = self._do(work)
        self._began = trace.time

    def write(self, records: Sequence[Record]) -> None:
        """Queue records; dropped when nothing can be written any more, as `poll` says."""
        if self._trace is None:
            raise StoreError(f"run {self.run_id} has no trace yet: begin one, then write")
        if not self._is_open:
            raise StoreError(f"the ledger of run {self.run_id} is closed")
        if self.error is None:
            self._writer.put_records(self, records)

    def poll(self) -> list[str]:
        """What others ask for."""
        if self.error is not None:
            raise self.error
        news, self._news = self._news, []
        return news

    def flush(self) -> None:
        """Wait until all that was queued is committed."""
        self._do(lambda _: None)

    def end(
        self,
        state: str,
        *,
        seconds: float,
        counts: Mapping[str, int],
        reasons: Mapping[str, Sequence[str]] | None = None,
        **more: str,
    ) -> None:
        """Commit the end, and let go of the run."""
        self.flush()
        # Before the end: after it, another process may take the run on and write new files.
        self._clean()
        reach("files cleaned")
        texts = {name: storable(more.get(name, "")) for name in ("why", "error", "result")}
        ended = self._began + seconds if self._began else time.time()

        def work(connection: sqlite3.Connection) -> None:
            sql = statements()
            row = {
                "state": state, "ended": ended, "seconds": seconds,
                "counts": to_json(dict(counts)), "number": self.number, **texts,
            }  # fmt: skip
            connection.execute(sql["end_run"], row)
            if state == "succeeded":
                connection.execute(sql["note_success"], (self.number,))
            connection.execute(sql["forget_workers"], (self.number,))
            connection.execute(sql["forget_requests"], (self.number,))
            connection.execute(sql["forget_claims"], (self.run_id,))
            if self._trace is not None:
                base = self._trace.base
                if reasons is not None:
                    connection.execute(sql["set_reasons"], (_as_text(reasons), base >> SHIFT))
                connection.execute(sql["forget_batches"], (base, base | (1 << SHIFT) - 1))

        self._do(work)
        reach("run ended")
        self._let_go()

    def close(self) -> None:
        """Write what was queued, and let others take the run on at once."""
        if not self._is_open:
            return

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(statements()["disown"], (self.number, self.epoch))

        with suppress(StoreError):  # then the run is this process's until it ends
            self._writer.do(work)
        self._let_go()

    # --- what the thread that writes asks and says ---

    def rows(self, records: Sequence[Record]) -> Rows:
        """The rows of some records, whose files are on the disk."""
        assert self._trace is not None
        rows = Rows(self._trace)
        rows.add(records, self.number, boot())
        if self.is_full:
            self._sync([each.path for each in rows.stored])
        return rows

    def check(self, connection: sqlite3.Connection) -> None:
        """Raise if somebody else drives the run by now."""
        row = connection.execute(statements()["epoch_of"], (self.number,)).fetchone()
        if row is None:
            raise StoreError(f"run {self.run_id} was removed from the store while it went on")
        if row[0] != self.epoch:
            refuse_lost(self.run_id, row[1])

    def fail(self, error: StoreError) -> None:
        """Nothing more can be written."""
        if self.error is None:
            self.error = error
            self.on_news()

    def hear(self, what: list[str]) -> None:
        """Others ask for something."""
        self._news += what
        self.on_news()

    # --- inside ---

    @property
    def _names(self) -> Names:
        return Names(self._writer.place.runs, self.run_id)

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        if self.error is not None:
            raise self.error
        if not self._is_open:
            raise StoreError(f"the ledger of run {self.run_id} is closed")
        return self._writer.do(work, self)

    def _sync(self, paths: list[str]) -> None:
        """Put files on the disk that are not there yet, then the lists that have their names."""
        new = set(paths) - self._synced
        for path in new:
            seal(path)
        for folder in {os.path.dirname(path) for path in new}:
            sync(folder)
        if new and not self._synced:
            sync(self.run_dir)
            sync(self._writer.place.runs)
        self._synced |= new
        if new:
            reach("values synced")

    def _clean(self) -> None:
        """Remove the files that nobody can need any more."""
        shutil.rmtree(os.path.join(self.run_dir, "logs"), ignore_errors=True)
        with suppress(FileNotFoundError):  # a run without worker processes has none
            os.unlink(os.path.join(self.run_dir, "code"))
        values = values_file(self._writer.place.runs, self.run_id)
        named = self._do(
            lambda connection: {
                name
                for (name,) in connection.execute(statements()["files_of_home"], (self.run_id,))
            }
        )
        for name in os.listdir(values):
            if name not in named:
                os.unlink(os.path.join(values, name))
        if not named:
            with suppress(OSError):  # somebody put other files there
                os.rmdir(values)
                os.rmdir(self.run_dir)

    def _let_go(self) -> None:
        self._is_open = False
        self._writer.ledgers.pop(self.number, None)
        DRIVEN.discard(self._key)


def _add_sources(connection: sqlite3.Connection, made: Trace, trace: NewTrace) -> None:
    """The sources of a trace; a text that an earlier one had is not written again."""
    sql, number = statements(), made.base >> SHIFT
    for module, source in trace.sources.items():
        digest = hashlib.sha256(source.text).digest()
        connection.execute(sql["add_text"], (digest, source.text))
        row = (number, module, storable(source.path), source.is_package, digest)
        connection.execute(sql["add_source"], row)


def _ignore() -> None:
    """Nobody wants to hear news yet."""


def _as_text(reasons: Mapping[str, Sequence[str]]) -> str:
    return to_json({name: list(said) for name, said in reasons.items()})
