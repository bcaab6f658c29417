"""Runs of pipelines that a test writes, resumed in virtual time as often as it likes."""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING, Any

from doubles import FakeClock, RunningWorker, SimulatedExecutor
from resumes import Book, SimulatedLedger, SimulatedStore

from taskflow.authoring.tracing import Trace
from taskflow.call import Setup
from taskflow.engine.loop import Engine
from taskflow.engine.plan import Plan
from taskflow.executors.running import Runner
from taskflow.values import encode_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.graph.graph import Graph


class Feed:
    """An iterator of a map that is read at once, however much is asked for."""

    def __init__(self, items):
        self._items = iter(items)
        self._read = None

    def ask(self, count, wake):
        items = list(itertools.islice(self._items, count))
        self._read = tuple(encode_each(items, "")) if items else (), len(items) < count, None
        wake()

    def take(self):
        read, self._read = self._read, None
        return read


class History:
    """A run that is resumed as often as a test likes; its tasks have code digests of their own."""

    def __init__(self, directory: Any, ran: list[str]) -> None:
        """`ran` is where bodies write that they ran."""
        self.directory = str(directory)
        os.mkdir(f"{directory}/values")
        self.ran = ran
        self.store = SimulatedStore()
        self.codes: dict[str, str] = {}  # by short name, of those that were edited
        self.fed: list[list[object]] = []  # what iterators give, each in its turn

    def go(self, body: Callable[[], Any], anew: str = "") -> list[str]:
        """Run this body to its end, with what there was before; returns what ran."""
        self.ran.clear()
        past = self.store.past() if self.store.graphs else None
        graph = self._traced(body)
        clock, setup = FakeClock(), Setup("run", self.directory)
        executor = SimulatedExecutor(clock, lambda: RunningWorker(setup, lambda: 1e-3), slots=1)
        ledger = SimulatedLedger(self.store, random.Random(0), list)
        book = Book(ledger, graph, clock, past, anew)
        self.plan = Plan(graph, journal=book.journal, recall=book.recall)
        book.begin()
        Engine(self.plan, executor, clock, (), None, ledger).run()
        book.end("failed")
        self.told = {name: (kept, why) for name, kept, why in book.recall.told()} if past else {}
        payload, refs = graph.result
        self.value = Runner(setup).value_of(payload, self.plan.calls.result(refs))
        return list(self.ran)

    def _traced(self, body: Callable[[], Any]) -> Graph:
        trace = Trace("p", f"{self.directory}/values")
        with trace.active():
            structure = body()
            trace.graph.result = trace.taker.structure(structure, "result")
        graph = trace.close()
        graph.codes = {spec.name: self.codes.get(spec.short, "") for spec in graph.specs}
        if self.fed:
            graph.iterators[:] = [Feed(items) for items in self.fed]
        return graph
