"""What does a service cost that looks after 10,000 schedules, and how late is it?"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Answer, Figure, say
from benchmarks.served import Cost, cost, evening

if TYPE_CHECKING:
    from benchmarks.bench import Bench

#: Schedules of one file.
_EACH = 10
#: One schedule in so many is due at midnight, the others at other times.
_MIDNIGHT = 10
#: Seconds of calm, and after midnight.
_CALM, _AFTER = 3.0, 5.0
_PIPELINE = """
@pipeline(schedule={cron!r})
def {name}():
    step(1)
"""
_HEAD = "from taskflow import pipeline, task\n\n\n@task\ndef step(n):\n    return n\n"


def answer(bench: Bench) -> Answer:
    """A folder is read for the first time, served again, and left alone until a tenth is due."""
    many = bench.size(10_000)
    top = Path(tempfile.mkdtemp(prefix="benchmarks-schedules-"))
    try:
        files = _write(top / "pipelines", many)
        store = f"sqlite:///{top}/store/"
        say(f"  reading {files:,} files for the first time")
        ahead = evening()
        first = cost(top / "pipelines", store, 0.0, 0.0, ahead)
        say("  serving them again")
        again = cost(top / "pipelines", store, _CALM, _AFTER, ahead)
    finally:
        shutil.rmtree(top)
    return Answer([], _figures(files, first, again), [_remark(many, files, again)])


def _write(folder: Path, many: int) -> int:
    """Write the files of so many pipelines; how many files there are."""
    folder.mkdir()
    names = [f"p{number:05d}" for number in range(many)]
    groups = [names[n : n + _EACH] for n in range(0, many, _EACH)]
    for number, group in enumerate(groups):
        crons = ["0 0 * * *" if int(name[1:]) % _MIDNIGHT == 0 else "H 3 * * *" for name in group]
        parts = [
            _PIPELINE.format(cron=cron, name=name) for cron, name in zip(crons, group, strict=True)
        ]
        (folder / f"f{number:04d}.py").write_text(_HEAD + "\n".join(parts))
    return len(groups)


def _figures(files: int, first: Cost, again: Cost) -> list[Figure]:
    late = sorted(again.late)
    return [
        Figure("first reading", files / first.ready, "files a second"),
        Figure("ready, served again", again.ready, "s"),
        Figure("memory of the service", again.size / 1e6, "MB"),
        Figure("idle", 100 * again.idle, "% of a core", 5, at_most=True),
        Figure("ticks due at once, all committed with their runs", late[-1], "s", 1, at_most=True),
        Figure("lateness of their ticks, 99th percentile", late[int(0.99 * (len(late) - 1))], "s"),
        Figure("runs ended a second", again.ended / _AFTER, "/s"),
    ]


def _remark(many: int, files: int, again: Cost) -> str:
    return (
        f"{many:,} schedules in {files:,} files; {len(again.late):,} due in the same second; each "
        "run has a process and workers of its own"
    )
