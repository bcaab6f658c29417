"""Drives one run for a service, in a process of its own, from the sources of its version.

Whatever user code does here ends this process at the most. The files of the folder may have
changed since: a run that was started with a version goes on with it, after a crash, too.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskflow.authoring.loading import find, load, own_traceback, root_and_name
from taskflow.authoring.recovery import as_before, parameters_of, past_of
from taskflow.authoring.source import note_served
from taskflow.errors import RunOwnedError, TaskflowError, UnknownRunError
from taskflow.executors import snapshot
from taskflow.schedule.orders import DONE, NOT_BEGUN, RunOrder, decoded
from taskflow.schedule.output import Output
from taskflow.schedule.saying import Steady, speaker
from taskflow.store import close_all, open_store
from taskflow.wanted import Again

if TYPE_CHECKING:
    from taskflow.authoring.pipeline import Pipeline
    from taskflow.call import Source
    from taskflow.interfaces import Ledger
    from taskflow.schedule.orders import HookOrder
    from taskflow.store.sqlite import SqliteStore


def main(payload: bytes) -> int:
    """Do what a service orders; returns the exit code of this process."""
    order = decoded(payload)
    store: Any = open_store(order.store)
    try:
        return _run(order, store) if isinstance(order, RunOrder) else _call(order, store)
    finally:
        close_all()


# --- runs ----------------------------------------------------------------------------------


def _run(order: RunOrder, store: SqliteStore) -> int:
    try:
        ledger = store.take_over(order.run, order.epoch)
    except (RunOwnedError, UnknownRunError) as error:
        sys.stderr.write(f"run {order.run} is not begun here: {error}\n")
        return NOT_BEGUN
    try:
        _drive(order, store, ledger)
    except Exception as error:  # noqa: BLE001 - the border to the user's code
        text = _told(error)
        sys.stderr.write(f"{text}\n")
        ledger.end("failed", seconds=0.0, counts={}, error=text)
    return DONE


def _drive(order: RunOrder, store: SqliteStore, ledger: Ledger) -> None:
    """Drive a run to its end, however that is; raises what keeps it from beginning."""
    row = store.find(order.run)
    traces = store.traces(row.id)
    own = store.sources(row.id, traces[-1].number) if traces else {}
    pipeline = pipeline_from(own or store.book.sources(order.version), row.file, row.entry)
    params = parameters_of(row, pipeline)
    past = past_of(store, row) if traces else None
    again = Again(store, row, past, ledger)
    workers = row.settings.get("workers") or order.workers
    given = {"workers": workers, "store": order.store, "progress": False}
    with Steady(2) as stream:
        say = speaker(stream, time.time, as_json=order.as_json)
        output = Output(say, row.pipeline, row.id)
        as_before(pipeline, row, given).execute(params, (output,), again)


def pipeline_from(sources: dict[str, Source], file: str, entry: str) -> Pipeline[..., Any]:
    """A pipeline of a file, as the file was when the sources were read."""
    path = Path(file)
    root, name = root_and_name(path)
    snapshot.serve(sources, [str(path.parent), str(root)])
    note_served(sources)
    module = importlib.import_module(name) if name in sources else load(file)
    found: Pipeline[..., Any] = find(module, entry)
    return found


def _told(error: Exception) -> str:
    """What kept a run from beginning, with the user's lines only."""
    if isinstance(error, TaskflowError):
        return str(error)
    lines = own_traceback(error) or traceback.format_exception_only(error)
    return "".join(lines).rstrip()


# --- hooks ---------------------------------------------------------------------------------


def _call(order: HookOrder, store: SqliteStore) -> int:
    """Call a hook once for each tick; what it raises is said, and ends nothing."""
    rows = store.book.pipelines(name=order.pipeline)
    if not rows:
        return NOT_BEGUN
    deployed = rows[0].deployed
    pipeline = pipeline_from(store.book.sources(deployed.version), deployed.file, deployed.entry)
    hook = getattr(pipeline.chosen, order.hook)
    for tick in order.ticks if hook is not None else ():
        try:
            hook(tick)
        except Exception as error:  # noqa: BLE001 - the border to the user's code
            sys.stderr.write(f"{order.hook} of {order.pipeline} failed:\n{_told(error)}\n")
    return DONE
