"""A run whose engine is killed at its nth write, flush or rename goes on as if it had not been.

strace sends SIGKILL when a thread enters its nth such call: the call itself does not happen.
"""

from __future__ import annotations

import os
import signal

import pytest
from flows import EVERYTHING
from scene import RESUME, RUN, Scene

pytestmark = pytest.mark.ring_kill

#: How many of the moments are tried, of those there are; `CRASH_SWEEP=all` tries each.
SAMPLE = 6
WRITES = "pwrite64,write,writev,fdatasync,fsync,ftruncate"
NAMES = "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir"


def traced(calls: str, inject: str = "") -> tuple[str, ...]:
    """The command that strace is, for all threads and workers of a program."""
    what = ["-e", f"inject={calls}:{inject}"] if inject else []
    return ("strace", "-f", "-qq", "-o", "strace", "-e", f"trace={calls}", *what)


def most(scene: Scene, calls: str) -> int:
    """How many such calls the busiest thread of an undisturbed run makes."""
    process = scene.start(*RUN, before=traced(calls), EXECUTOR="threads")
    assert scene.end(process).code == 0
    threads = [line.split()[0] for line in (scene.folder / "strace").read_text().splitlines()]
    return max(map(threads.count, set(threads)))


def moments(last: int) -> list[int]:
    """The numbers of the calls to be killed at."""
    step = 1 if os.environ.get("CRASH_SWEEP") == "all" else max(1, last // SAMPLE)
    return list(range(1, last + 1, step))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("calls", "durability"),
    [(WRITES, "full"), (WRITES, "process"), (NAMES, "full")],
    ids=["writes-full", "writes-process", "names-full"],
)
def test_a_run_killed_at_any_system_call_goes_on(tmp_path, undisturbed, calls, durability):
    """SIGKILL for the engine as it writes, flushes, renames or removes a file."""
    calm = tmp_path / "calm"
    calm.mkdir()
    last = most(Scene(calm, EVERYTHING, DURABILITY=durability), calls)
    assert last > 3
    killed = 0
    for moment in moments(last):
        folder = tmp_path / str(moment)
        folder.mkdir()
        scene = Scene(folder, EVERYTHING, DURABILITY=durability, EXECUTOR="threads")
        kill = traced(calls, f"signal=SIGKILL:when={moment}")
        killed += scene.end(scene.start(*RUN, before=kill)).code == -signal.SIGKILL
        if scene.has_run:  # and once more, in the midst of its resume
            scene.end(scene.start(*RESUME, before=kill))
        assert scene.go_on() == undisturbed, moment
        scene.check()
    assert killed > 2
