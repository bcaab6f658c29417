"""Bodies in this process that go on after their timeout, until a test lets them go."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

from ledgers import PATIENCE

from taskflow import TaskTimeout

#: Whether the body has come to where it stays, and whether it may end.
now = SimpleNamespace(begun=threading.Event(), go_on=threading.Event())


def anew() -> None:
    """For a further body: none has begun, and none may end."""
    now.begun, now.go_on = threading.Event(), threading.Event()


def has_begun() -> bool:
    """Whether the body has come to where it stays."""
    return now.begun.is_set()


def thread() -> None:
    """In a thread: what is raised there is caught, and not heeded."""
    while True:
        try:
            while not now.go_on.is_set():
                now.begun.set()
                time.sleep(0.001)
        except TaskTimeout:
            continue
        return


async def coroutine() -> None:
    """In an event loop: to be cancelled is not heeded."""
    while not now.go_on.is_set():
        try:
            now.begun.set()
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            continue


def blocks() -> None:
    """In an event loop, too, which it holds up."""
    now.begun.set()
    now.go_on.wait(PATIENCE)
