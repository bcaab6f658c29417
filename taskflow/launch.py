"""Starts runs: the one place that knows all parts and reads the environment."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Setup
from taskflow.context import Context
from taskflow.errors import DefinitionError, ExecutorError
from taskflow.handle import Limits, Run, SystemClock
from taskflow.secret import discreet
from taskflow.world import world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Executor, Listener

#: Letters of run ids: no two look alike.
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PREFIX: Final = "taskflow-"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one run runs."""

    executor: str | Executor | None = None
    workers: int | None = None
    fail_fast: bool = False
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    progress: bool | None = None
    store: Any = None


def prepare(
    pipeline: str,
    params: tuple[tuple[str, Any], ...],
    trace: Callable[[Context, str], Graph],
    sources: Callable[[], dict[str, Any]],
    settings: Settings,
    listeners: list[Listener],
) -> Run:
    """Trace a pipeline and get everything ready for its run; nothing has started yet."""
    run_id = new_run_id()
    run_dir = new_run_dir()
    values = os.path.join(run_dir, "values")
    try:
        from datetime import UTC, datetime

        around = world()
        clock = (around and around.clock_for(settings.executor)) or SystemClock()
        facts = Context(run_id, run_dir, datetime.fromtimestamp(clock.now(), UTC))
        graph = trace(facts, values)
        executor = (around and around.executor_for(settings.executor, graph)) or _executor(settings)
        setup = Setup(
            run_id,
            run_dir,
            _snapshot(run_dir, sources) if _starts_processes(executor, graph) else "",
            tuple(sys.path),
            os.getcwd(),
            tuple(sys.argv),
            facts.scheduled_time,
            log_level=logging.getLogger().getEffectiveLevel(),
        )
        listeners = [*listeners, *(around.listeners() if around else ())]
        listeners = discreet(listeners or _default_listeners(settings), params)
        limits = Limits(settings.fail_fast, settings.timeout)
        return Run(pipeline, params, graph, executor, setup, limits, listeners, clock)
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise


def _executor(settings: Settings) -> Executor:
    chosen = settings.executor or os.environ.get("TASKFLOW_EXECUTOR") or "processes"
    workers = settings.workers or _workers()
    if chosen == "inline":
        from taskflow.executors.inline import InlineExecutor

        return InlineExecutor()
    if getattr(threading, "_SHUTTING_DOWN", False):  # Python's own words come much later
        raise ExecutorError(
            "the program is ending, and can start no workers any more: call taskflow.run before it "
            'does, not in an atexit handler; or p.options(executor="inline"), which needs none'
        )
    if chosen == "processes":
        from taskflow.executors.processes import ProcessExecutor

        return ProcessExecutor(workers)
    if chosen == "threads":
        from taskflow.executors.threads import ThreadExecutor

        return ThreadExecutor(workers)
    if isinstance(chosen, str):
        raise DefinitionError(
            f'executor={chosen!r} is unknown; one of "inline", "threads", "processes", '
            "or an Executor"
        )
    return chosen


def _workers() -> int | None:
    text = os.environ.get("TASKFLOW_WORKERS", "")
    if text and not (text.isascii() and text.isdigit() and int(text)):
        raise DefinitionError(f"TASKFLOW_WORKERS={text!r} must be a whole number, 1 or more")
    return int(text) if text else None


def _default_listeners(settings: Settings) -> list[Listener]:
    from taskflow.progress import default_progress

    shown = default_progress(progress=settings.progress)
    return [] if shown is None else [shown]


def _starts_processes(executor: Executor, graph: Graph) -> bool:
    """Whether this run may start worker processes; what a dynamic pipeline asks for shows later."""
    if executor.lanes[0].can_kill:
        return True
    kinds = {lane.kind for lane in executor.lanes if lane.can_kill}
    return bool(kinds) and any(spec.executor in kinds or spec.dynamic for spec in graph.specs)


def _snapshot(run_dir: str, sources: Callable[[], dict[str, Any]]) -> str:
    from taskflow.executors import snapshot

    path = os.path.join(run_dir, "code")
    found = sources()
    with _disk():
        snapshot.write(path, found)
    return path


def new_run_id() -> str:
    """An id that sorts by time: 6 letters of time, 4 at random."""
    ticks = int(time.time() * 4)
    letters = [_LETTERS[(ticks >> shift) % 32] for shift in range(30, -1, -5)]
    return "".join(letters) + "".join(secrets.choice(_LETTERS) for _ in range(4))


def new_run_dir() -> str:
    """A private folder for the files of one run; removes those of engines that were killed."""
    with _disk():
        parent = tempfile.gettempdir()
        path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        os.mkdir(os.path.join(path, "values"))
    _sweep(parent)
    return path


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """Say what to do when the files of a run cannot be written."""
    try:
        yield
    except OSError as error:
        raise ExecutorError(
            f"the files of a run cannot be written: {error}; free some space there, or point "
            "TMPDIR to a folder on a disk that has some"
        ) from error


def _sweep(parent: str) -> None:
    """Remove what runs have left whose engines were killed."""
    try:
        names = os.listdir(parent)
    except OSError:  # it may be written to, but not listed
        return
    for name in names:
        owner = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and owner.isdigit() and not _lives(int(owner)):
            path = os.path.join(parent, name)
            with contextlib.suppress(OSError):
                if os.lstat(path).st_uid == os.getuid():
                    shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
