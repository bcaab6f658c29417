"""The worker's side of a slot: one long call that serves the slot's own connection, run by run.

The worker leads a process group of its own, so that it and the subprocesses of its task can be
ended together, and so that Ctrl-C in the terminal reaches the engine alone. It holds the reading
end of a life pipe: when the engine is gone, whatever the reason, the kernel kills the group, even
while C code holds the GIL.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import gc
import logging
import os
import pickle
import select
import signal
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

from taskflow import resources
from taskflow.executors import snapshot
from taskflow.executors.deaths import HUNG_UP
from taskflow.executors.fitness import Fitness
from taskflow.executors.life import die_with_engine, end_if_alone
from taskflow.executors.outbox import Outbox
from taskflow.executors.serial import SerialWorker
from taskflow.executors.wire import WorkerLink, WorkerTokens

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from taskflow.call import Setup
    from taskflow.interfaces import Lane

#: What the engine says when a run is over.
OVER: Final = b""
#: A worker that is free for so long has time to tidy up.
IDLE_SECONDS: Final = 0.1

# The ends that the process was started with; see `begin`.
_ends: list[Any] = []


def begin(connection: Connection, tokens: Connection, life: Connection, bell: Connection) -> None:
    """Keep the ends of this slot's pipes, and tie this process to the life of the engine."""
    _ends[:] = [connection, tokens, life, bell]
    for end in _ends:
        os.set_inheritable(end.fileno(), False)  # a subprocess of a task must not hold them
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked while it started
    die_with_engine(life.fileno())


class RunLink(WorkerLink):
    """The engine's words in one run: they end with it."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        #: Whether the engine said so, and has not simply gone.
        self.is_over = False

    def receive(self) -> bytes | None:
        message = super().receive()
        self.is_over = message == OVER
        return None if self.is_over else message


def serve() -> None:
    """Serve one run after another, until the engine hangs up or something is left of a run."""
    connection, _, life, _ = _ends
    link = WorkerLink(connection.fileno())
    before = Fitness()
    while (message := link.receive()) is not None:
        is_over = _serve_run(*pickle.loads(message))
        if not is_over or not before.is_kept():
            break
        end_if_alone(life.fileno())
        redirect(os.devnull)
        link.send(pickle.dumps([("free", tuple(before.strays()))], 5))
        _tidy_while_idle(link)
    connection.close()  # so the engine knows that all is closed


def _serve_run(setup: Setup, log: str, lane: Lane) -> bool:
    """Run batches until the run is over, close what bodies have opened; whether it was said."""
    connection, tokens, _, bell = _ends
    redirect(log)
    sys.argv[:] = setup.argv or sys.argv
    with contextlib.suppress(OSError):
        os.chdir(setup.cwd or ".")
    snapshot.install(setup.snapshot, setup.paths)
    link = RunLink(connection.fileno())
    outbox = Outbox(link, bell.fileno(), log)
    with warnings.catch_warnings():
        pass  # at its end Python forgets what was warned of: each run is to hear of it
    resources.home = setup.run_id
    resources.on_first_open = lambda: outbox.send("holds")
    root = logging.getLogger()
    try:
        if lane.crowd:
            from taskflow.executors.wide import WideWorker

            worker: Any = WideWorker(setup, lane, link, outbox)
        else:
            tokens_end = WorkerTokens(tokens.fileno())
            worker = SerialWorker(setup, link, tokens_end, outbox, lambda: redirect(log))
        level = root.level
        root.addHandler(worker.records)
        root.setLevel(setup.log_level)
        worker.serve()
    except OSError as error:
        if error.errno == errno.EBADF:  # a task has closed what was not its own
            os._exit(HUNG_UP)
        raise
    resources.close(setup.run_id)
    with contextlib.suppress(AttributeError, ValueError, OSError):  # a task has closed it
        sys.stdout.flush()
    worker.send_output()
    outbox.close()
    root.removeHandler(worker.records)
    if root.level == setup.log_level:  # else a task has set it, and that is seen
        root.setLevel(level)
    return link.is_over


def _tidy_while_idle(link: WorkerLink) -> None:
    """Free what the last run has left in circles, unless the next one is there already."""
    if not select.select([link.fd], [], [], IDLE_SECONDS)[0]:
        gc.collect()


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
