"""A worker that runs its calls one after another.

main thread     receive a batch -> claim -> run -> outcome into the outbox
flusher         sends what lies in the outbox for 5 ms, and new lines of output of a
                body that goes on
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from taskflow.call import Batch, Call
from taskflow.crashing import reach
from taskflow.executors.logs import RecordHandler
from taskflow.executors.outbox import FLUSH_SECONDS, OUTPUT_SECONDS
from taskflow.executors.running import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.call import Setup
    from taskflow.executors.logs import Record
    from taskflow.executors.outbox import Outbox
    from taskflow.executors.wire import WorkerLink, WorkerTokens


#: What the engine says when all is kept that a body waits for.
_KEPT: Final = pickle.dumps(None, 5)


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
        self._tokens = tokens
        self._outbox = outbox
        self._redirect = redirect
        self._runner = Runner(setup)
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

    def serve(self) -> None:
        """Run batches until the engine closes the connection."""
        self._outbox.send("hello", self._pid)
        reach("hello said")
        threading.Thread(target=self._flush_now_and_then, daemon=True).start()
        while (message := self._next()) is not None:
            number, calls, codes, blobs = pickle.loads(message)
            batch = Batch(number, tuple(map(Call._make, calls)), codes, blobs)
            self._busy.set()
            reach("batch received")
            self._run(batch)
            if not self._early and not self._link.waiting():
                self._busy.clear()
                self._outbox.flush()
                reach("outcomes sent")

    def _next(self) -> bytes | None:
        return self._early.popleft() if self._early else self._link.receive()

    def _settle(self) -> None:
        """Wait until the engine has kept all that was made so far, here and elsewhere."""
        self._outbox.flush()
        self._outbox.send("waits")
        while (message := self._link.receive()) is not None:
            if message == _KEPT:
                return
            self._early.append(message)

    def _run(self, batch: Batch) -> None:
        if self._is_mute():
            self._redirect()
        self._runner.learn(batch)
        for call in batch.calls:
            for outcome in self._runner.run(call, lambda n: self._tokens.claim(batch.id, n)):
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
            time.sleep(FLUSH_SECONDS)
            if self._outbox.is_waiting and self._outbox.is_late:
                self._outbox.flush()
            if time.monotonic() - looked > OUTPUT_SECONDS:
                looked = time.monotonic()
                self._outbox.send_log(self._current_key, whole_lines=True)

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
