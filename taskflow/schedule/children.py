"""What a child of the nursery does between its fork and its end; none of it returns.

A child that reads a file is cut off from everything but three pipes: one for what it found, one
for what it writes, and one whose closing ends it. A child that runs a pipeline lives on its own.
"""

from __future__ import annotations

import atexit
import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.authoring.loading import own_traceback
from taskflow.executors.life import die_with_engine
from taskflow.schedule.messages import Reading, encode_reading
from taskflow.schedule.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterable

#: More open files than the nursery ever has.
_HIGHEST: Final = 1 << 16
#: Exit code of a child that finds its pipe closed, or exchanged for something else.
CUT_OFF: Final = 113


class Ends(NamedTuple):
    """A child's ends of its pipes."""

    result: int
    output: int
    life: int


def read_and_end(file: str, folder: str, ends: Ends) -> None:
    """Read a file, say what is in it, and end this process, whatever the file has left in it."""
    try:
        _begin(keep=ends)
        os.dup2(ends.output, 1)
        os.dup2(ends.output, 2)
        die_with_engine(ends.life)
        _volunteer()
        _renew_streams()
        faulthandler.enable()
        sys.argv[:] = [file]
        pipe = _Pipe(ends.result)
        found = _reading(file, folder, pipe)
        if not pipe.is_used:
            pipe.send(Reading(file))
        pipe.send(found)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a fault of ours, which the nursery tells on
        traceback.print_exc()
    finally:  # nothing of this process may go on in the loop of the nursery
        os._exit(1)


def run_and_end(target: str, payload: bytes) -> None:
    """Call a function, `module:name`, as a program of its own: `sys.exit(name(payload))`."""
    code = 1
    try:
        _begin(keep=())
        _renew_streams()
        module, _, name = target.partition(":")
        sys.exit(getattr(importlib.import_module(module), name)(payload))
    except SystemExit as ended:
        code = _exit_code(ended.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the end of a program
        traceback.print_exc()
    try:
        _wind_up()
    finally:
        os._exit(code)


class _Pipe:
    """Where a child says what it found; code of users may have closed it, or opened another."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._owner = os.getpid()
        self.is_used = False
        self._identity = self._seen()

    def send(self, reading: Reading) -> None:
        """Send a reading, if this is still the pipe that it was."""
        if os.getpid() != self._owner:  # the file has forked, and this is the fork
            os._exit(0)
        self.is_used = True
        data = memoryview(encode_reading(reading))
        if self._seen() != self._identity:
            os._exit(CUT_OFF)
        while data:
            data = data[os.write(self._fd, data) :]

    def _seen(self) -> tuple[int, int] | None:
        try:
            status = os.fstat(self._fd)
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _reading(file: str, folder: str, pipe: _Pipe) -> Reading:
    """What is in the file; all that can go wrong is an error of it."""
    begun = Reading(file)

    def tell(reading: Reading) -> None:
        nonlocal begun
        begun = reading
        pipe.send(reading)

    try:
        found = read(file, folder, tell)
    except BaseException as error:  # noqa: BLE001 - code of users raises what it likes
        found = begun._replace(error="".join(own_traceback(error)).rstrip())
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # the file has put something else there, or closed it
    return found


def _exit_code(given: object) -> int:
    """What the interpreter makes of what `sys.exit` was given."""
    if given is None or isinstance(given, int):
        return (given or 0) & 0xFF
    sys.stderr.write(f"{given}\n")
    return 1


def _begin(keep: Iterable[int]) -> None:
    """Leave what belongs to the nursery: its session, its signals, its files."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, _HIGHEST)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _volunteer() -> None:
    """If memory runs out, the kernel is to end this process, and not the service."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _renew_streams() -> None:
    """Lines are seen when they are written: who is killed cannot flush any more."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream: Any = open(number, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)


def _wind_up() -> None:
    """What the interpreter does at its end, which a fork has to do itself."""
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001 - as above
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
