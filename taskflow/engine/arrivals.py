"""How elements come to the maps of a run: from lists, values, iterators and other maps.

    source ──arrival──▶ MapRun ──complete spans──▶ ready ──▶ worker ──▶ ended ──arrival──▶ next map

Arrivals come in spans of elements alike, so a map of a million elements costs some
hundreds of steps. They wait in a queue and are worked off by `settle`, never by recursion.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from taskflow.call import ASK_SPLIT, Chunk, Piece
from taskflow.engine.maps import NONE, MapRun, Source
from taskflow.engine.rules import PICKY, RUN, judge
from taskflow.engine.work import Work
from taskflow.events import TasksPlanned
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
from taskflow.lifecycle import ENDED, GOOD, RUNNING, SKIPPED, SUCCEEDED, UPSTREAM_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.engine.plan import Plan

#: Seen instead of its state where `successes` leaves an element out, whatever the rule.
DROPPED: Final = "dropped"


class Arrivals:
    """The side of the maps on which elements come in; `Mapping` is the other."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.runs: dict[int, MapRun] = {}
        self._arrivals: deque[tuple[MapRun, int, int, int, str]] = deque()
        self._backlog: dict[int, list[tuple[int, int, int, str]]] = {}
        self._watchers: dict[int, list[tuple[MapRun, int, int]]] = {}
        self._stopped: set[int] = set()  # maps that take no more elements after a cancel
        self._checks: deque[MapRun] = deque()  # maps below one that was closed or has ended
        self._iterated: list[MapRun] = []

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
                    self._iterated.append(run)
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
        for arrival in self._backlog.pop(node, ()):
            self._announce(run, *arrival)
        self.check(run)

    def _open_stream(self, run: MapRun, mine: Source, source: Elements) -> None:
        assert mine.upstream is not None
        mine.closed = mine.upstream.closed
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
                self._announce(run, number, element, element + 1, SUCCEEDED)
            elif isinstance(item, int) and self.plan.state[item] in ENDED:
                self._bring_node(run, number, element, item)

    def nodes_ended(self, nodes: Sequence[int]) -> None:
        """Nodes ended that may be elements of some maps."""
        if self._watchers:
            for node in nodes:
                self._node_ended(node)

    def _node_ended(self, node: int) -> None:
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
        self._announce(run, number, element, element + 1, state)

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
            self._announce(run, number, first, source.arrived, SUCCEEDED)

    def _announce(self, run: MapRun, number: int, first: int, stop: int, state: str) -> None:
        """Elements came to a source of a map; `settle` will see to them."""
        run.coming += 1
        self._arrivals.append((run, number, first, stop, state))

    def settle(self) -> bool:
        """Work off one arrival, or look at one map again; False when there is none."""
        if self._checks:
            self.check(self._checks.popleft())
            return True
        if not self._arrivals:
            return False
        run, number, first, stop, state = self._arrivals.popleft()
        run.coming -= 1
        if self.plan.state[run.node] in ENDED:
            return True
        if run.node in self._stopped:
            pass  # it takes no more after a cancel
        elif not run.open:
            self._backlog.setdefault(run.node, []).append((number, first, stop, state))
        elif run.parent is not None:
            self._arrive_list(run, first, stop, state)
        else:
            # A map that has failed itself may have fewer elements than one of its sources.
            stop = min(stop, run.count) if run.closed else stop
            self._arrive(run, number, first, stop, state)
        self.check(run)
        return True

    def _arrive(self, run: MapRun, number: int, first: int, stop: int, state: str) -> None:
        take = run.sources[number].take
        if state not in GOOD and take == SUCCESSES:
            state = DROPPED
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
        if states and DROPPED in states:
            verdict = SKIPPED
        elif states or rule in PICKY or run.node in self.plan.hurt:
            good = [SUCCEEDED] * (len(run.sources) - len(states or ()))
            constants = self.plan.taking.input_states(run.node)
            verdict = judge(rule, [*(states or ()), *good, *constants])
        if verdict == RUN:
            if states:
                self._take_elements(run)
            self.plan.make_ready(
                Work(run.node, first, stop - first, self.plan.ask_of(run.node, first))
            )
        else:
            self.plan.journal.unrun(run.node, first, stop - first, verdict)
            self._end(run, first, stop - first, verdict)

    def _take_elements(self, run: MapRun) -> None:
        for upstream in self.upstream_maps(run.node):
            self.plan.taking.take_failures(upstream)

    def _arrive_list(self, run: MapRun, first: int, stop: int, state: str) -> None:
        """Lists for a FLAT: each is taken apart in a worker."""
        for parent in range(first, stop):
            if state in GOOD:
                run.splitting += 1
                self._push_split(run.node, parent)
            elif state != SKIPPED and run.sources[0].take != SUCCESSES:
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

    def _grow(self, run: MapRun, count: int) -> None:
        before = run.count
        run.grow(count)
        self._planned(run, run.count - before)

    def _planned(self, run: MapRun, count: int) -> None:
        if count > 0 and self.plan.graph.kind[run.node] == MAP:
            self.plan.events.append(TasksPlanned(self.plan.name_of(run.node), count))

    def check(self, run: MapRun) -> None:
        """Close the map, or end it, if it is time."""
        raise NotImplementedError

    def _abandon(self, run: MapRun, state: str) -> None:
        raise NotImplementedError

    def _end(self, run: MapRun, first: int, count: int, state: str) -> None:
        raise NotImplementedError

    # --- reading ---

    def upstream_maps(self, node: int) -> list[int]:
        """The nodes whose values or elements a map runs over."""
        spec = self.plan.graph.maps.get(node)
        if spec is None:
            return []
        return sources_of(spec)

    def readers(self, node: int) -> Iterator[tuple[int, str]]:
        """The maps that a node is an element of, or whose elements they run over, and how."""
        for run, _, _ in self._watchers.get(node, ()):
            yield run.node, VALUE
        if node in self.runs:
            for run, number in self.runs[node].streams:
                yield run.node, run.sources[number].take

    def hungry(self, window: int) -> Iterator[tuple[MapRun, int]]:
        """Maps over iterators that have fewer than `window` elements ahead."""
        for run in self._iterated:
            for number in run.iterators:
                source = run.sources[number]
                if run.open and not source.closed and source.arrived - run.ended < window:
                    yield run, number
