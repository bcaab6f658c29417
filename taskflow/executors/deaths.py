"""Why a worker died, in plain words."""

from __future__ import annotations

import re
import signal
from typing import Final

_CODE: Final = re.compile(r"(SIG[A-Z0-9]+)\(-(\d+)\)|EXIT\((\d+)\)|(-?\d+)")

#: Exit code of a worker that finds its connection closed, at its own end.
HUNG_UP: Final = 113

#: Frames below the body of a task: ours, loky's, and the interpreter's start.
_FOREIGN_FRAME: Final = re.compile(
    r'File "(<frozen |<string>"|'
    r'[^"]*/(taskflow/(authoring|executors|schedule)|loky|multiprocessing|ctypes)/)'
)

_WORDS: Final = {
    "SIGSEGV": "segmentation fault in C code",
    "SIGBUS": "bus error in C code, or a full /dev/shm or disk under a memory map",
    "SIGABRT": "aborted, usually by a failed check in C code",
    "SIGFPE": "arithmetic error in C code",
    "SIGILL": "illegal instruction: a library built for another processor",
    "SIGTERM": "terminated from outside",
    "SIGKILL": "killed from outside",
    "SIGXCPU": "CPU time limit reached",
    "SIGHUP": "hung up",
}


def cause_of_death(error: BaseException | None, *, oom: bool, disconnected: bool) -> str:
    """What ended a worker, from loky's exception and the kernel's count of OOM kills.

    Names the signal or the exit code, and what it usually means.
    """
    codes = re.search(r"exit codes? of the workers? (?:are|is) \{([^}]*)\}", str(error or ""))
    match = _CODE.search(codes.group(1)) if codes else None
    if match is None:
        return "its connection was closed" if disconnected else f"the worker ended: {error}"
    name, _, code, number = match.groups()
    if name is None and number is not None and number.startswith("-"):
        name = _signal_name(int(number[1:]))
    if code == str(HUNG_UP) or (name == "SIGKILL" and disconnected and not oom):
        return "it closed its connection to the engine (file descriptors closed in the task?)"
    if name is None:
        return f"exit code {code or number}: something in it called os._exit or a C exit"
    if name == "SIGKILL" and oom:
        return "SIGKILL: the kernel killed it because memory ran out"
    return _of_signal(name)


def how_it_ended(code: int) -> str:
    """What ended a process, from what `os.waitstatus_to_exitcode` says."""
    return _of_signal(_signal_name(-code)) if code < 0 else f"exit code {code}"


def _of_signal(name: str) -> str:
    words = _WORDS.get(name, "killed by a signal")
    more = ", or by the kernel because memory ran out" if name == "SIGKILL" else ""
    return f"{name}: {words}{more}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            text = file.read()
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def last_words(text: str) -> str:
    """What a dead worker wrote last; of the stacks that faulthandler prints, the user's frames."""
    own, mark, dump = text.partition("Fatal Python error: ")
    if not mark:
        return text
    head, _, current = dump.partition("Current thread ")
    frames = [line for line in current.splitlines() if line.startswith("  File ")]
    mine = [line for line in frames if not _FOREIGN_FRAME.search(line)]
    return "\n".join([f"{own}{mark}{head.splitlines()[0]}", *mine]) + "\n"
