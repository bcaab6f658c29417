"""Which runs begin next: fairly among pipelines, within what each allows, the oldest first.

Ten thousand runs may wait, of which a few can begin: what is read of them all is in an index.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.plain import readable, storable
from taskflow.records import Owner
from taskflow.store.plans import reader
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from taskflow.store.plans import Read

    Lives = Callable[[str, Owner], bool]
    Queues = dict[str | bytes, deque[tuple[Any, ...]]]

#: A run that paused, since nothing more could be kept of it, is tried again after so long.
PAUSE_SECONDS: Final = 30.0


class Picked(NamedTuple):
    """A run that was picked; whoever drives it shows its `epoch` to take it over."""

    run_id: str
    pipeline: str
    version: str
    epoch: int
    state: str  #: queued; or how it was left behind: running, paused


class Holdup(NamedTuple):
    """What a run waits for that is queued."""

    pipeline: str
    is_filling: bool  #: it is of a backfill, which has a limit of its own
    most: int | None  #: runs that may go on at once: of its pipeline, or of its backfill
    going: int  #: runs that count among those and do
    before: int  #: and such as wait, too, and come first


class Waiting(NamedTuple):
    """A run that may begin as far as it is concerned, in the order in which they do."""

    is_new: int  #: 0: it was left behind, and has begun already
    number: int
    pipeline: str | bytes  #: as stored, as is the schedule
    #: it is one of a backfill, of which so many go on at once; 0: it is of none
    backfill: int
    schedule: str | bytes


def pick(
    connection: sqlite3.Connection, want: int, owner: Owner, lives: Lives, now: float, folder: str
) -> list[Picked]:
    """Own up to `want` runs that may begin, in a transaction."""
    sql = statements()
    picked = []
    for number in choose(reader(connection), want, lives, now, folder):
        row = connection.execute(sql["run_to_begin"], (number,)).fetchone()
        run_id, pipeline, version, epoch, state, stalled = row
        connection.execute(sql["own"], (stalled, *owner, number))
        picked.append(Picked(run_id, readable(pipeline), version, epoch + 1, state))
    return picked


def holdup(read: Read, run_id: str) -> Holdup | None:
    """What a run waits for; None if it is not queued, or has been taken already."""
    for pipeline, backfill, limit, going, before in read("holdup", (run_id,)):
        return Holdup(readable(pipeline), bool(backfill), backfill or limit, going, before)
    return None


def choose(read: Read, want: int, lives: Lives, now: float, folder: str) -> list[int]:
    """The numbers of up to `want` runs that may begin: of the pipelines of a folder, or of all."""
    key = storable(folder)
    driven: list[Waiting] = []
    waiting: list[Waiting] = []
    for is_new, number, pipeline, backfill, schedule, run_id, *owner in read(
        "owned_runs", {"folder": key}
    ):
        each = Waiting(is_new, number, pipeline, backfill, schedule)
        (driven if lives(run_id, Owner(*owner)) else waiting).append(each)
    # A pause that has yet to begin is one of before the clock was set back.
    asked = {"paused_after": now - PAUSE_SECONDS, "now": now, "folder": key}
    queues = _queues([*waiting, *read("free_runs", asked)])
    if not queues:
        return []
    limits: dict[str | bytes, int] = dict(read("limits_of_pipelines", {}))
    turn = itertools.islice(_in_turn(driven, queues, limits), want)
    return [each.number for each in turn]


def _queues(waiting: list[tuple[Any, ...]]) -> Queues:
    """What waits by pipeline, what was left behind first; plain rows, since they may be many."""
    queues: Queues = {}
    for row in sorted(waiting):
        queues.setdefault(row[2], deque()).append(row)
    return queues


def _in_turn(
    driven: list[Waiting], queues: Queues, limits: dict[str | bytes, int]
) -> Iterator[Waiting]:
    """What waits, one of each pipeline in turn, those first of which the fewest run."""
    active = Counter(each.pipeline for each in driven)
    ordinary = Counter(each.pipeline for each in driven if not each.backfill)
    filling = Counter(each.schedule for each in driven if each.backfill)
    # Exact as a heap: what a pipeline has going changes only where it is taken out.
    turns = [(active[name], queue[0], name) for name, queue in queues.items()]
    heapq.heapify(turns)
    while turns:
        pipeline = heapq.heappop(turns)[-1]
        most = limits.get(pipeline)
        has_room = most is None or ordinary[pipeline] < most
        found = _next(queues[pipeline], filling, has_room=has_room)
        if found is None:
            continue  # all that waited was dropped
        active[pipeline] += 1
        ordinary[pipeline] += not found.backfill
        filling[found.schedule] += bool(found.backfill)
        yield found
        if queues[pipeline]:
            heapq.heappush(turns, (active[pipeline], queues[pipeline][0], pipeline))


def _next(
    queue: deque[tuple[Any, ...]], filling: Counter[str | bytes], *, has_room: bool
) -> Waiting | None:
    """The next run of a pipeline that its limits let begin; None if there is none.

    A backfill has a limit of its own: it neither waits for what its pipeline does otherwise, nor
    keeps that waiting. What cannot begin now cannot after others have begun, and is dropped.
    """
    while queue:
        each = Waiting._make(queue.popleft())
        if not each.is_new:
            return each  # it has its place already
        if filling[each.schedule] < each.backfill if each.backfill else has_room:
            return each
    return None
