"""Starts runs: the one place that knows all parts and reads the environment."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Setup
from taskflow.context import Context
from taskflow.crashing import reach
from taskflow.errors import DefinitionError, ExecutorError
from taskflow.handle import Run
from taskflow.scratch import disk, new_run_dir
from taskflow.secret import discreet, redactor
from taskflow.wanted import Limits, times_of
from taskflow.world import SystemClock, world

if TYPE_CHECKING:
    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Executor, Listener, Store
    from taskflow.wanted import Again, Settings, What

#: Letters of run ids: no two look alike.
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def prepare(
    what: What, settings: Settings, listeners: list[Listener], again: Again | None = None
) -> Run:
    """Trace a pipeline and get everything ready for its run; nothing has started yet."""
    around = world()
    clock = (around and around.clock_for(settings.executor)) or SystemClock()
    ledger = again.ledger if again else None
    store = again.store if again else the_store(settings.store)
    run_id = again.row.id if again and ledger else new_run_id()
    run_dir = ledger.run_dir if ledger else store.new_dir(run_id) if store else new_run_dir()
    created = again.row.created if again and ledger else clock.now()
    reach("folder made")
    try:
        facts = Context(run_id, run_dir, *times_of(again, created), kept=store is not None)
        executor = None if around else _executor(settings)  # before: a worker starts meanwhile
        graph, codes = what.trace(facts, os.path.join(run_dir, "values"))
        if around:
            executor = around.executor_for(settings.executor, graph)
        executor = executor or _executor(settings)
        processes = _starts_processes(executor, graph)
        sources = what.sources() if store or processes else {}
        setup = _setup(facts, _snapshot(run_dir, sources) if processes else "")
        listeners = [*listeners, *(around.listeners() if around else ())]
        listeners = discreet(listeners or _default_listeners(settings), what.params)
        limits = Limits(settings.fail_fast, settings.timeout)
        keeper = None
        if store is not None:
            from taskflow.keeper import Keeper

            if ledger is None:
                parent = again.row.id if again else ""
                ledger = store.create(what.new_run(settings, run_id, created, parent))
                reach("run created")
            keeper = Keeper(
                store,
                ledger,
                graph,
                run_id=run_id,
                code=(codes, sources),
                clock=clock,
                again=again,
                hide=redactor(what.params),
            )
            keeper.wish = os.environ.get("TASKFLOW_KEEP", "")
        run = Run(what, graph, executor, setup, limits, listeners, clock, keeper)
        if keeper is not None:
            keeper.begin()
    except BaseException:
        if ledger is not None:
            ledger.close()
        if again is None or again.ledger is None:
            shutil.rmtree(run_dir, ignore_errors=True)
        raise
    return run


def _setup(facts: Context, snapshot: str) -> Setup:
    return Setup(
        facts.run_id,
        facts.run_dir,
        snapshot,
        tuple(sys.path),
        os.getcwd(),
        tuple(sys.argv),
        facts.scheduled_time,
        facts.data_interval,
        log_level=logging.getLogger().getEffectiveLevel(),
        kept=facts.kept,
    )


def the_store(asked: str | Store | None = None) -> Store | None:
    """Where runs are kept: what is asked for, or `TASKFLOW_STORE`, or the project's `.taskflow`.

    None for `memory:`, which keeps nothing.
    """
    around = world()
    kept = around.store_for() if around and asked is None else asked
    url = kept if isinstance(kept, str) else os.environ.get("TASKFLOW_STORE") or None
    if kept is not None and not isinstance(kept, str):
        return kept
    if url == "memory:":
        return None
    from taskflow.store import open_store

    return open_store(url)


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

        processes = ProcessExecutor(workers)
        processes.start_ahead()
        return processes
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


def _snapshot(run_dir: str, sources: dict[str, Any]) -> str:
    from taskflow.executors import snapshot

    path = os.path.join(run_dir, "code")
    with disk():
        snapshot.write(path, sources)
    return path


def new_run_id() -> str:
    """An id that sorts by time: 6 letters of time, 4 at random."""
    ticks = int(time.time() * 4)
    letters = [_LETTERS[(ticks >> shift) % 32] for shift in range(30, -1, -5)]
    return "".join(letters) + "".join(secrets.choice(_LETTERS) for _ in range(4))
