"""Two executors as one: the slots of the second are numbered after those of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from taskflow.interfaces import Executor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.call import Batch, Report, Setup
    from taskflow.interfaces import Lane


class Near(Executor, Protocol):
    """An executor that can be asked often, since what it reports is in this process."""

    def notify(self, wake: Callable[[], None]) -> None:
        """From now on call this, too, when there is something to report."""
        ...

    def patience(self, timeout: float | None) -> float | None:
        """How long a `wait` may be put off at most."""
        ...


class Joined:
    """A near executor, and a far one that starts when it is first given something."""

    def __init__(self, near: Near, far: Executor) -> None:
        self._near = near
        self._far = far
        self._setup: Setup | None = None
        self._far_runs = False
        self._first = sum(lane.slots for lane in near.lanes)  # slot of the far one

    @property
    def lanes(self) -> Sequence[Lane]:
        return [*self._near.lanes, *self._far.lanes]

    def start(self, setup: Setup) -> None:
        self._setup = setup
        self._near.start(setup)

    def submit(self, slot: int, batch: Batch) -> None:
        executor, number = self._at(slot)
        executor.submit(number, batch)

    def capacity(self, slot: int) -> int:
        executor, number = self._at(slot)
        return executor.capacity(number)

    def withdraw(self, slot: int) -> dict[int, int]:
        executor, number = self._at(slot)
        return executor.withdraw(number)

    def kill(self, slot: int) -> None:
        executor, number = self._at(slot)
        executor.kill(number)

    def wait(self, timeout: float | None) -> list[Report]:
        if not self._far_runs:
            return self._near.wait(timeout)
        reports = self._near.wait(0.0)
        # What is reported near meanwhile ends this, too.
        for each in self._far.wait(0.0 if reports else self._near.patience(timeout)):
            reports.append(each._replace(slot=each.slot + self._first))
        return [*reports, *self._near.wait(0.0)]

    def wake(self) -> None:
        self._near.wake()

    def stop(self) -> None:
        try:
            self._near.stop()
        finally:
            self._far.stop()

    def _at(self, slot: int) -> tuple[Executor, int]:
        if slot < self._first:
            return self._near, slot
        if not self._far_runs:
            assert self._setup is not None, "slots are used after the start"
            self._far_runs = True
            self._far.start(self._setup)
            self._near.notify(self._far.wake)
        return self._far, slot - self._first
