"""A run as its user holds it: its state, its result, its failures; and Ctrl-C."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Abort, Failure, Setup
from taskflow.draw import Drawable, Facts
from taskflow.engine.loop import BUSY_SECONDS, GRACE_SECONDS, Engine
from taskflow.engine.plan import Plan
from taskflow.errors import RunCancelled, RunFailed, RunPaused, RunTimedOut
from taskflow.events import RunEnded, RunNoticed, RunStarted
from taskflow.graph.graph import HELPERS, VALUE, Link, node_of
from taskflow.keeper import advice, preview_of
from taskflow.lifecycle import GOOD, PENDING, SKIPPED
from taskflow.listening import Heard, say, tell
from taskflow.plain import in_short, plain
from taskflow.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Clock, Executor, Listener
    from taskflow.keeper import Keeper
    from taskflow.wanted import Limits, What

#: Calls a function when the program ends, before loky ends its workers; where Python has no such
#: thing, after that.
_AT_EXIT: Final[Callable[..., Any]] = getattr(threading, "_register_atexit", atexit.register)
#: Failures that an error of a run carries at most.
SHOWN_FAILURES: Final = 1000


class Run(Drawable):
    """A run: its `id`, its `state`, what became of its tasks, and its result."""

    def __init__(
        self,
        what: What,
        graph: Graph,
        executor: Executor,
        setup: Setup,
        limits: Limits,
        listeners: list[Listener],
        clock: Clock,
        keeper: Keeper | None = None,
    ) -> None:
        self.id = setup.run_id
        self.pipeline = what.pipeline
        self.params = what.params
        self._what = what
        self.graph = graph
        self.state = "queued"
        #: Whether Ctrl-C or SIGTERM ended it.
        self.interrupted = False
        self._setup = setup
        self._timeout = limits.timeout or 0.0
        self._executor = executor
        self._clock = clock
        self._listeners = [Heard(listener) for listener in listeners]
        self._keeper = keeper
        self._plan = Plan(
            graph,
            fail_fast=limits.fail_fast,
            draw=self._clock.random,
            lanes=[lane.kind for lane in executor.lanes],
            journal=keeper.journal if keeper else None,
            recall=keeper.recall if keeper else None,
            caching=keeper.caching if keeper else None,
        )
        self._engine = Engine(
            self._plan,
            executor,
            self._clock,
            self._listeners,
            limits.timeout,
            keeper.ledger if keeper else None,
            keeper.store if keeper else None,
        )
        self._ended = threading.Event()
        self._crash: BaseException | None = None
        self._alone = False  # whether it runs in a thread of its own
        if keeper is None:
            self._remove = weakref.finalize(self, _remove, setup.run_dir, os.getpid())

    # --- running ---

    def begin(self) -> Run:
        """Run in a thread of its own; when the program ends, the run is interrupted."""
        self._alone = True
        threading.Thread(target=self._drive_quietly, name=f"run {self.id}", daemon=True).start()
        return self

    def drive(self) -> Run:
        """Run to the end in this thread; Ctrl-C stops it, twice at once."""
        with self._signals():
            self._drive()
        return self

    def _drive_quietly(self) -> None:
        with contextlib.suppress(BaseException):  # kept; `wait` raises it where it is seen
            self._drive()

    def _drive(self) -> None:
        began = self._clock.monotonic()
        self.state = "running"
        shown = tuple((name, in_short(value)) for name, value in self.params)
        kind = getattr(self._executor, "name", type(self._executor).__name__)
        now = self._clock.now()
        workers = max(self._executor.lanes[0].slots, self._executor.lanes[0].width)
        values = tuple((name, plain(value)) for name, value in self.params)
        told = RunStarted(self.id, self.pipeline, shown, now, kind, workers, values)
        notices = self._keeper.notices if self._keeper else ()
        self._plan.events[:0] = [told, *map(RunNoticed, notices)]
        try:
            self._executor.start(self._setup)
            if self._alone:
                with contextlib.suppress(RuntimeError):  # the program ends already
                    _AT_EXIT(_at_exit, weakref.ref(self), os.getpid())
            self._engine.run()
            self.state = self._final_state()
        except BaseException as error:
            self.state = "interrupted"
            self._crash = error
            raise
        finally:
            self._finish(self._clock.monotonic() - began)

    def _finish(self, took: float) -> None:
        try:
            self._executor.stop()
            counts = self._plan.counts()
            self._keep_end(took, counts)
            again = f"taskflow resume {self.id}" if self._keeper else ""
            now = self._clock.now()
            ended = RunEnded(self.id, self.state, took, now, counts, self._why(), again)
            news = self._keeper.news() if self._keeper else ()
            self._engine.emit(*map(RunNoticed, news), ended)
            for listener in self._listeners:
                listener.close()
            tell(self._what.ended, self)
        finally:
            self._ended.set()

    def _keep_end(self, took: float, counts: dict[str, int]) -> None:
        """Commit how the run ended; it has ended only when that is kept."""
        if self._keeper is None:
            return
        failed = next(self._failed(), None)
        line = f"{failed[0]}: {failed[2].line}" if failed else str(self._crash or "")
        hide = redactor(self.params)
        slow = threading.Timer(BUSY_SECONDS, say, [f"run {self.id} waits until all of it is kept"])
        slow.daemon = True
        slow.start()
        error = self._keeper.end(
            self.state,
            took,
            counts,
            error=hide(line),
            result=hide(preview_of(self._plan)) if self.state == "succeeded" else "",
            why=self._engine.cancel_why,
            paused=self._engine.paused is not None,
        )
        slow.cancel()
        if error is not None:
            self._engine.paused = self._engine.paused or error
            self.state = "paused"

    def interrupt_at_exit(self) -> None:
        """End this run, unless it has, since the program ends."""
        if self._ended.is_set():
            return
        self.interrupted = True
        self._engine.cancel("interrupt", 0.0)
        say(
            f"run {self.id} of {self.pipeline} is interrupted, since the program ends; "
            "run.result() would wait for it"
        )
        # Clean-up tasks run; a body that cannot be ended gets as long as after Ctrl-C.
        can_kill = all(lane.can_kill for lane in self._executor.lanes)
        self._ended.wait(None if can_kill else GRACE_SECONDS)

    def _final_state(self) -> str:
        if self._engine.paused is not None:
            return "paused"
        why = self._engine.cancel_why
        if why == "timeout":
            return "timed_out"
        if why and why != "fail_fast":
            return "cancelled"
        self._take_result()
        if why or self._plan.taking.untaken or not self._has_result():
            return "failed"
        return "succeeded"

    def _take_result(self) -> None:
        """Failures that the pipeline returns as values are taken, by whoever gets the result."""
        for ref in self.graph.result[1] if self.graph.result else ():
            if isinstance(ref, Link) and ref.take != VALUE:
                self._plan.taking.take_failures(ref.node)

    def _why(self) -> str:
        if self._engine.paused is not None:
            return advice(self._engine.paused, self.id)
        return str(self._crash) if self._crash else self._engine.cancel_why

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
            # None: set by C code. Ignored: by whoever started this program, for a reason.
            if signal.getsignal(number) not in (None, signal.SIG_IGN)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        again = self.interrupted
        self.interrupted = True
        grace = 0.0 if again else GRACE_SECONDS
        self._engine.cancel("interrupt", grace)
        inline = any(lane.kind == "inline" for lane in self._executor.lanes)
        if again and number == signal.SIGINT and inline:
            raise Abort  # into the body that runs in this very thread

    # --- asking ---

    def wait(self, timeout: float | None = None) -> str:
        """Wait for the end, at most `timeout` seconds, and return the state."""
        self._ended.wait(timeout)
        if self._crash is not None:
            raise self._crash
        return self.state

    def cancel(self, grace: float = GRACE_SECONDS) -> None:
        """Begin nothing new; what runs has `grace` seconds to end, then it is killed."""
        self._engine.cancel("cancel", grace)

    def result(self, timeout: float | None = None) -> Any:
        """The value of the run, once it has ended.

        Raises `RunFailed`, `RunCancelled` or `RunTimedOut`; TimeoutError if it has not ended
        in time. A failed run may still have a value: then it is the attribute `value` of the
        error.
        """
        state = self.wait(timeout)
        if not self._ended.is_set():
            raise TimeoutError(f"run {self.id} is still {state}")
        if state == "succeeded":
            return self._value()
        raise self._error() from self.first_error or self._cause()

    @property
    def failures(self) -> list[Failure]:
        """What failed and was taken as a value by nobody: a `Failure` for each, up to 1,000."""
        from taskflow.executors.answering import revive

        return [Failure(revive(report, key), key, state) for key, state, report in self._failed()]

    @property
    def tasks(self) -> dict[str, str]:
        """The state of every task run that was traced, by task key; maps as a whole."""
        return {
            self._plan.key_of(node): self._plan.state[node]
            for node in range(len(self.graph))
            if self.graph.kind[node] not in HELPERS
        }

    def _drawn(self, params: dict[str, Any]) -> tuple[Graph, Facts]:
        if params:
            raise TypeError(f"a run has its parameters: to draw it takes no {', '.join(params)}")
        return self.graph, facts_of(self._plan)

    @property
    def counts(self) -> dict[str, int]:
        """How many task runs ended in each state."""
        return self._plan.counts()

    @property
    def first_error(self) -> BaseException | None:
        """The first exception of a task that ran in this process, as it was raised."""
        error: BaseException | None = getattr(self._executor, "first_error", None)
        return error

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.pipeline}: {self.state}>"

    # --- the end ---

    def _has_result(self) -> bool:
        result = self.graph.result
        if result is None:
            return True
        plan = self._plan
        for ref in result[1]:
            node = node_of(ref)
            if node >= 0 and plan.taking.seen_state(node, ref) not in GOOD | {SKIPPED}:
                return False
        return True

    def _value(self) -> Any:
        from taskflow.executors.running import Runner

        if self.graph.result is None:
            return None
        payload, refs = self.graph.result
        try:
            return Runner(self._setup).value_of(payload, self._plan.calls.result(refs))
        except Exception as error:
            raise RunFailed(
                f"all tasks of run {self.id} of {self.pipeline} have ended, but what it returns "
                f"cannot be put together: {type(error).__name__}: {error}",
                self,
            ) from error

    def _failed(self) -> Iterator[tuple[str, str, Any]]:
        plan, left = self._plan, SHOWN_FAILURES
        for node in plan.taking.untaken:
            if node in plan.errors:
                yield plan.key_of(node), plan.state[node], plan.errors[node]
            run = plan.mapping.runs.get(node)
            if run is None:
                continue
            for element, report in sorted(run.errors.items()):
                yield plan.key_of(node, element), run.state_of(element), report
                left -= 1
                if not left:
                    return

    def _cause(self) -> BaseException | None:
        failures = self.failures
        return failures[0].error if failures else None

    def _error(self) -> Exception:
        if self.state == "timed_out":
            return RunTimedOut(
                f"run {self.id} of {self.pipeline} took longer than its timeout of "
                f"{self._timeout:g} s; what had ended by then is in error.run.counts",
                self,
            )
        if self.state == "paused":
            return RunPaused(f"run {self.id} of {self.pipeline} paused: {self._why()}", self)
        if self.state == "cancelled":
            return RunCancelled(f"run {self.id} of {self.pipeline} was cancelled", self)
        from taskflow.progress.report import summary

        told = summary(self.id, self.pipeline, list(self._failed()))
        if self._keeper is not None:
            told += f"\n  mend it, then go on where it was: taskflow resume {self.id}"
        return RunFailed(redactor(self.params)(told), self)


def facts_of(plan: Plan) -> Facts:
    """What is known of each node: its state, how long it took, the states of its elements."""
    runs = list(plan.mapping.runs.items())
    tallies = {node: {PENDING: run.count - run.ended, **run.tally} for node, run in runs}
    seconds = dict(enumerate(getattr(plan, "seconds", ())))
    return Facts(dict(enumerate(plan.state)), seconds, tallies)


def _remove(run_dir: str, owner: int) -> None:
    """Remove the files of a run, unless this is a fork of the process that it belongs to."""
    if os.getpid() == owner:
        shutil.rmtree(run_dir, ignore_errors=True)


def _at_exit(found: weakref.ref[Run], owner: int) -> None:
    run = found()
    if run is not None and os.getpid() == owner:
        run.interrupt_at_exit()
