"""One worker process as the engine sees it: how it starts, what it says, how it dies."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import sys
import time
from collections import Counter
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
from taskflow.executors.deaths import cause_of_death, last_words, oom_kills
from taskflow.executors.machine import started_at, thread_caps
from taskflow.executors.outbox import CLOSE_SECONDS
from taskflow.executors.process import Process, nobody_waits
from taskflow.executors.wire import KEPT, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.call import Setup
    from taskflow.executors.snapshot import Loaded
    from taskflow.executors.wire import EngineLink
    from taskflow.interfaces import Lane

#: Workers of a slot that die in a row before they can say hello; then the executor gives up.
START_TRIES: Final = 3
#: Between the end of a worker's connection and its death.
DYING_SECONDS: Final = 0.05
#: What a worker is given at the end of a run whose bodies have opened nothing.
FREE_SECONDS: Final = 1.0
#: Bytes of a dead worker's output that its report keeps.
TAIL_BYTES: Final = 16 * 1024


class Owner(Protocol):
    """The executor of a slot."""

    workers: int

    def wake(self) -> None:
        """Make `wait` return."""

    def watch(self, slot: Slot, *, writing: bool) -> None:
        """Look at the slot's socket in `wait`, and hear its bell."""

    def unwatch(self, slot: Slot) -> None:
        """Look no longer."""


