"""The seams of taskflow on one page: what an executor, a store, a listener and a clock must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from taskflow.records import RunFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from taskflow.call import Batch, Report, Setup, Source
    from taskflow.events import Event
    from taskflow.records import (
        CacheEntry,
        Given,
        Group,
        Kept,
        LogRow,
        NewRun,
        NewTrace,
        Record,
        Removed,
        Retention,
        RunRow,
        TraceRow,
        Tried,
    )


class Clock(Protocol):
    """Where the engine reads the time."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def random(self) -> float:
        """A number in [0, 1), for jitter."""
        ...


class Lane(NamedTuple):
    """Slots that run calls in the same way.

    A slot runs its calls one at a time, in the order in which they were given; or, with
    `crowd`, it begins up to `width` of them at once and reports each unit by itself, in any
    order, and is never given more than that.
    """

    kind: str  #: what a task asks for by `executor=`, or "async"
    slots: int = 1
    width: int = 1
    #: Whether a body can be stopped against its will; then `kill` ends its slot at once.
    can_kill: bool = False
    #: Whether bodies run side by side, be it that there is room for one at a time.
    crowd: bool = False
    #: Whether ordinary calls may come as `CallColumns`: quicker, for slots with a queue.
    columns: bool = False


class Executor(Protocol):
    """Where calls run: a fixed number of slots.

    An executor never calls the engine. It is used from one thread, except for `wake`.
    """

    @property
    def lanes(self) -> Sequence[Lane]:
        """The kinds of slots there are, in the order of the slots' numbers.

        Work that asks for no kind, or for one that is not here, goes to the first.
        """
        ...

    def start(self, setup: Setup) -> None:
        """Get ready to run calls; called once, before anything else."""
        ...

    def submit(self, slot: int, batch: Batch) -> None:
        """Queue the calls of a batch on a slot; never blocks."""
        ...

    def capacity(self, slot: int) -> int:
        """How many calls (elements of maps count each) fit into the slot's queue."""
        ...

    def withdraw(self, slot: int) -> dict[int, int]:
        """Take back what the slot has not begun: for each batch id, how many at its end.

        Calls count one each, calls for map elements one for each element. What is withdrawn
        will not run; all that is not withdrawn is reported by `wait` sooner or later.
        """
        ...

    def kill(self, slot: int) -> None:
        """End what the slot runs, now; `wait` reports it as `Lost` with `killed` set."""
        ...

    def rest(self, seconds: float) -> None:
        """Wait so long, or a shorter time: all slots have enough to do, and nobody is in a hurry.

        What is to be answered at once (a slot that runs dry, a failure, a call of `wake`) ends it;
        what else is reported waits for `wait`. An executor need not rest.
        """
        ...

    def wait(self, timeout: float | None) -> list[Report]:
        """What happened since the last call; blocks up to `timeout` seconds if nothing did."""
        ...

    def go_on(self, slot: int) -> None:
        """Let a body go on that was reported as `Waits`."""
        ...

    def wake(self) -> None:
        """Make a `wait` in another thread return; also safe in a signal handler."""
        ...

    def stop(self) -> None:
        """End all workers and free everything; safe to call twice."""
        ...


