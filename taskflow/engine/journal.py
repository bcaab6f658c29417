"""What a plan tells a store: a record for whatever cannot be worked out again from the rest.

Outcomes of calls, ends without a call, what iterators gave, attempts that were not the last.
Replayed in this order into a new plan for the same graph, they bring it to the same state.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from taskflow.call import ASK_VALUE, CallColumns
from taskflow.crashing import reach
from taskflow.graph.graph import DYNAMIC, FLAT, MAP, TASK
from taskflow.lifecycle import CANCELLED
from taskflow.records import (
    ASK_FED,
    NO_CALL,
    NOT_OPENED,
    AtWork,
    Given,
    Kept,
    KeptTasks,
    Tried,
    Wrote,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.call import Batch, ErrorReport, Outcome, Piece
    from taskflow.engine.plan import Plan
    from taskflow.records import Record
    from taskflow.secret import Redactor

_COUNTED = frozenset({TASK, MAP, DYNAMIC})


class Journal:
    """The journal of a plan that nobody keeps: it takes everything and writes nothing."""

    def attach(self, plan: Plan) -> None:
        """Say whose journal this is."""

    def ended(self, outcome: Outcome) -> None:
        """A call, or a span of elements, ended well or was skipped by its body."""

    def done(self, path: str, name: str, *columns: Sequence[Any]) -> None:
        """Ordinary calls of a task on one path succeeded: nodes, numbers, values, seconds."""

    def failed(self, node: int, element: int, state: str, report: ErrorReport, took: float) -> None:
        """A task run, or a question, failed for good."""

    def unrun(self, node: int, first: int, count: int, state: str) -> None:
        """Task runs ended although no call for them did: a rule, a branch, a cancel, a graph."""

    def tried(
        self, node: int, element: int, state: str, delay: float, why: str, took: float = 0.0
    ) -> None:
        """An attempt ended, and another comes in `delay` seconds."""

    def fed(self, node: int, number: int, pieces: tuple[Piece, ...], *, is_last: bool) -> None:
        """The iterator of a map gave elements."""

    def kept(self, record: Kept | Tried) -> None:
        """An earlier trace has brought this."""

    def cached(self, outcome: Outcome, run_id: str) -> None:
        """A task run, or a span of elements, ended with the result of another run."""


class Recording(Journal):
    """A journal whose records somebody collects; who drives the plan sets `now` and `slot`.

    `hide` replaces the texts of secrets in whatever is told for people.
    """

    def __init__(self, hide: Redactor | None = None) -> None:
        self.records: list[Record] = []
        self.now = 0.0
        self.slot = -1
        self._plan: Plan
        self._hide = hide if hide is not None and hide.needed else None

    def attach(self, plan: Plan) -> None:
        """Say whose journal this is."""
        self._plan = plan

    def drain(self) -> list[Record]:
        """The records since the last time."""
        records, self.records = self.records, []
        return records if self._hide is None else [_masked(each, self._hide) for each in records]

    def given(self, slot: int, batch: Batch) -> None:
        """A slot was given a batch."""
        units: list[tuple[int, int, int]] = []
        nodes: list[int] = []
        for call in batch.calls:
            if isinstance(call, CallColumns):
                nodes += call.nodes
            else:
                units.append((call.node, call.first, call.count))
        self.records.append(Given(slot, batch.id, tuple(units), self.now, nodes))

    def ended(self, outcome: Outcome) -> None:
        """A call, or a span of elements, ended well or was skipped by its body."""
        plan = self._plan
        node, first, count, state, value, seconds, attempt = outcome[:7]
        graph = plan.graph
        self.records.append(
            Kept(
                node,
                first,
                count,
                plan.ask_of(node, first),
                state,
                plan.path_of(graph.scope[node]),
                plan.name_of(node),
                graph.nth[node],
                attempt,
                self.now,
                seconds,
                value,
                self._labels(node, first, count) if first >= 0 else (),
                self.slot,
                preview=outcome.preview,
            )
        )

    def done(self, path: str, name: str, *columns: Sequence[Any]) -> None:
        """Ordinary calls of a task on one path succeeded: nodes, numbers, values, seconds."""
        self.records.append(KeptTasks(path, name, self.slot, self.now, *columns))

    def _record(self, node: int, first: int, count: int, ask: int, state: str) -> Kept:
        plan, graph = self._plan, self._plan.graph
        place = plan.path_of(graph.scope[node]), plan.name_of(node), graph.nth[node]
        keys = self._labels(node, first, count) if first >= 0 else ()
        return Kept(node, first, count, ask, state, *place, ended=self.now, keys=keys)

    def _labels(self, node: int, first: int, count: int) -> tuple[str, ...]:
        """The keys of elements that bear more than their number."""
        run = self._plan.mapping.runs.get(node)
        if run is None or not (run.keys or run.root.parent is not None) or run.parent is not None:
            return ()
        return tuple([run.label(each) for each in range(first, first + count)])

    def failed(self, node: int, element: int, state: str, report: ErrorReport, took: float) -> None:
        """A task run, or a question, failed for good."""
        record = self._record(node, element, 1, self._plan.ask_of(node, element), state)
        attempt = self._plan.attempts.last((node, element))
        self.records.append(
            record._replace(attempt=attempt, seconds=took, slot=self.slot, error=report)
        )

    def unrun(self, node: int, first: int, count: int, state: str) -> None:
        """Task runs ended although no call for them did: a rule, a branch, a cancel, a graph."""
        kind = self._plan.graph.kind[node]
        if kind in _COUNTED and count:
            self.records.append(self._record(node, first, count, NO_CALL, state))
        elif kind in (MAP, FLAT) and first < 0 and state == CANCELLED:
            # What took it as it was then, clean-up, is not to be taken for what takes it whole.
            self.records.append(self._record(node, first, count, NOT_OPENED, state))

    def tried(
        self, node: int, element: int, state: str, delay: float, why: str, took: float = 0.0
    ) -> None:
        """An attempt ended, and another comes in `delay` seconds."""
        reach("retry decided")
        plan = self._plan
        failures, losses = plan.attempts.tries.get((node, element), (0, 0))
        key, when = plan.key_of_call(node, element), self.now + delay
        self.records.append(
            Tried(node, element, key, state, failures, losses, when, self.now, took, why)
        )

    def fed(self, node: int, number: int, pieces: tuple[Piece, ...], *, is_last: bool) -> None:
        """The iterator of a map gave elements."""
        record = self._record(node, -1, 0, ASK_FED, "succeeded")
        self.records.append(record._replace(value=(number, pieces, is_last)))

    def kept(self, record: Kept | Tried) -> None:
        """An earlier trace has brought this."""
        self.records.append(record)

    def cached(self, outcome: Outcome, run_id: str) -> None:
        """A task run, or a span of elements, ended with the result of another run."""
        node, first, count, state, value = outcome[:5]
        record = self._record(node, first, count, ASK_VALUE, state)
        self.records.append(record._replace(value=value, origin=run_id))


def _masked(record: Record, hide: Redactor) -> Record:
    if isinstance(record, Kept) and (record.error or record.preview or record.why):
        error, preview, why = hide((record.error, record.preview, record.why))
        if error is not None:  # the object itself holds what its text did
            error = dataclasses.replace(error, pickled=b"")
        return record._replace(error=error, preview=preview, why=why)
    if isinstance(record, (Tried, Wrote, AtWork)):
        masked: Record = hide(record)
        return masked
    return record