class Slot:
    """One worker process at a time, which serves this run."""

    def __init__(
        self, number: int, lane: Lane, setup: Setup, owner: Owner, process: Process | None = None
    ) -> None:
        self.number = number
        self._lane = lane
        self._setup = setup
        self._owner = owner
        self._log = os.path.join(setup.run_dir, "logs", f"slot-{number}.log")
        self._deaths_at_start = 0
        #: The worker: not started yet, or one that has served other runs before.
        self.process = process or Process()
        self._serves = False  # whether it knows of this run
        self.pid = 0

    @property
    def link(self) -> EngineLink:
        """The connection of the worker."""
        return self.process.link

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
        self._strays: tuple[str, ...] | None = None  # what it has loaded; None while it serves
        self._oom_kills = oom_kills()

    def start(self) -> None:
        """Have a worker serve this run; what is submitted meanwhile waits in the socket."""
        self._begin_anew()
        if self.process.has_started and (self.process.is_dead or self.process.is_zombie):
            self.process.end(wait=False)
            self.process = Process()
        with contextlib.suppress(OSError):
            os.remove(self._log)
        if not self.process.has_started:
            self.process.start(thread_caps(max(self._owner.workers, self._bodies)))
        self.process.on_death = self._owner.wake
        self.process.serve(self._setup, self._log, self._lane)
        self._serves = True
        self._owner.watch(self, writing=False)

    def submit(self, batch: Batch) -> None:
        """Grant the tokens of a batch and send it, to a new worker if there is none."""
        if not self._serves:
            try:
                self.start()
            except OSError as error:
                raise ExecutorError(f"worker {self.number} cannot start: {error}") from error
        units = bodies_in(batch)
        self._open += units
        if not self._lane.crowd:
            self.process.tokens.grant(batch.id, units)
        calls = [tuple(call) if isinstance(call, Call) else call for call in batch.calls]
        self._say(pickle.dumps((batch.id, calls, batch.codes, batch.blobs), 5))

    def go_on(self) -> None:
        """Tell the worker that what its body was given is kept."""
        self._say(KEPT)

    def _say(self, message: bytes) -> None:
        self.link.send(message)
        if self.link.pending:
            self._owner.watch(self, writing=True)

    @property
    def capacity(self) -> int:
        """How many calls can be queued here at most."""
        return self._lane.width if self._lane.crowd else self.process.tokens.capacity

    def withdraw(self) -> dict[int, int]:
        """Take back what the worker has not claimed, and what it has given back."""
        is_waited_for = bool(self._returned)
        taken = self._unclaimed()
        if is_waited_for:
            self._say(WITHDRAWN)
        self._open -= sum(taken.values())
        return taken

    def _unclaimed(self) -> dict[int, int]:
        taken = self.process.tokens.withdraw() + self._returned
        self._returned.clear()
        return dict(taken)

    @property
    def is_sending(self) -> bool:
        """Whether something waits to be sent."""
        return self._serves and self.link.pending

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
                self.process.kill()  # it closed its own end: nothing more can come from it
        return [report for message in messages for report in self._reports(message)]

    def _reports(self, message: bytes) -> list[Report]:
        reports: list[Report] = []
        for kind, *rest in pickle.loads(message):
            if kind == "wrote":
                reports += self._wrote(*rest)
            elif (report := self._report(kind, rest)) is not None:
                reports.append(report)
        return reports

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
        if kind == "free":
            self._strays = rest[0]
            return None
        self.pid = self.process.pid = rest[0]
        self._deaths_at_start = 0
        return Hello(self.number, self.pid, started_at(self.pid))

    @property
    def is_dead(self) -> bool:
        """Whether the worker has died."""
        return self._serves and self.process.is_dead

    def _is_dying(self) -> bool:
        """Whether the worker ends; the kernel closes its files a moment before it is dead."""
        until = time.monotonic() + DYING_SECONDS
        while not self.is_dead and self.pid and not self.process.is_zombie:
            if time.monotonic() > until:
                return False
            time.sleep(0.001)
        return True

    def kill(self) -> None:
        """Kill the worker's process group; `Slot.bury` reports it."""
        self._killed = True
        self.process.kill()

    def bury(self) -> Lost:
        """Report the death of the worker; the next batch starts another."""
        oom = oom_kills() > self._oom_kills
        cause = cause_of_death(self.process.error, oom=oom, disconnected=self._hung_up)
        if not self.pid:
            # One that was killed says nothing about whether the next one can start.
            self._deaths_at_start += not cause.startswith("SIG")
        tail = self._tail()
        stubborn = frozenset(self._stubborn)
        lost = Lost(self.number, cause, tail, self._unclaimed(), self._killed, stubborn)
        self._replace()
        if self._deaths_at_start >= START_TRIES:
            raise ExecutorError(
                f"a worker process cannot start ({cause}), tried {START_TRIES} times"
                + (f"; its last words:\n{tail}" if tail else "")
            )
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

    def _replace(self) -> None:
        self._owner.unwatch(self)
        self.process.end(wait=False)  # with subprocesses that the task left behind
        self.process = Process()
        self._serves = False

    def release(self) -> bool:
        """Tell an idle worker that the run is over; whether its answer is worth waiting for."""
        if not self._serves or self._open or self._killed or self.is_dead:
            return False
        if self._lane.crowd and not self._holds:
            return False
        self.process.release()
        return True

    def see_off(self, began: float) -> None:
        """Wait until a worker has let go of the run; what it still says goes to standard error."""
        while True:
            is_over = self.is_dead  # asked before: all that it has ever said can be read then
            messages, is_open = self.link.receive()
            for message in messages:
                for report in self._reports(message):
                    if isinstance(report, Output):
                        sys.stderr.write(report.text)
            if is_over or not is_open or self.is_free:
                return
            patience = CLOSE_SECONDS if self._holds else FREE_SECONDS
            left = began + patience - time.monotonic()
            if left <= 0:
                break
            select.select([self.link.sock], [], [], min(left, 0.1))
        if self._holds:
            sys.stderr.write(
                f"taskflow: what tasks had opened in worker {self.number} was not closed in "
                "time; the worker is killed\n"
            )

    @property
    def is_free(self) -> bool:
        """Whether there is a worker that can serve another run."""
        return self.process.has_started and (not self._serves or self._strays is not None)

    def close(self, loaded: Loaded) -> Process | None:
        """Free everything, for good, and give away a free worker; one that is not is ended."""
        if self.process.has_started:
            self._owner.unwatch(self)
        if not self.is_free:
            # Joins loky's threads, so that nothing of this run is left when the next one starts.
            self.process.end(wait=True)
            return None
        self.process.on_death = nobody_waits
        if self._serves:
            self.process.loaded = loaded._replace(
                others=self._strays or (), since=self.process.since
            )
        return self.process
