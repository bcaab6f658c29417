"""Worker processes without work, kept for the next run of this process.

The next run gets a kept worker if it cannot tell it from a new one: nothing is running or left
over in it (see `fitness`), what it took over from this process is still so (environment, limits,
umask, user, cores), and all project code that it has loaded is the code of that run. Any other is
ended. What stays as it was left, as in workers of loky and Dask, is the memory of imported
modules: a global that a task has changed may be seen by a task of the next run.

Kept workers end after some idle time, with the interpreter, and, as all workers, when this process
is killed. A fork of this process has no part in them.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from taskflow.executors.machine import heritage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taskflow.executors.process import Process
    from taskflow.executors.snapshot import Loaded

#: A worker without work ends after so long.
IDLE_SECONDS: Final = 30.0


class _Park:
    """The kept workers, the latest last."""

    def __init__(self) -> None:
        self.is_closed = False  # when the interpreter ends: nothing is kept any more
        self.ends_with_python = False
        self.empty()

    def empty(self) -> None:
        """Forget all."""
        self.lock = threading.Lock()
        self.processes: list[Process] = []
        self.timer: threading.Timer | None = None


_park: Final = _Park()
# What a forked child must neither use nor free: it belongs to the parent.
_inherited: Final[list[Process]] = []


def take(most: int, env: Mapping[str, str], needed: Loaded) -> list[Process]:
    """Kept workers for a run with this environment and code; those that do not suit are ended."""
    _end_with_python()
    kept = _emptied()
    if not kept:
        return []
    around = heritage(env)
    suited = [each for each in kept if _suits(each, around, needed)]
    taken = suited[-most:]
    for each in kept:
        if each not in suited:
            each.end(wait=False)
    park([each for each in suited if each not in taken], most=len(kept))
    return taken


def is_empty() -> bool:
    """Whether no worker is kept."""
    return not _park.processes


def start_ahead(env: dict[str, str]) -> None:
    """Start a worker for a run that comes in a moment."""
    from taskflow.executors.process import Process  # here: not every run has processes

    _end_with_python()
    process = Process()
    process.start(env)
    park([process], most=1)


def _suits(process: Process, around: object, needed: Loaded) -> bool:
    if process.is_dead or process.is_zombie or process.heritage != around:
        return False
    return process.loaded is None or process.loaded.is_part_of(needed)


def park(processes: Iterable[Process], most: int) -> None:
    """Keep these workers, at most so many with those that are kept already."""
    with _park.lock:
        _park.processes += processes
        surplus = _park.processes[:-most] if not _park.is_closed else _park.processes
        _park.processes = _park.processes[len(surplus) :]
        if _park.processes:
            _wait_anew()
    for each in surplus:
        each.end(wait=True)


def end_all() -> None:
    """End all kept workers."""
    for each in _emptied():
        each.end(wait=True)


def _emptied() -> list[Process]:
    with _park.lock:
        kept, _park.processes = _park.processes, []
        if _park.timer is not None:
            _park.timer.cancel()
            _park.timer = None
    return kept


def _wait_anew() -> None:
    """End all that is kept if nothing happens for a while; the caller has the lock."""
    if _park.timer is not None:
        _park.timer.cancel()
    _park.timer = threading.Timer(IDLE_SECONDS, end_all)
    _park.timer.daemon = True
    _park.timer.start()


def _end_with_python() -> None:
    """Have all end before loky waits for its workers: those called last are called first."""
    if not _park.ends_with_python:
        _park.ends_with_python = True
        threading._register_atexit(_close)  # type: ignore[attr-defined] # noqa: SLF001 - as loky does


def _close() -> None:
    _park.is_closed = True
    end_all()


def _forget() -> None:
    _inherited.extend(_park.processes)
    _park.empty()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
