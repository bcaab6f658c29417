"""Life pipes: a process group that is ended by the kernel when the process above it is gone.

The process above holds the writing end and never writes. Whatever ends it closes that end, and the
kernel kills the group below, even while C code holds the GIL.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading


def die_with_engine(life: int) -> None:
    """Have this process group killed when the writing end of the pipe `life` closes."""
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgid(0))
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    else:
        threading.Thread(target=_watch, args=(life,), daemon=True).start()
    end_if_alone(life)  # it was closed before the kernel watched it


def end_if_alone(life: int) -> None:
    """End this process group if the engine is gone, and the kernel may not have seen to it."""
    if select.select([life], [], [], 0)[0]:
        os.killpg(0, signal.SIGKILL)


def _watch(life: int) -> None:
    select.select([life], [], [])
    os.killpg(0, signal.SIGKILL)
