"""Iterators that maps run over: read ahead of the workers, but only so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from taskflow.graph.graph import Iterated

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.call import ErrorReport, Piece
    from taskflow.engine.dispatch import Dispatcher

#: Seconds of work that the iterator of a map is read ahead.
READ_AHEAD_SECONDS: Final = 0.1
#: Elements that are read ahead at most.
READ_AHEAD_ELEMENTS: Final = 20_000


class Feed(Protocol):
    """An iterator that a map runs over, read in a thread of its own."""

    def ask(self, count: int, wake: object) -> None:
        """Read `count` more elements, then call `wake`; does nothing while it is reading."""
        ...

    def take(self) -> tuple[tuple[Piece, ...], bool, ErrorReport | None] | None:
        """What was read: the elements, whether they are the last, what it raised."""
        ...


def read_iterators(dispatcher: Dispatcher, wake: Callable[[], None]) -> None:
    """Take in what was read, and have more read where a map will soon run out."""
    plan = dispatcher.plan
    feeds: list[Feed] = plan.graph.iterators
    for run, number in list(plan.mapping.hungry(READ_AHEAD_ELEMENTS)):
        source = run.spec.sources[number]
        assert isinstance(source, Iterated)  # only those are hungry
        feed = feeds[source.number]
        read = feed.take()
        if read is not None:
            pieces, is_last, error = read
            plan.mapping.feed(run.node, number, pieces, error, is_last=is_last)
            if is_last:
                continue
        wanted = _window(dispatcher, run.node) - (run.sources[number].arrived - run.ended)
        if wanted > 0:
            feed.ask(wanted, wake)


def _window(dispatcher: Dispatcher, node: int) -> int:
    """How many elements of a map should be there that have not ended."""
    plan = dispatcher.plan
    lane = dispatcher.lanes[plan.ready.lane_of(node)]
    least = 2 * lane.slots * lane.width
    each = dispatcher.durations.get(plan.graph.spec[node])
    window = least if each is None else int(READ_AHEAD_SECONDS / each) * lane.slots
    return min(READ_AHEAD_ELEMENTS, max(least, window))
