"""Where a program is killed and its run taken on again, and what has to hold however that goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from taskflow.call import ASK_VALUE
from taskflow.store.filenames import stored_in
from taskflow.store.health import examine
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parent.parent.parent
#: Far longer than anything here takes; whoever waits so long has found a hang.
PATIENCE = 60.0
RUN = ("-m", "taskflow", "run", "flow.py:main")
RESUME = ("-m", "taskflow", "resume", "last")
#: Ends of task runs after which their bodies must not begin again.
DONE = {"succeeded", "cached", "skipped"}
#: What a folder of a run has while it goes on, and not when it has succeeded.
PASSING = {"code", "logs"}


class Line(NamedTuple):
    """What a body noted in the ledger."""

    word: str
    run: str
    key: str
    attempt: int
    pid: int
    body: str


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Scene:
    """A folder with a program, its store, and a ledger of the bodies that began and ended."""

    def __init__(self, folder: Path, program: str, **variables: str) -> None:
        self.folder = folder
        (folder / "flow.py").write_text(program)
        (folder / "locks").mkdir()
        # It tells the processes of this scene from all others of the machine.
        self._mark = f"CRASH_SCENE={folder}"
        ours = {
            "PYTHONPATH": str(ROOT),
            "TASKFLOW_STORE": f"sqlite:///{folder}/store/",
            **variables,
        }
        known = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        self._environment = {**known, **ours, "CRASH_SCENE": str(folder)}
        self._place = place_of(ours["TASKFLOW_STORE"])
        self._finished: set[str] = set()  # task runs whose outcome was committed when we looked
        self._looked = 0  # lines of the ledger that were there then

    # --- commands ---

    def start(
        self, *args: str, before: tuple[str, ...] = (), **variables: str
    ) -> subprocess.Popen[str]:
        """Start `python ARGS`, behind another command such as strace."""
        return subprocess.Popen(
            [*before, sys.executable, *args],
            cwd=self.folder,
            env={**self._environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for the end of a command, and of all that it has started; then look what is kept."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"it hangs; it wrote {out}\n{err}") from None
        self._await_strays()
        ended = Ended(process.returncode, out, err)
        self.look()
        return ended

    def run(self, **variables: str) -> Ended:
        """Start the run, and see its command to the end."""
        return self.end(self.start(*RUN, **variables))

    def resume(self, **variables: str) -> Ended:
        """Take the last run on, and see the command to the end."""
        return self.end(self.start(*RESUME, **variables))

    def go_on(self, most: int = 3) -> str:
        """Resume until the run has succeeded; returns its value.

        A run that died before it was kept is begun once more.
        """
        for _ in range(most):
            ended = self.resume() if self.has_run else self.run()
            if ended.code == 0:
                return ended.out.strip()
        raise AssertionError(f"it does not succeed: {ended}")

    def await_stopped(self, process: subprocess.Popen[str]) -> int:
        """Wait until a process of this scene stands still; returns its number."""
        deadline = time.monotonic() + PATIENCE
        while not (stopped := [pid for pid in self.processes if _state(pid) == "T"]):
            assert process.poll() is None, f"it ended: {process.communicate()}"
            assert time.monotonic() < deadline, "nothing ever stopped"
            time.sleep(0.005)
        return stopped[0]

    def await_starts(self, process: subprocess.Popen[str], count: int) -> None:
        """Wait until so many bodies have begun."""
        deadline = time.monotonic() + PATIENCE
        while sum(line.word == "start" for line in self.lines) < count:
            assert process.poll() is None, f"it ended: {process.communicate()}"
            assert time.monotonic() < deadline, "no body ever began"
            time.sleep(0.005)

    def end_waking(self, process: subprocess.Popen[str]) -> Ended:
        """As `end`, and let all go on that stand still."""
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            for pid in self.processes:
                if _state(pid) == "T":
                    os.kill(pid, signal.SIGCONT)
            time.sleep(0.005)
        return self.end(process)

    # --- what there is ---

    @property
    def lines(self) -> list[Line]:
        """What bodies noted, in order."""
        path = self.folder / "ledger"
        rows = path.read_text().splitlines() if path.exists() else []
        fields = [row.split("\t") for row in rows]
        return [Line(*each[:3], int(each[3]), int(each[4]), each[5]) for each in fields]

    @property
    def has_run(self) -> bool:
        """Whether a run is kept."""
        return bool(examine(self._place).runs)

    @property
    def processes(self) -> set[int]:
        """The processes of this scene that live."""
        mark = self._mark.encode()
        return {
            int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _has(entry, mark)
        }

    def finished(self) -> set[str]:
        """The task runs of the last run that have a committed outcome, by key."""
        with closing(SqliteStore(self._place)) as store:
            run = store.find("last")
            traces = store.traces(run.id)
            kept = store.kept(run.id, traces[-1].number) if traces else ()
            return {
                each.key_of(element)
                for each in kept
                if each.ask == ASK_VALUE and each.name and each.state in DONE
                for element in range(each.first, each.first + each.count)
            }

    def look(self) -> None:
        """Check what has happened since the last look, and what is kept by now.

        No body began whose outcome was committed, no outcome is gone, the database is whole.
        """
        lines = self.lines
        since, self._looked = lines[self._looked :], len(lines)
        again = sorted({line.key for line in since if line.word == "start"} & self._finished)
        assert not again, f"they had ended, and began again: {again}"
        assert not [line for line in lines if line.word == "overlap"]
        health = examine(self._place)
        assert health.complaints == ()
        if health.runs:
            finished = self.finished()
            lost = sorted(self._finished - finished)
            assert not lost, f"they had ended, and nothing is known of it: {lost}"
            self._finished |= finished

    # --- what has to hold ---

    def check(self) -> None:
        """After the run has succeeded: nothing is left that should not be."""
        left = self._leftovers()
        assert not left, f"files are left behind: {left}"

    def _leftovers(self) -> list[str]:
        """Files that no row names, and what a run needs only while it goes on."""
        with closing(SqliteStore(self._place)) as store:
            run = store.find("last")
            named = {
                stored.path
                for trace in store.traces(run.id)
                for kept in store.kept(run.id, trace.number)
                for stored in stored_in(kept.value)
            }
        folder = self._place.runs + "/" + run.id
        there = [str(path) for path in Path(folder).rglob("*") if not path.is_dir()]
        folders = [str(Path(folder) / name) for name in PASSING if (Path(folder) / name).exists()]
        return sorted({path for path in there if path not in named} | set(folders))

    def _await_strays(self) -> None:
        """Wait until no process of this scene lives; the kernel ends workers of a dead engine."""
        deadline = time.monotonic() + PATIENCE / 6
        while alive := self.processes:
            assert time.monotonic() < deadline, f"these processes are left behind: {alive}"
            time.sleep(0.005)


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _has(pid: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return mark in environment.read().split(b"\0")
    except OSError:
        return False
