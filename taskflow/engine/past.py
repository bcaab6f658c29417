"""What earlier traces of a run have left: outcomes, found again by key and digest of their inputs.

Of a last trace of the very graph that runs now, outcomes belong to the nodes that have their
numbers. Any other is followed record by record in a plan of its own, which knows what each call was
given; so nothing has to be computed while a run goes on, only when one is resumed.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.call import ASK_GRAPH, ASK_SPLIT, ASK_VALUE, Chunk, Outcome, Piece
from taskflow.digests import SIZE, Digests
from taskflow.engine.maps import CODE
from taskflow.engine.plan import Plan
from taskflow.engine.unchanged import USABLE, by_node
from taskflow.engine.work import Work
from taskflow.graph.graph import HELPERS
from taskflow.lifecycle import BAD, CACHED, CANCELLED, GOOD, PENDING, SKIPPED
from taskflow.records import ASK_FED, NO_CALL, NOT_OPENED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from taskflow.graph.graph import Graph
    from taskflow.records import Given, Kept, Tried

_OF_ELEMENTS: Final = frozenset({ASK_VALUE, ASK_GRAPH})


class Entry(NamedTuple):
    """A record of the past, the element of it that is meant, and the code it was made with."""

    kept: Kept
    offset: int
    code: str


class Spans:
    """The elements of one map of the past: digests by element, and where their outcomes are."""

    def __init__(self) -> None:
        self.digests = bytearray()
        self.entries: dict[int, Entry] = {}  # by the first element of each record
        self._of: list[int] = []  # element -> the first one of its record; -1 for none

    def add(self, kept: Kept, digests: bytes, code: str) -> None:
        """Take in a record, unless a newer one has been taken in for its elements."""
        first, stop = kept.first, kept.first + kept.count
        if stop > len(self._of):
            self.digests.extend(bytes(SIZE * (stop - len(self._of))))
            self._of.extend([-1] * (stop - len(self._of)))
        if any(each >= 0 for each in self._of[first:stop]):
            return
        self.digests[SIZE * first : SIZE * stop] = digests
        self._of[first:stop] = [first] * kept.count
        self.entries[first] = Entry(kept, 0, code)

    def at(self, element: int) -> Entry | None:
        """What was kept of an element."""
        first = self._of[element] if element < len(self._of) else -1
        return None if first < 0 else self.entries[first]._replace(offset=element - first)


class Left(NamedTuple):
    """What a trace has left: its graph, its records, and batches whose ends are not known."""

    graph: Graph
    records: Iterable[Kept]
    given: Iterable[Given] = ()


class Past:
    """The outcomes of earlier traces, newest first; what is `left` of them is taken in later.

    What of the last one is not `usable` any more, as its file is damaged, is left out.
    """

    def __init__(
        self, left: Sequence[Left] = (), usable: Callable[[Kept], bool] = lambda _: True
    ) -> None:
        self._left = list(left)
        self._usable = usable
        #: Of a last trace of the very graph that runs now: what is kept of it, by node.
        self.same: dict[int, Kept] = {}
        self.single: dict[tuple[str, int, int], tuple[Entry, bytes]] = {}
        self.maps: defaultdict[str, Spans] = defaultdict(Spans)
        #: By path, name, whether it is an element of a map (whose value is a piece), and digest.
        self.alike: dict[tuple[str, str, bool, bytes], Entry] = {}
        self.tried: dict[str, Tried] = {}
        self.bad: dict[str, str] = {}  # how what failed has ended, by key
        #: Whether it was cut off often without having come any further.
        self.is_stalled = False
        #: Keys of what was in flight when the last trace was cut off: of some it is suspected, of
        #: some known well enough, that they end the engine itself.
        self.in_flight: set[str] = set()
        self.suspected: set[str] = set()
        self.doomed: set[str] = set()
        self.blobs: list[bytes] = []  # digests of the functions that came by value
        #: Records that had no digests yet, with those that were found.
        self.digested: list[tuple[Kept, bytes]] = []

    def add(self, kept: Kept, digests: bytes, code: str) -> None:
        """Take in a record of something that ended well."""
        if kept.ask in _OF_ELEMENTS and kept.first >= 0:
            self.maps[kept.key].add(kept, digests, code)
            for offset in range(kept.count):
                one = digests[SIZE * offset : SIZE * (offset + 1)]
                self.alike.setdefault((kept.path, kept.name, True, one), Entry(kept, offset, code))
            return
        entry = Entry(kept, 0, code)
        self.single.setdefault((kept.key, kept.first, kept.ask), (entry, digests))
        if kept.name and kept.first == -1:
            self.alike.setdefault((kept.path, kept.name, False, digests), entry)

    def meet(self, now: Graph | None) -> None:
        """Take in all that is left, for a run of this graph; without one, by following it."""
        if not self._left:
            return
        (last, *older), self._left = self._left, []
        records = [*last.records]
        same = None if now is None else by_node(last.graph, now, records, self._is_there)
        if same is None:
            self.follow(last.graph, records, last.given)
        else:
            self.same = same
            self.bad = {kept.key: kept.state for kept in records if kept.state in BAD}
        for graph, others, _ in older:
            codes = {spec.short: graph.codes.get(spec.name, "") for spec in graph.specs}
            self.recollect(others, codes)

    def follow(self, graph: Graph, records: Iterable[Kept], given: Iterable[Given] = ()) -> None:
        """Take in a trace of which the digests are not known, by running its plan again."""
        self.blobs = list(graph.blobs)
        plan, digests = Plan(graph), Digests()
        for kept in replayed(plan, records):
            if kept.state in BAD:
                self.bad[kept.key_of(kept.first)] = kept.state
            elif kept.ask != ASK_FED and kept.state in USABLE:
                work = Work(kept.node, kept.first, kept.count, kept.ask)
                made = kept.digests or digests.of(plan.calls.make(work))
                if self._is_there(kept):
                    self.add(kept, made, _code(graph, kept.node))
                if not kept.digests:
                    self.digested.append((kept, made))
        self.in_flight = {
            plan.key_of_call(node, first + each)
            for batch in given
            for node, first, count in batch.units
            if node < len(plan.graph) and _is_under_way(plan, node, first, count)
            for each in range(count)
        }

    def recollect(self, records: Iterable[Kept], codes: Mapping[str, str]) -> None:
        """Take in an older trace, of which a later resume has written the digests."""
        for kept in records:
            if kept.digests and kept.state in USABLE:
                self.add(kept, kept.digests, codes.get(kept.name, ""))

    def _is_there(self, kept: Kept) -> bool:
        return not is_gone(kept) and self._usable(kept)


def replayed(plan: Plan, records: Iterable[Kept]) -> Iterator[Kept]:
    """The records of a trace, each before the plan takes note of it."""
    cut_off: set[int] = set()  # nodes that a cancel has ended, in whole or in part
    for kept in records:
        if kept.state == CANCELLED:
            cut_off.add(kept.node)
        if kept.ask == NOT_OPENED:
            plan.state[kept.node] = CANCELLED  # and what waits for it waits for ever
        if kept.ask in (NO_CALL, NOT_OPENED) or _is_cleanup(plan, kept.node, cut_off):
            continue
        if not _is_reached(plan, kept.node, kept.first, kept.count):
            continue
        yield kept
        if kept.ask == ASK_FED:
            number, pieces, is_last = kept.value
            plan.mapping.feed(kept.node, number, pieces, None, is_last=is_last)
        elif kept.state in BAD:
            assert kept.error is not None  # what is bad has one
            plan.end_badly(kept.node, kept.first, kept.state, kept.error, kept.seconds)
        else:
            plan.take(outcome_of(kept), 0.0)


def _is_cleanup(plan: Plan, node: int, cut_off: Collection[int]) -> bool:
    """Whether it ran on what a cancel had left: here a rule may have ended that in another way."""
    spec = plan.spec_of(node)
    if not cut_off or (spec is not None and spec.trigger_rule != "always"):
        return False
    graph, seen = plan.graph, {node}
    left = graph.upstream(node)
    while left:
        above = left.pop()
        if above in cut_off:
            return True
        if graph.kind[above] in HELPERS and above not in seen:  # of most of them nothing is kept
            seen.add(above)
            left += graph.upstream(above)
    return False


def _is_reached(plan: Plan, node: int, first: int, count: int) -> bool:
    """Whether the plan would run this by now; not so clean-up whose inputs a cancel had ended."""
    if plan.state[node] == PENDING:
        return False
    if first < 0 or plan.ask_of(node, first) == ASK_SPLIT:
        return True
    states = plan.mapping.runs[node].states[first : first + count]
    return len(states) == count and CODE[PENDING] not in states


def _is_under_way(plan: Plan, node: int, first: int, count: int) -> bool:
    """Whether what was given to a slot has not come to its end."""
    work = Work(node, first, count, plan.ask_of(node, first))
    return _is_reached(plan, node, first, count) and not plan.is_stale(work)


def _code(graph: Graph, node: int) -> str:
    spec = graph.spec[node]
    return graph.codes.get(graph.specs[spec].name, "") if spec >= 0 else ""


def is_gone(kept: Kept) -> bool:
    """Whether the value of a success was removed to make room: it is to be made again."""
    return kept.value is None and kept.ask == ASK_VALUE and kept.state in GOOD


def outcome_of(kept: Kept) -> Outcome:
    """The outcome that a record was made of."""
    state = "succeeded" if kept.state == CACHED else kept.state
    value = kept.why if kept.state == SKIPPED and kept.value is None else kept.value
    if is_gone(kept) and kept.first >= 0:
        value = Piece(Chunk(pickle.dumps([None] * kept.count, 5), whole=True), 0, kept.count)
    return Outcome(
        kept.node,
        kept.first,
        kept.count,
        state,
        value,
        kept.seconds,
        kept.attempt,
        kept.keys or None,
    )
