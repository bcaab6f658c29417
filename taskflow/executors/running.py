"""Runs calls in this process: loads the inputs, calls the function, encodes what comes back.

Every executor runs its calls by these steps, so a task behaves alike everywhere: values
are copied between tasks, a generator's value is a list, whatever a body raises ends as an
outcome, and questions about values (truth, elements, retry or not) are answered here, where
the values are.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import (
    ASK_GRAPH,
    ASK_KEYS,
    ASK_SPLIT,
    ASK_VALUE,
    NOT_RUN,
    OF_ARGUMENTS,
    Abort,
    Outcome,
)
from taskflow.context import Context, context
from taskflow.executors.bodies import Bodies, finished, named
from taskflow.executors.endings import answer, failed, on_purpose, packed
from taskflow.executors.failing import INDESCRIBABLE, previews
from taskflow.executors.inputs import Inputs, MissingInputError, inputs_digest, next_of
from taskflow.executors.previews import preview_of
from taskflow.lifecycle import FAILED, SUCCEEDED
from taskflow.values import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from logging import Handler

    from taskflow.call import Batch, Call, Input, Setup
    from taskflow.executors.bodies import Body
    from taskflow.executors.claims import Claims
    from taskflow.executors.inputs import Arguments

#: A worker claims as many short units at once as fit into this span.
CLAIM_SECONDS: Final = 0.001


class Place:
    """Where bodies run: what all that run in one worker share."""

    def __init__(self, setup: Setup, bodies: Bodies | None = None) -> None:
        self.setup = setup
        self.directory = os.path.join(setup.run_dir, "values")
        self.bodies = bodies or Bodies()
        #: Called when a body begins of which the engine wants to know, with what `Started` says
        #: of it; and when one may have written something.
        self.on_start: Callable[..., None] = _nothing
        self.on_end: Callable[[str], None] = _nothing
        #: Called with the key of a task run that says how far it is.
        self.on_progress: Callable[[str, float, float | None], None] = _nothing
        #: Takes the records of `current.logger` where there is no worker to take all records.
        self.records: Handler | None = None
        #: Raises `TaskTimeout` in this thread when a body takes too long; None where the
        #: engine kills the worker instead.
        self.limited: Callable[[float], AbstractContextManager[None]] | None = None
        #: The first exception that a body raised, kept where bodies run in the engine's process.
        self.first_error: BaseException | None = None

    def facts(self) -> Context:
        """What `current` shows of an attempt that is about to begin."""
        setup = self.setup
        times = setup.scheduled_time, setup.data_interval
        facts = Context(setup.run_id, setup.run_dir, *times, kept=setup.kept)
        facts.records = self.records
        return facts

    def begun(
        self, call: Call, body: Body, element: int, mark: Any, args: Sequence[Any], kwargs: Any
    ) -> None:
        """Tell the engine that a body begins, if it wants to know: its time, its rate count now.

        The last thing before the body, so after its arguments were loaded; also told is what a
        body works on that may be killed, or that was in trouble before.
        """
        if call.ask in OF_ARGUMENTS:
            return
        if body.announced:
            self.on_start(call.node, element)
        if body.timeout or call.attempt > 1:  # after that: a repr may hang, too
            self.on_start(call.node, element, mark, previews(named(body, args, kwargs)))

    def called(self, body: Body, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What the body returns, within its timeout if that can be seen to here."""
        if body.timeout and self.limited is not None:
            with self.limited(body.timeout):
                return finished(body, body.fn(*args, **kwargs))
        return finished(body, body.fn(*args, **kwargs))

    def element_value(
        self, call: Call, body: Body, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Any:
        """What a call asks for of an element, not yet encoded."""
        if call.ask in OF_ARGUMENTS:
            return body.about(call.ask, args, kwargs)
        value = self.called(body, args, kwargs)
        return dumps(value) if call.ask == ASK_GRAPH else value

    def ended_by(
        self,
        call: Call,
        error: BaseException,
        body: Body | None,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> tuple[str, Any]:
        """How a body has ended that raised, or never began: the state, and what goes with it."""
        if isinstance(error, Abort):
            raise error
        if isinstance(error, MissingInputError):
            return NOT_RUN, None
        try:
            return self._ended_by(error, body, args, kwargs, final=call.ask in OF_ARGUMENTS)
        except Abort:
            raise
        except BaseException:  # noqa: BLE001 - code of the exception's own; never silence
            return FAILED, INDESCRIBABLE

    def _ended_by(
        self,
        error: BaseException,
        body: Body | None,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        *,
        final: bool,
    ) -> tuple[str, Any]:
        try:
            ended = on_purpose(error)
        except Exception as wrong:  # noqa: BLE001 - a bad delay is the task's own failure
            error, ended = wrong, None
        if ended is not None:
            return ended
        if self.first_error is None:
            self.first_error = error
        return failed(error, body, args, kwargs, final=final)


class Runner(Place):
    """Runs the calls of one worker, one after another."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.context = self.facts()
        self._inputs = Inputs()
        self._element = -1
        #: How many elements of a task may be claimed at once, by spec.
        self._groups: dict[int, int] = {}
        #: When the last body began, or was about to load its arguments.
        self.began = 0.0
        self.context.inputs_digest = self._digest

    def learn(self, batch: Batch) -> None:
        """Take note of the functions that come with a batch; forget the last batch's values."""
        self.know(batch)
        self._inputs.made.clear()

    def know(self, batch: Batch) -> None:
        """Take note of the functions that come with a batch."""
        self.bodies.learn(batch)

    def run(self, call: Call, claims: Claims) -> Iterator[Outcome]:
        """Run a call and yield how it ended; claims each body before it begins.

        Ends early when nothing is granted: the rest was withdrawn.
        """
        token = context.set(self.context)
        self.context.call = call
        self.context.attempt = call.attempt
        self.context.task_key = call.key
        self.context.element = None
        self._element = -1
        try:
            if call.first >= 0 and call.ask != ASK_SPLIT:
                yield from self._run_elements(call, claims)
            elif claims.take(1) and claims.begin():
                yield self._run_one(call)
        finally:
            context.reset(token)

    def _digest(self) -> str:
        assert self.context.call is not None  # a body asks
        return inputs_digest(self.context.call, self._element, self._inputs.made)

    def value_of(self, payload: bytes, inputs: Sequence[Input]) -> Any:
        """The one argument of a payload: how the result of a run is loaded."""
        return self._inputs.argument(payload, inputs)

    # --- one task run ---

    def _run_one(self, call: Call) -> Outcome:
        began = self.began = time.perf_counter()
        args: Sequence[Any] = ()
        kwargs: dict[str, Any] = {}
        body = None
        preview = ""
        try:
            body = self.bodies.get(call.spec)
            args, kwargs = self._inputs.arguments(call)
            self.begun(call, body, -1, (), args, kwargs)
            if call.ask in OF_ARGUMENTS:
                made: Any = body.about(call.ask, args, kwargs)
            else:
                value = self.called(body, args, kwargs)
                made = answer(call.ask, value, self.directory)
            if call.ask == ASK_VALUE:
                self._inputs.made[call.node] = made
                preview = preview_of(value, made)
            state = SUCCEEDED
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
            state, made = self.ended_by(call, error, body, args, kwargs)
        self.on_end(call.key)
        took = time.perf_counter() - began
        return Outcome(call.node, call.first, 1, state, made, took, call.attempt, None, preview)

    # --- elements of a map ---

    def _run_elements(self, call: Call, claims: Claims) -> Iterator[Outcome]:
        done = 0
        group = self._groups.get(call.spec, 1)
        elements: Iterator[Arguments] | None = None
        while done < call.count:
            granted = claims.take(min(group, call.count - done))
            if not granted:
                return
            start = self.began = time.perf_counter()
            try:
                if elements is None:
                    body = self.bodies.get(call.spec)
                    elements = self._inputs.elements(call)
            except BaseException as error:  # noqa: BLE001 - e.g. an import that fails
                state, made = self.ended_by(call, error, None, (), {})
                count = sum(claims.begin() for _ in range(granted))
                if count:
                    first = call.first + done
                    yield Outcome(call.node, first, count, state, made, 0.0, call.attempt)
                done += count
                continue
            before = done
            for outcome in self._run_span(call, body, elements, call.first + done, granted, claims):
                done += outcome.count
                yield outcome
            group = next_group(group, (time.perf_counter() - start) / max(1, done - before))
            self._groups[call.spec] = group

    def _run_span(
        self,
        call: Call,
        body: Body,
        elements: Iterator[Arguments],
        first: int,
        count: int,
        claims: Claims,
    ) -> Iterator[Outcome]:
        """Run elements that were claimed together, as far as they are not given back."""
        values: list[Any] = []
        keys: list[Any] = []
        began = time.perf_counter()
        index = first
        while index < first + count and claims.begin():
            failed = self._run_element(call, body, elements, index, values, keys)
            if count == 1:  # before its outcome, whose report shows what it wrote
                self.on_end(f"{call.key}[{self.context.element}]")
            if failed is not None:
                mark = tuple(keys[len(values) :])
                share = (time.perf_counter() - began) / (len(values) + 1)
                yield from packed(call, index - len(values), values, keys, share, self.directory)
                state, made = failed
                yield Outcome(call.node, index, 1, state, made, share, call.attempt, mark or None)
                values, keys, began = [], [], time.perf_counter()
            index += 1
        if values:
            share = (time.perf_counter() - began) / len(values)
            yield from packed(call, index - len(values), values, keys, share, self.directory)
        if count > 1:
            self.on_end(call.key)

    def _run_element(
        self,
        call: Call,
        body: Body,
        elements: Iterator[Arguments],
        index: int,
        values: list[Any],
        keys: list[Any],
    ) -> tuple[str, Any] | None:
        """Run one body, and add to the values, and to the keys; how it ended if it has none."""
        args: Sequence[Any] = ()
        kwargs: dict[str, Any] = {}
        facts = self.context
        self._element = index
        self.began = time.perf_counter()
        facts.element = call.keys[index - call.first] if call.keys else index
        try:
            args, kwargs = next_of(elements)
            mark: tuple[Any, ...] = ()
            if body.key is not None and call.ask != ASK_KEYS:
                facts.element = body.element_key(args, kwargs)
                keys.append(facts.element)
                mark = (facts.element,)
            self.begun(call, body, index, mark, args, kwargs)
            values.append(self.element_value(call, body, args, kwargs))
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
            return self.ended_by(call, error, body, args, kwargs)
        return None


def next_group(group: int, seconds_each: float) -> int:
    """How many units to claim next, after a group of which each took so long."""
    return max(1, min(2 * group, int(CLAIM_SECONDS / (seconds_each + 1e-9))))


def _nothing(*_: object) -> None:
    """A hook that nobody set."""
