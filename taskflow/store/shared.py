"""What every store does alike, on plain records."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from taskflow.call import ASK_GRAPH, ASK_VALUE
from taskflow.errors import RunOwnedError, UnknownRunError
from taskflow.lifecycle import GOOD, TASK_STATES
from taskflow.records import NO_CALL
from taskflow.store.owners import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taskflow.records import Given, Kept, Owner, Retention, RunFilter, RunRow

#: Records of these are of task runs; those of others answer questions of the engine's. A dynamic
#: pipeline that has expanded ends later; one that failed to has ended.
COUNTED = frozenset(
    {(ask, state) for ask in (ASK_VALUE, NO_CALL) for state in TASK_STATES}
    | {(ASK_GRAPH, state) for state in TASK_STATES if state not in GOOD}
)
#: How many records a trace may have is 2 to the power of this.
SHIFT = 32
#: What `last-failed` looks for.
BAD_RUNS = ("failed", "timed_out", "interrupted")
_DAY = 86_400.0


class Open:
    """Batches that were given to slots, and how much of them has not ended yet."""

    def __init__(self) -> None:
        #: by node: first, end, batch
        self._units: dict[int, list[tuple[int, int, int]]] = {}
        self._left: dict[int, int] = {}
        self._given: dict[int, Given] = {}

    def give(self, given: Given) -> None:
        """A batch was given to a slot."""
        given, number = given.in_units(), len(self._given)
        self._given[number] = given
        self._left[number] = sum(count for _, _, count in given.units)
        for node, first, count in given.units:
            self._units.setdefault(node, []).append((first, first + count, number))

    def end(self, node: int, first: int, count: int) -> None:
        """A task run, or a span of elements, has come to an end, or an attempt at it."""
        units = self._units.get(node)
        if not units:
            return
        rest = []
        for begin, end, number in units:
            low, high = max(begin, first), min(end, first + max(count, 1))
            if low >= high:
                rest.append((begin, end, number))
                continue
            self._left[number] -= high - low
            rest += [
                (start, stop, number) for start, stop in ((begin, low), (high, end)) if start < stop
            ]
        self._units[node] = rest

    def batches(self) -> list[Given]:
        """Those that have not ended."""
        return [given for number, given in self._given.items() if self._left[number] > 0]


def pick(name: str, matches: Sequence[RunRow], known: Iterable[str]) -> RunRow:
    """The run that a name means, of those whose ids begin with it; `known` are ids of others."""
    exact = [row for row in matches if row.id == name]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    if matches:
        some = ", ".join(row.id for row in matches[:5]) + (", ..." if len(matches) > 5 else "")
        raise UnknownRunError(f"more than one run begins with {name!r}: {some}; write more of it")
    near = difflib.get_close_matches(name, list(known), 3, 0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownRunError(f"no run begins with {name!r}; {hint}`taskflow runs` lists them")


def pick_last(name: str, newest: Sequence[RunRow]) -> RunRow:
    """The first of the runs that `last` or `last-failed` looks for."""
    if newest:
        return newest[0]
    what = "has failed" if name == "last-failed" else "is known"
    raise UnknownRunError(f"there is no {name!r} run: none {what} in this store yet")


def refuse_owned(run_id: str, owner: Owner) -> NoReturn:
    """Raise for a run that somebody drives."""
    raise RunOwnedError(
        f"run {run_id} is owned by {describe(owner)}; wait for its end, or stop it with "
        f"`taskflow cancel {run_id}`"
    )


def refuse_withdrawn(run_id: str) -> NoReturn:
    """Raise in who was to begin a run that was ended, or given to another, before it did."""
    raise RunOwnedError(
        f"run {run_id} was given to this process, and taken back before it began: it was "
        f"cancelled, or another drives it; look with `taskflow show {run_id}`"
    )


def refuse_lost(run_id: str, pid: int) -> NoReturn:
    """Raise in who drove a run that another has taken over."""
    how = f"taken over by pid {pid}" if pid else "taken over, or cancelled before it began"
    raise RunOwnedError(f"run {run_id} was {how}; nothing more of it is written from here")


def interrupted(row: RunRow, is_lost: bool) -> RunRow:
    """A run as history shows it: one that nobody drives any more was interrupted."""
    if not is_lost:
        return row
    state = "interrupted" if row.state == "running" else row.state
    return replace(row, state=state, owner=None)


def is_wanted(row: RunRow, wanted: RunFilter) -> bool:
    """Whether a listing shows a run."""
    return (
        (not wanted.states or row.state in wanted.states)
        and (not wanted.pipeline or row.pipeline == wanted.pipeline)
        and set(wanted.tags) <= set(row.tags)
        and (not wanted.since or row.created >= wanted.since)
        and (not wanted.until or row.created < wanted.until)
    )


def has_progressed(kept: Iterable[Kept]) -> bool:
    """Whether anything has come to an end in a trace, rather than before."""
    return any(not each.origin for each in kept)


def too_old(runs: Iterable[tuple[str, str, float]], retention: Retention, now: float) -> list[str]:
    """Runs, of (id, pipeline, created) newest first, that are neither recent nor among the last."""
    seen: Counter[str] = Counter()
    found = []
    for run_id, pipeline, created in runs:
        seen[pipeline] += 1
        if seen[pipeline] > retention.runs and created < now - retention.days * _DAY:
            found.append(run_id)
    return found
