"""A timeout inside this process: raises `TaskTimeout` in the thread that runs the body.

The exception comes at the next bytecode, so a body stuck in C code goes on until it returns;
only worker processes can be stopped against their will.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from taskflow.errors import TaskTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def raising_timeout(seconds: float) -> Iterator[None]:
    """Raise `TaskTimeout` in this thread if the block takes longer than `seconds`."""
    thread = threading.get_ident()
    lock = threading.Lock()
    open_ = [True]
    late = [False]

    def fire() -> None:
        with lock:
            if open_[0]:
                late[0] = True
                _raise_in(thread, TaskTimeout)

    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except TaskTimeout as error:
        if late[0] and not error.args:
            raise TaskTimeout(f"it ran longer than its timeout of {seconds:g} s") from None
        raise
    finally:
        with lock:
            open_[0] = False
        timer.cancel()
        if late[0]:
            _raise_in(thread, None)  # asked for, but not yet delivered: take it back


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    raised = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
