"""What tests of real workers share: a ledger of bodies that ran, and patience without sleeping."""

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


class Ledger:
    """A file in which bodies note that they ran; lines of many processes do not mix."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def note(self, entry: object) -> None:
        """Called in a body: one more line."""
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, f"{entry}\n".encode())
        os.close(fd)

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


def lives(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
