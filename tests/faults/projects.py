"""A project of a user: a file with a pipeline, a store beside it, and the command line.

What task bodies note goes to a ledger outside of the store, which is how tests know what has run.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
#: Far longer than anything here takes; whoever waits so long has found a hang.
PATIENCE = 100.0

#: What every file begins with: `note` writes a line to the ledger, and to the disk.
HEAD = """
import os, signal, sys, threading, time
from taskflow import current, pipeline, successes, task

def note(*words):
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, (" ".join(map(str, words)) + "\\n").encode())
    os.fsync(fd)
    os.close(fd)

def until(there):
    while not os.path.exists(there):
        time.sleep(0.005)

"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Project:
    """A folder with `flow.py` and a store; `store` may lie elsewhere."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.store = folder / ".taskflow"
        self.ledger = folder / "ledger"
        self.variables = variables
        #: what the command line is started by, such as `nsenter` or `strace`
        self.before: tuple[str, ...] = ()
        self._started: list[subprocess.Popen[str]] = []
        self._second = int(time.time()) - 1_000

    # --- what the user does ---

    def write(self, text: str, name: str = "flow.py") -> None:
        """Write the file with the pipeline."""
        path = self.folder / name
        path.write_text(HEAD + textwrap.dedent(text))
        # Python takes its bytecode for fresh if size and second are those of the source.
        self._second += 1
        os.utime(path, (self._second, self._second))

    def start(self, *args: str, **more: Any) -> subprocess.Popen[str]:
        """Start `taskflow ARGS` in a process group of its own."""
        return self._start("-m", "taskflow", *args, **more)

    def python(self, *args: str) -> Ended:
        """Call `python ARGS` and wait for its end."""
        return self.end(self._start(*args))

    def _start(self, *args: str, **more: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self.before, sys.executable, *args],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )
        self._started.append(process)
        return process

    def taskflow(self, *args: str, **more: Any) -> Ended:
        """Call `taskflow ARGS` and wait for its end."""
        return self.end(self.start(*args, **more))

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for the end of a command."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"it hangs; it wrote {out}\n{err}") from None
        return Ended(process.returncode, out, err)

    def close(self) -> None:
        """End what a test that failed has left running."""
        for process in self._started:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of commands: the store is the one of the folder."""
        plain = {
            name: value
            for name, value in os.environ.items()
            if name not in {"PYTHONWARNINGS", "FORCE_COLOR"}
        }
        ours = {"PYTHONPATH": str(ROOT), "LEDGER": str(self.ledger), "COLUMNS": "300"}
        ours["TASKFLOW_STORE"] = f"sqlite:///{self.store}/"
        return {**plain, **ours, "TASKFLOW_WORKERS": "2", **self.variables}

    # --- what there is to see ---

    def run(self, name: str = "last") -> dict[str, Any]:
        """What `show` says of a run."""
        ended = self.taskflow("show", name, "--json")
        assert ended.code == 0, ended.err
        shown: dict[str, Any] = json.loads(ended.out)
        return shown

    @property
    def noted(self) -> Counter[str]:
        """How often each line was noted."""
        return Counter(self.ledger.read_text().splitlines() if self.ledger.exists() else [])

    def wait_for(self, line: str, process: subprocess.Popen[str], count: int = 1) -> None:
        """Wait until bodies have noted a line so many times."""
        deadline = time.monotonic() + PATIENCE
        while self.noted[line] < count:
            assert time.monotonic() < deadline, f"nobody noted {line!r}: {self.noted}"
            if process.poll() is not None:
                raise AssertionError(f"it ended before {line!r}: {process.communicate()}")
            time.sleep(0.005)

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.store / "store.db"

    @property
    def values(self) -> list[Path]:
        """The files of large values."""
        return sorted(path for path in self.store.glob("runs/*/values/*") if path.is_file())

    def is_intact(self) -> bool:
        """Whether SQLite finds nothing wrong with the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            found: bool = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return found
