"""Keeping house: which runs and values of a store go, and how, while others use it."""

from __future__ import annotations

import functools
import math
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from taskflow.records import Removed
from taskflow.store.filenames import values_file
from taskflow.store.shared import SHIFT, too_old
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from taskflow.records import Retention

#: Rows that one transaction removes: runs that go on must not wait for long.
_STEP: Final = 10_000
_DAY: Final = 86_400.0
#: Seconds for which a file that no row names may be one that a row is about to name.
_GRACE: Final = 3_600.0

#: Rows of a trace that may be many.
_LONG: Final = (
    "remove_outcomes", "remove_written", "remove_places", "remove_tries", "remove_batches",
)  # fmt: skip


class Housekeeping:
    """One cleaning of a store.

    `do` does a job in a write transaction, `read` gives the rows that a statement finds, and
    `claim` finds a run in a transaction: its number and state, or None while somebody drives it.
    """

    def __init__(
        self,
        runs: str,
        do: Callable[[Callable[[sqlite3.Connection], Any]], Any],
        read: Callable[..., list[tuple[Any, ...]]],
        claim: Callable[[sqlite3.Connection, str], tuple[int, str] | None],
    ) -> None:
        self._runs, self._do, self._read, self._claim = runs, do, read, claim
        self._files = self._bytes = 0

    def clean(self, retention: Retention, now: float) -> Removed:
        """Remove what the retention does not keep."""
        old = too_old(self._read("runs_to_judge"), retention, now)
        gone = {run_id for run_id in old if self._remove_run(run_id)}
        for (trace,) in self._read("ownerless_traces"):
            self._remove_trace(trace)
        self._change("remove_versions")
        self._change("remove_texts")
        self._change("old_ticks", now - retention.days * _DAY)
        self._change("remove_expired_files", now)
        self._change("remove_expired", now)
        self._drop_values(retention.bytes)
        self._sweep(gone, now)
        self._change("set_fact", "last gc", str(now))
        return Removed(len(gone), self._files, self._bytes)

    # --- rows ---

    def _remove_run(self, run_id: str) -> bool:
        """Remove the row of a run, whose traces follow: from now on nobody can take it up."""

        def work(connection: sqlite3.Connection) -> bool:
            found = self._claim(connection, run_id)
            if found is not None:
                for statement in ("remove_run", "forget_workers", "forget_requests"):
                    connection.execute(statements()[statement], found[:1])
            return found is not None

        removed: bool = self._do(work)
        return removed

    def _remove_trace(self, trace: int) -> None:
        """Remove the rows of a trace; its own goes last, so that a kill leaves it to be found."""
        low = trace << SHIFT
        high = low | (1 << SHIFT) - 1
        for statement in _LONG:
            while self._change(statement, low, high, _STEP) == _STEP:
                continue
        self._change("remove_files", low, high)
        for statement in ("remove_tallies", "remove_sources", "remove_trace"):
            self._change(statement, trace)

    def _change(self, statement: str, *values: Any) -> int:
        """How many rows a statement has changed."""
        changed: int = self._do(
            lambda connection: connection.execute(statements()[statement], values).rowcount
        )
        return changed

    # --- values ---

    def _drop_values(self, allowed: int) -> None:
        """Drop the largest values of runs that succeeded, until all values together fit."""
        excess = self._read("bytes_of_values")[0][0] - allowed
        for home, name, size in self._read("values_to_drop") if excess > 0 else ():
            if excess <= 0:
                break
            if self._do(functools.partial(self._drop, home, name)):
                excess -= size
                self._unlink(values_file(self._runs, home, name))

    def _drop(self, home: str, name: str, connection: sqlite3.Connection) -> bool:
        """Let rows forget a file, if all that name it are of runs that succeeded."""
        sql = statements()
        users = connection.execute(sql["users_of_file"], (home, name)).fetchall()
        for _, run_id, state in users:
            if state != "succeeded" or self._claim(connection, run_id) is None:
                return False
        rows = [(outcome,) for outcome, *_ in users]
        connection.executemany(sql["drop_value"], rows)
        connection.executemany(sql["forget_files"], rows)
        return bool(rows)

    # --- files ---

    def _sweep(self, gone: set[str], now: float) -> None:
        """Remove files that no row names, and folders of runs that are not known."""
        with suppress(FileNotFoundError):  # nothing has been kept yet
            for run_id in os.listdir(self._runs):
                self._sweep_folder(run_id, -math.inf if run_id in gone else _GRACE, now)

    def _sweep_folder(self, run_id: str, grace: float, now: float) -> None:
        folder = os.path.join(self._runs, run_id)
        is_known = bool(self._read("run", run_id))
        if is_known and not self._do(lambda connection: self._claim(connection, run_id)):
            return
        named = {name for (name,) in self._read("files_of_home", run_id)}
        with suppress(FileNotFoundError):  # a run without large values has none
            for name in os.listdir(os.path.join(folder, "values")):
                path = values_file(self._runs, run_id, name)
                if name not in named and _age(path, now) >= grace:
                    self._unlink(path)
        if not is_known and not named and _age(folder, now) >= grace:
            shutil.rmtree(folder, ignore_errors=True)

    def _unlink(self, path: str) -> None:
        with suppress(FileNotFoundError):  # somebody else keeps house, too
            size = os.stat(path).st_size
            os.unlink(path)
            self._files += 1
            self._bytes += size


def _age(path: str, now: float) -> float:
    """Seconds since something was last written there."""
    return now - os.stat(path).st_mtime
