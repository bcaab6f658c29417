"""Runs a peer in its environment, to its end or to a time limit, and takes what it measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.peers import contest

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT: Final = Path(__file__).parent.parent
#: How long a peer may take for one round, in seconds.
PATIENCE: Final = 180.0


class PeerFailedError(Exception):
    """A peer did not come to its end; the message says why."""


class Measured(NamedTuple):
    """What one way of running of a peer took in one round, by kind of work."""

    runner: str
    tasks: dict[str, int]
    seconds: dict[str, float]


def run(command: Sequence[str], scale: float, patience: float = PATIENCE) -> list[Measured]:
    """Run a program that measures itself by `contest`; raises `PeerFailedError`."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True) as folder:
        found = Path(folder) / "measured.jsonl"
        environment = {
            **os.environ,
            contest.BEGAN: str(time.time()),
            contest.FILE: str(found),
            contest.SCALE: str(scale),
            "DO_NOT_TRACK": "1",
            "HOME": folder,  # some keep a database, or a note of their use, in it
            "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(_ROOT),
        }
        found.touch()
        _run(command, folder, environment, patience)
        lines = found.read_text().splitlines()
    return [Measured(**json.loads(line)) for line in lines]


def _run(command: Sequence[str], folder: str, environment: dict[str, str], patience: float) -> None:
    log = Path(folder) / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            raise PeerFailedError(f"not done within {patience:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):  # servers and workers that it left behind
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code != 0:
        raise PeerFailedError(f"exit code {code}: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
