"""A command in a process group of its own, which never outlives the process that runs it.

    this process ──pipe──▶ keeper    a shell that leads the group and waits for the pipe to close
                           command   joins the group, and so does whatever it starts

When this process dies, by whatever signal, the pipe closes and the keeper kills the group. While
the keeper has not been waited for, its number cannot become the group of anybody else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A signal that asks, as SIGTERM does, is for the command: the keeper stays.
_KEEPER: Final = ("/bin/sh", "-c", "trap '' HUP INT TERM; read _; kill -KILL 0")


class Group:
    """A command and what it starts: runs from `start` on, and is gone at the end of `with`."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            _KEEPER,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            process_group=0,
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start the command, with options as `subprocess.Popen` takes them."""
        self.process = subprocess.Popen(
            command, bufsize=0, process_group=self._keeper.pid, **options
        )
        return self.process

    def ask_to_end(self) -> None:
        """Send SIGTERM to the command and to all that it has started, also if it is stopped."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        # Where all of a group are dead and only not yet waited for, macOS permits no signals.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGKILL)
        for process in (self.process, self._keeper):
            if process is not None:
                with process:  # closes its pipes, and waits for it
                    pass
