"""Locks of a display in a fork: no thread is left there that would let go of them."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Display(Protocol):
    """What a ticking thread shares with the thread of the engine."""

    def renew_lock(self) -> None:
        """Make a new lock, which nobody holds."""


_displays: weakref.WeakSet[Display] = weakref.WeakSet()


def renewed_in_forks(display: Display) -> None:
    """Have the lock of a display made anew in each fork of this process."""
    _displays.add(display)


def _renew() -> None:
    for display in list(_displays):
        display.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
