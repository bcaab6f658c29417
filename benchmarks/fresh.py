"""What a run costs a process that does nothing else: `python -m benchmarks.fresh PIPELINE N`.

Prints one line of JSON. A peak of memory, and a first run, there is only once in each process.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks import flows

#: A small size is run again until so many tasks have run, or so often.
_ENOUGH = 20_000
_MOST = 20
#: Runs of two tasks whose cost is taken off.
_SMALL = 10


class Cost(NamedTuple):
    """What runs of a size took, less what a run of two tasks takes, for each task."""

    first: float  #: seconds that the first run of the process took, of two tasks
    second: float  #: and the next ones, on average
    seconds: float  #: wall time of a task
    cpu: float  #: CPU seconds of a task, in all processes
    engine_cpu: float  #: and in the engine's alone
    grown: int  #: bytes by which the engine's peak grew for each task


def cost(pipeline: str, n: int) -> Cost:
    """Measure in a process of its own."""
    program = [sys.executable, "-m", "benchmarks.fresh", pipeline, str(n)]
    output = subprocess.check_output(program, cwd=Path(__file__).parent.parent, text=True)
    return Cost(*json.loads(output))


def peak_bytes() -> int:
    """The most memory that this process has had resident so far."""
    try:
        # Not getrusage on Linux: its peak also counts what was there before exec, the parent's.
        return _status("VmHWM")
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def private_bytes() -> int:
    """Memory that this process has for itself, and that no file backs; Linux only."""
    return _status("RssAnon")


def _status(field: str) -> int:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def _cpu_of_others() -> float:
    """CPU seconds of the children that have ended, and of those that live; Linux only."""
    ticks = 0
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # it ends while it is looked at
            ticks += sum(map(_ticks, (thread / "children").read_text().split()))
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: str) -> int:
    """CPU ticks of a process and of its children that have ended."""
    # After the name of the command, which may hold anything; utime is the 14th field of all.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _spent() -> tuple[float, float, float]:
    engine = time.process_time()
    return time.perf_counter(), engine + _cpu_of_others(), engine


def _measure(name: str, n: int) -> Cost:
    pipeline = getattr(flows, name)

    def runs(count: int, size: int) -> list[float]:
        """The average of what a run costs, by wall, all CPU and the engine's."""
        before = _spent()
        for _ in range(count):
            flows.run(pipeline, n=size)
        return [(then - now) / count for now, then in zip(before, _spent(), strict=True)]

    first = runs(1, 2)
    small = runs(_SMALL, 2)
    peak = peak_bytes()
    large = runs(min(_MOST, max(1, _ENOUGH // n)), n)
    seconds, cpu, engine_cpu = (
        (whole - less) / n for whole, less in zip(large, small, strict=True)
    )
    grown = (peak_bytes() - peak) // n
    return Cost(first[0], small[0], seconds, cpu, engine_cpu, grown)


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
