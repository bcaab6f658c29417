"""Goes on with runs of the past: `resume`, `rerun`, and what a debugger needs of a task run."""

from __future__ import annotations

import dataclasses
import os
import pickle
import sys
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.fingerprint import why_changed
from taskflow.authoring.loading import find, load
from taskflow.authoring.pipeline import Pipeline
from taskflow.call import Chunk, Piece, Stored
from taskflow.crashing import reach
from taskflow.engine.past import Left, Past, replayed
from taskflow.engine.plan import Plan
from taskflow.engine.work import Work
from taskflow.errors import (
    DefinitionError,
    LoadError,
    ParameterError,
    StoreError,
    UnknownRunError,
)
from taskflow.graph import stored
from taskflow.graph.graph import HELPERS
from taskflow.launch import the_store
from taskflow.valuefiles import verify
from taskflow.wanted import Again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from taskflow.call import Call
    from taskflow.graph.graph import Graph
    from taskflow.handle import Run
    from taskflow.interfaces import Listener, Store
    from taskflow.records import Kept, RunRow

#: How often in a row a run is cut off without an outcome until what was in flight runs with
#: nothing beside it, and until it is held to end the engine itself.
STALLED_SUSPECT: Final = 5
STALLED_DOOMED: Final = 10
#: How a run ended of which attempts that were under way still count.
_CUT_OFF = frozenset({"interrupted", "paused", "running"})


def resume(
    name: str,
    *,
    repair: bool = False,
    listeners: Iterable[Listener] = (),
    pipeline: Pipeline[..., Any] | None = None,
    **options: Any,
) -> Run:
    """Go on with a run, to its end, in this thread; returns it however it ends."""
    store = _store(options)
    row = store.find(name)
    pipeline = pipeline or pipeline_of(row)
    params = parameters_of(row, pipeline)
    ledger = store.take_over(row.id)
    try:
        row = dataclasses.replace(row, stalled=store.find(row.id).stalled)
        past = past_of(store, row, repair=repair)
        reach("past read")
        again = Again(store, row, past, ledger, changed=_changed(store, row))
        return as_before(pipeline, row, options).execute(params, listeners, again)
    except BaseException:
        ledger.close()
        raise


def rerun(
    name: str,
    *,
    start_from: str = "",
    listeners: Iterable[Listener] = (),
    pipeline: Pipeline[..., Any] | None = None,
    **options: Any,
) -> Run:
    """Run a pipeline again as it was before, to its end, in this thread; returns the new run."""
    store = _store(options)
    row = store.find(name)
    pipeline = pipeline or pipeline_of(row)
    params = parameters_of(row, pipeline)
    if start_from:
        _check_known(start_from, store, row)
    past = past_of(store, row) if start_from else None
    again = Again(store, row, past, anew=start_from, changed=_changed(store, row))
    return as_before(pipeline, row, options).execute(params, listeners, again)


def _store(options: dict[str, Any]) -> Store:
    store = the_store(options.pop("store", None))
    if store is None:
        raise UnknownRunError(
            "TASKFLOW_STORE=memory: keeps no runs; leave it out, or name the store that has the run"
        )
    return store


def as_before(
    pipeline: Pipeline[..., Any], row: RunRow, options: dict[str, Any]
) -> Pipeline[..., Any]:
    """The pipeline with the options that the run had, and those that are given now."""
    before = {name: value for name, value in row.settings.items() if value is not None}
    before["fail_fast"] = bool(before.get("fail_fast"))
    return pipeline.options(**{**before, "tags": row.tags, **options})


# --- what it was ---------------------------------------------------------------------------


def pipeline_of(row: RunRow) -> Pipeline[..., Any]:
    """The pipeline of a run, from its file as it is today."""
    if not row.file:
        raise LoadError(
            f"run {row.id} of {row.pipeline} was started where there is no file to import it from;"
            f" in that session write taskflow.resume({row.id!r}, pipeline={row.pipeline}), or "
            "taskflow.rerun with the same"
        )
    main = sys.modules.get("__main__")
    if getattr(main, "__file__", None) == row.file:
        known = getattr(main, row.entry, None)
        if isinstance(known, Pipeline):
            return known
    found: Pipeline[..., Any] = find(load(row.file), row.entry)
    return found


def parameters_of(row: RunRow, pipeline: Pipeline[..., Any]) -> dict[str, Any]:
    """The parameters of a run, as they were bound, if the pipeline still takes them."""
    anew = f"start a new run: taskflow run {row.file or row.entry}"
    try:
        params: dict[str, Any] = pickle.loads(row.given)
    except Exception as error:
        raise StoreError(
            f"the parameters of run {row.id} cannot be read back: {type(error).__name__}: {error}; "
            f"a class of theirs has changed: {anew}"
        ) from error
    try:
        return pipeline.parameters.bind((), params)
    except ParameterError as error:
        raise ParameterError(
            f"run {row.id} was started with parameters that {pipeline.short} does not take today: "
            f"{error}\n  {anew}"
        ) from error


