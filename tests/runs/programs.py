"""Programs that tests run as a user would: in a process, and a process group, of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30.0

#: What programs begin with: `note` writes a line that the test can wait for.
HEAD = """
import ctypes, os, signal, subprocess, sys, threading, time
import taskflow
from taskflow import pipeline, task

def note(*words):
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, (" ".join(map(str, words)) + "\\n").encode())
    os.close(fd)

def until(ready):
    while not ready():
        time.sleep(0.005)
"""


class Program:
    """A Python program in a folder, with a folder for temporary files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = ROOT
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._ledger = folder / "ledger"
        self._errors = folder / "stderr"
        self.process: subprocess.Popen[str] | None = None
        self.out = ""

    def write(self, name: str, text: str, head: str = HEAD) -> str:
        """Write a file; returns its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + textwrap.dedent(text))
        return name

    def start(self, *args: str, **variables: str) -> Program:
        """Start `python ARGS`."""
        self._until = time.monotonic() + PATIENCE
        self._shared = set(os.listdir("/dev/shm"))  # some of a process that had the same number
        known = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        ours = {
            "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), "LEDGER": str(self._ledger)
        }  # fmt: skip
        with open(self._errors, "w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *args],
                cwd=self.folder,
                env={**known, **ours, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        return self

    def run(self, *args: str, **variables: str) -> int:
        """Run `python ARGS` to its end; `out` and `err` are what it wrote."""
        return self.start(*args, **variables).end()

    def end(self) -> int:
        """Wait for the end, and for everybody who holds its output; returns the exit code."""
        assert self.process is not None
        try:
            self.out, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.out, _ = self.process.communicate()
            raise AssertionError(f"it hangs; it wrote {self.out}\n{self.err}") from None
        return self.process.returncode

    @property
    def err(self) -> str:
        """What it has written to standard error so far."""
        return self._errors.read_text()

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT for the process group of the terminal."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)

    @property
    def lines(self) -> list[str]:
        """What was noted, in order."""
        return self._ledger.read_text().splitlines() if self._ledger.exists() else []

    def noted(self, start: str, count: int = 1) -> list[str]:
        """Wait until so many lines begin like this; returns what follows in each."""
        while True:
            found = [line[len(start) :].strip() for line in self.lines if line.startswith(start)]
            if len(found) >= count:
                return found
            self._wait_for(start)

    def said(self, words: str) -> None:
        """Wait until it has written this to standard error."""
        while words not in self.err:
            self._wait_for(words)

    def _wait_for(self, what: str) -> None:
        assert self.process is not None
        assert time.monotonic() < self._until, f"it never came: {what}; {self.lines} {self.err}"
        assert self.process.poll() is None, f"it ended: {self.err}"
        time.sleep(0.005)

    @property
    def left(self) -> list[str]:
        """Files and semaphores that were left behind."""
        assert self.process is not None
        shared = f"loky-{self.process.pid}-"
        semaphores = {name for name in os.listdir("/dev/shm") if shared in name}
        return [*(semaphores - self._shared), *os.listdir(self.temporary)]


def gone(pids: list[Any], seconds: float = 2.0) -> bool:
    """Whether all these processes end within so many seconds."""
    return comes(lambda: not any(_lives(int(pid)) for pid in pids), seconds)


def comes(ready: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether something is the case within so many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
