"""Calls run in worker processes: one single-worker loky executor for each slot.

    engine                                      slot
    submit   tokens, then the batch  ────────▶  worker.serve: claim, run, answer
    wait     ◀────────  outcomes, output, started
    withdraw reads back the tokens nobody claimed
    kill     SIGKILL to the worker's process group; a fresh worker takes the slot

One slot, one process: a death, a timeout or a cancel concerns exactly one slot, and what it was
running is known. (loky's shared pool fails every pending future when one worker dies.)
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import selectors
import signal
import socket
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Batch, Ended, Lost, Outcome, Output, Report, Started
from taskflow.errors import ExecutorError
from taskflow.executors import worker
from taskflow.executors.deaths import cause_of_death, oom_kills
from taskflow.executors.wire import EngineLink, EngineTokens

if TYPE_CHECKING:
    from taskflow.call import Setup

#: Workers of a slot that die in a row before they can say hello; then the executor gives up.
START_TRIES: Final = 3
#: Bytes of a dead worker's output that its report keeps.
TAIL_BYTES: Final = 16 * 1024
#: Thread pools of numeric libraries, which would otherwise start one thread per core and worker.
THREAD_CAPS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def cores() -> int:
    """How many cores this process may use, after affinity and control groups."""
    from loky import cpu_count

    return int(cpu_count())


class ProcessExecutor:
    """Worker processes, one for each slot."""

    can_kill = True

    def __init__(self, workers: int | None = None) -> None:
        self.slots = workers or cores()
        self._slots: list[Slot] = []
        self._setup: Setup | None = None
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._stopped = False

    def start(self, setup: Setup) -> None:
        """Start all workers; they say hello in their own time."""
        for folder in ("values", "logs"):
            os.makedirs(os.path.join(setup.run_dir, folder), exist_ok=True)
        self._setup = setup
        _quiet_loky()
        self._slots = [Slot(number, setup, self) for number in range(self.slots)]
        for slot in self._slots:
            slot.start()

    def submit(self, slot: int, batch: Batch) -> None:
        """Queue a batch on a slot."""
        self._slots[slot].submit(batch)

    def capacity(self, slot: int) -> int:
        """How many calls can be queued on a slot at most."""
        return self._slots[slot].tokens.capacity

    def withdraw(self, slot: int) -> dict[int, int]:
        """Take back what the slot's worker has not claimed."""
        return self._slots[slot].tokens.withdraw()

    def kill(self, slot: int) -> None:
        """Kill the slot's worker and the subprocesses of its task."""
        self._slots[slot].kill()

    def wait(self, timeout: float | None) -> list[Report]:
        """What arrived from the workers; blocks up to `timeout` seconds for the first."""
        reports: list[Report] = []
        for key, mask in self._selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
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

    def wake(self) -> None:
        """Make `wait` return."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._waker, b".")

    def watch(self, slot: Slot, *, writing: bool) -> None:
        """Look at the slot's socket in `wait`."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        try:
            self._selector.modify(slot.link.sock, events, slot)
        except KeyError:
            self._selector.register(slot.link.sock, events, slot)

    def unwatch(self, slot: Slot) -> None:
        """Look no longer."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(slot.link.sock)

    def stop(self) -> None:
        """Kill all workers and free everything."""
        if self._stopped:
            return
        self._stopped = True
        for slot in self._slots:
            slot.close()
        self._selector.close()
        os.close(self._woken)
        os.close(self._waker)


class Slot:
    """One worker process at a time, and the ends of its pipes."""

    def __init__(self, number: int, setup: Setup, owner: ProcessExecutor) -> None:
        self.number = number
        self._setup = setup
        self._owner = owner
        self._log = os.path.join(setup.run_dir, "logs", f"slot-{number}.log")
        self._deaths_at_start = 0

    def start(self) -> None:
        """Start a worker; what is submitted meanwhile waits in the socket."""
        from loky.process_executor import ProcessPoolExecutor

        self.pid = 0
        self._killed = False
        self._future: Any = None
        self._lost_connection = False
        self._told = 0  # how much of its output the worker has sent
        self._oom_kills = oom_kills()
        self.tokens = EngineTokens()
        mine, theirs = socket.socketpair()
        life, self._life = os.pipe()
        self.link = EngineLink(mine)
        ends = (
            Connection(theirs.detach()),
            Connection(os.dup(self.tokens.reader), writable=False),
            Connection(life, writable=False),
        )
        with contextlib.suppress(OSError):
            os.remove(self._log)
        self._pool = ProcessPoolExecutor(
            max_workers=1,
            timeout=None,
            initializer=worker.begin,
            initargs=ends,
            env=thread_caps(self._owner.slots),
        )
        self._future = self._pool.submit(worker.serve, self._setup, self._log)
        self._future.add_done_callback(lambda _: self._owner.wake())
        for end in ends:
            end.close()
        self._owner.watch(self, writing=False)

    def submit(self, batch: Batch) -> None:
        """Grant the tokens of a batch and send it."""
        self.tokens.grant(batch.id, sum(call.count for call in batch.calls))
        calls = [tuple(call) for call in batch.calls]
        self.link.send(pickle.dumps((batch.id, calls, batch.codes, batch.blobs), 5))
        if self.link.pending:
            self._owner.watch(self, writing=True)

    def flush(self) -> None:
        """Send more of what waits."""
        self.link.flush()
        if not self.link.pending:
            self._owner.watch(self, writing=False)

    def read(self) -> list[Report]:
        """What the worker has sent."""
        messages, is_open = self.link.receive()
        if not is_open and not self._lost_connection:
            self._lost_connection = True
            self._owner.unwatch(self)
            if not self.is_dead:
                self._kill_group()  # it closed its own end: nothing more can come from it
        return [report for message in messages if (report := self._report(message))]

    def _report(self, message: bytes) -> Report | None:
        kind, *rest = pickle.loads(message)
        if kind == "ended":
            return Ended(self.number, [Outcome._make(each) for each in rest[0]])
        if kind == "started":
            return Started(self.number, *rest)
        if kind == "wrote":
            key, text, self._told = rest
            return Output(self.number, key, text)
        if kind == "progress":
            key, done, total = rest
            return Output(self.number, key, "", (done, total))
        self.pid = rest[0]
        self._deaths_at_start = 0
        return None

    @property
    def is_dead(self) -> bool:
        """Whether the worker has died: its one long call has come back."""
        return self._future is not None and self._future.done()

    def kill(self) -> None:
        """Kill the worker's process group; `Slot.bury` reports it."""
        self._killed = True
        self._kill_group()

    def _kill_group(self) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        else:
            self._pool.shutdown(wait=False, kill_workers=True)

    def bury(self) -> Lost:
        """Report the death of the worker and start another."""
        error = self._future.exception() if self._future.done() else None
        if not self.pid:
            self._deaths_at_start += 1
        elif not self._killed:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # subprocesses the task left behind
        cause = cause_of_death(
            error, oom=oom_kills() > self._oom_kills, disconnected=self._lost_connection
        )
        tail = self._tail()
        lost = Lost(self.number, cause, tail, self.tokens.withdraw(), self._killed)
        self._free()
        if self._deaths_at_start >= START_TRIES:
            raise ExecutorError(
                f"a worker process cannot start ({cause}), tried {START_TRIES} times"
                + (f"; its last words:\n{tail}" if tail else "")
            )
        self.start()
        return lost

    def _tail(self) -> str:
        """What the worker wrote last and could not send any more."""
        try:
            with open(self._log, "rb") as file:
                file.seek(max(self._told, os.path.getsize(self._log) - TAIL_BYTES))
                return file.read().decode("utf-8", "backslashreplace")
        except OSError:
            return ""

    def _free(self) -> None:
        self._owner.unwatch(self)
        self._pool.shutdown(wait=False, kill_workers=True)
        self.link.sock.close()
        self.tokens.close()
        os.close(self._life)
        self._future = None

    def close(self) -> None:
        """End the worker and free everything, for good."""
        if self._future is None:
            return
        self._kill_group()
        pool = self._pool
        self._free()
        # Joins loky's threads, so that nothing of this run is left when the next one starts.
        pool.shutdown(wait=True, kill_workers=True)


def thread_caps(workers: int) -> dict[str, str]:
    """Environment that shares the cores among the workers, where the user has not said so."""
    share = str(max(1, cores() // workers))
    return {name: share for name in THREAD_CAPS if name not in os.environ}


def _quiet_loky() -> None:
    """Our own messages say what happened to a worker."""
    logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