def past_of(store: Store, row: RunRow, *, repair: bool = False) -> Past:
    """What the traces of a run have left."""
    traces = store.traces(row.id)
    left: list[Left] = []
    for trace in reversed(traces):
        records = store.kept(row.id, trace.number)
        if left:  # what is damaged of older ones is not missed
            records = (kept for kept in records if not _damage(kept, repair=repair))
        left.append(Left(stored.decode(trace.graph), records))
    is_stalled = row.stalled >= STALLED_SUSPECT and row.state in _CUT_OFF
    if left and is_stalled:
        left[0] = left[0]._replace(given=store.given(row.id, traces[-1].number))
    past = Past(left, lambda kept: _is_usable(kept, row, repair=repair))
    if left and row.state in _CUT_OFF:
        past.tried = {tried.key: tried for tried in store.tried(row.id, traces[-1].number)}
    if is_stalled:
        past.is_stalled = True
        past.meet(None)
        past.suspected = past.in_flight
        past.doomed = past.in_flight if row.stalled >= STALLED_DOOMED else set()
    return past


def _is_usable(kept: Kept, row: RunRow, *, repair: bool) -> bool:
    """Whether the files of a record are there; with `repair`, whether they are undamaged."""
    why = _damage(kept, repair=repair)
    if why and not repair:
        raise StoreError(
            f"the value of {kept.key_of(kept.first)} is damaged: {why}\n"
            f"  taskflow resume {row.id} --repair runs what made it again"
        )
    return not why


def _damage(kept: Kept, *, repair: bool) -> str:
    """Why a file of a record is of no use; empty if all are."""
    if isinstance(kept.value, bytes):  # as most are
        return ""
    look = verify if repair else _missing
    return next(filter(None, map(look, _files(kept.value))), "")


def _missing(value: Stored) -> str:
    """Why a file is not what it was, as far as can be seen without reading it."""
    try:
        size = os.path.getsize(value.path)
    except OSError as error:
        return f"{value.path}: {error.strerror}"
    return "" if size == value.size else f"{value.path} has {size:,} of {value.size:,} bytes"


def _files(value: Any) -> Iterator[Stored]:
    if isinstance(value, Stored):
        yield value
    elif isinstance(value, Piece):
        if isinstance(value.chunk, Chunk):
            yield from _files(value.chunk.value)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _files(each)


def _changed(store: Store, row: RunRow) -> Callable[[str, dict[str, Any]], str]:
    """Says what changed in the code of a task since the last trace of a run."""
    traces = store.traces(row.id)
    before = traces[-1].codes if traces else {}

    def changed(short: str, codes: dict[str, Any]) -> str:
        for name, code in codes.items():
            if short in (name, name.rpartition(":")[2].rpartition(".")[2]) and name in before:
                return why_changed(before[name], code)
        return f"code of {short} changed"

    return changed


def _check_known(name: str, store: Store, row: RunRow) -> None:
    names = sorted({group.name for group in store.groups(row.id)})
    if name not in names:
        raise DefinitionError(
            f"run {row.id} has no task {name!r}; it has {', '.join(names) or 'none'}"
        )


# --- one task run ----------------------------------------------------------------------------


def inputs_of(
    name: str, key: str, **options: Any
) -> tuple[Callable[..., Any], Sequence[Any], dict[str, Any], str]:
    """The function of a task run, with today's code, its arguments as they were, and its key.

    `key` is a task key, or its end: `fetch[17]` for `scrape/fetch[17]`.
    """
    from taskflow.executors.inputs import Inputs

    store = _store(options)
    row = store.find(name)
    pipeline = pipeline_of(row)
    traces = store.traces(row.id)
    graph = stored.decode(traces[-1].graph)
    call = _call_of(graph, store.kept(row.id, traces[-1].number), key)
    if call is None:
        raise UnknownRunError(
            f"run {row.id} has no task run {key!r} whose inputs are known; "
            f"taskflow show {row.id} lists its tasks"
        )
    inputs = Inputs()
    args, kwargs = next(inputs.elements(call)) if call.first >= 0 else inputs.arguments(call)
    spec = graph.specs[call.spec]
    return _function(pipeline, spec.code.module, spec.code.qualname), args, kwargs, call.key


def _call_of(graph: Graph, records: Iterable[Kept], key: str) -> Call | None:
    """The call for a task run, as it was when its inputs had just ended."""
    plan = Plan(graph)

    def matches(full: str) -> bool:
        return full == key or full.endswith("/" + key)

    for kept in replayed(plan, records):
        for element in range(kept.first, kept.first + kept.count):
            if graph.kind[kept.node] not in HELPERS and matches(kept.key_of(element)):
                call = plan.calls.make(Work(kept.node, element, 1, kept.ask))
                return call._replace(key=kept.key_of(element))
    for work in plan.ready:
        for element in range(work.first, work.first + work.count):
            full = plan.key_of_call(work.node, element)
            if not plan.is_stale(work) and graph.kind[work.node] not in HELPERS and matches(full):
                call = plan.calls.make(Work(work.node, element, 1, work.ask))
                return call._replace(key=full)
    return None


def _function(pipeline: Pipeline[..., Any], module: str, qualname: str) -> Callable[..., Any]:
    home = sys.modules.get(module if module != "__main__" else pipeline.fn.__module__)
    found: Any = home or sys.modules[pipeline.fn.__module__]
    for part in qualname.split("."):
        found = getattr(found, part)
    fn: Callable[..., Any] = getattr(found, "fn", found)
    return fn
