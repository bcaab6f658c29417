"""The named points of the order in which a run is recorded, and a way to die at one of them.

Tests that kill taskflow where it hurts most need these. With `TASKFLOW_CRASH=POINT[:NTH[:SIGNAL]]`
in its environment a process sends itself the signal (`KILL` if none is named) when it comes to that
point for the nth time; its worker processes count for themselves. Without, a point costs one
comparison: none lies in a loop over task runs.
"""

from __future__ import annotations

import itertools
import os
from typing import Final, NamedTuple

from taskflow.errors import DefinitionError

#: What the process does that drives a run, in this order.
ENGINE_POINTS: Final = {
    "folder made": "a new run has its folder, and no row yet",
    "run created": "the row of the run is committed, without a trace",
    "run taken over": "a resume owns the run by a commit, and its old workers may live",
    "orphans ended": "a resume has killed the workers of the last owner, and forgotten them",
    "past read": "a resume knows what the run has left, and has written nothing",
    "before the trace": "the graph is traced, and what is kept of the past is settled in memory",
    "trace begun": "graph, sources and what is kept are committed; no worker knows of it",
    "worker heard": "a worker has said hello, and its row is not written",
    "batch given": "a slot has a batch, and its row is not written",
    "outcomes received": "outcomes have come from a worker, and the plan does not know them",
    "retry decided": "an attempt failed and another is due, which no row says",
    "records queued": "records wait for the thread that writes",
    "values synced": "the files of values are on the disk, and no row names them",
    "transaction begun": "a transaction is open, and nothing is in it",
    "before a commit": "all rows of a transaction are inserted, and it is not committed",
    "after a commit": "a transaction is committed, and those who wait for it are not told",
    "run over": "all task runs have ended and the workers are gone",
    "files cleaned": "files that no row names are removed, and the end is not committed",
    "run ended": "the end of the run is committed, and nobody was told",
}

#: What a worker process does, in this order.
WORKER_POINTS: Final = {
    "hello said": "a worker has said that it serves its slot",
    "batch received": "a worker has a batch, and no body has begun",
    "value written": "the file of a large value is complete, under a name for the time being",
    "value named": "the file of a large value has its name, and nobody knows it",
    "outcomes sent": "the outcomes of all that a worker was given are on their way",
}

POINTS: Final = ENGINE_POINTS | WORKER_POINTS


class _Crash(NamedTuple):
    """Where a process is to die."""

    point: str
    nth: int
    signal: int


def _wanted(text: str) -> _Crash | None:
    if not text:
        return None
    import signal  # here: most processes are not to die

    point, _, rest = text.partition(":")
    nth, _, name = rest.partition(":")
    try:
        crash = _Crash(point, int(nth or 1), signal.Signals[f"SIG{name or 'KILL'}"])
    except (KeyError, ValueError):
        raise _unclear(text) from None
    if point not in POINTS or crash.nth < 1:
        raise _unclear(text)
    return crash


def _unclear(text: str) -> DefinitionError:
    return DefinitionError(
        f"TASKFLOW_CRASH={text!r} must be POINT[:NTH[:SIGNAL]], as in 'run created:2:TERM'; "
        f"the points are: {', '.join(POINTS)}"
    )


_crash: Final = _wanted(os.environ.get("TASKFLOW_CRASH", ""))
_times: Final = itertools.count(1)


def reach(point: str) -> None:
    """Die here, if this is where and when `TASKFLOW_CRASH` asks for it."""
    if _crash is not None and _crash.point == point and next(_times) == _crash.nth:
        os.kill(os.getpid(), _crash.signal)
