"""What tests of real bodies share: a ledger of those that ran, and patience without sleeping."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Far longer than anything here takes; whoever waits so long has found a hang.
PATIENCE = 30.0
#: What `begun_in_time` tries: a busy machine may need longer than the first to begin a body.
TIMEOUTS = (0.1, 1.0, 10.0)


class Ledger:
    """A file in which bodies note that they ran; lines of many processes do not mix."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def note(self, entry: object) -> None:
        """Called in a body: one more line."""
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, f"{entry}\n".encode())
        os.close(fd)

    def clear(self) -> None:
        """Forget what was noted."""
        with open(self.path, "w"):
            pass

    @property
    def counts(self) -> Counter[str]:
        """How often each line was written."""
        return Counter(self.lines)

    @property
    def lines(self) -> list[str]:
        """The lines in the order in which they were written."""
        if not os.path.exists(self.path):
            return []
        with open(self.path) as file:
            return file.read().split("\n")[:-1]


def until(ready: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Ask again and again until the answer is true."""
    deadline = time.monotonic() + patience
    while not (found := ready()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
    return found


def begun_in_time(attempt: Callable[[float], Any], begun: Callable[[], Any]) -> Any:
    """What `attempt(timeout)` returns, for the first timeout in which its bodies had begun."""
    for timeout in TIMEOUTS:
        result = attempt(timeout)
        if begun():
            return result
    raise AssertionError(f"no body began within {TIMEOUTS[-1]:g} s")


def lives(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
