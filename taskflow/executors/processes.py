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
import os
import pickle
import selectors
import signal
import socket
import time
import weakref
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Batch, Ended, Lost, Outcome, Output, Report, Started
from taskflow.errors import ExecutorError
from taskflow.executors import worker
from taskflow.executors.deaths import cause_of_death, last_words, oom_kills
from taskflow.executors.machine import check_files, cores, tame_loky, thread_caps
from taskflow.executors.wire import EngineLink, EngineTokens
from taskflow.interfaces import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.call import Setup

#: Workers of a slot that die in a row before they can say hello; then the executor gives up.
START_TRIES: Final = 3
#: Between the end of a worker's connection and its death.
DYING_SECONDS: Final = 0.05
#: Bytes of a dead worker's output that its report keeps.
TAIL_BYTES: Final = 16 * 1024


class ProcessExecutor:
    """Worker processes, one for each slot."""

    name = "processes"

    def __init__(self, workers: int | None = None) -> None:
        self.slots = workers or cores()
        self.lanes = (Lane("processes", self.slots, can_kill=True),)
        self._slots: list[Slot] = []
        self._waker: socket.socket | None = None  # from the start to the end

    def start(self, setup: Setup) -> None:
        """Start the first worker; the others start when they are given something to do."""
        check_files(self.slots)
        self._selector = selectors.DefaultSelector()
        # Sockets and not a pipe: once closed they are no numbers that something else may get.
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        for folder in ("values", "logs"):
            os.makedirs(os.path.join(setup.run_dir, folder), exist_ok=True)
        tame_loky()
        self._slots = [Slot(number, setup, self) for number in range(self.slots)]
        self._slots[0].start()

    def submit(self, slot: int, batch: Batch) -> None:
        """Queue a batch on a slot."""
        self._slots[slot].submit(batch)

    def capacity(self, slot: int) -> int:
        """How many calls can be queued on any slot at most."""
        del slot
        return min(each.tokens.capacity for each in self._slots)

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

    def wake(self) -> None:
        """Make `wait` return."""
        waker = self._waker
        if waker is not None:
            with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody waits
                waker.send(b".")

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
        if self._waker is None:
            return
        for slot in self._slots:
            slot.close()
        self._selector.close()
        self._woken.close()
        self._waker.close()
        self._waker = None


class Slot:
    """One worker process at a time, and the ends of its pipes."""

    def __init__(self, number: int, setup: Setup, owner: ProcessExecutor) -> None:
        self.number = number
        self._setup = setup
        self._owner = owner
        self._log = os.path.join(setup.run_dir, "logs", f"slot-{number}.log")
        self._deaths_at_start = 0
        self._future: Any = None  # there is one as long as there is a worker
        self.tokens = EngineTokens()

    def start(self) -> None:
        """Start a worker; what is submitted meanwhile waits in the socket."""
        from loky.process_executor import ProcessPoolExecutor

        self.pid = 0
        self._killed = False
        self._lost_connection = False
        self._hung_up = False  # whether it closed the connection and lived on
        self._told = 0  # how much of its output the worker has sent
        self._oom_kills = oom_kills()
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
        try:
            self._pool = ProcessPoolExecutor(
                max_workers=1,
                timeout=None,
                initializer=worker.begin,
                initargs=ends,
                env=thread_caps(self._owner.slots),
            )
            with _without_ctrl_c():
                self._future = self._pool.submit(worker.serve, self._setup, self._log)
        except BaseException:
            mine.close()
            os.close(self._life)
            raise
        finally:
            for end in ends:
                end.close()
        self._future.add_done_callback(lambda _: self._owner.wake())
        self._owner.watch(self, writing=False)
        _started.add(self)

    def submit(self, batch: Batch) -> None:
        """Grant the tokens of a batch and send it, to a new worker if there is none."""
        if self._future is None:
            try:
                self.start()
            except OSError as error:
                raise ExecutorError(f"worker {self.number} cannot start: {error}") from error
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
            if not self._is_dying():
                self._hung_up = True
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

    def _is_dying(self) -> bool:
        """Whether the worker ends; the kernel closes its files a moment before it is dead."""
        until = time.monotonic() + DYING_SECONDS
        while not self.is_dead and self.pid and not _is_zombie(self.pid):
            if time.monotonic() > until:
                return False
            time.sleep(0.001)
        return True

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
        """Report the death of the worker; the next batch starts another."""
        error = self._future.exception() if self._future.done() else None
        cause = cause_of_death(error, oom=oom_kills() > self._oom_kills, disconnected=self._hung_up)
        if not self.pid:
            # One that was killed says nothing about whether the next one can start.
            self._deaths_at_start += not cause.startswith("SIG")
        elif not self._killed:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # subprocesses the task left behind
        tail = self._tail()
        lost = Lost(self.number, cause, tail, self.tokens.withdraw(), self._killed)
        self._free()
        if self._deaths_at_start >= START_TRIES:
            raise ExecutorError(
                f"a worker process cannot start ({cause}), tried {START_TRIES} times"
                + (f"; its last words:\n{tail}" if tail else "")
            )
        self.tokens = EngineTokens()
        return lost

    def _tail(self) -> str:
        """What the worker wrote last and could not send any more."""
        try:
            with open(self._log, "rb") as file:
                file.seek(max(self._told, os.path.getsize(self._log) - TAIL_BYTES))
                return last_words(file.read().decode("utf-8", "backslashreplace"))
        except OSError:
            return ""

    def _free(self, *, wait: bool = False) -> None:
        self._owner.unwatch(self)
        self._pool.shutdown(wait=wait, kill_workers=True)
        self.link.sock.close()
        self.tokens.close()
        os.close(self._life)
        self._future = None

    def let_go(self) -> None:
        """Close the ends of this slot in a fork of its process, which has no part in the run."""
        if self._future is not None:
            os.close(self._life)
            self.link.sock.close()

    def close(self) -> None:
        """End the worker and free everything, for good."""
        if self._future is None:
            self.tokens.close()
            return
        self._kill_group()
        # Joins loky's threads, so that nothing of this run is left when the next one starts.
        self._free(wait=True)


def _is_zombie(pid: int) -> bool:
    """Whether a child is dead, without taking its exit code away from loky."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile do not see Ctrl-C until they say how to take it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# Slots with a worker, for a fork of this process: it must not hold their life pipes open.
_started: weakref.WeakSet[Slot] = weakref.WeakSet()


def _let_go_after_fork() -> None:
    for slot in list(_started):
        slot.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)
