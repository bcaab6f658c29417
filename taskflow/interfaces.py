"""The seams of taskflow on one page: what an executor, a store, a listener and a clock must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.call import Batch, Report, Setup
    from taskflow.events import Event


class Clock(Protocol):
    """Where the engine reads the time."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def random(self) -> float:
        """A number in [0, 1), for jitter."""
        ...


class Lane(NamedTuple):
    """Slots that run calls in the same way.

    A slot runs its calls one at a time, in the order in which they were given; or, with
    `crowd`, it begins up to `width` of them at once and reports each unit by itself, in any
    order, and is never given more than that.
    """

    kind: str  #: what a task asks for by `executor=`, or "async"
    slots: int = 1
    width: int = 1
    #: Whether a body can be stopped against its will; then `kill` ends its slot at once.
    can_kill: bool = False
    #: Whether bodies run side by side, be it that there is room for one at a time.
    crowd: bool = False


class Executor(Protocol):
    """Where calls run: a fixed number of slots.

    An executor never calls the engine. It is used from one thread, except for `wake`.
    """

    @property
    def lanes(self) -> Sequence[Lane]:
        """The kinds of slots there are, in the order of the slots' numbers.

        Work that asks for no kind, or for one that is not here, goes to the first.
        """
        ...

    def start(self, setup: Setup) -> None:
        """Get ready to run calls; called once, before anything else."""
        ...

    def submit(self, slot: int, batch: Batch) -> None:
        """Queue the calls of a batch on a slot; never blocks."""
        ...

    def capacity(self, slot: int) -> int:
        """How many calls (elements of maps count each) fit into the slot's queue."""
        ...

    def withdraw(self, slot: int) -> dict[int, int]:
        """Take back what the slot has not begun: for each batch id, how many at its end.

        Calls count one each, calls for map elements one for each element. What is withdrawn
        will not run; all that is not withdrawn is reported by `wait` sooner or later.
        """
        ...

    def kill(self, slot: int) -> None:
        """End what the slot runs, now; `wait` reports it as `Lost` with `killed` set."""
        ...

    def wait(self, timeout: float | None) -> list[Report]:
        """What happened since the last call; blocks up to `timeout` seconds if nothing did."""
        ...

    def wake(self) -> None:
        """Make a `wait` in another thread return; also safe in a signal handler."""
        ...

    def stop(self) -> None:
        """End all workers and free everything; safe to call twice."""
        ...


class Store(Protocol):
    """What is kept of runs: records in the order in which they happened."""

    def append(self, run_id: str, events: Sequence[Event]) -> None:
        """Keep the events of a run; returns when they are as safe as the store makes them."""
        ...

    def events(self, run_id: str) -> Sequence[Event]:
        """The events of a run in order; empty for an unknown run."""
        ...

    def runs(self) -> Sequence[str]:
        """The ids of the runs, oldest first."""
        ...


class Listener(Protocol):
    """Is told what happens, in batches, in the thread of the engine; must be quick."""

    def notice(self, events: Sequence[Event]) -> None:
        """Take note of events."""
        ...

    def close(self) -> None:
        """The run has ended, or its engine gives up: show the rest and free everything."""
        ...
