"""Keeps Python's garbage collector quiet while much is made that stays."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: New containers after which it looks for garbage. With Python's own 700 it would look at each
#: future again and again; with this, what a body leaves in circles is still found.
SELDOM: Final = 100_000


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for garbage less often in this block; what the user sets or has set comes first."""
    before = gc.get_threshold()
    ours = (SELDOM, *before[1:])
    if 0 < before[0] < SELDOM:
        gc.set_threshold(*ours)
    try:
        yield
    finally:
        if gc.get_threshold() == ours:
            gc.set_threshold(*before)
