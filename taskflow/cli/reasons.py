"""Why a task run is as it is: kept, cached, run, skipped, not run, or not there yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from taskflow.call import ASK_VALUE
from taskflow.cli.history import GOING, local, reason
from taskflow.graph.graph import HELPERS
from taskflow.lifecycle import CANCELLED, GOOD, SKIPPED, UPSTREAM_FAILED
from taskflow.progress.clean import one_line
from taskflow.progress.tally import within
from taskflow.progress.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.cli.recorded import Recorded, TaskRun
    from taskflow.graph.graph import Graph
    from taskflow.records import CacheEntry, Kept

_FEW: Final = 3
_WHY: Final = 200
#: Newest results of a task that are searched for the one in question.
_NEAREST: Final = 50


def why_ended(recorded: Recorded, task_run: TaskRun) -> Iterator[str]:
    """Why it ran, was kept, was taken from the cache, or ended without having run; a line each."""
    kept, run = task_run.kept, recorded.run
    is_first = recorded.traces[-1].number == 1
    if kept.origin == "kept":
        whence = f"run {run.parent}" if is_first and run.parent else "an earlier go at this run"
        yield f"was kept from {whence}: its code and inputs are the same"
    elif kept.origin:
        yield f"was taken from the cache: run {kept.origin} made it with the same code and inputs"
    elif kept.state == SKIPPED:
        yield f"was skipped: {_why_skipped(recorded, kept)}"
    elif kept.state == UPSTREAM_FAILED:
        yield f"did not run: {_rule(recorded, kept)}: {_bad_inputs(recorded, kept)}"
    elif kept.state == CANCELLED:
        yield f"was cancelled: {_why_cancelled(recorded, kept)}"
    else:
        yield f"ran: {_why_run(recorded, kept)}"
        yield from _beside_the_cache(recorded, task_run)


def why_waiting(recorded: Recorded, node: int) -> str:
    """Why a call of the graph has not ended."""
    run = recorded.run
    if run.state not in GOING:
        return f"has not ended: the run is {run.state.replace('_', ' ')}"
    now = time.time()
    for tried in recorded.tried:
        if tried.node == node and tried.when > now:
            why = f": {one_line(tried.why, _WHY)}" if tried.why else ""
            number = tried.failures + tried.losses
            wait = duration(tried.when - now)
            return f"waits {wait} for its next attempt, since attempt {number} ended{why}"
    if at_work := _at_work(recorded, node):
        return at_work
    for given in recorded.store.given(run.id, recorded.number):
        if any(unit[0] == node for unit in given.units):
            return f"runs, or is queued, on slot {given.slot} since {local(given.time)}"
    above = _tasks_above(recorded.graph, node)
    ended = {kept.node for kept in recorded.ended(above)}
    waited = [_short(recorded, recorded.graph.key_of(each)) for each in sorted(above - ended)]
    if waited:
        return f"waits for {_few(waited)}"
    return "has all its inputs and waits for a worker, or for a limit"


def _at_work(recorded: Recorded, node: int) -> str:
    """Since when the body of a call runs, or those of the elements of a map that do."""
    call = recorded.graph.key_of(node)
    bodies = recorded.run.at_work.bodies
    for key, since in bodies:
        if key == call:
            return f"runs since {local(since)}"
    said = [
        f"{_short(recorded, key)} since {local(since)}"
        for key, since in bodies
        if key.startswith(f"{call}[")
    ]
    return f"runs: {_few(said)}" if said else ""


# --- what ran --------------------------------------------------------------------------------


def _why_run(recorded: Recorded, kept: Kept) -> str:
    trace, run = recorded.traces[-1], recorded.run
    found = trace.reasons.get(kept.name, [])
    if found:
        return ", or ".join(found)
    if trace.number > 1:
        return "it had not ended before"
    return f"the run is a new one, a rerun of {run.parent}" if run.parent else "the run is new"


def _beside_the_cache(recorded: Recorded, task_run: TaskRun) -> Iterator[str]:
    """How the key of what was made here differs from the nearest that were there."""
    kept, key = task_run.kept, task_run.kept.key_of(task_run.first)
    entries = recorded.store.nearest(kept.name, _NEAREST)
    mine = next((e for e in entries if (e.run_id, e.task_key) == (recorded.run.id, key)), None)
    if mine is None:
        return
    others = [entry for entry in entries if entry.time < mine.time]
    if not others:
        yield "nothing was in the cache for this task"
    for other in others[:_FEW]:
        yield f"not the result of {other.task_key} in run {other.run_id}: {_unlike(mine, other)}"


def _unlike(mine: CacheEntry, other: CacheEntry) -> str:
    names = [
        name
        for name in {**mine.parts, **other.parts}
        if mine.parts.get(name) != other.parts.get(name)
    ]
    if names:
        return f"another {', '.join(names)}"
    return f"it had expired at {local(other.expires)}" if other.expires else "it was gone by then"


# --- what did not run --------------------------------------------------------------------------


def _why_skipped(recorded: Recorded, kept: Kept) -> str:
    said = kept.why or (kept.value if isinstance(kept.value, str) else "")
    if said:
        return f"it said {one_line(said, _WHY)!r}"
    if kept.node < len(recorded.graph) and kept.node in recorded.graph.gates:
        return "it stands in a branch that was not taken"
    if kept.ask == ASK_VALUE:
        return "it raised Skip"
    return f"{_rule(recorded, kept)}: {_bad_inputs(recorded, kept)}"


def _rule(recorded: Recorded, kept: Kept) -> str:
    """What a task asks of its inputs, and did not get."""
    graph = recorded.graph
    if kept.node < len(graph):
        rule = graph.specs[graph.spec[kept.node]].trigger_rule
        if rule != "all_success":
            return f"its inputs ended so that trigger_rule={rule!r} says no"
    return "an input has no value"


def _why_cancelled(recorded: Recorded, kept: Kept) -> str:
    why = reason(recorded.run)
    ended = f"the run ended as {recorded.run.state.replace('_', ' ')}"
    return one_line(kept.why, _WHY) or (f"{ended}: {why}" if why else ended)


def _bad_inputs(recorded: Recorded, kept: Kept) -> str:
    """The inputs that ended otherwise, with what is said of them."""
    if kept.node >= len(recorded.graph):
        return "one that a dynamic pipeline gave it"
    above = _tasks_above(recorded.graph, kept.node)
    bad = [
        f"{_short(recorded, each.key_of(each.first))} {_how(each)}"
        for each in recorded.ended(above)
        if each.state not in GOOD and _concerns(each, kept)
    ]
    return _few(bad) or "it is not known which"


def _how(kept: Kept) -> str:
    said = f" ({one_line(kept.error.line, _WHY)})" if kept.error else ""
    return f"{kept.state.replace('_', ' ')}{said}"


def _concerns(above: Kept, kept: Kept) -> bool:
    """Whether elements of a map above are those that an element was made from."""
    if kept.first < 0 or above.first < 0:
        return True
    return above.first < kept.first + kept.count and kept.first < above.first + above.count


def _short(recorded: Recorded, key: str) -> str:
    return one_line(within(recorded.run.pipeline, key))


def _few(told: Sequence[str]) -> str:
    more = f" and {len(told) - _FEW:,} more" if len(told) > _FEW else ""
    return ", ".join(told[:_FEW]) + more


def _tasks_above(graph: Graph, node: int) -> set[int]:
    """The tasks that a node waits for, through what joins them."""
    found: set[int] = set()
    seen = {node}
    left = graph.upstream(node) if node < len(graph) else []
    while left:
        each = left.pop()
        if each in seen:
            continue
        seen.add(each)
        if graph.kind[each] in HELPERS:
            left += graph.upstream(each)
        else:
            found.add(each)
    return found
