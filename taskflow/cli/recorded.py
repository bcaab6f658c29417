"""The task runs of one run as they were recorded, found by what a person calls them.

A task run is called by its key (`scrape_site/scrape_domain[be]/fetch_page#2[17]`), by a tail of it
(`fetch_page#2[17]`), or by its name alone, which may mean many.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.authoring.advice import near
from taskflow.call import ASK_VALUE
from taskflow.cli.history import NothingMatched, hider
from taskflow.events import TasksEnded
from taskflow.graph.graph import HELPERS
from taskflow.lifecycle import BAD
from taskflow.progress.tally import key_of, segments
from taskflow.records import NO_CALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Store
    from taskflow.records import Kept, RunRow, TraceRow, Tried
    from taskflow.secret import Redactor

#: Stands for all elements of a record, or for a task run that has none.
WHOLE: Final = -1
_NAMED: Final = 8
#: What may follow the name of a task in its key: which call of that name, and which element.
_NTH: Final = r"(?:#(?P<nth>[0-9]+))?(?:\[(?P<element>.*)\])?"
_REST: Final = re.compile(_NTH, re.DOTALL)
_SEGMENT: Final = re.compile(r"(?P<name>[^#\[]+)" + _NTH, re.DOTALL)
#: More nodes than this are not asked for by number: all records are read.
_ASKED: Final = 1000


class TaskRun(NamedTuple):
    """A task run that ended, or a span of map elements that ended alike."""

    kept: Kept
    element: int = WHOLE

    @property
    def key(self) -> str:
        """The task key; of a span `f[3..9]`."""
        return key_of(self.event)

    @property
    def event(self) -> TasksEnded:
        """What progress was told, or would have been told, when it ended."""
        kept, alone = self.kept, self.alone
        return TasksEnded(
            kept.key_of(self.first) if alone else kept.key,
            kept.name,
            kept.state,
            kept.seconds,
            kept.attempt,
            self.first,
            1 if alone else kept.count,
            error=kept.error,
            why=kept.why,
        )

    @property
    def alone(self) -> bool:
        """Whether it is a single task run, or a single element."""
        return self.element >= 0 or self.kept.count == 1

    @property
    def first(self) -> int:
        """The first element, or the only one; below 0 of what is no element."""
        return self.kept.first if self.element < 0 else self.element


class Recorded:
    """What a store has of the last trace of a run."""

    def __init__(self, store: Store, run: RunRow) -> None:
        self.store = store
        self.run = run
        self.traces: list[TraceRow] = store.traces(run.id)
        self.number = self.traces[-1].number if self.traces else 0

    @cached_property
    def hide(self) -> Redactor:
        """What hides the secrets of the run in whatever is told of it."""
        return hider(self.run)

    @cached_property
    def graph(self) -> Graph:
        """The graph as it was traced; calls that a dynamic pipeline made later are not in it."""
        from taskflow.graph.stored import decode

        return decode(self.traces[-1].graph)

    @cached_property
    def tried(self) -> list[Tried]:
        """Attempts that were not the last of their task run."""
        return self.store.tried(self.run.id, self.number) if self.traces else []

    def ended(self, nodes: Collection[int] | None = None) -> Iterator[Kept]:
        """The records of task runs, of these nodes if any are given.

        Neither of what joins tasks, nor of questions about values.
        """
        if not self.traces:
            return
        asked = nodes if nodes is not None and len(nodes) <= _ASKED else None
        for kept in self.store.kept(self.run.id, self.number, asked):
            if _is_task_run(kept) and (nodes is None or kept.node in nodes):
                yield kept

    def find(self, wanted: str) -> Iterator[TaskRun]:
        """The task runs that ended and are called so, in the order in which they ended."""
        # What a dynamic pipeline calls has nodes beyond the graph that was traced.
        is_whole = self.traces and not any(spec.dynamic for spec in self.graph.specs)
        return _matching(self.ended(self.calls(wanted) if is_whole else None), wanted)

    def failed(self, wanted: str, limit: int) -> list[TaskRun]:
        """The first of those that failed, quickly even where millions are called so."""
        return list(_matching(self.store.failures(self.run.id, limit), wanted))

    def calls(self, wanted: str) -> set[int]:
        """The nodes of the graph that are called so, whether they have ended or not."""
        if not self.traces:
            return set()
        graph = self.graph
        paths = [graph.path_of(scope) for scope in range(len(graph.scopes))]
        return {
            node
            for node, (kind, scope, nth) in enumerate(
                zip(graph.kind, graph.scope, graph.nth, strict=True)
            )
            if kind not in HELPERS
            and _element(wanted, paths[scope], graph.name_of(node), nth) is not None
        }

    def unknown(self, wanted: str) -> NothingMatched:
        """What to raise if nothing in the run is called so."""
        groups = self.store.groups(self.run.id)
        names = list(dict.fromkeys(each.name for each in groups if is_task(each.name, each.state)))
        shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        known = near(wanted, names) or (f"; it has {shown}" if names else "; none has ended yet")
        return NothingMatched(f"run {self.run.id} has no task run {wanted!r}{known}")


def _matching(records: Iterable[Kept], wanted: str) -> Iterator[TaskRun]:
    for kept in records:
        element = called(kept, wanted)
        if element is not None:
            yield TaskRun(kept, element)


def called(kept: Kept, wanted: str) -> int | None:
    """Which element of a record is called so, `WHOLE` for all of it, None for none."""
    element = _element(wanted, kept.path, kept.name, kept.nth)
    if not element:
        return None if element is None else WHOLE
    if element in kept.keys:
        return kept.first + kept.keys.index(element)
    inside = range(kept.first, kept.first + kept.count) if kept.first >= 0 else ()
    return int(element) if element.isdecimal() and int(element) in inside else None


def is_called(key: str, wanted: str) -> bool:
    """Whether a task key, of a map with its element or without, is called so."""
    *path, last = segments(key)
    parts = _SEGMENT.fullmatch(last)
    if parts is None:
        return False
    found = _element(wanted, "/".join(path), parts["name"], int(parts["nth"] or 1))
    return found is not None and found in ("", parts["element"])


def _element(wanted: str, path: str, name: str, nth: int) -> str | None:
    """The element that is wanted of a call, "" for the call itself, None if another is meant."""
    found = _meant(wanted, path, name)
    return found[1] if found and found[0] in (0, nth) else None


@lru_cache(maxsize=1024)
def _meant(wanted: str, path: str, name: str) -> tuple[int, str] | None:
    """Which call of a name on a path is wanted, 0 for any, and which element, "" for all."""
    parts = segments(path) if path else []
    for start in range(len(parts) + 1):
        tail = "/".join([*parts[start:], name])
        rest = _REST.fullmatch(wanted[len(tail) :]) if wanted.startswith(tail) else None
        if rest:
            return int(rest["nth"] or 0), rest["element"] or ""
    return None


def is_task(name: str, state: str) -> bool:
    """Whether a record of that name is of a task; what joins tasks has a name like `(result)`.

    That is worth telling only where it failed.
    """
    return state in BAD or (bool(name) and not name.startswith("("))


def _is_task_run(kept: Kept) -> bool:
    return is_task(kept.name, kept.state) and (
        kept.ask in (ASK_VALUE, NO_CALL) or kept.state in BAD
    )
