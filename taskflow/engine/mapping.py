"""What becomes of the elements of maps: they end, stream on to other maps, and end their map.

    arrivals ──ready──▶ worker ──ended──▶ states, values ──▶ arrivals of the next map

Elements end in spans alike, so a map of a million elements costs some hundreds of steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from taskflow.call import ASK_GRAPH, ASK_SPLIT, Chunk, ErrorReport, Piece
from taskflow.engine.arrivals import Arrivals
from taskflow.engine.maps import CODE, MapRun
from taskflow.events import TasksEnded
from taskflow.graph.graph import MAP, VALUE
from taskflow.lifecycle import (
    BAD,
    CANCELLED,
    ENDED,
    FAILED,
    GOOD,
    SKIPPED,
    SUCCEEDED,
    UPSTREAM_FAILED,
)
from taskflow.values import decode_piece

if TYPE_CHECKING:
    from taskflow.call import Outcome
    from taskflow.engine.work import Work

_ENDED_CODES = frozenset(CODE[state] for state in ENDED)


class How(NamedTuple):
    """How elements ended, beside their state; attempt 0 means that they never ran."""

    took: float = 0.0
    attempt: int = 0
    why: str = ""
    error: ErrorReport | None = None


_NOT_RUN = How()


class Mapping(Arrivals):
    """The maps of a plan."""

    # --- the end of a map ---

    def check(self, run: MapRun) -> None:
        """Close a map whose sources are closed, and end it when its elements have ended."""
        if self.plan.state[run.node] in ENDED or not run.open:
            return
        if not run.closed and self._may_close(run):
            self._close(run)
        if run.is_over:
            self._finish(run)

    def _may_close(self, run: MapRun) -> bool:
        """Whether all elements are known; of a FLAT: whether all lists have been taken apart."""
        if run.splitting or not all(each.closed for each in run.sources):
            return False
        if run.parent is not None and not run.parent.is_over:
            return False
        return not run.coming

    def _close(self, run: MapRun) -> None:
        counts = [source.count for source in run.sources]
        run.closed = True
        if run.parent is not None or run.node in self._stopped:
            pass  # its elements are those that came
        elif len(set(counts)) > 1:
            lengths = ", ".join(map(str, counts))
            run.error = run.error or ErrorReport(
                "ValueError",
                f"a map runs over arguments of equal length, these have {lengths} elements",
                retryable=False,
            )
            self._grow(run, min(counts))
            run.shrink(min(counts))
        else:
            self._grow(run, counts[0])
        self._close_below(run)

    def _close_below(self, run: MapRun) -> None:
        for below, number in run.streams:
            below.sources[number].closed = True
            self._checks.append(below)

    def _finish(self, run: MapRun) -> None:
        node = run.node
        if run.error is not None:
            self.plan.errors[node] = run.error
            self.plan.failed.add(node)
            state = FAILED
        elif BAD & run.tally.keys():
            state = FAILED
        elif UPSTREAM_FAILED in run.tally:
            state = UPSTREAM_FAILED
        else:
            stopped = CANCELLED in run.tally or node in self._stopped
            state = CANCELLED if stopped else SUCCEEDED
        self._end_node(node, state, run.error)
        self._close_below(run)
        for source in run.sources:
            above = source.upstream
            if (
                above is not None
                and source.take != VALUE
                and self.plan.state[above.node] not in GOOD
            ):
                self.plan.taking.take_failures(above.node)

    def _end_node(self, node: int, state: str, error: Any) -> None:
        self.plan.end(node, state, self.runs[node].seconds)
        if error is not None:
            name, key = self.plan.name_of(node), self.plan.key_of(node)
            event = TasksEnded(key, name, state, count=0, running=False, error=error)
            self.plan.events.append(event)

    def shut(self, node: int) -> None:
        """A map ends without having been opened: maps over it end likewise."""
        run = self.runs[node]
        run.closed = True
        for below, _ in run.streams:
            self._later_abandon(below)

    def _later_abandon(self, run: MapRun) -> None:
        # The state of the map above is set right after `shut`; look at it when settling.
        for source in run.sources:
            if source.upstream is not None and source.upstream.closed:
                source.closed = True
        self.plan.expansions.after(lambda: self._abandon_if_open(run))

    def _abandon_if_open(self, run: MapRun) -> None:
        for source in run.sources:
            if source.upstream is not None and not source.upstream.open:
                state = self.plan.state[source.upstream.node]
                if state in ENDED and run.open:
                    self._abandon(run, state)

    def _abandon(self, run: MapRun, state: str) -> None:
        """A map above ended without elements: this one has none either."""
        if self.plan.state[run.node] in ENDED:
            return
        verdict = state if state in (SKIPPED, CANCELLED) else UPSTREAM_FAILED
        self._end_waiting(run, verdict)  # what another source had brought
        run.open = False
        self.shut(run.node)
        self.plan.end(run.node, verdict)

    # --- outcomes ---

    def ended(self, outcome: Outcome, *, kept: bool = False) -> None:
        """A span of elements ended well, or was skipped; or had, in an earlier trace."""
        node, first, count, state, value, took, attempt = outcome[:7]
        run = self.runs[node]
        attempt = 0 if kept else attempt
        if state == SKIPPED:
            self._end(run, first, count, SKIPPED, How(took, attempt, why=value))
        elif self.plan.ask_of(node, first) == ASK_GRAPH:
            for number, data in enumerate(decode_piece(value)):
                self.plan.expansions.open(node, first + number, data, 0.0)
        else:
            if self.plan.keeping.readers[node]:
                run.values.put(first, value)
            self._end(run, first, count, state, How(took, attempt))
        self.check(run)

    def element_ended(self, node: int, element: int, state: str, value: Any) -> None:
        """An element that had expanded into a graph ended with it."""
        run = self.runs[node]
        if state in GOOD:
            run.values.put(element, Piece(Chunk(value, whole=False), 0, 1))
        self.plan.journal.unrun(node, element, 1, state)
        self._end(run, element, 1, state, How(0.0, self._began(node, element)))
        self.check(run)

    def _began(self, node: int, element: int) -> int:
        """1 as of an attempt, unless the graph of a dynamic call was kept."""
        recall = self.plan.recall
        return int(recall is None or (node, element) not in recall.expanded)

    def end_badly(
        self, node: int, element: int, state: str, report: ErrorReport, took: float
    ) -> None:
        """An element failed for good."""
        run = self.runs[node]
        run.errors[element] = report
        attempt = self.plan.attempts.last((node, element))
        self._end(run, element, 1, state, How(took, attempt, error=report))
        self.check(run)

    def split_ended(self, node: int, first: int, answer: tuple[int, tuple[Piece, ...]]) -> None:
        """The elements of a value came back from a worker."""
        run = self.runs[node]
        count, pieces = answer
        run.splitting -= 1
        if run.parent is None:
            self.bring(run, -2 - first, pieces, is_last=True)
        elif count and node not in self._stopped:
            start = run.count
            run.lists.append((first, start))
            run.grow(start + count)
            at = start
            for piece in pieces:
                run.values.put(at, piece)
                at += piece.count
            self._end(run, start, count, SUCCEEDED)
        self.check(run)

    def split_failed(self, node: int, first: int, report: ErrorReport) -> None:
        """A value is no list of elements."""
        run = self.runs[node]
        run.splitting -= 1
        if run.parent is not None:
            element = self._lone(run, first, FAILED)
            run.errors[element] = report
            name, key = self.plan.name_of(node), self.plan.key_of(node, element)
            self.plan.events.append(
                TasksEnded(key, name or "flatten", FAILED, count=0, running=False, error=report)
            )
            self.check(run)
            return
        run.error = report
        for source in run.sources:
            source.closed = True
        run.shrink(run.ended)
        run.closed = True
        self.check(run)

    def feed(
        self,
        node: int,
        number: int,
        pieces: tuple[Piece, ...],
        error: ErrorReport | None,
        *,
        is_last: bool,
    ) -> None:
        """The iterator of a map gave elements, ended, or raised."""
        run = self.runs[node]
        self.plan.journal.fed(node, number, pieces, is_last=is_last)
        self.bring(run, number, pieces, is_last=is_last)
        if error is not None:  # what it gave so far runs to its end
            run.error = error
            run.sources[number].closed = True
            self.check(run)
        self.plan.settle()
        if is_last:
            self.check(run)
            self.plan.settle()

    def note_keys(self, node: int, first: int, keys: tuple[Any, ...]) -> None:
        """A worker said what the keys of some elements are."""
        run = self.runs[node]
        for element, key in enumerate(keys, first):
            if element not in run.keys:  # another attempt says the same again
                run.keys[element] = run.distinct(str(key))

    def _end(self, run: MapRun, first: int, count: int, state: str, how: How = _NOT_RUN) -> None:
        run.end(first, count, state)
        run.seconds += how.took
        if state in BAD:
            self.plan.failed.add(run.node)
        if self.plan.graph.kind[run.node] == MAP:
            key = self.plan.key_of(run.node, first if count == 1 else -1)
            name = self.plan.name_of(run.node)
            self.plan.events.append(
                TasksEnded(
                    key,
                    name,
                    state,
                    how.took,
                    how.attempt,
                    first,
                    count,
                    running=how.attempt > 0,
                    error=how.error,
                    why=how.why,
                )
            )
        for below, number in run.streams:
            self._announce(below, number, first, first + count, state)

    # --- cancelling and states ---

    def cancel(self, node: int) -> None:
        """End every element that does not run, and take no more."""
        run = self.runs[node]
        self._stopped.add(node)
        self._end_waiting(run, CANCELLED)
        for source in run.sources:
            source.closed = True
        self.check(run)

    def _end_waiting(self, run: MapRun, state: str) -> None:
        for first, stop in run.waiting():
            self.plan.journal.unrun(run.node, first, stop - first, state)
            self._end(run, first, stop - first, state)

    def cancel_work(self, work: Work, *, running: bool) -> None:
        """Elements that ran at the cancel, or that a slot gave back after it."""
        run = self.runs[work.node]
        if work.ask == ASK_SPLIT:
            run.splitting -= 1
        else:
            self.plan.journal.unrun(work.node, work.first, work.count, CANCELLED)
            self._end(run, work.first, work.count, CANCELLED, How(0.0, 1) if running else _NOT_RUN)
        self.check(run)

    def is_stale(self, work: Work) -> bool:
        """Whether elements on the stack have been cancelled meanwhile."""
        if work.ask == ASK_SPLIT:
            return work.node in self._stopped
        return self.runs[work.node].states[work.first] in _ENDED_CODES

    def set_state(self, work: Work, state: str) -> None:
        """Elements change state alike."""
        states = self.runs[work.node].states
        states[work.first : work.first + work.count] = bytes([CODE[state]]) * work.count
