"""How long until the first task of a program has run?"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import flows, pools
from benchmarks.bench import found
from benchmarks.fresh import cost
from benchmarks.measure import Answer, Block, Case, Figure

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from benchmarks.bench import Bench

_HELLO = Path(__file__).parents[2] / "examples" / "hello.py"


def answer(bench: Bench) -> Answer:
    """An import, a whole program from prompt to prompt, a first run, and the ones after it."""
    programs, calls = _programs(bench), _calls(bench)
    bare = found(programs, "python -c pass").median
    imported = found(programs, "import taskflow").median - bare
    hello = found(programs, "taskflow run hello.py").median
    first, second, *_ = cost("fan_out", 2)
    return Answer(
        [programs, calls],
        [
            Figure("import taskflow, over a bare interpreter", imported, "s", 0.060, at_most=True),
            Figure("hello, prompt to prompt", hello, "s", 0.4, at_most=True),
            Figure("first run of a process", first, "s"),
            Figure("later runs of a process", second, "s"),
        ],
    )


def _programs(bench: Bench) -> Block:
    # With next to nothing to compute: as it stands, it looks for primes for half a second.
    hello = ["-m", "taskflow", "run", str(_HELLO), "--blocks", "2", "--size", "10"]
    return bench.block(
        "whole programs, from prompt to prompt",
        [
            _program("python -c pass", "-c", "pass", note="a bare interpreter"),
            _program("import loky", "-c", "import loky", note="nothing is started"),
            _program("import taskflow", "-c", "import taskflow", note="nothing is started"),
            _program(
                "taskflow run hello.py",
                *hello,
                note="three tasks in worker processes, kept",
            ),
        ],
        "python -c pass",
    )


def _program(runner: str, *arguments: str, note: str) -> Case:
    def run() -> int:
        # In a folder of its own: the run of hello.py is kept there.
        environment = {**os.environ, "TASKFLOW_STORE": flows.store_url()}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, check=True).returncode

    return Case(runner, 1, run, 0, note)


def _calls(bench: Bench) -> Block:
    return bench.block(
        "one no-op in a program that has imported everything",
        [
            _pool("loky, new pool", pools.loky, "2 workers, fresh interpreters"),
            _pool("ProcessPoolExecutor, new", pools.standard, "2 workers, spawned"),
            bench.ours("taskflow", 1, flows.fan_out, 0, n=1),
            bench.ours_unkept("taskflow, in memory", 1, flows.fan_out, 0, n=1),
        ],
        "loky, new pool",
    )


def _pool(runner: str, make: Callable[[], Executor], note: str) -> Case:
    return Case(runner, 1, partial(pools.call_once, make), 1, note)
