"""Which runs begin next: fairly among pipelines, within what each allows, the oldest first."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.records import Owner
from taskflow.store.codec import readable, unpack
from taskflow.store.sqltext import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    Lives = Callable[[str, Owner], bool]

#: A run that paused, since nothing more could be kept of it, is tried again after so long.
PAUSE_SECONDS: Final = 30.0


class Picked(NamedTuple):
    """A run that was picked; whoever drives it shows its `epoch` to take it over."""

    run_id: str
    pipeline: str
    version: str
    epoch: int
    state: str  #: queued; or how it was left behind: running, paused


class _Open(NamedTuple):
    """A run that has not ended."""

    number: int
    run_id: str
    state: str
    epoch: int
    stalled: int
    pipeline: str
    version: str
    #: it is one of a backfill, of which so many go on at once; 0: it is of none
    backfill: int
    schedule: str


def pick(
    connection: sqlite3.Connection, want: int, owner: Owner, lives: Lives, now: float
) -> list[Picked]:
    """Own up to `want` runs that may begin, in a transaction."""
    running: list[_Open] = []
    waiting: list[_Open] = []
    for row in connection.execute(statements()["open_runs"]):
        each, is_driven, is_due = _read(row, lives, now)
        if is_driven:
            running.append(each)
        elif is_due:
            waiting.append(each)
    limits = {
        readable(name): most
        for name, most in connection.execute(statements()["limits_of_pipelines"])
    }
    chosen = list(itertools.islice(_in_turn(running, waiting, limits), want))
    sql = statements()["own"]
    connection.executemany(sql, [(each.stalled, *owner, each.number) for each in chosen])
    return [
        Picked(each.run_id, each.pipeline, each.version, each.epoch + 1, each.state)
        for each in chosen
    ]


def _read(row: tuple[Any, ...], lives: Lives, now: float) -> tuple[_Open, bool, bool]:
    """A run that has not ended, whether somebody drives it, and whether it may go on."""
    number, run_id, state, epoch, stalled, *who, settings, pipeline, version, ended, schedule = row
    owner = Owner(*who)
    is_driven = bool(owner.pid) and lives(run_id, owner)
    is_due = state != "paused" or now - ended >= PAUSE_SECONDS
    backfill = unpack(settings).get("backfill") or 0
    found = _Open(
        number, run_id, state, epoch, stalled, readable(pipeline), version, backfill,
        readable(schedule),
    )  # fmt: skip
    return found, is_driven, is_due


def _in_turn(
    running: list[_Open], waiting: list[_Open], limits: dict[str, int | None]
) -> Iterator[_Open]:
    """What waits, one of each pipeline in turn, those first of which the fewest run."""
    active = Counter(each.pipeline for each in running)
    filling = Counter(each.schedule for each in running if each.backfill)
    queues: dict[str, deque[_Open]] = {}
    for each in sorted(waiting, key=lambda each: each.state == "queued"):  # left behind ones first
        queues.setdefault(each.pipeline, deque()).append(each)
    while queues:
        pipeline = min(queues, key=lambda name: (active[name], queues[name][0].number))
        found = _next(queues[pipeline], active[pipeline], limits.get(pipeline), filling)
        if not queues[pipeline]:
            del queues[pipeline]
        if found is not None:
            active[pipeline] += 1
            filling[found.schedule] += bool(found.backfill)
            yield found


def _next(
    queue: deque[_Open], active: int, most: int | None, filling: Counter[str]
) -> _Open | None:
    """The next run of a pipeline that its limits let begin; None if there is none."""
    while queue:
        each = queue.popleft()
        if each.state != "queued":
            return each  # it has its place already
        if each.backfill:
            if filling[each.schedule] < each.backfill:
                return each
        elif most is None or active < most:
            return each
    return None
