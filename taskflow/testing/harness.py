"""A world for runs under test: inline, on a clock that skips, with a record of what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from taskflow.authoring.pipeline import Pipeline
from taskflow.errors import DefinitionError
from taskflow.store.memory import MemoryStore
from taskflow.testing.clock import FakeClock
from taskflow.testing.executor import VirtualExecutor
from taskflow.testing.history import History, Recorder
from taskflow.testing.staying import Stays
from taskflow.testing.stubs import refuse_elsewhere
from taskflow.world import World, worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskflow.graph.graph import Graph
    from taskflow.handle import Run
    from taskflow.interfaces import Clock, Executor, Listener, Store

#: Executors for which the inline one of tests stands in.
_OURS: Final = (None, "inline")


class TestedRun(History):
    """A run under test: what happened in it, and its value.

    It does not raise because the run failed, unless it is asked for the value.
    """

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(self, handle: Run, recorder: Recorder) -> None:
        super().__init__(recorder)
        #: The run as `taskflow.start` gives it.
        self.handle = handle

    @property
    def value(self) -> Any:
        """What the pipeline returned; raises `RunFailed`, `RunTimedOut` or `RunCancelled`."""
        return self.handle.result()

    def wait(self, timeout: float | None = None) -> str:
        """Wait for the end of a run in the background, and return its state."""
        return self.handle.wait(timeout)

    def cancel(self) -> None:
        """Begin nothing new in a run in the background."""
        self.handle.cancel()


class Harness(Stays, World):
    """Within it, every run that does not ask for another executor is inline and on one clock.

    That is also true of runs that the code under test starts by itself. Nothing is shown; all runs
    are kept in `store`, which is in memory unless another is given.

    >>> from taskflow import pipeline, task
    >>> @task(retries=3, retry_delay="1h")
    ... def fetch(url: str) -> str:
    ...     raise OSError("no route to host")
    >>> @pipeline
    ... def scrape(url: str) -> str:
    ...     return fetch(url)
    >>> with Harness() as harness:
    ...     run = harness.run(scrape, url="a")
    >>> run.state, run.seconds, run.tasks["fetch"].attempts
    ('failed', 10800.0, 4)
    >>> run
    <run of scrape: failed; fetch failed>
    """

    def __init__(
        self,
        clock: FakeClock | None = None,
        store: Store | None = None,
        ended: Callable[[History], None] = lambda _: None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.store: Store = store or MemoryStore()
        self._recorders: list[Recorder] = []
        self._ended = ended

    def __enter__(self) -> Self:
        """Take in the runs that begin from now on."""
        worlds.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Let runs be as they always are."""
        worlds.remove(self)

    def run(self, p: Pipeline[..., Any], /, *args: Any, **params: Any) -> TestedRun:
        """Run a pipeline to its end in this thread; it does not raise because the run failed.

        `p.options(...)` says how, as always; with another `executor` it is really used.
        """
        before = len(self._recorders)
        handle = self._checked(p).execute(p.parameters.bind(args, params))
        if handle.interrupted:
            raise KeyboardInterrupt
        return TestedRun(handle, self._recorders[before])

    def start(self, p: Pipeline[..., Any], /, *args: Any, **params: Any) -> TestedRun:
        """Start a pipeline in the background, for tests that move the clock by hand meanwhile.

        With `clock.skips = False` it has come to where it waits when this returns.
        """
        before = len(self._recorders)
        handle = self._checked(p).start(p.parameters.bind(args, params))
        if not self.clock.skips:
            self.clock.settle()
        return TestedRun(handle, self._recorders[before])

    @property
    def runs(self) -> list[History]:
        """What happened in each run so far, those started by the code under test included."""
        return [History(each) for each in self._recorders if each.run_id]

    def _checked(self, p: Any) -> Pipeline[..., Any]:
        if not isinstance(p, Pipeline):
            raise DefinitionError(
                f"what runs is a @pipeline, not {p!r}; pass it and its arguments apart: "
                "run(scrape_site, domain=...)"
            )
        if self not in worlds:
            raise DefinitionError(
                "a harness runs pipelines inside its block: `with Harness() as harness:`"
            )
        return p

    # --- what a run asks ---

    def clock_for(self, asked: str | Executor | None) -> Clock | None:
        """The clock of a run; None for one on a real executor, whose workers take real time."""
        return self.clock if asked in _OURS else None

    def executor_for(self, asked: str | Executor | None, graph: Graph) -> Executor | None:
        """The executor of a run that asks for none, or for "inline"."""
        if asked in _OURS:
            return VirtualExecutor(self.clock, graph.iterators)
        refuse_elsewhere(asked, graph)
        return None

    def store_for(self) -> Store:
        """The store of runs that do not name another."""
        return self.store

    def listeners(self) -> list[Listener]:
        """A recorder for one run."""
        ended = self._ended
        recorder = Recorder(self.clock.monotonic, lambda each: ended(History(each)))
        self._recorders.append(recorder)
        return [recorder]