class Ledger(Protocol):
    """The writing end of one run, held by the one process that drives it.

    All methods may be called from any thread; only `begin`, `flush`, `end` and `close`
    wait for the disk.
    """

    #: A private folder that lives as long as the run; values of tasks are in its `values`.
    run_dir: str
    #: Called, from a thread of the store's, when `poll` has something to say.
    on_news: Callable[[], None]

    @property
    def busy(self) -> float:
        """For how many seconds another program has kept the store from being written; mostly 0."""
        ...

    def begin(
        self,
        trace: NewTrace,
        kept: Sequence[Record] = (),
        *,
        digested: Sequence[tuple[Kept, bytes]] = (),
        reasons: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Begin a trace with what is kept from earlier ones; all of it is committed, or nothing.

        `digested` are records of earlier traces with the digests of their inputs, which are
        written beside them: a later resume may find them by those.
        """
        ...

    def write(self, records: Sequence[Record]) -> None:
        """Queue records, in their order; they are committed in this order, and soon."""
        ...

    def poll(self) -> list[str]:
        """What others ask of this run ("cancel") since the last call.

        Raises `StoreError` when nothing more can be written: the disk is full, or fails, or
        another process has taken the run over (`RunOwnedError`).
        """
        ...

    def flush(self) -> None:
        """Wait until all that was queued is committed; raises as `poll` does."""
        ...

    def end(
        self,
        state: str,
        *,
        seconds: float,
        counts: Mapping[str, int],
        reasons: Mapping[str, Sequence[str]] | None = None,
        **more: str,
    ) -> None:
        """Commit the end of this go at the run, and give up its ownership.

        `reasons` take the place of those that were given at the beginning; `more` may have `why`,
        `error` and `result`, as in `RunRow`. Files of values that no record
        names are removed.
        """
        ...

    def close(self) -> None:
        """Let go without an end, as a process that was killed would; safe to call twice."""
        ...


class Store(Protocol):
    """What is kept of runs, for any number of processes."""

    #: How it is written in `TASKFLOW_STORE`.
    url: str

    # --- writing ---

    def new_dir(self, run_id: str) -> str:
        """Make the folder of a run that is about to be created, and its `values`."""
        ...

    def create(self, run: NewRun) -> Ledger:
        """Keep a new run, owned by this process and `running`; it is committed on return."""
        ...

    def take_over(self, run_id: str) -> Ledger:
        """Become the owner of a run that nobody drives any more: its epoch grows by one.

        Worker processes that its last owner left behind are ended first. Raises `RunOwnedError`
        with pid and time while somebody drives it.
        """
        ...

    def request(self, run_id: str, what: str) -> bool:
        """Ask whoever drives a run for something ("cancel"); False if nobody does."""
        ...

    # --- history ---

    def runs(self, wanted: RunFilter = RunFilter()) -> list[RunRow]:  # noqa: B008 - frozen
        """The runs, newest first; one whose owner is gone shows as `interrupted`."""
        ...

    def find(self, name: str) -> RunRow:
        """The run of an id, a unique prefix of one, `last`, or `last-failed`.

        Raises `UnknownRunError`, which names what was near.
        """
        ...

    def traces(self, run_id: str) -> list[TraceRow]:
        """The traces of a run, oldest first."""
        ...

    def sources(self, run_id: str, trace: int) -> dict[str, Source]:
        """The sources that a trace was made from, by module."""
        ...

    def groups(self, run_id: str) -> list[Group]:
        """The task runs of the last trace, counted by path, name and state; quick at any size."""
        ...

    def kept(self, run_id: str, trace: int, nodes: Collection[int] | None = None) -> Iterator[Kept]:
        """The records of a trace in their order; or those of some nodes, quickly."""
        ...

    def failures(self, run_id: str, limit: int = 100) -> list[Kept]:
        """Task runs of the last trace that failed, crashed or timed out, in order."""
        ...

    def tried(self, run_id: str, trace: int) -> list[Tried]:
        """Attempts of a trace that were not the last of their task run."""
        ...

    def given(self, run_id: str, trace: int) -> list[Given]:
        """The batches of a trace whose units have not all ended, as far as is known."""
        ...

    def logs(self, run_id: str, key: str = "", *, after: int = 0, level: int = 0) -> list[LogRow]:
        """What the tasks of a run wrote, or one of them (a map with all its elements)."""
        ...

    # --- cache ---

    def cached(self, keys: Sequence[str], now: float) -> dict[str, CacheEntry]:
        """Results of earlier runs, by key."""
        ...

    def claim(self, keys: Sequence[str], run_id: str) -> set[str]:
        """The keys that this run may compute; the others are being computed by runs that live."""
        ...

    def cache(self, entries: Sequence[CacheEntry]) -> None:
        """Keep results for others, and give up the claims to their keys."""
        ...

    def release(self, keys: Sequence[str], run_id: str) -> None:
        """Give up claims: their tasks failed."""
        ...

    def nearest(self, name: str, limit: int = 5) -> list[CacheEntry]:
        """The newest results of a task, to explain why none of them was used."""
        ...

    # --- keeping house ---

    def gc(self, retention: Retention, now: float) -> Removed:
        """Remove old runs and values; never of a run that somebody drives."""
        ...

    def gc_due(self, now: float) -> bool:
        """Whether it is time for `gc` again: nobody has kept house for a day."""
        ...

    def close(self) -> None:
        """Free everything; safe to call twice."""
        ...


class Listener(Protocol):
    """Is told what happens, in batches, in the thread of the engine; must be quick."""

    def notice(self, events: Sequence[Event]) -> None:
        """Take note of events."""
        ...

    def close(self) -> None:
        """The run has ended, or its engine gives up: show the rest and free everything."""
        ...
