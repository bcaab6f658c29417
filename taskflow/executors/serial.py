"""A worker that runs its calls one after another.

main thread     receive a batch -> claim -> run -> outcome into the outbox
flusher         looks at a body that goes on for 10 ms: sends what lies in the outbox, and
                new lines of output; gives back what was claimed behind it; sleeps while
                there is nothing of all that, for it takes time from the body
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from taskflow.call import Batch, Call, CallColumns
from taskflow.crashing import reach
from taskflow.executors.claims import Claimed
from taskflow.executors.columns import ColumnRunner
from taskflow.executors.logs import RecordHandler
from taskflow.executors.outbox import OUTPUT_SECONDS
from taskflow.executors.wire import KEPT, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.call import Setup
    from taskflow.executors.logs import Record
    from taskflow.executors.outbox import Outbox
    from taskflow.executors.wire import WorkerLink, WorkerTokens


#: Units that were claimed behind a body are given back when that takes longer.
STUCK_SECONDS: Final = 0.010


class SerialWorker:
    """Serves one slot whose bodies run one at a time."""

    def __init__(
        self,
        setup: Setup,
        link: WorkerLink,
        tokens: WorkerTokens,
        outbox: Outbox,
        redirect: Callable[[], None],
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._redirect = redirect
        self._runner = ColumnRunner(setup, outbox.done)
        self._claimed = Claimed(tokens, self._wait_for_withdrawal, outbox.soon.set)
        self._runner.on_start = lambda *said: outbox.send("started", *said)
        self._runner.on_end = self._body_ended
        self._runner.bodies.on_load = lambda: self._body_ended("")
        self._runner.context.report_progress = self._progressed
        if setup.kept:
            self._runner.context.settle = self._settle
        self._early: deque[bytes] = deque()  # what came while a body waited
        self.records = RecordHandler(self._logged)
        self._pid = os.getpid()
        self._busy = threading.Event()
        self._over = threading.Event()

    def serve(self) -> None:
        """Run batches until the engine closes the connection."""
        self._outbox.send("hello", self._pid)
        reach("hello said")
        flusher = threading.Thread(target=self._flush_now_and_then, daemon=True)
        flusher.start()
        while (message := self._next()) is not None:
            number, calls, codes, blobs = pickle.loads(message)
            made = [Call._make(each) if type(each) is tuple else each for each in calls]
            batch = Batch(number, tuple(made), codes, blobs)
            self._busy.set()
            reach("batch received")
            self._run(batch)
            if not self._early and not self._link.waiting():
                self._busy.clear()
                self._outbox.flush()
                reach("outcomes sent")
        self._over.set()
        self._busy.set()
        self._outbox.soon.set()
        flusher.join()

    def _next(self) -> bytes | None:
        return self._early.popleft() if self._early else self._link.receive()

    def _settle(self) -> None:
        """Wait until the engine has kept all that was made so far, here and elsewhere."""
        self._outbox.send("waits")
        self._wait_for(KEPT)

    def _wait_for_withdrawal(self) -> None:
        """Wait until the engine has withdrawn what was given back, and all behind it."""
        self._wait_for(WITHDRAWN)

    def _wait_for(self, word: bytes) -> None:
        while (message := self._link.receive()) is not None:
            if message == word:
                return
            self._early.append(message)

    def _run(self, batch: Batch) -> None:
        if self._is_mute():
            self._redirect()
        self._runner.learn(batch)
        self._claimed.batch = batch.id
        for call in batch.calls:
            if isinstance(call, CallColumns):
                for outcome in self._runner.run_columns(call, self._claimed):
                    if outcome is None:
                        self._outbox.flush_if_due()
                    else:
                        self._outbox.add(outcome)
            else:
                for outcome in self._runner.run(call, self._claimed):
                    self._outbox.add(outcome)

    def _is_mute(self) -> bool:
        """Whether a task has closed what it and all later ones write to."""
        if sys.stdout is None or sys.stderr is None or sys.stdout.closed or sys.stderr.closed:
            return True
        return not self._outbox.is_logged(1, 2)

    def _flush_now_and_then(self) -> None:
        looked = 0.0
        while True:
            self._busy.wait()
            self._outbox.soon.wait(OUTPUT_SECONDS)
            if self._over.wait(STUCK_SECONDS):
                return
            self._outbox.soon.clear()
            if self._outbox.is_waiting and self._outbox.is_late:
                self._outbox.pass_on()
            if time.perf_counter() - self._runner.began > STUCK_SECONDS:
                self._give_back()
            if time.monotonic() - looked > OUTPUT_SECONDS:
                looked = time.monotonic()
                self._outbox.send_log(self._current_key, whole_lines=True)
            if self._outbox.is_waiting or self._claimed.has_more:
                self._outbox.soon.set()

    def _give_back(self) -> None:
        """Let others have what was claimed behind a body that takes long."""
        count = self._claimed.give_back()
        if count:
            self._outbox.send("stuck", self._claimed.batch, count)

    def _progressed(self, done: float, total: float | None) -> None:
        self._outbox.send("progress", self._current_key, done, total)

    def _body_ended(self, key: str) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the body forked has come back from it, into our loop
        _flush(sys.stdout)
        self._outbox.send_log(key, whole_lines=False)

    def _logged(self, record: Record) -> None:
        if os.getpid() != self._pid:  # a child that the body forked: it cannot have our locks
            sys.stderr.write(record.text)
            return
        _flush(sys.stdout)  # what was written before comes before
        _flush(sys.stderr)
        self._outbox.log_record(record)

    def send_output(self) -> None:
        """Send what was written outside of all bodies."""
        self._outbox.send_log("", whole_lines=False)
        self._outbox.flush()

    @property
    def _current_key(self) -> str:
        if self._runner.bodies.are_loading:
            return ""
        facts = self._runner.context
        key = facts.task_key or ""
        return key if facts.element is None else f"{key}[{facts.element}]"


def _flush(stream: TextIO) -> None:
    """Write what a stream holds: it may be a part of a line."""
    try:  # noqa: SIM105 - felt at each body: suppress() takes four times as long
        stream.flush()
    except (AttributeError, ValueError, OSError):
        pass  # the body has closed or replaced it
