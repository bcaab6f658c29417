"""Processes that own runs: who this one is, whether another still lives, and how one is ended."""

from __future__ import annotations

import functools
import os
import select
import signal
import socket
import time
from contextlib import suppress

from taskflow import scratch
from taskflow.errors import StoreError
from taskflow.records import Owner
from taskflow.store import presence

#: Seconds that a killed process may take to be gone: it may wait for a disk.
_PATIENCE = 30.0


@functools.cache
def boot() -> str:
    """What tells this boot of the machine from all others; empty where the system does not say."""
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
    return ""


def started(pid: int) -> int:
    """When a process began, in clock ticks since the boot; 0 if it is gone, or cannot be told."""
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        # The name of the program, in parentheses, may hold blanks and parentheses.
        state, *fields = file.read().rpartition(b")")[2].split()
        return 0 if state in b"ZX" else int(fields[18])
    return 0


def me(now: float) -> Owner:
    """This process as the owner of a run from now on."""
    return Owner(os.getpid(), started(os.getpid()), boot(), socket.gethostname(), now)


def present(folder: str, now: float) -> Owner:
    """This process as the owner of runs of a store; from now on others see that it lives."""
    owner = me(now)
    presence.show(owner, folder)
    return owner


def lives(owner: Owner, folder: str) -> bool:
    """Whether the very process still runs, in this container or another one with the store."""
    return is_here(owner) or presence.is_shown(owner, folder)


def is_here(owner: Owner) -> bool:
    """Whether the very process runs under its number here, where a signal would reach it."""
    known = owner.host == socket.gethostname() and owner.boot == boot()
    return known and _is_there(owner.pid, owner.started)


def end(pid: int, began: int, booted: str) -> None:
    """Kill what a process leads, and wait until it is gone; never another that has its number."""
    if booted != boot() or not began or started(pid) != began or pid == os.getpid():
        return
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            # It may have ended, and its number be in use again, before the handle was opened.
            if started(pid) == began:
                _kill(pid)
                _await_end(handle, pid)
        finally:
            os.close(handle)


def describe(owner: Owner) -> str:
    """The owner in some words: `pid 4711 since 14:02:07`."""
    since = time.strftime("%H:%M:%S", time.localtime(owner.since))
    elsewhere = f" on {owner.host}" if owner.host != socket.gethostname() else ""
    return f"pid {owner.pid}{elsewhere} since {since}"


def _is_there(pid: int, began: int) -> bool:
    if began:
        return started(pid) == began
    return scratch.lives(pid)  # a system that does not tell when processes began


def _kill(pid: int) -> None:
    """The group that it leads, or the process alone when it leads none."""
    if os.getpgid(pid) == pid:
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)


def _await_end(handle: int, pid: int) -> None:
    if not select.select([handle], [], [], _PATIENCE)[0]:
        raise StoreError(
            f"a worker that the last owner of this run left behind does not end: pid {pid} was "
            f"killed {_PATIENCE:.0f} s ago; look at it (`ps -o pid,stat,cmd -p {pid}`), then resume"
        )
