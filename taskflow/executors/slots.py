"""One worker process as the engine sees it: how it starts, what it says, how it dies."""

from __future__ import annotations

import contextlib
import multiprocessing.process
import os
import pickle
import select
import signal
import socket
import sys
import time
import weakref
from collections import Counter
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final, Protocol

from taskflow.call import (
    Batch,
    Call,
    Done,
    Ended,
    Hello,
    Lost,
    Outcome,
    Output,
    Report,
    Started,
    Stuck,
    Waits,
    bodies_in,
)
from taskflow.errors import ExecutorError
from taskflow.executors import worker
from taskflow.executors.deaths import cause_of_death, last_words, oom_kills
from taskflow.executors.machine import started_at, thread_caps
from taskflow.executors.wire import KEPT, WITHDRAWN, EngineLink, EngineTokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.call import Setup
    from taskflow.interfaces import Lane

#: Workers of a slot that die in a row before they can say hello; then the executor gives up.
START_TRIES: Final = 3
#: Between the end of a worker's connection and its death.
DYING_SECONDS: Final = 0.05
#: Bytes of a dead worker's output that its report keeps.
TAIL_BYTES: Final = 16 * 1024


class Owner(Protocol):
    """The executor of a slot."""

    workers: int

    def wake(self) -> None:
        """Make `wait` return."""

    def watch(self, slot: Slot, *, writing: bool) -> None:
        """Look at the slot's socket in `wait`."""

    def unwatch(self, slot: Slot) -> None:
        """Look no longer."""


