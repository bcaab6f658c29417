"""A fork of a program while its display is being drawn: the child is not kept waiting for it."""

from __future__ import annotations

import io
import os

import pytest

from taskflow.events import RunNoticed
from taskflow.progress.lines import LineProgress
from taskflow.progress.terminal import TerminalProgress


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that is what it is about
@pytest.mark.parametrize("kind", [LineProgress, TerminalProgress])
def test_a_fork_while_the_lock_of_a_display_is_held_does_not_hang(kind):
    """The thread that held it does not live on in the child, whose own loop goes on."""
    display = kind(io.StringIO())
    with display._lock:
        pid = os.fork()
        if pid == 0:
            display.notice([RunNoticed("here")])
            os._exit(7 if display._lock.acquire(blocking=False) else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    display.close()
