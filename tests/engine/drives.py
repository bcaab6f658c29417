"""Runs the body of a pipeline through the engine in virtual time."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from doubles import FakeClock, Recorder, RunningWorker, SimulatedExecutor, TirelessWorker

from taskflow.authoring.tracing import Trace
from taskflow.call import Setup
from taskflow.engine.loop import Engine
from taskflow.engine.plan import Plan
from taskflow.events import TasksEnded
from taskflow.executors.running import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Lane


class Drive:
    """One run: the plan, what was told of it, and its value."""

    def __init__(
        self,
        body: Callable[[], Any],
        *,
        slots: int = 1,
        seconds: float | Callable[[], float] = 1e-3,
        fail_fast: bool = False,
        timeout: float | None = None,
        tireless: bool = False,
        claim: int = 1,
        lanes: Sequence[Lane] = (),
        before_step: Callable[[Drive, Any], None] | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.recorder = Recorder()
        with tempfile.TemporaryDirectory() as directory:
            setup = Setup("run", directory)
            self.graph = traced(body, directory)
            took = seconds if callable(seconds) else lambda: seconds
            self.executor = SimulatedExecutor(
                self.clock,
                TirelessWorker if tireless else lambda: RunningWorker(setup, took),
                slots=slots,
                claim=claim,
                room=1 << 20 if tireless else 4096,
                lanes=lanes,
            )
            if before_step is not None:
                self.executor.before_step = lambda call, count: before_step(self, call)
            kinds = [lane.kind for lane in self.executor.lanes]
            self.plan = Plan(self.graph, fail_fast=fail_fast, draw=self.clock.random, lanes=kinds)
            listeners = [] if tireless else [self.recorder]
            self.engine = Engine(self.plan, self.executor, self.clock, listeners, timeout)
            self.engine.run()
            self.value = None if tireless else self._value(setup)

    def _value(self, setup: Setup) -> Any:
        assert self.graph.result is not None
        payload, refs = self.graph.result
        return Runner(setup).value_of(payload, self.plan.calls.result(refs))

    @property
    def states(self) -> dict[str, str]:
        """States by task key, without the pipeline's name; elements of maps one by one."""
        states: dict[str, str] = {}
        for node, state in enumerate(self.plan.state):
            key = self.plan.key_of(node).removeprefix("p/")
            if self.plan.spec_of(node) is not None:
                states[key] = state
            run = self.plan.mapping.runs.get(node)
            if run is not None:
                states |= {
                    f"{key}[{run.label(each)}]": run.state_of(each) for each in run.in_order()
                }
        return states

    @property
    def errors(self) -> dict[str, str]:
        """The messages of what failed, by task key."""
        ends = [event for event in self.recorder.events if isinstance(event, TasksEnded)]
        return {each.key.removeprefix("p/"): each.error.message for each in ends if each.error}

    @property
    def untaken(self) -> list[str]:
        """The tasks whose failures fail the run."""
        return [self.plan.key_of(node).removeprefix("p/") for node in self.plan.taking.untaken]


def traced(body: Callable[[], Any], directory: str) -> Graph:
    """The graph of a pipeline `p` with this body."""
    values = f"{directory}/values"
    os.mkdir(values)
    trace = Trace("p", values)
    with trace.active():
        structure = body()
        trace.graph.result = trace.taker.structure(structure, "result")
    return trace.close()
