"""A service in a process of its own, for tests: what it says is read as it comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Self

from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]
HEAD = """
import os, time
from pathlib import Path
from taskflow import Schedule, Skip, current, pipeline, task
"""


class Place:
    """A folder of pipelines, and the store of the services that look after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pipelines = folder / "pipelines"
        self.pipelines.mkdir()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TASKFLOW_STORE": f"sqlite:///{folder}/kept/",
        }
        self.environment.pop("TASKFLOW_EXECUTOR", None)

    def write(self, name: str, code: str) -> Path:
        """Write a file of pipelines, whole at once."""
        path = self.pipelines / name
        unfinished = path.with_suffix(".part")
        unfinished.write_text(HEAD + textwrap.dedent(code), encoding="utf-8")
        unfinished.rename(path)
        return path

    def serve(self, *options: str, program: tuple[str, ...] = ("-m", "taskflow")) -> Service:
        """A service that looks after the folder."""
        return Service(self, [*program, "serve", str(self.pipelines), "--json", *options])

    def taskflow(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a command of the command line says."""
        return subprocess.run(
            [sys.executable, "-m", "taskflow", *words],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def store(self) -> SqliteStore:
        """The store, to look at."""
        return SqliteStore(place_of(self.environment["TASKFLOW_STORE"]))


class Service:
    """One `taskflow serve`; a context manager that ends it."""

    def __init__(self, place: Place, words: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *words], env=place.environment, cwd=place.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.said: list[dict] = []
        self.lines: list[str] = []  # of others, or why it ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def until(self, event: str | tuple[str, ...], about: str = "", count: int = 1) -> dict:
        """Read on until one of these was said so often, about this; returns the last."""
        events = (event,) if isinstance(event, str) else event
        while count:
            line = self.process.stderr.readline()
            assert line, f"it ended; it had said {self.said}, and there was {self.lines}"
            if not line.startswith("{"):
                self.lines.append(line)  # of a process that it has started
                continue
            said = json.loads(line)
            self.said.append(said)
            count -= said["event"] in events and (not about or said["about"] == about)
        return said

    def of(self, event: str, about: str = "") -> list[dict]:
        """What it has said of this."""
        return [
            said for said in self.said
            if said["event"] == event and (not about or said["about"] == about)
        ]  # fmt: skip

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; returns its exit code, once it has."""
        self.process.send_signal(number)
        rest = self.process.stderr.read()
        self.said += [json.loads(line) for line in rest.splitlines() if line.startswith("{")]
        return self.process.wait()

    def kill(self) -> None:
        """End it at once; what it has started lives on."""
        self.process.kill()
        self.process.wait()
