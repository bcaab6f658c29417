"""What a task costs in time and memory, when the task itself does nothing or 10 ms of work."""

from __future__ import annotations

import atexit
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import loky

import taskflow
from benchmarks.measure import Case, Memory, alternate, peak_bytes
from taskflow import pipeline, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Timing
    from taskflow import Pipeline

WORKERS: Final = 2
BURN_SECONDS: Final = 0.01
#: Bytes that the engine may grow by for each traced call, and for each element of a map.
CALL_BUDGET: Final = 1000
ELEMENT_BUDGET: Final = 200

_ROOT: Final = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many tasks each piece of work has."""

    fan_out: int = 10_000
    map: int = 100_000
    chain: int = 1_000
    burn: int = 200
    calls_in_memory: int = 100_000
    elements_in_memory: tuple[int, int] = (100_000, 1_000_000)

    def scaled(self, share: float) -> Sizes:
        """This share of everything, at least two tasks each."""

        def part(count: int) -> int:
            return max(2, int(count * share))

        few, many = self.elements_in_memory
        return Sizes(
            part(self.fan_out),
            part(self.map),
            part(self.chain),
            part(self.burn),
            part(self.calls_in_memory),
            (part(few), part(many)),
        )


# --- the work, as plain functions ---


def same(x: int) -> int:
    """Do nothing."""
    return x


def add_one(x: int) -> int:
    """Do next to nothing, so that the end of a chain tells its length."""
    return x + 1


def burn(x: int) -> int:
    """Use 10 ms of this thread's CPU time, however busy the machine is."""
    end = time.thread_time() + BURN_SECONDS
    while time.thread_time() < end:
        pass
    return x


def total(xs: list[int]) -> int:
    """The sum."""
    return sum(xs)


# --- the work, in taskflow ---

same_task = task(same)
add_one_task = task(add_one)
burn_task = task(burn)
total_task = task(total)


@pipeline
def one_call() -> int:
    """A single no-op: what a run costs before its tasks do."""
    return same_task(1)


@pipeline
def fan_out(n: int) -> int:
    """Separately traced no-ops and a sum."""
    return total_task([same_task(i) for i in range(n)])


@pipeline
def mapped(n: int) -> int:
    """One map of no-ops and a sum."""
    return total_task(same_task.map(range(n)))


@pipeline
def chain(n: int) -> int:
    """Each call takes the value of the one before."""
    x = 0
    for _ in range(n):
        x = add_one_task(x)
    return x


@pipeline
def burning(n: int) -> int:
    """Separately traced calls that compute, and a sum."""
    return total_task([burn_task(i) for i in range(n)])


def run(p: Pipeline[..., int], **params: int) -> int:
    """Run on worker processes without a display, and keep nothing."""
    return taskflow.run(_quiet(p).options(store="memory:"), **params)


def run_kept(p: Pipeline[..., int], **params: int) -> int:
    """The same, kept as runs are by default: all that has ended is on the disk at the end."""
    return taskflow.run(_quiet(p).options(store=f"sqlite:///{_folder()}/"), **params)


def _quiet(p: Pipeline[..., int]) -> Pipeline[..., int]:
    return p.options(executor="processes", workers=WORKERS, progress=False)


@cache
def _folder() -> str:
    path = tempfile.mkdtemp(prefix="benchmarks-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


# --- the work, in a plain loop ---


def loop(function: Callable[[int], int], n: int) -> int:
    """Call after call and a sum, right here."""
    return total([function(i) for i in range(n)])


def loop_chain(n: int) -> int:
    """Each call takes the value of the one before, right here."""
    x = 0
    for _ in range(n):
        x = add_one(x)
    return x


# --- the work, in a pool of processes ---


def submit(pool: Executor, function: Callable[[int], int], n: int) -> int:
    """A call for each task; the sum is a call too."""
    futures = [pool.submit(function, i) for i in range(n)]
    return pool.submit(total, [future.result() for future in futures]).result()


def submit_chain(pool: Executor, n: int) -> int:
    """A round trip for each link."""
    x = 0
    for _ in range(n):
        x = pool.submit(add_one, x).result()
    return x


def map_in_chunks(pool: Executor, n: int) -> int:
    """Four chunks for each worker; the sum is a call too."""
    chunk = max(1, n // (4 * WORKERS))
    return pool.submit(total, list(pool.map(same, range(n), chunksize=chunk))).result()


def in_new_pool(make: Callable[[], Executor]) -> int:
    """Start a pool, call once, end the pool."""
    with make() as pool:
        return pool.submit(same, 1).result()


def new_loky() -> Executor:
    """A pool of loky's."""
    pool: Executor = loky.ProcessPoolExecutor(WORKERS)
    return pool


def new_standard() -> Executor:
    """A pool of the standard library's; spawned, since forking beside threads is unsafe."""
    return ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))


