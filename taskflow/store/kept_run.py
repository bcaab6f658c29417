"""A run in memory: its traces, and the ledger that writes them."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from taskflow.errors import StoreError
from taskflow.records import AtWork, Given, Kept, KeptTasks, RunRow, TraceRow
from taskflow.store.filenames import stored_in
from taskflow.store.shared import SHIFT, refuse_lost

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from taskflow.records import NewTrace, Record


class KeptTrace:
    """One go at a run, with its records in their order."""

    def __init__(self, trace: NewTrace, number: int, reasons: dict[str, list[str]]) -> None:
        self.row = TraceRow(number, trace.graph, trace.codes, trace.time, reasons)
        self.sources = trace.sources
        self.records: list[Record] = []

    def add(self, records: Iterable[Record]) -> None:
        """Keep records, each task run as one of its own."""
        for record in records:
            self.records += record.apart() if isinstance(record, KeptTasks) else (record,)

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of a kind, in their order."""
        return [each for each in self.records if isinstance(each, kind)]


class KeptRun:
    """What is known of a run: its row and its traces."""

    def __init__(self, row: RunRow, run_dir: str) -> None:
        self.row = row
        self.run_dir = run_dir
        self.traces: list[KeptTrace] = []
        self.ledger: MemoryLedger | None = None


class MemoryLedger:
    """Keeps the records of one run in lists."""

    def __init__(self, life: KeptRun, guard: threading.RLock) -> None:
        self.run_dir = life.run_dir
        self.on_news: Callable[[], None] = lambda: None
        self._life, self._guard = life, guard
        self._news: list[str] = []
        life.ledger = self

    @property
    def busy(self) -> float:
        """Never: there is nothing to wait for."""
        return 0.0

    def begin(
        self,
        trace: NewTrace,
        kept: Sequence[Record] = (),
        *,
        digested: Sequence[tuple[Kept, bytes]] = (),
        reasons: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Begin a trace."""
        said = {name: list(each) for name, each in (reasons or {}).items()}
        with self._guard:
            life = self._owned()
            for record, digests in digested:
                _add_digests(life, record, digests)
            made = KeptTrace(trace, len(life.traces) + 1, said)
            made.add(kept)
            life.traces.append(made)
            started = life.row.started or trace.time
            life.row = replace(life.row, state="running", started=started, at_work=AtWork())

    def write(self, records: Sequence[Record]) -> None:
        """Keep records."""
        with self._guard:
            life = self._life
            if not life.traces:
                raise StoreError(f"run {life.row.id} has no trace yet: begin one, then write")
            if life.ledger is None:
                raise StoreError(f"the ledger of run {life.row.id} is closed")
            if life.ledger is self:
                life.traces[-1].add(each for each in records if not isinstance(each, AtWork))
                for each in records:
                    if isinstance(each, AtWork):
                        life.row = replace(life.row, at_work=each)

    def poll(self) -> list[str]:
        """What others ask for."""
        with self._guard:
            self._owned()
            news, self._news = self._news, []
            return news

    def flush(self) -> None:
        """All that was written is kept already."""
        self._owned()

    def end(
        self,
        state: str,
        *,
        seconds: float,
        counts: Mapping[str, int],
        reasons: Mapping[str, Sequence[str]] | None = None,
        **more: str,
    ) -> None:
        """Keep the end."""
        with self._guard:
            life = self._owned()
            _clean(life)
            began = life.traces[-1].row.time if life.traces else time.time()
            life.row = replace(
                life.row,
                state=state,
                ended=began + seconds,
                seconds=seconds,
                counts=dict(counts),
                why=more.get("why", ""),
                error=more.get("error", ""),
                result=more.get("result", ""),
                at_work=AtWork(),
                stalled=0,
                owner=None,
            )
            if reasons is not None and life.traces:
                said = {name: list(each) for name, each in reasons.items()}
                life.traces[-1].row = replace(life.traces[-1].row, reasons=said)
            for trace in life.traces:
                trace.records = [each for each in trace.records if not isinstance(each, Given)]
            life.ledger = None

    def close(self) -> None:
        """Let go without an end."""
        with self._guard:
            if self._life.ledger is self:
                self._life.ledger = None

    def hear(self, what: str) -> None:
        """Somebody asks for something."""
        self._news.append(what)
        self.on_news()

    def _owned(self) -> KeptRun:
        life = self._life
        if life.ledger is not None and life.ledger is not self:
            refuse_lost(life.row.id, os.getpid())
        if life.ledger is None:
            raise StoreError(f"the ledger of run {life.row.id} is closed")
        return life


def _add_digests(life: KeptRun, record: Kept, digests: bytes) -> None:
    """Write the digests of inputs beside an outcome of an earlier trace."""
    trace, number = life.traces[(record.row >> SHIFT) - 1], record.row & (1 << SHIFT) - 1
    trace.records[number] = record._replace(digests=digests)


def _clean(life: KeptRun) -> None:
    """Remove the files that nobody can need any more."""
    for folder in ("code", "logs"):
        shutil.rmtree(os.path.join(life.run_dir, folder), ignore_errors=True)
    kept = [each.value for trace in life.traces for each in trace.of(Kept)]
    named = {stored.path for value in kept for stored in stored_in(value)}
    values = os.path.join(life.run_dir, "values")
    for name in os.listdir(values):
        if os.path.join(values, name) not in named:
            os.unlink(os.path.join(values, name))
