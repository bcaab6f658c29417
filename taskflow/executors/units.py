"""One body among many that run side by side in one worker, with a context of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import (
    ASK_GRAPH,
    ASK_KEYS,
    ASK_SPLIT,
    ASK_VALUE,
    NOT_RUN,
    OF_ARGUMENTS,
    ErrorReport,
    Outcome,
)
from taskflow.context import context
from taskflow.errors import TaskTimeout
from taskflow.executors.bodies import awaitable, checked
from taskflow.executors.endings import answer, packed
from taskflow.executors.failing import INDESCRIBABLE
from taskflow.executors.inputs import Inputs, MissingInputError, inputs_digest, next_of
from taskflow.executors.previews import preview_of
from taskflow.lifecycle import FAILED, SUCCEEDED, TIMED_OUT
from taskflow.values import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.call import Call
    from taskflow.executors.bodies import Body
    from taskflow.executors.inputs import Arguments
    from taskflow.executors.running import Place

#: What a body that was asked to stop, since its timeout is over, is given to do so.
STOP_SECONDS: Final = 5.0


class Unit:
    """A task run, or one element of a map: runs once, and says how it ended."""

    def __init__(
        self, place: Place, call: Call, element: int = -1, rows: Rows | None = None
    ) -> None:
        self.call = call
        self.element = element
        #: By when, in `time.monotonic`, its body must have ended; None before it begins, or ever.
        self.due: float | None = None
        self._place = place
        self._rows = rows
        self._body: Body | None = None
        self._args: Sequence[Any] = ()
        self._kwargs: dict[str, Any] = {}
        self._began = 0.0
        self._mark: tuple[Any, ...] | None = None  # the key of an element that says its own
        self.facts = facts = place.facts()
        facts.call, facts.attempt, facts.task_key = call, call.attempt, call.key
        if rows is not None:
            facts.element = call.keys[element - call.first] if call.keys else element
        facts.report_progress = self._progressed
        facts.inputs_digest = lambda: inputs_digest(call, element)

    @property
    def key(self) -> str:
        """The key of the task run."""
        return self.call.key if self._rows is None else f"{self.call.key}[{self.facts.element}]"

    def run(self) -> Outcome:
        """Run the body in this thread."""
        token = context.set(self.facts)
        try:
            try:
                outcome = self._good(self._called(self._begin()))
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
                outcome = self._bad(error)
            self._place.on_end(self.key)
        except BaseException:  # noqa: BLE001 - memory may run out anywhere; never silence
            outcome = self._outcome(FAILED, INDESCRIBABLE)
        finally:
            context.reset(token)
        return outcome

    async def run_async(self) -> Outcome:
        """Run the body in this event loop."""
        context.set(self.facts)  # of this asyncio task alone
        try:
            body = self._begin()
            asks = self.call.ask in OF_ARGUMENTS
            value = await self._awaited(body) if body.is_async and not asks else self._called(body)
            outcome = self._good(value)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
            outcome = self._bad(error)
        try:
            self._place.on_end(self.key)
        except BaseException:  # noqa: BLE001 - memory may run out anywhere; never silence
            outcome = self._outcome(FAILED, INDESCRIBABLE)
        return outcome

    def never_ran(self) -> Outcome:
        """How it ends that was cancelled, by another body of its event loop, before it began."""
        report = ErrorReport(
            "asyncio.exceptions.CancelledError",
            "another body of its event loop cancelled it before it began (asyncio.all_tasks()?); "
            "cancel only the tasks that a body has made itself",
            retryable=False,
        )
        return self._outcome(FAILED, report)

    def given_back(self) -> Outcome:
        """It could not come to its end here, for no fault of its own: it is to run once more."""
        return self._outcome(NOT_RUN, None)

    def abandoned(self) -> Outcome:
        """How it ends when its body goes on long after its timeout, and cannot be stopped."""
        limit = self._body.timeout if self._body else 0.0
        report = ErrorReport(
            "taskflow.errors.TaskTimeout",
            f"it ran longer than its timeout of {limit:g} s and did not stop when asked to; it "
            "goes on in its thread, abandoned, and is not tried again: only worker processes can "
            'be ended against their will, with executor="processes"',
            retryable=False,
        )
        return self._outcome(TIMED_OUT, report)

    # --- steps ---

    def _begin(self) -> Body:
        self._began = time.perf_counter()
        body = self._body = self._place.bodies.get(self.call.spec)
        if self._rows is None:
            self._args, self._kwargs = Inputs().arguments(self.call)
        else:
            self._args, self._kwargs = self._rows.take(self.element)
        if body.key is not None and self._rows is not None and self.call.ask != ASK_KEYS:
            self.facts.element = body.element_key(self._args, self._kwargs)
            self._mark = (self.facts.element,)
        if self.call.ask in OF_ARGUMENTS:
            return body
        mark = self._mark or ()
        self._place.begun(self.call, body, self.element, mark, self._args, self._kwargs)
        if body.timeout:
            self.due = time.monotonic() + body.timeout
        return body

    def _called(self, body: Body) -> Any:
        if self.call.ask in OF_ARGUMENTS:
            return body.about(self.call.ask, self._args, self._kwargs)
        return self._place.called(body, self._args, self._kwargs)

    async def _awaited(self, body: Body) -> Any:
        running = awaitable(body.fn(*self._args, **self._kwargs))
        if not body.timeout:
            return checked(body, await running)
        import asyncio  # here: workers that run no such bodies start without it

        scope = asyncio.timeout(body.timeout)
        try:
            async with scope:
                value = await running
        except TimeoutError:
            if not scope.expired():
                raise
            raise TaskTimeout(f"it ran longer than its timeout of {body.timeout:g} s") from None
        return checked(body, value)

    def _good(self, value: Any) -> Outcome:
        call, directory = self.call, self._place.directory
        if self._rows is not None:
            if call.ask == ASK_GRAPH:
                value = dumps(value)
            keys = list(self._mark or ())
            (outcome,) = packed(call, self.element, [value], keys, self._took, directory)
            return outcome
        if call.ask in OF_ARGUMENTS:
            return self._outcome(SUCCEEDED, value)
        made = answer(call.ask, value, directory)
        preview = preview_of(value, made) if call.ask == ASK_VALUE else ""
        return self._outcome(SUCCEEDED, made, preview)

    def _bad(self, error: BaseException) -> Outcome:
        if isinstance(error, MissingInputError):
            return self._outcome(NOT_RUN, None)
        ended = self._place.ended_by(self.call, error, self._body, self._args, self._kwargs)
        return self._outcome(*ended)

    def _outcome(self, state: str, value: Any, preview: str = "") -> Outcome:
        call, mark = self.call, self._mark
        where = call.first if self._rows is None else self.element
        return Outcome(call.node, where, 1, state, value, self._took, call.attempt, mark, preview)

    @property
    def _took(self) -> float:
        return time.perf_counter() - self._began if self._began else 0.0

    def _progressed(self, done: float, total: float | None) -> None:
        self._place.on_progress(self.key, done, total)


class Rows:
    """The arguments of the elements of one call, loaded in order, taken in any."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._elements: Iterator[Arguments] | None = None
        self._loaded: dict[int, Arguments | BaseException] = {}
        self._next = call.first
        self._lock = threading.Lock()

    def take(self, element: int) -> Arguments:
        """The arguments of an element; raises what loading them raised. Once for each."""
        with self._lock:
            while element not in self._loaded:
                self._loaded[self._next] = self._load()
                self._next += 1
            found = self._loaded.pop(element)
        if isinstance(found, BaseException):
            raise found
        return found

    def _load(self) -> Arguments | BaseException:
        try:
            if self._elements is None:
                self._elements = Inputs().elements(self._call)
            return next_of(self._elements)
        except BaseException as error:  # noqa: BLE001 - e.g. what a class raises when unpickled
            return error


def units_of(place: Place, call: Call) -> list[Unit]:
    """The bodies that a call begins."""
    if call.first < 0 or call.ask == ASK_SPLIT:
        return [Unit(place, call)]
    rows = Rows(call)
    return [Unit(place, call, call.first + number, rows) for number in range(call.count)]
