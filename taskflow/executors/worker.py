"""The worker's side of a slot: one long call that serves the slot's own connection.

    main thread     receive a batch -> claim -> run -> outcome into the outbox
    flusher         sends what lies in the outbox for 5 ms, and new lines of output of a
                    body that goes on

The worker leads a process group of its own, so that it and the subprocesses of its task can be
ended together, and so that Ctrl-C in the terminal reaches the engine alone. It holds the reading
end of a life pipe: when the engine is gone, whatever the reason, the kernel kills the group, even
while C code holds the GIL.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import fcntl
import logging
import os
import pickle
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Batch, Call, Outcome
from taskflow.executors import snapshot
from taskflow.executors.deaths import HUNG_UP
from taskflow.executors.running import Runner
from taskflow.executors.wire import WorkerLink, WorkerTokens

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from taskflow.call import Setup

#: An outcome waits at most so long for others to travel with it.
FLUSH_SECONDS: Final = 0.005
#: How often the output of a body that goes on is looked at.
OUTPUT_SECONDS: Final = 0.1
#: Output of one task run that travels at once; of more, the middle is left out.
OUTPUT_BYTES: Final = 256 * 1024
#: Outcomes that travel in one message at most.
FLUSH_COUNT: Final = 2000

# The ends that the process was started with; see `begin`.
_ends: list[Any] = []


def begin(connection: Connection, tokens: Connection, life: Connection) -> None:
    """Keep the ends of this slot's pipes, and tie this process to the life of the engine."""
    _ends[:] = [connection, tokens, life]
    for end in _ends:
        os.set_inheritable(end.fileno(), False)  # a subprocess of a task must not hold them
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked while it started
    die_with_engine(life.fileno())


def die_with_engine(life: int) -> None:
    """Have this process group killed when the writing end of the pipe `life` closes."""
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgid(0))
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    else:
        threading.Thread(target=_watch, args=(life,), daemon=True).start()
    if select.select([life], [], [], 0)[0]:  # it was closed before the kernel watched it
        os.killpg(0, signal.SIGKILL)


def _watch(life: int) -> None:
    select.select([life], [], [])
    os.killpg(0, signal.SIGKILL)


def serve(setup: Setup, log: str) -> None:
    """Run batches until the engine closes the connection."""
    connection, tokens, _ = _ends
    redirect(log)
    _configure_logging(setup.log_level)
    sys.argv[:] = setup.argv or sys.argv
    with contextlib.suppress(OSError):
        os.chdir(setup.cwd or ".")
    snapshot.install(setup.snapshot, setup.paths)
    worker = Worker(setup, WorkerLink(connection.fileno()), WorkerTokens(tokens.fileno()), log)
    try:
        worker.serve()
    except OSError as error:
        if error.errno == errno.EBADF:  # a task has closed what was not its own
            os._exit(HUNG_UP)
        raise


