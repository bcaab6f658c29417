"""Whether a worker that has served a run may serve another: nothing is left of the first.

A worker is fit if no task has left a thread, a subprocess or a resource behind, none has changed
what belongs to the whole process (environment, signals, limits, umask, the root logger), and it has
not grown large.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from taskflow.executors.machine import limits
from taskflow.executors.snapshot import SnapshotLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A worker that holds more memory than this is not kept.
MOST_BYTES: Final = 500_000_000

_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep


class Fitness:
    """What a worker was like before its first run, to compare it with later."""

    def __init__(self) -> None:
        self._modules = set(sys.modules)
        self._threads = threading.enumerate()
        self._traits = _traits()

    def is_kept(self) -> bool:
        """Whether all is as it was, and nothing goes on."""
        return (
            threading.enumerate() == self._threads
            and _traits() == self._traits
            and not _has_children()
            and _resident_bytes() <= MOST_BYTES
        )

    def strays(self) -> Iterator[str]:
        """Files of modules that were imported since, from neither a library nor a snapshot."""
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if name in self._modules or not isinstance(path, str) or path.startswith(_LIBRARY):
                continue
            if "site-packages" in path or "dist-packages" in path:
                continue
            if not isinstance(getattr(module, "__loader__", None), SnapshotLoader):
                yield path


def _traits() -> tuple[Any, ...]:
    root = logging.getLogger()
    umask = os.umask(0)
    os.umask(umask)
    return (
        dict(os.environ),
        umask,
        limits(),
        [signal.getsignal(each) for each in signal.valid_signals()],
        signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        (root.level, list(root.handlers), root.disabled, root.manager.disable),
        gc.isenabled(),
    )


def _has_children() -> bool:
    """Whether a process that a task has started is there, as a child or in the same group."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return _is_group_shared()
    return True


def _is_group_shared() -> bool:
    """Whether this process, the leader of its group, has company: it steps out and looks back."""
    try:
        os.setpgid(0, os.getpgid(os.getppid()))
        try:
            os.killpg(os.getpid(), 0)
        finally:
            os.setpgid(0, 0)
    except ProcessLookupError:
        return False
    except OSError:  # a task has made it a session of its own
        return True
    return True


def _resident_bytes() -> int:
    """How much memory this process holds; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
