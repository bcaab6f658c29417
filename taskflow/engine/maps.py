"""The elements of one map while it runs: arrays for each element, no object for each element.

Elements have ids from 0 in the order in which they became known. Maps over lists, ranges and
values count as Python does; the elements of a `flatten` get ids as the lists arrive, and maps
over it share its ids, so `ordered` puts them back into the order of the lists.
"""

from __future__ import annotations

import pickle
from array import array
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Chunk, Failed, Piece
from taskflow.lifecycle import (
    BAD,
    CANCELLED,
    GOOD,
    PENDING,
    READY,
    RETRYING,
    SKIPPED,
    TASK_STATES,
    UPSTREAM_FAILED,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.call import Column
    from taskflow.graph.graph import MapSpec

CODE: Final = {state: code for code, state in enumerate(TASK_STATES)}
#: What stands in for a skipped element where a tolerant rule wants a value.
NONE: Final = Piece(Chunk(pickle.dumps([None], 5), whole=True), 0, 1)
_ENDED_BADLY: Final = BAD | {UPSTREAM_FAILED, CANCELLED}
_IS_GOOD: Final = bytes([state in GOOD for state in TASK_STATES]).ljust(256, b"\0")
_WAITS: Final = bytes([state in {PENDING, READY, RETRYING} for state in TASK_STATES]).ljust(
    256, b"\0"
)

Span = tuple[int, int]


class Pieces:
    """Values by element id, in pieces that come in any order."""

    __slots__ = ("_failed", "_firsts", "_of", "_pieces")

    def __init__(self) -> None:
        self._failed: dict[int, Failed] = {}
        self._of = array("i")  # element -> piece, -1 for none
        self._firsts = array("q")  # piece -> its first element
        self._pieces: list[Piece] = []

    def put(self, first: int, piece: Piece) -> None:
        """Keep the values of the elements from `first` on."""
        stop = first + piece.count
        if len(self._of) < stop:
            self._of.extend([-1] * (stop - len(self._of)))
        number = len(self._pieces)
        self._of[first:stop] = array("i", [number]) * piece.count
        self._firsts.append(first)
        self._pieces.append(piece)

    def put_failed(self, element: int, failed: Failed) -> None:
        """Keep a failure in the place of a value."""
        self.put(element, NONE)
        self._failed[element] = failed

    def failed(self, element: int) -> Failed | None:
        """The failure in the place of a value, if it is one."""
        return self._failed.get(element)

    def drop(self) -> None:
        """Forget the values: nobody will ask for them any more."""
        self._of, self._firsts, self._pieces = array("i"), array("q"), []

    def get(self, first: int, stop: int) -> Iterator[Piece | Failed]:
        """The values of a span of elements, all of which must be there."""
        while first < stop:
            if first in self._failed:
                yield self._failed[first]
                first += 1
                continue
            number = self._of[first]
            chunk, start, count = self._pieces[number]
            skip = first - self._firsts[number]
            take = min(stop - first, count - skip)
            yield Piece(chunk, start + skip, take)
            first += take


class Source:
    """One mapped argument: the values that have arrived, and whether more will come."""

    __slots__ = ("arrived", "closed", "pieces", "take", "upstream")

    def __init__(self, upstream: MapRun | None = None, take: str = "value") -> None:
        self.pieces = Pieces() if upstream is None else upstream.values
        self.upstream = upstream
        self.take = take
        self.arrived = 0  # elements, for sources of our own
        self.closed = False

    @property
    def count(self) -> int:
        """How many elements are known to be there or to come."""
        return self.arrived if self.upstream is None else self.upstream.count


class MapRun:
    """The elements of one MAP or FLAT node."""

    __slots__ = (
        "closed",
        "coming",
        "count",
        "ended",
        "error",
        "errors",
        "iterators",
        "keys",
        "keys_seen",
        "lists",
        "marks",
        "missing",
        "node",
        "open",
        "parent",
        "root",
        "seconds",
        "sources",
        "spec",
        "splitting",
        "states",
        "streams",
        "tally",
        "values",
    )

    def __init__(self, node: int, spec: MapSpec) -> None:
        self.node = node
        self.spec = spec
        self.values = Pieces()
        self.states = bytearray()  # codes by element
        self.tally: dict[str, int] = {}  # ended elements by state
        self.errors: dict[int, Any] = {}  # element -> ErrorReport
        self.keys: dict[int, str] = {}  # element -> map key, where it is not the index
        self.keys_seen: Counter[str] = Counter()
        self.missing = bytearray()  # sources that have not brought this element yet
        self.marks: dict[int, list[str]] = {}  # element -> states of inputs that did not succeed
        self.sources: list[Source] = []
        self.streams: list[tuple[MapRun, int]] = []  # maps over this one, and their source number
        self.lists: list[Span] = []  # of a FLAT: (parent element, first element) for each list
        self.parent: MapRun | None = None  # of a FLAT: the map of lists
        self.root: MapRun = self  # whose ids the elements have
        self.splitting = 0  # split calls that are under way
        self.coming = 0  # arrivals that have not been worked off
        self.iterators: list[int] = []
        self.count = 0
        self.ended = 0
        self.seconds = 0.0
        self.open = False
        self.closed = False  # no more elements will come
        self.error: Any = None

    # --- growing ---

    def grow(self, count: int) -> None:
        """Make room for elements up to `count`."""
        more = count - self.count
        if more > 0:
            self.states.extend(bytes(more))  # PENDING is code 0
            if len(self.sources) > 1:
                self.missing.extend(bytes([len(self.sources)]) * more)
            self.count = count

    def shrink(self, count: int) -> None:
        """Forget the elements from `count` on: a map that failed itself has no more."""
        self.count = count
        del self.states[count:], self.missing[count:]

    def arrive(self, first: int, stop: int, state: str) -> list[Span]:
        """A source brought a span of elements alike; returns the spans that are now complete."""
        self.grow(stop)
        if state not in GOOD:
            for element in range(first, stop):
                self.marks.setdefault(element, []).append(state)
        if len(self.sources) == 1:
            return [(first, stop)]
        complete: list[Span] = []
        for element in range(first, stop):
            self.missing[element] -= 1
            if not self.missing[element]:
                if complete and complete[-1][1] == element:
                    complete[-1] = (complete[-1][0], element + 1)
                else:
                    complete.append((element, element + 1))
        return complete

    def unmarked(self, first: int, stop: int) -> Iterator[tuple[int, int, list[str] | None]]:
        """Split a complete span at its marked elements: (first, stop, states or None)."""
        if not self.marks:
            yield first, stop, None
            return
        start = first
        for element in range(first, stop):
            states = self.marks.get(element)
            if states:
                if start < element:
                    yield start, element, None
                yield element, element + 1, states
                start = element + 1
        if start < stop:
            yield start, stop, None

    # --- ending ---

    def end(self, first: int, count: int, state: str) -> None:
        """Elements ended alike."""
        self.states[first : first + count] = bytes([CODE[state]]) * count
        self.tally[state] = self.tally.get(state, 0) + count
        self.ended += count

    def state_of(self, element: int) -> str:
        """The state of one element."""
        return TASK_STATES[self.states[element]]

    def waiting(self) -> list[Span]:
        """Spans of elements that have neither ended nor been given to a worker."""
        return [(first, stop) for first, stop, waits in self._runs(_WAITS, 0, self.count) if waits]

    @property
    def is_over(self) -> bool:
        """Whether all elements are known and have ended."""
        return self.closed and self.ended >= self.count and not self.splitting

    @property
    def has_failures(self) -> bool:
        """Whether some element ended without a value, other than by being skipped."""
        return any(state in _ENDED_BADLY for state in self.tally)

    # --- reading ---

    def columns(
        self, first: int, count: int, failed: Callable[[MapRun, int], Failed | None]
    ) -> tuple[Column, ...]:
        """The mapped arguments of a span of elements."""
        return tuple(
            tuple(self._column(source, first, first + count, failed)) for source in self.sources
        )

    def _column(
        self,
        source: Source,
        first: int,
        stop: int,
        failed: Callable[[MapRun, int], Failed | None],
    ) -> Iterator[Piece | Failed]:
        upstream = source.upstream
        if upstream is None or (not upstream.has_failures and SKIPPED not in upstream.tally):
            yield from source.pieces.get(first, stop)
            return
        for span_first, span_stop, good in upstream.alike(first, stop):
            if good:
                yield from source.pieces.get(span_first, span_stop)
                continue
            for element in range(span_first, span_stop):
                failure = failed(upstream, element)
                yield NONE if failure is None else failure

    def alike(self, first: int, stop: int) -> Iterator[tuple[int, int, bool]]:
        """Spans of elements with a value, and of elements without."""
        return self._runs(_IS_GOOD, first, stop)

    def _runs(self, table: bytes, first: int, stop: int) -> Iterator[tuple[int, int, bool]]:
        """Spans of elements whose states the table maps alike, to 1 or to 0."""
        marks = self.states[first:stop].translate(table)
        start = 0
        while start < len(marks):
            end = marks.find(not marks[start], start)
            end = len(marks) if end < 0 else end
            yield first + start, first + end, bool(marks[start])
            start = end

    def ordered(self) -> Iterator[Span]:
        """Spans of elements in the order in which the collected list has them."""
        root = self.root
        if root.parent is None:
            yield 0, self.count
            return
        rank = {element: place for place, element in enumerate(root.parent.in_order())}
        ends = [*(first for _, first in root.lists[1:]), *[root.count] * bool(root.lists)]
        spans = [
            (rank.get(parent, parent), first, min(end, self.count))
            for (parent, first), end in zip(root.lists, ends, strict=True)
            if first < self.count
        ]
        for _, first, end in sorted(spans):
            yield first, end

    def in_order(self) -> Iterator[int]:
        """Elements in the order in which the collected list has them."""
        for first, stop in self.ordered():
            yield from range(first, stop)

    def distinct(self, key: str) -> str:
        """A map key that no other element has: `be`, then `be#2`, as of calls of one name."""
        self.keys_seen[key] += 1
        return key if self.keys_seen[key] == 1 else f"{key}#{self.keys_seen[key]}"

    def label(self, element: int) -> str:
        """What stands between the brackets of an element's key."""
        key = self.keys.get(element)
        if key is not None:
            return key
        root = self.root
        if root is not self and element in root.keys:
            return root.keys[element]
        if root.parent is None:
            return str(element)
        parent, first = root.list_of(element)
        return f"{root.parent.label(parent)}.{element - first}"

    def list_of(self, element: int) -> Span:
        """Of a FLAT: the parent element whose list an element is from, and that list's first."""
        return self.lists[bisect_right(self.lists, element, key=lambda span: span[1]) - 1]