def redirect(log: str) -> None:
    """Send everything that is written, natively too, to the slot's log file."""
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(fd, number)
        os.set_inheritable(number, True)  # no matter of course: it may be the one just opened
        stream = open(number, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    if fd > 2:
        os.close(fd)
    faulthandler.enable(file=2)


def _configure_logging(level: int) -> None:
    """Show records like a program would that had called `logging.basicConfig`."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s  %(message)s",
        datefmt="%H:%M:%S",
    )


class Worker:
    """Serves one slot."""

    def __init__(self, setup: Setup, link: WorkerLink, tokens: WorkerTokens, log: str) -> None:
        self._link = link
        self._tokens = tokens
        self._runner = Runner(setup)
        self._runner.on_start = self._started
        self._runner.on_end = self._body_ended
        self._runner.context.report_progress = self._progressed
        self._pid = os.getpid()
        self._log_path = log
        self._log = open(log, "rb", buffering=0)  # noqa: SIM115 - as long as the worker
        self._read = 0
        self._outcomes: list[Outcome] = []
        self._flushed = time.monotonic()
        self._busy = threading.Event()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Run batches until the engine closes the connection."""
        self._send(("hello", self._pid))
        threading.Thread(target=self._flush_now_and_then, daemon=True).start()
        while (message := self._link.receive()) is not None:
            number, calls, codes, blobs = pickle.loads(message)
            batch = Batch(number, tuple(map(Call._make, calls)), codes, blobs)
            self._busy.set()
            self._run(batch)
            if not self._link.waiting():
                self._busy.clear()
                self.flush()

    def _run(self, batch: Batch) -> None:
        if self._is_mute():
            redirect(self._log_path)
        self._runner.learn(batch)
        for call in batch.calls:
            for outcome in self._runner.run(call, lambda n: self._tokens.claim(batch.id, n)):
                with self._lock:
                    self._outcomes.append(outcome)
                    waiting = len(self._outcomes)
                late = time.monotonic() - self._flushed > FLUSH_SECONDS
                if late or waiting >= FLUSH_COUNT:
                    self.flush()

    def _is_mute(self) -> bool:
        """Whether a task has closed what it and all later ones write to."""
        if sys.stdout is None or sys.stderr is None or sys.stdout.closed or sys.stderr.closed:
            return True
        log = os.fstat(self._log.fileno())
        try:
            return not all(os.path.samestat(os.fstat(fd), log) for fd in (1, 2))
        except OSError:
            return True

    def flush(self) -> None:
        """Send the outcomes that wait."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
            self._flushed = time.monotonic()
            if outcomes:
                self._link.send(pickle.dumps(("ended", [tuple(each) for each in outcomes]), 5))

    def _flush_now_and_then(self) -> None:
        looked = 0.0
        while True:
            self._busy.wait()
            time.sleep(FLUSH_SECONDS)
            if self._outcomes and time.monotonic() - self._flushed > FLUSH_SECONDS:
                self.flush()
            if time.monotonic() - looked > OUTPUT_SECONDS:
                looked = time.monotonic()
                self._send_output(_current_key(self._runner), whole_lines=True)

    def _send(self, message: tuple[Any, ...]) -> None:
        data = pickle.dumps(message, 5)
        with self._lock:
            self._link.send(data)

    def _started(self, call: Call, element: int) -> None:
        self._send(("started", call.node, element))

    def _progressed(self, done: float, total: float | None) -> None:
        self._send(("progress", _current_key(self._runner), done, total))

    def _body_ended(self, key: str) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the body forked has come back from it, into our loop
        try:  # noqa: SIM105 - felt at each body: suppress() takes four times as long
            sys.stdout.flush()  # it may hold a part of a line
        except (AttributeError, ValueError, OSError):
            pass  # the body has closed or replaced it
        self._send_output(key, whole_lines=False)

    def _send_output(self, key: str, *, whole_lines: bool) -> None:
        """Send what was written since the last time; an unfinished line waits if asked to."""
        if os.fstat(self._log.fileno()).st_size <= self._read:
            return
        with self._lock:
            size = os.fstat(self._log.fileno()).st_size - self._read
            data = os.pread(self._log.fileno(), min(size, OUTPUT_BYTES), self._read)
            if size > len(data):
                tail = os.pread(self._log.fileno(), OUTPUT_BYTES, self._read + size - OUTPUT_BYTES)
                left_out = size - len(data) - len(tail)
                mark = f"\n... {left_out:,} bytes left out ...\n".encode()
                data += mark + tail if left_out > 0 else tail[-(size - len(data)) :]
            elif whole_lines:
                size = data.rfind(b"\n") + 1
                data = data[:size]
            if data:
                self._read += size
                text = data.decode("utf-8", "backslashreplace")
                self._link.send(pickle.dumps(("wrote", key, text, self._read), 5))


def _current_key(runner: Runner) -> str:
    facts = runner.context
    key = facts.task_key or ""
    return key if facts.element is None else f"{key}[{facts.element}]"