# --- what is compared ---

_LOOP = "this process alone: no parallelism, no isolation"
_LOKY = "warm pool, a message per call; no graph, no retries"
_STANDARD = "as loky.submit; a dead worker breaks the pool for good"
_CHUNKS = "warm pool, 8 chunks; an error ends the map, no state per element"
_OURS = "starts and ends 2 workers; graph, states, retries; stores nothing"
_KEPT = "the same, kept: graph, outcomes, sources in SQLite, flushed to the disk"
_LESS = "less the run of one no-op, for the pools above are warm"


def start_up_cases() -> list[Case]:
    """One no-op with everything that has to be started for it."""
    case = partial(Case, "start-up: one no-op, workers started and ended", count=1, expected=1)
    return [
        case(
            runner="loky, new pool",
            call=partial(in_new_pool, new_loky),
            note="2 workers, fresh interpreters",
            is_reference=True,
        ),
        case(
            runner="ProcessPoolExecutor, new",
            call=partial(in_new_pool, new_standard),
            note="2 workers, spawned; forking is quicker, and unsafe beside threads",
        ),
        case(
            runner="taskflow.run",
            call=partial(run, one_call),
            note="2 workers, fresh interpreters; a trace, a snapshot of the code",
        ),
        case(runner="taskflow.run, kept", call=partial(run_kept, one_call), note=_KEPT),
    ]


def fan_out_cases(n: int, warm: Executor, standard: Executor) -> list[Case]:
    """Separate no-ops and a sum."""
    work, expected = f"fan-out: {n:,} no-ops called one by one, and a sum", n * (n - 1) // 2
    case = partial(Case, work, count=n, expected=expected)
    return [
        case(runner="plain loop", call=partial(loop, same, n), note=_LOOP),
        case(
            runner="loky.submit",
            call=partial(submit, warm, same, n),
            note=_LOKY,
            is_reference=True,
        ),
        case(
            runner="ProcessPoolExecutor.submit",
            call=partial(submit, standard, same, n),
            note=_STANDARD,
        ),
        case(runner="taskflow.run", call=partial(run, fan_out, n=n), note=_OURS),
        case(runner="taskflow.run, kept", call=partial(run_kept, fan_out, n=n), note=_KEPT),
    ]


def map_cases(n: int, singles: int, warm: Executor, standard: Executor) -> list[Case]:
    """A map of no-ops and a sum; `loky.submit` does the smaller `singles`, for it takes long."""
    work, expected = f"map: {n:,} no-ops in one map, and a sum", n * (n - 1) // 2
    case = partial(Case, work, count=n, expected=expected)
    return [
        case(runner="plain loop", call=partial(loop, same, n), note=_LOOP),
        Case(
            work,
            "loky.submit",
            singles,
            partial(submit, warm, same, singles),
            singles * (singles - 1) // 2,
            f"{singles:,} of them; {_LOKY}",
            is_reference=True,
        ),
        case(runner="loky.map", call=partial(map_in_chunks, warm, n), note=_CHUNKS),
        case(
            runner="ProcessPoolExecutor.map", call=partial(map_in_chunks, standard, n), note=_CHUNKS
        ),
        case(runner="taskflow.run", call=partial(run, mapped, n=n), note=_OURS),
        case(runner="taskflow.run, kept", call=partial(run_kept, mapped, n=n), note=_KEPT),
    ]


