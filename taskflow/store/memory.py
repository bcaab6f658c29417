"""A store that keeps nothing beyond this process: for tests, and for runs nobody asks about."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

from taskflow.errors import StoreError, UnknownRunError
from taskflow.lifecycle import BAD
from taskflow.records import (
    Given,
    Group,
    Kept,
    LogRow,
    Removed,
    RunFilter,
    RunRow,
    TraceRow,
    Tried,
    Wrote,
)
from taskflow.store.filenames import stored_in
from taskflow.store.kept_run import KeptRun, KeptTrace, MemoryLedger
from taskflow.store.owners import me
from taskflow.store.shared import (
    BAD_RUNS,
    COUNTED,
    SHIFT,
    Open,
    has_progressed,
    interrupted,
    is_wanted,
    pick,
    pick_last,
    refuse_owned,
    too_old,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from taskflow.call import Source
    from taskflow.records import CacheEntry, NewRun, Retention


class MemoryStore:
    """Keeps runs in lists, and the files of their values in a temporary folder."""

    url = "memory:"

    def __init__(self) -> None:
        self.is_closed = False
        self._guard = threading.RLock()
        self._lives: dict[str, KeptRun] = {}
        self._cache: dict[str, CacheEntry] = {}
        self._claims: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._finish = weakref.finalize(self, _remove_all, self._folders, os.getpid())

    def close(self) -> None:
        """Forget everything, files included."""
        self.is_closed = True
        self._finish()

    # --- writing ---

    def new_dir(self, run_id: str) -> str:
        """Make the folder of a run."""
        with self._guard:
            if run_id not in self._folders:
                self._folders[run_id] = tempfile.mkdtemp(prefix="taskflow-memory-")
            os.makedirs(os.path.join(self._folders[run_id], "values"), 0o700, exist_ok=True)
            return self._folders[run_id]

    def create(self, run: NewRun) -> MemoryLedger:
        """Keep a new run."""
        with self._guard:
            if run.id in self._lives:
                raise StoreError(f"there is a run {run.id} already in this store")
            row = RunRow(
                run.id, run.pipeline, "running", run.created, file=run.file, entry=run.entry,
                params=run.params, values=run.values, given=run.given, secrets=run.secrets,
                tags=run.tags, settings=run.settings, parent=run.parent, epoch=1,
                owner=me(time.time()),
            )  # fmt: skip
            life = self._lives[run.id] = KeptRun(row, self.new_dir(run.id))
            return MemoryLedger(life, self._guard)

    def take_over(self, run_id: str) -> MemoryLedger:
        """Own a run that nobody drives."""
        with self._guard:
            life = self._lives.get(run_id)
            if life is None:
                raise UnknownRunError(f"there is no run {run_id} in this store")
            if life.ledger is not None and life.row.owner is not None:
                refuse_owned(run_id, life.row.owner)
            last = life.traces[-1].of(Kept) if life.traces else []
            was_cut_off = life.row.state == "running" and not has_progressed(last)
            life.row = replace(
                life.row,
                epoch=life.row.epoch + 1,
                stalled=life.row.stalled + 1 if was_cut_off else 0,
                owner=me(time.time()),
            )
            self.new_dir(run_id)
            return MemoryLedger(life, self._guard)

    def request(self, run_id: str, what: str) -> bool:
        """Ask the owner of a run for something."""
        with self._guard:
            life = self._lives.get(run_id)
            if life is None or life.ledger is None:
                return False
            life.ledger.hear(what)
            return True

    # --- history ---

    def runs(self, wanted: RunFilter = RunFilter()) -> list[RunRow]:  # noqa: B008 - frozen
        """The runs that are wanted, newest first."""
        with self._guard:
            rows = [interrupted(each.row, each.ledger is None) for each in self._lives.values()]
        rows.reverse()
        rows.sort(key=lambda row: row.created, reverse=True)
        found = [row for row in rows if is_wanted(row, wanted)]
        return found[: wanted.limit] if wanted.limit else found

    def find(self, name: str) -> RunRow:
        """The run that a name means."""
        if name in ("last", "last-failed"):
            states = BAD_RUNS if name == "last-failed" else ()
            return pick_last(name, self.runs(RunFilter(states=states, limit=1)))
        rows = self.runs(RunFilter(limit=0))
        matches = [row for row in rows if row.id.startswith(name)]
        return pick(name, matches, [row.id for row in rows])

    def traces(self, run_id: str) -> list[TraceRow]:
        """The traces of a run."""
        return [each.row for each in self._traces(run_id)]

    def sources(self, run_id: str, trace: int) -> dict[str, Source]:
        """The sources of a trace."""
        return {
            name: each for one in self._trace(run_id, trace) for name, each in one.sources.items()
        }

    def groups(self, run_id: str) -> list[Group]:
        """The task runs of the last trace, counted."""
        found: dict[tuple[str, str, str], Group] = {}
        for each in self._last(run_id):
            if each.name and (each.ask, each.state) in COUNTED:
                place = each.path, each.name, each.state
                known = found.get(place) or Group(*place, 0, 0.0, 0.0)
                found[place] = Group(
                    *place,
                    known.count + each.count,
                    known.seconds + each.seconds,
                    max(known.ended, each.ended),
                    known.kept + (each.count if each.origin else 0),
                )
        return list(found.values())

    def kept(self, run_id: str, trace: int, nodes: Collection[int] | None = None) -> Iterator[Kept]:
        """The records of a trace, or of some nodes of it."""
        for one in self._trace(run_id, trace):
            yield from (each for each in _numbered(one) if nodes is None or each.node in nodes)

    def failures(self, run_id: str, limit: int = 100) -> list[Kept]:
        """Bad outcomes of the last trace."""
        return [each for each in self._last(run_id) if each.state in BAD][:limit]

    def tried(self, run_id: str, trace: int) -> list[Tried]:
        """Attempts that were not the last."""
        return [each for one in self._trace(run_id, trace) for each in one.of(Tried)]

    def given(self, run_id: str, trace: int) -> list[Given]:
        """Batches that have not ended."""
        left = Open()
        for one in self._trace(run_id, trace):
            for each in list(one.records):
                if isinstance(each, Given):
                    left.give(each)
                elif isinstance(each, Kept):
                    left.end(each.node, each.first, each.count)
                elif isinstance(each, Tried):
                    left.end(each.node, each.element, 1)
        return left.batches()

    def logs(self, run_id: str, key: str = "", *, after: int = 0, level: int = 0) -> list[LogRow]:
        """What tasks wrote."""
        records = [each for one in self._traces(run_id) for each in one.of(Wrote)]
        return [
            LogRow(number, each.key, each.time, each.level, each.logger, each.text)
            for number, each in enumerate(records, 1)
            if number > after
            and each.level >= level
            and (not key or each.key == key or each.key.startswith(f"{key}["))
        ]

    # --- cache ---

    def cached(self, keys: Sequence[str], now: float) -> dict[str, CacheEntry]:
        """Results of earlier runs."""
        with self._guard:
            found = {key: self._cache[key] for key in keys if key in self._cache}
        return {key: each for key, each in found.items() if not each.expires or each.expires > now}

    def claim(self, keys: Sequence[str], run_id: str) -> set[str]:
        """Claim what no living run has claimed."""
        with self._guard:
            mine = {key for key in keys if self._is_free(key, run_id)}
            self._claims.update(dict.fromkeys(mine, run_id))
            return mine

    def cache(self, entries: Sequence[CacheEntry]) -> None:
        """Keep results for others."""
        with self._guard:
            for entry in entries:
                self._cache[entry.key] = entry
                self._claims.pop(entry.key, None)

    def release(self, keys: Sequence[str], run_id: str) -> None:
        """Give up claims."""
        with self._guard:
            for key in keys:
                if self._claims.get(key) == run_id:
                    del self._claims[key]

    def nearest(self, name: str, limit: int = 5) -> list[CacheEntry]:
        """The newest results of a task."""
        with self._guard:
            found = [each for each in self._cache.values() if each.name == name]
        return sorted(found, key=lambda each: each.time, reverse=True)[:limit]

    # --- keeping house ---

    def gc(self, retention: Retention, now: float) -> Removed:
        """Remove old runs; values of the others are kept, whatever their size."""
        with self._guard:
            rows = self.runs(RunFilter(limit=0))
            old = set(
                too_old([(row.id, row.pipeline, row.created) for row in rows], retention, now)
            )
            gone = [run_id for run_id in old if self._lives[run_id].ledger is None]
            for run_id in gone:
                del self._lives[run_id]
            self._cache = {
                key: each
                for key, each in self._cache.items()
                if not each.expires or each.expires > now
            }
            named = self._named()
            return Removed(len(gone), *_unlink(self._folders, gone, named))

    def gc_due(self, now: float) -> bool:
        """Never: what is here goes with the process."""
        return False

    # --- inside ---

    def _named(self) -> set[str]:
        """The paths of all values that are kept."""
        values = [each.value for each in self._cache.values()]
        for life in self._lives.values():
            values += [each.value for trace in life.traces for each in trace.of(Kept)]
        return {stored.path for value in values for stored in stored_in(value)}

    def _traces(self, run_id: str) -> list[KeptTrace]:
        life = self._lives.get(run_id)
        return life.traces if life else []

    def _trace(self, run_id: str, number: int) -> list[KeptTrace]:
        return [each for each in self._traces(run_id) if each.row.number == number]

    def _last(self, run_id: str) -> list[Kept]:
        return _numbered(self._traces(run_id)[-1]) if self._traces(run_id) else []

    def _is_free(self, key: str, run_id: str) -> bool:
        life = self._lives.get(self._claims.get(key, run_id))
        return life is None or life.row.id == run_id or life.ledger is None


def _numbered(trace: KeptTrace) -> list[Kept]:
    """The outcomes of a trace, with where they are."""
    base = trace.row.number << SHIFT
    return [
        each._replace(row=base | number)
        for number, each in enumerate(list(trace.records))
        if isinstance(each, Kept)
    ]


def _unlink(folders: dict[str, str], gone: list[str], named: set[str]) -> tuple[int, int]:
    """Remove the folders of runs but for the files that others name: how many, and their bytes."""
    count = size = 0
    for run_id in gone:
        values = os.path.join(folders[run_id], "values")
        unnamed = {os.path.join(values, name) for name in os.listdir(values)} - named
        for path in unnamed:
            count, size = count + 1, size + os.stat(path).st_size
            os.unlink(path)
        if not os.listdir(values):
            shutil.rmtree(folders.pop(run_id))
    return count, size


def _remove_all(folders: dict[str, str], pid: int) -> None:
    if pid == os.getpid():  # the files of a parent are not a child's to remove
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        folders.clear()
