"""What a SQLite store tells of its runs, over connections that only read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Source
from taskflow.lifecycle import TASK_STATES
from taskflow.plain import readable, storable
from taskflow.records import Group, RunFilter
from taskflow.store import reading
from taskflow.store.codec import to_json
from taskflow.store.faults import explain
from taskflow.store.filenames import Names
from taskflow.store.ledger import DRIVEN
from taskflow.store.opening import open_reader
from taskflow.store.owners import lives, me
from taskflow.store.shared import BAD_RUNS, SHIFT, Open, pick, pick_last
from taskflow.store.sqltext import statements
from taskflow.store.writer import ABANDONED, Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping, Sequence

    from taskflow.records import Given, Kept, LogRow, Owner, RunRow, TraceRow, Tried
    from taskflow.store.places import Place

#: Rows that are read at once: nobody's reading keeps the log of writes from being emptied for long.
_PAGE: Final = 5_000
#: Greater than all that ids are made of.
_LAST: Final = "\U0010ffff"

Row = tuple[Any, ...]


class History:
    """The reading half of a SQLite store."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.writer = Writer(place)
        self._idle: list[sqlite3.Connection] = []

    # --- runs ---

    def runs(self, wanted: RunFilter = RunFilter()) -> list[RunRow]:  # noqa: B008 - frozen
        """The runs that are wanted, newest first."""
        states = set(wanted.states)
        asked = {
            "pipeline": storable(wanted.pipeline),
            # Whether one is interrupted is known only when its owner was looked for.
            "states": to_json([*states, "running"] if "interrupted" in states else [*states]),
            "since": wanted.since,
            "until": wanted.until,
            "tags": to_json(sorted(set(wanted.tags))),
        }
        found: list[RunRow] = []
        with self._reading() as connection, closing(_named(connection, "runs", asked)) as rows:
            for row in rows:
                run = reading.run_row(row, self.drives)
                if not states or run.state in states:
                    found.append(run)
                if wanted.limit and len(found) == wanted.limit:
                    break
        return found

    def find(self, name: str) -> RunRow:
        """The run that a name means."""
        if name in ("last", "last-failed"):
            states = BAD_RUNS if name == "last-failed" else ()
            return pick_last(name, self.runs(RunFilter(states=states, limit=1)))
        text = storable(name)
        with self._reading() as connection:
            rows = list(_named(connection, "run", (text,)))
            if not rows and isinstance(text, str):
                rows = list(_named(connection, "runs_with_prefix", (text, text + _LAST)))
            matches = [reading.run_row(row, self.drives) for row in rows]
        known = [] if matches else [each for (each,) in self._all("newest_ids")]
        return pick(name, matches, known)

    def drives(self, run_id: str, owner: Owner) -> bool:
        """Whether an owner still has a run in hand; one of this process may have let go of it."""
        if owner[:4] == me(0.0)[:4]:
            return (self.place.database, run_id) in DRIVEN
        return self.lives(owner)

    def lives(self, owner: Owner) -> bool:
        """Whether a process that owns something here still runs."""
        return lives(owner, self.place.folder)

    # --- what happened in one ---

    def traces(self, run_id: str) -> list[TraceRow]:
        """The traces of a run."""
        return [reading.trace_row(row) for row in self._all("traces", run_id)]

    def sources(self, run_id: str, trace: int) -> dict[str, Source]:
        """The sources of a trace."""
        number = self._trace(run_id, trace) >> SHIFT
        return {
            module: Source(readable(path), text, bool(is_package))
            for module, path, text, is_package in self._all("sources", number)
        }

    def groups(self, run_id: str) -> list[Group]:
        """The task runs of the last trace, counted."""
        return [
            Group(readable(path), readable(name), TASK_STATES[state], *numbers)
            for path, name, state, *numbers in self._all("groups", self._last(run_id) >> SHIFT)
        ]

    def kept(self, run_id: str, trace: int, nodes: Collection[int] | None = None) -> Iterator[Kept]:
        """The records of a trace, or of some nodes of it."""
        low = self._trace(run_id, trace)
        if not low:
            return
        places, names = self._places(low), self._names(run_id)
        statement = "outcomes" if nodes is None else "outcomes_of_nodes"
        asked = (_PAGE,) if nodes is None else (to_json(sorted(nodes)), _PAGE)
        after = low
        while rows := self._all(statement, after, _high(low), *asked):
            for row in rows:
                if row[1] not in places:  # written after the places were read
                    places = self._places(low)
                yield reading.kept_row(row, places, names)
                after = row[0]

    def failures(self, run_id: str, limit: int = 100) -> list[Kept]:
        """Bad outcomes of the last trace."""
        low = self._last(run_id)
        rows = self._all("bad_outcomes", low, _high(low), limit)
        places, names = self._places(low) if rows else {}, self._names(run_id)
        return [reading.kept_row(row, places, names) for row in rows]

    def tried(self, run_id: str, trace: int) -> list[Tried]:
        """Attempts that were not the last."""
        low = self._trace(run_id, trace)
        return [reading.tried_row(row) for row in self._all("tries", low, _high(low))]

    def given(self, run_id: str, trace: int) -> list[Given]:
        """Batches that have not ended."""
        low = self._trace(run_id, trace)
        batches = [reading.given_row(row) for row in self._all("batches", low, _high(low))]
        if not batches:
            return []
        left = Open()
        for number, *ending in self._all_named("endings", {"low": low, "high": _high(low)}):
            while batches and batches[0][0] < number:
                left.give(batches.pop(0)[1])
            left.end(*ending)
        for _, batch in batches:
            left.give(batch)
        return left.batches()

    def logs(self, run_id: str, key: str = "", *, after: int = 0, level: int = 0) -> list[LogRow]:
        """What tasks wrote."""
        found, task = [], storable(key)
        for (trace,) in self._all("trace_ids", run_id):
            low = trace << SHIFT
            asked = {"low": low, "high": _high(low), "after": after, "level": level, "key": task}
            found += self._all_named("written", asked)
        return [reading.log_row(row) for row in found]

    # --- the process that reads ---

    def disown(self) -> None:
        """In a child: begin anew, and leave what the parent has open alone."""
        self.writer.abandon()
        ABANDONED.extend(self._idle)
        self.writer, self._idle = Writer(self.place), []

    # --- inside ---

    def _trace(self, run_id: str, number: int) -> int:
        """What the rows of a trace begin from; 0 where there is none."""
        rows = self._all("trace", run_id, number)
        return rows[0][0] << SHIFT if rows else 0

    def _last(self, run_id: str) -> int:
        rows = self._all("latest_trace", run_id)
        return rows[0][0] << SHIFT if rows else 0

    def _places(self, low: int) -> dict[int, tuple[str, str]]:
        return {
            number - low: (readable(path), readable(name))
            for number, path, name in self._all("places", low, _high(low))
        }

    def _names(self, run_id: str = "") -> Names:
        return Names(self.place.runs, run_id)

    def _all(self, name: str, *values: Any) -> list[Row]:
        return self._all_named(name, values)

    def _all_named(self, name: str, values: Mapping[str, Any] | Sequence[Any]) -> list[Row]:
        """All rows that a statement finds; none where there is no database yet."""
        with self._reading() as connection:
            if connection is None:
                return []
            return connection.execute(statements()[name], values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection for a moment; None where there is no database yet."""
        connection = None
        try:
            connection = self._next_reader()
            yield connection
        except (sqlite3.Error, OSError) as error:
            if connection is not None:
                connection.close()
            raise explain(error, self.place) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        if connection is not None:
            self._idle.append(connection)

    def _next_reader(self) -> sqlite3.Connection | None:
        with suppress(IndexError):  # all are in use
            return self._idle.pop()
        connection = open_reader(self.place)
        if connection is None and os.path.exists(self.place.database):
            self.writer.do(lambda _: None)  # it makes the tables, or migrates them
            connection = open_reader(self.place)
        return connection


def _named(
    connection: sqlite3.Connection | None, name: str, values: dict[str, Any] | Sequence[Any]
) -> Generator[sqlite3.Row]:
    """The rows that a statement finds, with the names of their columns."""
    if connection is None:
        return
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    try:
        yield from cursor.execute(statements()[name], values)
    finally:
        cursor.close()


def _high(low: int) -> int:
    """The last number that a row of a trace can have."""
    return low | (1 << SHIFT) - 1
