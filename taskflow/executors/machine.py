"""What this machine has for workers, and what loky makes of it: cores, files, threads, exits."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import threading
import warnings
from typing import TYPE_CHECKING, Final

from taskflow.errors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: File descriptors that one worker takes in the engine, most of them loky's.
WORKER_FILES: Final = 16
#: Thread pools of numeric libraries, which would otherwise start one thread per core and worker.
THREAD_CAPS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

_LIMITS: Final = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
#: Lines of Linux's `/proc/self/status` that children have in common with their parent.
_INHERITED: Final = (
    *("Umask:", "Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:"),
    *("Cpus_allowed:", "Mems_allowed:"),
)


def cores() -> int:
    """How many cores this process may use, after affinity and control groups."""
    from loky import cpu_count

    return int(cpu_count())


def thread_caps(workers: int) -> dict[str, str]:
    """Environment that shares the cores among the workers, where the user has not said so."""
    share = str(max(1, cores() // workers))
    return {name: share for name in THREAD_CAPS if name not in os.environ}


def check_files(workers: int) -> None:
    """Raise if the workers would run out of file descriptors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        used = len(os.listdir("/dev/fd"))
    except OSError as error:
        used = limit if error.errno == errno.EMFILE else 0
    if 0 <= limit < used + workers * WORKER_FILES:
        fit = max(1, (limit - used) // WORKER_FILES)
        raise ExecutorError(
            f"{workers} workers need some {workers * WORKER_FILES} file descriptors, and only "
            f"{max(0, limit - used)} of {limit} are free: raise the limit (ulimit -n 4096), or "
            f"run with workers={fit}"
        )


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for the processes that are started in this block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def tame_loky() -> None:
    """Our own messages say what happened to a worker, and a run ends before loky does."""
    from multiprocessing import resource_tracker as python_tracker

    from loky import process_executor
    from loky.backend import resource_tracker

    with _environment("PYTHONWARNINGS", "ignore:resource_tracker"):
        resource_tracker.ensure_running()  # it cleans up after a kill, and need not talk about it
        # Python's own would be started with the first worker, and lets Ctrl-C through by that.
        python_tracker.ensure_running()
    # It looks for children with `pgrep`, which small images lack; here process groups are killed.
    warnings.filterwarnings("ignore", message="Failed to kill subprocesses on this platform")
    logger = logging.getLogger("concurrent.futures")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    if process_executor.process_pool_executor_at_exit is None:
        # loky would set this to None again, and register itself anew with every worker: after
        # the run, which has to be told first that the program ends.
        threading._register_atexit(process_executor._python_exit)  # type: ignore[attr-defined] # noqa: SLF001 - as loky does
        process_executor.process_pool_executor_at_exit = True


def limits() -> list[tuple[int, int]]:
    """The resource limits of this process."""
    return [resource.getrlimit(each) for each in _LIMITS]


def heritage(env: Mapping[str, str]) -> tuple[object, ...]:
    """What a process takes over that is started now, with these variables in its environment."""
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
            status = [line for line in file if line.startswith(_INHERITED)]
    except OSError:
        status = []
    return {**os.environ, **env}, limits(), status


def started_at(pid: int) -> int:
    """When a process began, in clock ticks since the machine did; 0 if that cannot be known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold anything; the 20th field after it is the time.
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