def chain_cases(n: int, warm: Executor, standard: Executor) -> list[Case]:
    """Calls of which each needs the one before."""
    case = partial(Case, f"chain: {n:,} calls, each of the one before", count=n, expected=n)
    return [
        case(runner="plain loop", call=partial(loop_chain, n), note=_LOOP),
        case(
            runner="loky.submit",
            call=partial(submit_chain, warm, n),
            note="warm pool; the caller waits for each value and sends it on",
            is_reference=True,
        ),
        case(
            runner="ProcessPoolExecutor.submit",
            call=partial(submit_chain, standard, n),
            note="warm pool; as loky",
        ),
        case(
            runner="taskflow.run",
            call=partial(run, chain, n=n),
            note="starts and ends 2 workers; these go on to the next link by themselves",
        ),
        case(runner="taskflow.run, kept", call=partial(run_kept, chain, n=n), note=_KEPT),
    ]


def burn_cases(n: int, warm: Executor, standard: Executor) -> list[Case]:
    """Tasks that compute for 10 ms."""
    work, expected = f"work: {n:,} × 10 ms of CPU on {WORKERS} workers", n * (n - 1) // 2
    ideal = n * BURN_SECONDS / WORKERS
    case = partial(Case, work, count=n, expected=expected, ideal=ideal)
    return [
        case(runner="plain loop", call=partial(loop, burn, n), note="one core"),
        case(
            runner="loky.submit",
            call=partial(submit, warm, burn, n),
            note=_LOKY,
            is_reference=True,
        ),
        case(
            runner="ProcessPoolExecutor.submit",
            call=partial(submit, standard, burn, n),
            note=_STANDARD,
        ),
        case(runner="taskflow.run", call=partial(run, burning, n=n), note=_OURS),
    ]


def timings(sizes: Sizes, rounds: int) -> list[Timing]:
    """Measure everything that takes time; pools and imports are warm before the first round."""
    warm: Executor = loky.get_reusable_executor(WORKERS, timeout=3600)
    with new_standard() as standard:
        cases = [
            *start_up_cases(),
            *fan_out_cases(sizes.fan_out, warm, standard),
            *map_cases(sizes.map, min(sizes.map, sizes.fan_out), warm, standard),
            *chain_cases(sizes.chain, warm, standard),
            *burn_cases(sizes.burn, warm, standard),
        ]
        for pool in (warm, standard):
            submit(pool, burn, 4 * WORKERS)
        run(fan_out, n=WORKERS)
        run(mapped, n=WORKERS)
        measured = alternate(cases, rounds)
    warm.shutdown()
    return _with_start_up_apart(measured)


def _with_start_up_apart(measured: list[Timing]) -> list[Timing]:
    """After each whole run of taskflow, the same without its start-up."""
    ours = [timing for timing in measured if timing.case.runner == "taskflow.run"]
    start_up = ours[0].median
    found: list[Timing] = []
    for timing in measured:
        found.append(timing)
        if timing in ours[1:]:
            found.append(timing.less(start_up, "  less its start-up", _LESS))
    return found


# --- memory ---


def memories(sizes: Sizes, rounds: int) -> list[Memory]:
    """Measure how much the engine grows, in a fresh process each time."""
    wanted = [
        ("fan_out", "calls", sizes.calls_in_memory, CALL_BUDGET),
        *(("mapped", "elements", count, ELEMENT_BUDGET) for count in sizes.elements_in_memory),
    ]
    return [
        Memory(f"{count:,} {what}", count, budget, [_grown(name, count) for _ in range(rounds)])
        for name, what, count, budget in wanted
    ]


def _grown(name: str, count: int) -> int:
    print(f"memory of {name} with {count:,}", file=sys.stderr)
    program = f"from benchmarks import overhead; print(overhead.grow(overhead.{name}, {count}))"
    output = subprocess.check_output([sys.executable, "-c", program], cwd=_ROOT, text=True)
    return int(output)


def grow(p: Pipeline[..., int], count: int) -> int:
    """By how many bytes this process grows at most, above a run of one task."""
    run(p, n=1)
    before = peak_bytes()
    result = run(p, n=count)
    assert result == count * (count - 1) // 2, result
    return peak_bytes() - before
