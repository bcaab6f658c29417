"""Calls run in worker processes: one single-worker loky executor for each slot.

    engine                                      slot
    submit   tokens, then the batch  ────────▶  worker.serve: claim, run, answer
    wait     ◀────────  outcomes, output, started
    withdraw reads back the tokens nobody claimed
    kill     SIGKILL to the worker's process group; a fresh worker takes the slot

One slot, one process: a death, a timeout or a cancel concerns exactly one slot, and what it was
running is known. (loky's shared pool fails every pending future when one worker dies.)

Workers outlive their run, if they have nothing left to do and nothing left over: see `warm`.

Async tasks, and those that ask for threads, have a wide slot each: one more process, started when
it is first given something, which runs many bodies side by side.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from typing import TYPE_CHECKING, Final

from taskflow.executors import snapshot, warm
from taskflow.executors.machine import check_files, cores, tame_loky, thread_caps
from taskflow.executors.slots import Slot
from taskflow.executors.snapshot import Loaded
from taskflow.executors.wire import hush
from taskflow.interfaces import Lane

if TYPE_CHECKING:
    from taskflow.call import Batch, Report, Setup

#: Async bodies that take turns on one event loop at most.
ASYNC_WIDTH: Final = 1000
#: Threads of the worker that runs tasks which ask for them.
THREADS_WIDTH: Final = 32


class ProcessExecutor:
    """Worker processes, one for each slot.

    `wide=False` leaves out those that run bodies side by side.
    """

    name = "processes"

    def __init__(self, workers: int | None = None, *, wide: bool = True) -> None:
        self.workers = workers or cores()
        self.lanes: tuple[Lane, ...] = (
            Lane("processes", self.workers, can_kill=True, columns=True),
        )
        if wide:
            self.lanes += (
                Lane("async", width=ASYNC_WIDTH, can_kill=True, crowd=True),
                Lane("threads", width=THREADS_WIDTH, can_kill=True, crowd=True),
            )
        self._slots: list[Slot] = []
        self._waker: socket.socket | None = None  # from the start to the end

    def start_ahead(self) -> None:
        """Start a worker, if none is kept, before anything is known of the run."""
        if warm.is_empty():
            check_files(self.workers)
            tame_loky()
            with contextlib.suppress(OSError):  # whoever starts it for the run says why it cannot
                warm.start_ahead(thread_caps(self.workers))

    def start(self, setup: Setup) -> None:
        """Start the first worker; the others start when they are given something to do.

        Those that an earlier run of this process has left start at once.
        """
        check_files(self.workers)
        self._selector = selectors.DefaultSelector()
        # Sockets and not a pipe: once closed they are no numbers that something else may get.
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._bells = selectors.DefaultSelector()
        self._bells.register(self._woken, selectors.EVENT_READ, None)
        for folder in ("values", "logs"):
            os.makedirs(os.path.join(setup.run_dir, folder), exist_ok=True)
        tame_loky()
        self._loaded = Loaded(snapshot.read(setup.snapshot), setup.paths)
        kept = warm.take(self.workers, thread_caps(self.workers), self._loaded)
        lanes = [lane for lane in self.lanes for _ in range(lane.slots)]
        self._slots = [
            Slot(number, lane, setup, self, kept.pop() if kept and not lane.crowd else None)
            for number, lane in enumerate(lanes)
        ]
        self._slots[0].start()

    def submit(self, slot: int, batch: Batch) -> None:
        """Queue a batch on a slot."""
        self._slots[slot].submit(batch)

    def capacity(self, slot: int) -> int:
        """How many calls can be queued on a slot at most."""
        return self._slots[slot].capacity

    def withdraw(self, slot: int) -> dict[int, int]:
        """Take back what the slot's worker has not claimed; a wide one claims all at once."""
        return self._slots[slot].withdraw()

    def kill(self, slot: int) -> None:
        """Kill the slot's worker and the subprocesses of its task."""
        self._slots[slot].kill()

    def rest(self, seconds: float) -> None:
        """Sleep so long, unless a worker has something to say that is not to wait."""
        if any(slot.is_sending for slot in self._slots):
            return  # a worker may wait for the rest of its batch
        for key, _ in self._bells.select(seconds):
            if key.data is not None:  # else `wait` is to return, too
                hush(key.fd)

    def wait(self, timeout: float | None) -> list[Report]:
        """What arrived from the workers; blocks up to `timeout` seconds for the first."""
        reports: list[Report] = []
        for key, mask in self._selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
                continue
            slot: Slot = key.data
            if mask & selectors.EVENT_WRITE:
                slot.flush()
            if mask & selectors.EVENT_READ:
                reports += slot.read()
        for slot in self._slots:
            if slot.is_dead:
                reports += slot.read()
                reports.append(slot.bury())
        return reports

    def go_on(self, slot: int) -> None:
        """Tell the slot's worker that what its body was given is kept."""
        self._slots[slot].go_on()

    def wake(self) -> None:
        """Make `wait` return."""
        waker = self._waker
        if waker is not None:
            with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody waits
                waker.send(b".")

    def watch(self, slot: Slot, *, writing: bool) -> None:
        """Look at the slot's socket in `wait`, and hear its bell."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        try:
            self._selector.modify(slot.link.sock, events, slot)
        except KeyError:
            self._selector.register(slot.link.sock, events, slot)
            self._bells.register(slot.process.bell, selectors.EVENT_READ, slot)

    def unwatch(self, slot: Slot) -> None:
        """Look no longer."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(slot.link.sock)
            self._bells.unregister(slot.process.bell)

    def stop(self) -> None:
        """Free everything; workers close what bodies have opened, then serve others or end."""
        if self._waker is None:
            return
        began = time.monotonic()
        for slot in [slot for slot in self._slots if slot.release()]:
            slot.see_off(began)
        given_away = [slot.close(self._loaded) for slot in self._slots]
        warm.park([process for process in given_away if process], most=self.workers)
        self._selector.close()
        self._bells.close()
        self._woken.close()
        self._waker.close()
        self._waker = None