class Slot:
    """One worker process at a time, and the ends of its pipes."""

    def __init__(self, number: int, lane: Lane, setup: Setup, owner: Owner) -> None:
        self.number = number
        self._lane = lane
        self._setup = setup
        self._owner = owner
        self._log = os.path.join(setup.run_dir, "logs", f"slot-{number}.log")
        self._deaths_at_start = 0
        self._future: Any = None  # there is one as long as there is a worker
        self.pid = 0
        self.tokens = EngineTokens()

    @property
    def _bodies(self) -> int:
        """Bodies that may compute at once in this slot; those of an event loop take turns."""
        return self._lane.width if self._lane.kind == "threads" else 1

    def _begin_anew(self) -> None:
        self.pid = 0
        self._killed = False
        self._lost_connection = False
        self._hung_up = False  # whether it closed the connection and lived on
        self._told = 0  # how much of its output the worker has sent
        self._said = ""  # the end of what came since something ended
        self._open = 0  # units that it was given and that have not been reported
        self._stubborn: set[tuple[int, int]] = set()  # bodies that do not stop when asked to
        self._returned: Counter[int] = Counter()  # units by batch that were given back
        self._holds = False  # whether its bodies have opened something that is to be closed
        self._oom_kills = oom_kills()

    def start(self) -> None:
        """Start a worker; what is submitted meanwhile waits in the socket."""
        from loky.process_executor import ProcessPoolExecutor

        self._begin_anew()
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
                env=thread_caps(max(self._owner.workers, self._bodies)),
            )
            with _without_ctrl_c():
                self._future = self._pool.submit(worker.serve, self._setup, self._log, self._lane)
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
        units = bodies_in(batch)
        self._open += units
        if not self._lane.crowd:
            self.tokens.grant(batch.id, units)
        calls = [tuple(call) if isinstance(call, Call) else call for call in batch.calls]
        self.link.send(pickle.dumps((batch.id, calls, batch.codes, batch.blobs), 5))
        if self.link.pending:
            self._owner.watch(self, writing=True)

    def go_on(self) -> None:
        """Tell the worker that what its body was given is kept."""
        self._say(KEPT)

    def _say(self, word: bytes) -> None:
        self.link.send(word)
        if self.link.pending:
            self._owner.watch(self, writing=True)

    @property
    def capacity(self) -> int:
        """How many calls can be queued here at most."""
        return self._lane.width if self._lane.crowd else self.tokens.capacity

    def withdraw(self) -> dict[int, int]:
        """Take back what the worker has not claimed, and what it has given back."""
        taken = self.tokens.withdraw()
        if self._returned:
            taken.update(self._returned)
            self._returned.clear()
            self._say(WITHDRAWN)
        self._open -= sum(taken.values())
        return dict(taken)

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
        return [report for message in messages for report in self._reports(message)]

    def _reports(self, message: bytes) -> list[Report]:
        kind, *rest = pickle.loads(message)
        if kind == "wrote":
            return list(self._wrote(*rest))
        report = self._report(kind, rest)
        return [] if report is None else [report]

    def _wrote(self, key: str, said: list[tuple[str, int, str]], told: int) -> Iterator[Report]:
        self._told = told
        self._said = "".join([self._said, *(text for text, _, _ in said)])[-TAIL_BYTES:]
        for text, level, logger in said:
            yield Output(self.number, key, text, None, level, logger)

    def _report(self, kind: str, rest: list[Any]) -> Report | None:
        if kind == "ended":
            outcomes = [Outcome._make(each) for each in rest[0]]
            self._open -= sum(outcome.count for outcome in outcomes)
            self._said = ""
            return Ended(self.number, outcomes)
        if kind == "done":
            self._open -= len(rest[0])
            self._said = ""
            return Done(self.number, *rest)
        if kind == "stuck":
            self._returned[rest[0]] += rest[1]
            return Stuck(self.number)
        if kind == "started":
            return Started(self.number, *rest)
        if kind == "progress":
            key, done, total = rest
            return Output(self.number, key, "", (done, total))
        if kind == "stubborn":
            self._stubborn.add((rest[0], rest[1]))
            return None
        if kind == "waits":
            return Waits(self.number)
        if kind == "holds":
            self._holds = True
            return None
        self.pid = rest[0]
        self._deaths_at_start = 0
        return Hello(self.number, self.pid, started_at(self.pid))

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
        stubborn = frozenset(self._stubborn)
        unclaimed = dict(self.tokens.withdraw() + self._returned)
        lost = Lost(self.number, cause, tail, unclaimed, self._killed, stubborn)
        self._free()
        if self._deaths_at_start >= START_TRIES:
            raise ExecutorError(
                f"a worker process cannot start ({cause}), tried {START_TRIES} times"
                + (f"; its last words:\n{tail}" if tail else "")
            )
        self.tokens = EngineTokens()
        return lost

    def _tail(self) -> str:
        """What the worker wrote last, also what it could not send any more."""
        try:
            with open(self._log, "rb") as file:
                file.seek(max(self._told, os.path.getsize(self._log) - TAIL_BYTES))
                unsent = file.read().decode("utf-8", "backslashreplace")
        except OSError:
            unsent = ""
        return last_words(self._said + unsent)

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
            # At its end it would wait for these as for children of its own, and cannot.
            ours = self._pool._processes or {}  # noqa: SLF001 - loky says it nowhere else
            multiprocessing.process._children.difference_update(ours.values())  # type: ignore[attr-defined] # noqa: SLF001

    def hang_up(self) -> bool:
        """Let an idle worker close what it holds; whether there is such a one."""
        if self._future is None or not self._holds or self._open or self.is_dead:
            return False
        with contextlib.suppress(OSError):  # it has just died
            self.link.sock.shutdown(socket.SHUT_WR)
        return True

    def see_off(self, until: float) -> None:
        """Wait for a worker that was hung up on; what it still says goes to standard error."""
        while True:
            is_over = self.is_dead  # asked before: all that it has ever said can be read then
            messages, is_open = self.link.receive()
            for message in messages:
                for report in self._reports(message):
                    if isinstance(report, Output):
                        sys.stderr.write(report.text)
            if is_over or not is_open:
                return
            left = until - time.monotonic()
            if left <= 0:
                sys.stderr.write(
                    f"taskflow: what tasks had opened in worker {self.number} was not closed in "
                    "time; the worker is killed\n"
                )
                return
            select.select([self.link.sock], [], [], min(left, 0.1))

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
