"""Who is told of runs and ticks, and what becomes of hooks that hang."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from taskflow.schedule import hooks as module
from taskflow.schedule.hooks import AT_ONCE, HOOK_SECONDS, MOST_WAITING, Hooks
from taskflow.schedule.messages import Ended

RUN = SimpleNamespace(pipeline="p", id="r", state="failed", error="", schedule="", tick=0.0)
TICK = SimpleNamespace(schedule="p", run="", instant=0.0, why="", ticks=1)


class World:
    """What a service's hooks see: a clock, a nursery, a store and a voice."""

    def __init__(self):
        self.now = 0.0
        self.started, self.stopped, self.said = [], [], []
        planned, deployed = SimpleNamespace(id="p"), SimpleNamespace(hooks=("on_skipped",))
        book = SimpleNamespace(
            standing=lambda _: [SimpleNamespace(planned=planned, pipeline="p")],
            pipelines=lambda **_: [SimpleNamespace(deployed=deployed)],
        )
        self.around = SimpleNamespace(
            store=SimpleNamespace(book=book, url=""),
            nursery=SimpleNamespace(
                start_run=lambda ident, _: self.started.append(ident),
                stop_run=lambda ident, number: self.stopped.append((ident, number)),
            ),
            say=lambda *words, **details: self.said.append((*words, details)),
            clock=SimpleNamespace(monotonic=lambda: self.now),
        )


@pytest.fixture
def world(monkeypatch):
    """A world whose ticks need not be encoded."""
    made = World()
    monkeypatch.setattr(module.HookOrder, "encoded", lambda _: b"")
    return made


def gone(hooks):
    """Wait until no command goes on."""
    for going in list(hooks._going.values()):
        going.process.wait()
    hooks.reap()
    assert len(hooks) == 0


def test_a_command_that_hangs_is_ended(world):
    """After its time, or when the service ends."""
    hooks = Hooks(world.around, {"on_failure": "sleep 600"})
    hooks.of_run(RUN)
    (going,) = hooks._going.values()
    hooks.reap()
    assert len(hooks) == 1
    world.now = HOOK_SECONDS + 1
    hooks.reap()
    assert len(hooks) == 0
    assert "'sleep 600' for r took longer than 300 s" in world.said[-1][-1]["error"]
    assert going.process.wait() == -9
    hooks.of_run(RUN)
    hooks.stop()
    gone(hooks)


def test_of_functions_only_so_many_go_on_at_once(world):
    """Others wait, and of too many nobody is told."""
    hooks = Hooks(world.around, {})
    for _ in range(AT_ONCE + MOST_WAITING):
        hooks.of_ticks("on_skipped", [TICK])
    assert (len(world.started), world.said) == (AT_ONCE, [])
    hooks.of_ticks("on_skipped", [TICK])
    assert "wait already" in world.said[-1][-1]["error"]
    hooks.take(Ended(world.started[0], 0))
    hooks.reap()
    assert len(world.started) == AT_ONCE + 1
    world.now = HOOK_SECONDS + 1
    hooks.reap()
    assert {ident for ident, _ in world.stopped} == set(world.started[1 : AT_ONCE + 1])
    hooks.stop()
    assert len(hooks) == AT_ONCE


def test_a_nursery_that_is_gone_takes_its_hooks_along(world):
    """Nothing is heard of them, so nothing waits for them."""
    hooks = Hooks(world.around, {})
    hooks.of_ticks("on_skipped", [TICK])
    hooks.forget()
    assert len(hooks) == 0
