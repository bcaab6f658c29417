"""What a service costs: `python -m benchmarks.served FOLDER STORE CALM SECONDS AHEAD`.

Prints one line of JSON. It serves a folder as `taskflow serve` does, with the same parts, on a
clock that is put to two seconds before midnight in the end: what is due then is due at once.
"""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fresh import private_bytes
from taskflow.executors.machine import cores
from taskflow.schedule.around import Around
from taskflow.schedule.catalog import Catalog
from taskflow.schedule.crew import Crew
from taskflow.schedule.folder import Folder
from taskflow.schedule.hooks import Hooks
from taskflow.schedule.nursery import Nursery
from taskflow.schedule.service import Service
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore
from taskflow.world import SystemClock

#: A midnight, and where the clock begins before it: nothing else may be due in between.
_MIDNIGHT = 1_893_456_000.0
_EVENING = _MIDNIGHT - 1_800.0
#: Seconds before midnight, in the end.
_LEAD = 2.0


class Cost(NamedTuple):
    """What was seen of one service."""

    ready: float  #: seconds from the start of the process until it waits for something to do
    ready_cpu: float  #: CPU seconds until then, of this process
    size: int  #: bytes that the process has for itself
    idle: float  #: CPU seconds in a second of calm
    late: list[float]  #: by tick, the seconds from its instant until it was committed with its run
    ended: int  #: runs that have ended in the seconds after midnight


def evening() -> float:
    """How far a clock is put forward that says that it is half past eleven now."""
    return _EVENING - time.time()


def cost(folder: Path, store: str, calm: float, seconds: float, ahead: float) -> Cost:
    """Measure a service in a process of its own: in a calm, and then after midnight."""
    words = [str(folder), store, str(calm), str(seconds), str(ahead), str(time.time())]
    program = [sys.executable, "-m", "benchmarks.served", *words]
    output = subprocess.check_output(program, cwd=Path(__file__).parent.parent, text=True)
    # Workers of runs that are killed in the end may have a last word there, too.
    (line,) = (line for line in output.splitlines() if line.startswith("["))
    return Cost(*json.loads(line))


class _Clock(SystemClock):
    """This machine's clock, put forward."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def now(self) -> float:
        """The time that it is there."""
        return time.time() + self.ahead


class _Served:
    """A service in this process, and what it says."""

    def __init__(self, folder: str, url: str, ahead: float) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.clock = _Clock(ahead)
        self.nursery = Nursery()
        store = SqliteStore(place_of(url))
        around = Around(
            store, folder, self.nursery, self._say, self.clock, store.present(time.time())
        )
        store.book.serve(folder, around.me, store.lives)
        hooks = Hooks(around, {})
        self.crew = Crew(around, hooks, cores(), 2)
        self.service = Service(around, Catalog(around, Folder(folder)), self.crew, hooks)

    def _say(self, what: str, about: str = "", **details: Any) -> None:
        self.said.append((what, details))

    def settle(self) -> None:
        """Go on until it waits for nothing but its next look at the folder."""
        while self.service.step() == 0.0 or self.nursery.waiting:
            select.select([self.nursery], [], [], 0.0 if not self.nursery.waiting else 1.0)

    def go_on(self, seconds: float) -> None:
        """Serve so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            patience = self.service.step()
            select.select([self.nursery], [], [], min(left, patience, 1.0))

    def close(self) -> None:
        """End all that goes on."""
        self.crew.stop(signal.SIGKILL)
        self.nursery.close()


def _measure(
    folder: str, store: str, calm: float, seconds: float, ahead: float, began: float
) -> Cost:
    served = _Served(folder, store, ahead)
    served.settle()
    ready, ready_cpu = time.time() - began, time.process_time()
    served.go_on(calm)
    idle = (time.process_time() - ready_cpu) / calm if calm else 0.0
    if seconds:
        served.clock.ahead += _MIDNIGHT - _LEAD - served.clock.now()
        served.go_on(_LEAD + seconds)
    late = [details["late"] for what, details in served.said if what == "tick"]
    ended = sum(what == "succeeded" for what, _ in served.said)
    size = private_bytes()
    served.close()
    return Cost(ready, ready_cpu, size, idle, late, ended)


if __name__ == "__main__":
    where, url, *times = sys.argv[1:]
    print(json.dumps(_measure(where, url, *map(float, times))))
