"""What happens to maps in a run: elements arrive, become ready, end, and stream on to other maps.

    source ──arrival──▶ MapRun ──complete spans──▶ ready ──▶ worker ──▶ ended ──arrival──▶ next map

Arrivals and ends come in spans of elements alike, so a map of a million elements costs some
hundreds of steps. They wait in a queue and are worked off by `settle`, never by recursion.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from taskflow.call import ASK_GRAPH, ASK_SPLIT, Chunk, ErrorReport, Piece
from taskflow.engine.maps import CODE, NONE, MapRun, Source
from taskflow.engine.rules import RUN, judge
from taskflow.engine.work import Work
from taskflow.events import (
    BAD,
    CANCELLED,
    ENDED,
    FAILED,
    GOOD,
    PENDING,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    UPSTREAM_FAILED,
    TasksEnded,
    TasksPlanned,
)
from taskflow.graph.graph import (
    FLAT,
    MAP,
    OUTCOMES,
    SUCCESSES,
    VALUE,
    Elements,
    Iterated,
    Listed,
    Nodes,
    sources_of,
)
from taskflow.values import decode_piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.call import Outcome
    from taskflow.engine.plan import Plan

_ENDED_CODES = frozenset(CODE[state] for state in ENDED)


class Mapping:
    """The maps of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.runs: dict[int, MapRun] = {}
        self._arrivals: deque[tuple[MapRun, int, int, int, str]] = deque()
        self._backlog: dict[int, list[tuple[int, int, int, str]]] = {}
        self._watchers: dict[int, list[tuple[MapRun, int, int]]] = {}
        self._stopped: set[int] = set()  # maps that take no more elements after a cancel

    # --- the life of a map ---

    def add(self, node: int) -> None:
        """Take in a MAP or FLAT node and connect it with the maps it runs over."""
        spec = self.plan.graph.maps[node]
        run = self.runs[node] = MapRun(node, spec)
        for number, source in enumerate(spec.sources):
            if not isinstance(source, Elements):
                run.sources.append(Source())
                if isinstance(source, Iterated):
                    run.iterators.append(number)
                elif isinstance(source, Nodes):
                    for element, item in enumerate(source.items):
                        if isinstance(item, int):
                            self._watchers.setdefault(item, []).append((run, number, element))
                continue
            upstream = self.runs[source.node]
            run.sources.append(Source(upstream, source.take))
            upstream.streams.append((run, number))
            if self.plan.graph.kind[node] == FLAT:
                run.parent = upstream
            elif upstream.root.parent is not None:
                run.root = upstream.root

    def open(self, node: int) -> None:
        """The constants of a map are there: elements may run from now on."""
        run = self.runs[node]
        run.open = True
        self.plan.state[node] = RUNNING
        for number, source in enumerate(run.spec.sources):
            mine = run.sources[number]
            if isinstance(source, Listed):
                self.bring(run, number, source.pieces, is_last=True)
            elif isinstance(source, Elements):
                self._open_stream(run, mine, source)
            elif isinstance(source, Nodes):
                self._open_nodes(run, number, source)
            elif not isinstance(source, Iterated):
                run.splitting += 1
                self._push_split(node, -2 - number)
        for number, first, stop, state in self._backlog.pop(node, ()):
            self._arrivals.append((run, number, first, stop, state))
        self.check(run)

    def _open_stream(self, run: MapRun, mine: Source, source: Elements) -> None:
        assert mine.upstream is not None
        mine.closed = mine.upstream.closed
        if source.take != VALUE:
            self.plan.take_failures(source.node)
        state = self.plan.state[source.node]
        if state in ENDED and not mine.upstream.open:
            self._abandon(run, state)

    def _open_nodes(self, run: MapRun, number: int, source: Nodes) -> None:
        """A list with futures in it: its elements come as their nodes end."""
        mine = run.sources[number]
        mine.arrived, mine.closed = len(source.items), True
        for element, item in enumerate(source.items):
            if isinstance(item, bytes):
                mine.pieces.put(element, Piece(Chunk(item, whole=False), 0, 1))
                self._arrivals.append((run, number, element, element + 1, SUCCEEDED))
            elif isinstance(item, int) and self.plan.state[item] in ENDED:
                self._bring_node(run, number, element, item)

    def node_ended(self, node: int) -> None:
        """A node ended that may be an element of some maps."""
        for run, number, element in self._watchers.get(node, ()):
            if run.open:
                self._bring_node(run, number, element, node)

    def _bring_node(self, run: MapRun, number: int, element: int, node: int) -> None:
        state, pieces = self.plan.state[node], run.sources[number].pieces
        if state in GOOD:
            pieces.put(element, Piece(Chunk(self.plan.value[node], whole=False), 0, 1))
        elif state == SKIPPED:
            pieces.put(element, NONE)
        else:
            pieces.put_failed(element, self.plan.calls.failed(node))
        self._arrivals.append((run, number, element, element + 1, state))

    def _push_split(self, node: int, first: int) -> None:
        self.plan.make_ready(Work(node, first, 1, ASK_SPLIT))

    def bring(
        self, run: MapRun, number: int, pieces: tuple[Piece, ...], *, is_last: bool = False
    ) -> None:
        """A source of the map's own brought elements."""
        source = run.sources[number]
        first = source.arrived
        for piece in pieces:
            source.pieces.put(source.arrived, piece)
            source.arrived += piece.count
        source.closed = is_last
        if source.arrived > first:
            self._arrivals.append((run, number, first, source.arrived, SUCCEEDED))

    def settle(self) -> bool:
        """Work off one arrival; False when there is none."""
        if not self._arrivals:
            return False
        run, number, first, stop, state = self._arrivals.popleft()
        if run.node in self._stopped or self.plan.state[run.node] in ENDED:
            return True
        if not run.open:
            self._backlog.setdefault(run.node, []).append((number, first, stop, state))
        elif run.parent is not None:
            self._arrive_list(run, first, stop, state)
        else:
            self._arrive(run, number, first, stop, state)
        self.check(run)
        return True

    def _arrive(self, run: MapRun, number: int, first: int, stop: int, state: str) -> None:
        take = run.sources[number].take
        if state not in GOOD and take == SUCCESSES:
            state = SKIPPED
        elif state != SKIPPED and take == OUTCOMES:
            state = SUCCEEDED
        before = run.count
        complete = run.arrive(first, stop, state)
        self._planned(run, run.count - before)
        for span_first, span_stop in complete:
            for each_first, each_stop, states in run.unmarked(span_first, span_stop):
                self._release(run, each_first, each_stop, states)

    def _release(self, run: MapRun, first: int, stop: int, states: list[str] | None) -> None:
        """A span of elements has all its inputs: it runs, or ends as the rule says."""
        spec = self.plan.spec_of(run.node)
        rule = spec.trigger_rule if spec else "all_success"
        verdict = RUN
        if states or rule in {"one_failed", "all_failed"}:
            good = [SUCCEEDED] * (len(run.sources) - len(states or ()))
            constants = self.plan.input_states(run.node)
            verdict = judge(rule, [*(states or ()), *good, *constants])
        if verdict == RUN:
            if states:
                self._take_elements(run)
            self.plan.make_ready(
                Work(run.node, first, stop - first, self.plan.ask_of(run.node, first))
            )
        else:
            self._end(run, first, stop - first, verdict)

    def _take_elements(self, run: MapRun) -> None:
        for upstream in self.upstream_maps(run.node):
            self.plan.take_failures(upstream)

    def _arrive_list(self, run: MapRun, first: int, stop: int, state: str) -> None:
        """Lists for a FLAT: each is taken apart in a worker."""
        for parent in range(first, stop):
            if state in GOOD:
                run.splitting += 1
                self._push_split(run.node, parent)
            elif state != SKIPPED:
                self._lone(run, parent, UPSTREAM_FAILED)

    def _lone(self, run: MapRun, parent: int, state: str) -> int:
        """One element stands for a list that is missing."""
        element = run.count
        run.lists.append((parent, element))
        run.grow(element + 1)
        assert run.parent is not None
        run.keys[element] = run.parent.label(parent)
        self._end(run, element, 1, state)
        return element

    def _planned(self, run: MapRun, count: int) -> None:
        if count > 0 and self.plan.graph.kind[run.node] == MAP:
            self.plan.events.append(TasksPlanned(self.plan.name_of(run.node), count))

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
        return not any(each[0] is run for each in self._arrivals)

    def _close(self, run: MapRun) -> None:
        counts = [source.count for source in run.sources]
        run.closed = True
        if run.parent is None and len(set(counts)) > 1:
            lengths = ", ".join(map(str, counts))
            run.error = ErrorReport(
                "ValueError",
                f"a map runs over arguments of equal length, these have {lengths} elements",
                retryable=False,
            )
            run.count = min(counts)
            del run.states[run.count :]
        elif run.parent is None:
            before = run.count
            run.grow(counts[0])
            self._planned(run, run.count - before)
        for below, number in run.streams:
            below.sources[number].closed = True
            self.check(below)

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
        for below, number in run.streams:
            below.sources[number].closed = True
            self.check(below)

    def _end_node(self, node: int, state: str, error: Any) -> None:
        self.plan.end(node, state)
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
        for number, source in enumerate(run.sources):
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
        run.open = False
        self.shut(run.node)
        self.plan.end(run.node, verdict)

    # --- outcomes ---

    def ended(self, outcome: Outcome) -> None:
        """A span of elements ended well, or was skipped."""
        node, first, count, state, value, took, attempt, keys = outcome
        run = self.runs[node]
        if keys:
            self._note_keys(run, first, keys)
        if state == SKIPPED:
            self._end(run, first, count, SKIPPED, took, attempt, why=value, running=True)
        elif self.plan.ask_of(node, first) == ASK_GRAPH:
            for number, data in enumerate(decode_piece(value)):
                self.plan.expansions.open(node, first + number, data, 0.0)
        else:
            run.values.put(first, value)
            self._end(run, first, count, SUCCEEDED, took, attempt, running=True)
        self.check(run)

    def element_ended(self, node: int, element: int, state: str, value: Any) -> None:
        """An element that had expanded into a graph ended with it."""
        run = self.runs[node]
        if state in GOOD:
            run.values.put(element, Piece(Chunk(value, whole=False), 0, 1))
        self._end(run, element, 1, state, running=True)
        self.check(run)

    def end_badly(
        self, node: int, element: int, state: str, report: ErrorReport, took: float
    ) -> None:
        """An element failed for good."""
        run = self.runs[node]
        run.errors[element] = report
        attempt = self.plan.attempts.number((node, element))
        self._end(run, element, 1, state, took, attempt, error=report, running=True)
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
        run.count = run.ended
        del run.states[run.count :]
        run.closed = True
        self.check(run)

    def iterator_failed(self, node: int, number: int, report: ErrorReport) -> None:
        """The iterator of a map raised: what it gave so far runs to its end."""
        run = self.runs[node]
        run.error = report
        run.sources[number].closed = True
        self.check(run)

    def _note_keys(self, run: MapRun, first: int, keys: tuple[Any, ...]) -> None:
        for number, key in enumerate(keys):
            run.keys[first + number] = key

    def _end(
        self,
        run: MapRun,
        first: int,
        count: int,
        state: str,
        took: float = 0.0,
        attempt: int = 1,
        *,
        error: ErrorReport | None = None,
        why: str = "",
        running: bool = False,
    ) -> None:
        run.end(first, count, state)
        run.seconds += took
        if state in BAD:
            self.plan.failed.add(run.node)
        if self.plan.graph.kind[run.node] == MAP:
            key = self.plan.key_of(run.node, first if count == 1 else -1)
            name = self.plan.name_of(run.node)
            self.plan.events.append(
                TasksEnded(key, name, state, took, attempt, first, count, running, error, why)
            )
        for below, number in run.streams:
            self._arrivals.append((below, number, first, first + count, state))

    # --- cancelling and states ---

    def cancel(self, node: int) -> None:
        """End every element that does not run, and take no more."""
        run = self.runs[node]
        self._stopped.add(node)
        waiting = (CODE[PENDING], CODE["ready"], CODE[RETRYING])
        for element, code in enumerate(run.states):
            if code in waiting:
                self._end(run, element, 1, CANCELLED)
        for source in run.sources:
            source.closed = True
        run.splitting -= sum(
            work.node == node and work.ask == ASK_SPLIT for work in self.plan.ready
        )
        self.check(run)

    def cancel_work(self, work: Work) -> None:
        """Elements that a slot gave back after the cancel."""
        run = self.runs[work.node]
        if work.ask == ASK_SPLIT:
            run.splitting -= 1
        else:
            self._end(run, work.first, work.count, CANCELLED, running=True)
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

    # --- reading ---

    def upstream_maps(self, node: int) -> list[int]:
        """The nodes whose values or elements a map runs over."""
        spec = self.plan.graph.maps.get(node)
        if spec is None:
            return []
        return sources_of(spec)

    def downstream_maps(self, node: int) -> list[int]:
        """The maps that run over the elements of this one."""
        run = self.runs.get(node)
        return [below.node for below, _ in run.streams] if run else []

    def hungry(self, window: int) -> Iterator[tuple[MapRun, int]]:
        """Maps over iterators that have fewer than `window` elements ahead."""
        for run in self.runs.values():
            for number in run.iterators:
                source = run.sources[number]
                if run.open and not source.closed and source.arrived - run.ended < window:
                    yield run, number
