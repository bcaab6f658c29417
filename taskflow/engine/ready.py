"""The work that could begin: a stack for each lane of slots, the highest priority on top.

What became ready last goes first, so a graph is worked off in depth and values do not pile up.
Questions about values, and all that asks for no lane or for one that is not there, go to the
first lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.call import ASK_SPLIT, OF_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taskflow.engine.work import Work
    from taskflow.graph.graph import Graph

#: Asked about the inputs of a task, not of its body.
_QUESTIONS = OF_ARGUMENTS | {ASK_SPLIT}


class Stack:
    """The ready work of one lane."""

    def __init__(self) -> None:
        self._levels: dict[int, list[Work]] = {}
        self._order: list[list[Work]] = []  # the highest priority last
        self.level(0)

    def level(self, priority: int) -> list[Work]:
        """The work of one priority, what goes first at the end."""
        found = self._levels.get(priority)
        if found is None:
            found = self._levels[priority] = []
            self._order = [self._levels[each] for each in sorted(self._levels)]
        return found

    @property
    def top(self) -> list[Work]:
        """The level that goes first and has something; there is one."""
        return next(works for works in reversed(self._order) if works)

    def pop(self) -> Work:
        """Take what goes first."""
        for works in reversed(self._order):
            if works:
                return works.pop()
        raise IndexError("nothing is ready")

    def __bool__(self) -> bool:
        return bool(self._order[-1]) or any(self._order)

    def __len__(self) -> int:
        return sum(map(len, self._order))

    def __iter__(self) -> Iterator[Work]:
        """What is ready, in the order in which it goes."""
        return (work for works in reversed(self._order) for work in reversed(works))


class Ready:
    """The stacks of all lanes."""

    def __init__(self, graph: Graph, lanes: Sequence[str] = ("",)) -> None:
        self._graph = graph
        self._numbers = {kind: number for number, kind in reversed(list(enumerate(lanes)))}
        self.stacks = [Stack() for _ in lanes]
        self._common = self.stacks[0].level(0)
        self._levels: list[list[Work]] = []  # by spec: where its bodies wait

    def push(self, work: Work) -> None:
        """Put work on the stack of its lane."""
        self.level_of(work).append(work)

    def extend(self, works: Iterable[Work]) -> None:
        """Put work on the stacks of its lanes, what goes first at the end."""
        for work in works:
            self.level_of(work).append(work)

    def level_of(self, work: Work) -> list[Work]:
        """Where work waits: equal for work of the same lane and priority."""
        return self._common if work.ask in _QUESTIONS else self.level(self._graph.spec[work.node])

    def level(self, spec: int) -> list[Work]:
        """Where bodies of a task wait, by the number of its spec; -1 for what is no task."""
        if spec < 0:
            return self._common
        if spec >= len(self._levels):
            self._learn()
        return self._levels[spec]

    def lane_of(self, node: int) -> int:
        """The number of the lane that the bodies of a node go to."""
        spec = self._graph.spec[node]
        return 0 if spec < 0 else self._numbers.get(self._graph.specs[spec].executor, 0)

    def _learn(self) -> None:
        """Find the places of tasks that the graph has got since the last time."""
        for spec in self._graph.specs[len(self._levels) :]:
            stack = self.stacks[self._numbers.get(spec.executor, 0)]
            self._levels.append(stack.level(spec.priority))

    def sizes(self) -> dict[int, int]:
        """How much work waits in each place, for `sort_above`."""
        self._learn()
        return {id(level): len(level) for level in self._places()}

    def sort_above(self, sizes: dict[int, int]) -> None:
        """What has come since goes in the order of the trace."""
        for level in self._places():
            before = sizes.get(id(level), 0)
            level[before:] = sorted(level[before:], reverse=True)

    def _places(self) -> Iterator[list[Work]]:
        yield self._common
        seen = {id(self._common)}
        for level in self._levels:
            if id(level) not in seen:
                seen.add(id(level))
                yield level

    def __iter__(self) -> Iterator[Work]:
        return (work for stack in self.stacks for work in stack)

    def __bool__(self) -> bool:
        return any(self.stacks)
