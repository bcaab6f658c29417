"""Records of a trace as rows of the database."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

import msgspec.msgpack

from taskflow.lifecycle import SUCCEEDED, TASK_STATES
from taskflow.plain import storable
from taskflow.records import AtWork, Given, Kept, KeptTasks, Tried, Worker
from taskflow.store.bulk import insert, quick
from taskflow.store.codec import encode, pack, to_json
from taskflow.store.filenames import stored_in
from taskflow.store.shared import COUNTED, SHIFT
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from taskflow.call import Stored
    from taskflow.records import Record, Wrote
    from taskflow.store.filenames import Names

_STATE: Final = {state: number for number, state in enumerate(TASK_STATES)}

#: Origins that need no words: it ran here, or it is kept from an earlier trace.
_COMMON: Final = ("", "kept")


class Trace:
    """What is known of the trace that is being written: its next row, and its places."""

    def __init__(self, number: int, names: Names) -> None:
        self.base = number << SHIFT
        self.names = names
        self._sequence = 0
        self._places: dict[tuple[str, str], int] = {}

    def next_row(self) -> int:
        """The number of the next row; rows of all tables share one count."""
        self._sequence += 1
        return self.base | self._sequence

    def next_rows(self, count: int) -> range:
        """The numbers of the next rows."""
        first = self.base | self._sequence + 1
        self._sequence += count
        return range(first, first + count)

    def place(self, path: str, name: str, rows: Rows) -> int:
        """The number of a path and name, for which a row is added when it is new."""
        known = self._places.get((path, name))
        if known is None:
            known = self._places[path, name] = len(self._places)
            rows.add_place(self.base | known, path, name)
        return known


class Rows:
    """Rows for a transaction: made of records without the database, then inserted at once."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.stored: list[Stored] = []
        #: By statement the values of its rows, one after another.
        self._values: defaultdict[str, list[Any]] = defaultdict(list)
        self._at_work: tuple[str, int] | None = None
        #: by place and state: count, kept, seconds, ended
        self._tallies: dict[tuple[int, int], list[Any]] = {}

    def add_place(self, number: int, path: str, name: str) -> None:
        """Add a pair of path and name that the trace has not had."""
        self._other("add_place", number, storable(path), storable(name))

    def add(self, records: Sequence[Record], run: int, boot: str) -> None:
        """Make rows of records, in their order."""
        for record in records:
            if isinstance(record, Kept):
                self._add_kept(record)
            elif isinstance(record, KeptTasks):
                self._add_tasks(record)
            elif isinstance(record, Tried):
                self._add_tried(record)
            elif isinstance(record, Given):
                self._add_given(record)
            elif isinstance(record, Worker):
                slot, pid, started, time = record
                self._other("add_worker", run, pid, started, slot, boot, time)
            elif isinstance(record, AtWork):
                self._at_work = to_json(record), run
            else:
                self._add_wrote(record)

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write the rows; the transaction is the caller's."""
        for name, values in self._values.items():
            insert(connection, name, values)
        if self._at_work is not None:
            connection.execute(statements()["set_at_work"], self._at_work)
        trace = self._trace.base >> SHIFT
        tallies = [(trace, *key, *tally) for key, tally in self._tallies.items()]
        insert(connection, "add_tally", list(chain.from_iterable(tallies)))

    def _add_kept(self, record: Kept) -> None:
        (
            node, first, count, ask, state, path, name, nth, attempt, ended, seconds, value, keys,
            slot, why, origin, preview, error, digests, _,
        ) = record  # fmt: skip
        place, code = self._trace.place(path, name, self), _STATE[state]
        row = self._trace.next_row()
        is_coded = value is not None and type(value) is not bytes
        if is_coded:
            value = self._encoded(value, row)
        plain = (
            row, place, node, first, count, ask, code, nth, attempt, slot, ended, seconds,
            int(origin != ""), int(is_coded), quick(value),
        )  # fmt: skip
        is_rare = keys or why or error is not None or origin not in _COMMON
        if is_rare or preview or digests:
            text = storable(preview) if preview else None
            more = pack(_rare(record)) if is_rare else None
            self._other("add_full_outcome", *plain, quick(digests or None), text, more)
        else:
            self._values["add_outcome"] += plain
        if name and (ask, state) in COUNTED:
            self._count(place, code, count, count if origin else 0, seconds, ended)

    def _add_tasks(self, tasks: KeptTasks) -> None:
        path, name, slot, ended, nodes, nths, values, seconds = tasks
        place, count = self._trace.place(path, name, self), len(nodes)
        columns = (
            self._trace.next_rows(count), repeat(place, count), nodes, nths, repeat(slot, count),
            repeat(ended, count), seconds, map(quick, values),
        )  # fmt: skip
        self._values["add_task"] += chain.from_iterable(zip(*columns, strict=True))
        if name and count:
            self._count(place, _STATE[SUCCEEDED], count, 0, sum(seconds), ended)

    def _count(
        self, place: int, code: int, count: int, kept: int, seconds: float, ended: float
    ) -> None:
        tally = self._tallies.get((place, code))
        if tally is None:
            self._tallies[place, code] = [count, kept, seconds, ended]
            return
        tally[0] += count
        tally[1] += kept
        tally[2] += seconds
        tally[3] = max(tally[3], ended)

    def _encoded(self, value: Any, row: int) -> bytes:
        """A value that is more than bytes; its files are noted."""
        names = self._trace.names
        for stored in stored_in(value):
            self.stored.append(stored)
            self._other("add_file", *names.split(stored.path), row, "", stored.size)
        return encode(value, names.name)

    def _add_given(self, record: Given) -> None:
        slot, batch, units, time, nodes = record
        # Whole numbers and nothing else: they need none of the marks of `pack`.
        packed = bytearray(msgspec.msgpack.encode((units, list(nodes))))
        self._other("add_batch", self._trace.next_row(), slot, batch, time, packed)

    def _add_tried(self, record: Tried) -> None:
        node, element, key, state, failures, losses, when, ended, seconds, why, error = record
        self._other(
            "add_try",
            self._trace.next_row(), node, element, storable(key), state, failures, losses, when,
            ended, seconds, pack((why, error)) if why or error else None,
        )  # fmt: skip

    def _add_wrote(self, record: Wrote) -> None:
        key, time, text, level, logger = record
        row = self._trace.next_row()
        texts = storable(logger), storable(text)
        self._other("add_written", row, storable(key), time, level, *texts)

    def _other(self, statement: str, *row: Any) -> None:
        self._values[statement] += row


def _rare(record: Kept) -> dict[str, Any]:
    """What few records have."""
    fields = {
        "keys": record.keys,
        "why": record.why,
        "origin": "" if record.origin in _COMMON else record.origin,
        "error": record.error,
    }
    return {name: value for name, value in fields.items() if value}
