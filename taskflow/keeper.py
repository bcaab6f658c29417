"""Keeps one run in a store: what it was made from, what is taken from its past, how it ended."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from taskflow.crashing import reach
from taskflow.engine.caching import Caching
from taskflow.engine.journal import Recording
from taskflow.engine.recall import CODE, Recall
from taskflow.errors import RunOwnedError, StoreError
from taskflow.executors import warm
from taskflow.graph import stored
from taskflow.listening import say
from taskflow.pickled import shown
from taskflow.records import NewTrace
from taskflow.tidying import tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskflow.call import Source
    from taskflow.engine.plan import Plan
    from taskflow.graph.graph import Graph
    from taskflow.interfaces import Clock, Ledger, Store
    from taskflow.secret import Redactor
    from taskflow.wanted import Again


class Keeper:
    """What a run has of its store; `again` is there when it is resumed, or takes over another.

    `code` is what is noted of the code of its tasks, and the sources of its modules.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        graph: Graph,
        *,
        run_id: str,
        code: tuple[Mapping[str, Any], Mapping[str, Source]],
        clock: Clock,
        again: Again | None = None,
        hide: Redactor | None = None,
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.journal = Recording(hide)
        self.recall: Recall | None = None
        #: There if any task, also of graphs that come later, may use results of other runs.
        self.caching: Caching | None = None
        if any(spec.cache or spec.dynamic for spec in graph.specs):
            self.caching = Caching(run_id)
        #: What a person should know of what is kept and what runs again, a line for each task.
        self.notices: list[str] = []
        #: Which old runs are to stay, as `TASKFLOW_KEEP` says.
        self.wish = ""
        self._said: dict[str, str] = {}
        self._again = again
        self._run_id = run_id
        self._codes, sources = dict(code[0]), dict(code[1])
        self._clock = clock
        now = clock.now()
        self._trace = NewTrace(stored.encode(graph), self._codes, sources, now)
        self.journal.now = now
        if again is not None and again.past is not None:
            self.recall = Recall(again.past, again.anew, clock.monotonic() - now)

    def begin(self) -> None:
        """Commit the trace of a plan that was made, with all that it keeps from earlier ones."""
        kept = self.journal.drain()
        self.notices = self.news()
        again = self._again
        # Of this run: what another one keeps is left as it is.
        digested = again.past.digested if again and again.past and again.ledger else []
        reach("before the trace")
        try:
            self.ledger.begin(self._trace, kept, digested=digested, reasons=self._reasons())
        except StoreError as error:
            raise type(error)(advice(error, self._run_id)) from error
        reach("trace begun")

    def news(self) -> list[str]:
        """What became known since the last time, a line for each task that it is about."""
        lines = {name: in_words(name, kept, whys) for name, kept, whys in self._told()}
        news = [line for name, line in lines.items() if self._said.get(name) != line]
        self._said = lines
        return news

    def _reasons(self) -> dict[str, list[str]]:
        return {name: list(whys) for name, _, whys in self._told() if whys}

    def _told(self) -> list[tuple[str, int, dict[str, int]]]:
        """By task: how many runs of it were kept, and why others were not."""
        told = []
        for name, kept, whys in self.recall.told() if self.recall else ():
            said = {self._changed(name) if why == CODE else why: n for why, n in whys.items()}
            told.append((name, kept, said))
        return told

    def _changed(self, name: str) -> str:
        """What in the code of a task changed, in one line."""
        assert self._again is not None  # else nothing is compared
        return self._again.changed(name, self._codes)

    def end(
        self, state: str, took: float, counts: Mapping[str, int], paused: bool, **more: str
    ) -> StoreError | None:
        """Commit the end of the run; returns why that could not be, if it could not."""
        reach("run over")
        try:
            if not paused:
                self.ledger.flush()
            reasons = self._reasons() if self.recall is not None else None
            self.ledger.end(state, seconds=took, counts=counts, reasons=reasons, **more)
        except StoreError as error:
            warm.end_all()  # for the store they are workers of this run, which its resume ends
            with suppress(StoreError):
                self.ledger.close()
            return error
        try:
            tidy(self.store, self.wish, self._clock.now())
        except StoreError as error:
            say(f"old runs stay, they cannot be removed: {error}")
        return None


def in_words(name: str, kept: int, whys: Mapping[str, int]) -> str:
    """What became of the task runs of one name, in one line."""
    parts = [f"{kept:,} kept"] if kept else []
    parts += [f"{count:,} to run: {why}" for why, count in whys.items()]
    return f"{name}: {', '.join(parts)}"


def preview_of(plan: Plan) -> str:
    """The value that a run returns, in one line, where that is the value of one task, and small."""
    refs = plan.graph.result[1] if plan.graph.result else ()
    if len(refs) != 1 or not isinstance(refs[0], int):
        return ""
    value = plan.value[refs[0]]
    return shown(value) if isinstance(value, bytes) else ""


def advice(error: StoreError, run_id: str) -> str:
    """What to do about a run that nothing more can be kept of."""
    if isinstance(error, RunOwnedError):
        return str(error)
    return f"{error}\n  then go on where it was: taskflow resume {run_id}"
