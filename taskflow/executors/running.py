"""Runs calls in this process: loads the inputs, calls the function, encodes what comes back.

Every executor runs its calls through a `Runner`, so a task behaves alike everywhere: values
are copied between tasks, a generator's value is a list, whatever a body raises ends as an
outcome, and questions about values (truth, elements, retry or not) are answered here, where
the values are.
"""

from __future__ import annotations

import os
import pickle
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import (
    ASK_GRAPH,
    ASK_SPLIT,
    ASK_TRUTH,
    NOT_RUN,
    RETRY_LATER,
    Abort,
    Failed,
    Failure,
    Gathered,
    Made,
    Outcome,
    Part,
    Piece,
)
from taskflow.context import Context, context
from taskflow.errors import (
    ResultError,
    RetryLater,
    Skip,
    TaskTimeout,
    WorkerFault,
)
from taskflow.events import FAILED, SKIPPED, SUCCEEDED, TIMED_OUT
from taskflow.executors.answering import check_outputs, follow, revive, split
from taskflow.executors.bodies import Bodies, named, retryable
from taskflow.executors.failing import report_of
from taskflow.policies import seconds
from taskflow.values import (
    SCALARS,
    decode,
    decode_piece,
    dumps,
    encode,
    encode_each,
    why_unpicklable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from taskflow.call import Batch, Call, Input, Setup, Value
    from taskflow.executors.bodies import Body

#: A worker claims as many short elements at once as fit into this span; they cannot be
#: withdrawn after that.
CLAIM_SECONDS: Final = 0.001


class MissingInputError(Exception):
    """An earlier call of the batch did not make its value; the engine knows why."""


class Runner:
    """Runs the calls of one worker, one after another."""

    def __init__(self, setup: Setup) -> None:
        self.directory = os.path.join(setup.run_dir, "values")
        self.context = Context(
            setup.run_id, setup.run_dir, setup.scheduled_time, setup.data_interval
        )
        self._bodies = Bodies()
        self._made: dict[int, Value] = {}
        #: Called when a body with a timeout begins, and when a body may have written something.
        self.on_start: Callable[[Call, int], None] = _nothing
        self.on_end: Callable[[str], None] = _nothing
        #: Raises `TaskTimeout` in this thread when a body takes too long; None where the
        #: engine kills the worker instead.
        self.limited: Callable[[float], AbstractContextManager[None]] | None = None
        #: The first exception that a body raised, kept where bodies run in the engine's process.
        self.first_error: BaseException | None = None

    def learn(self, batch: Batch) -> None:
        """Take note of the functions that come with a batch; forget the last batch's values."""
        self.know(batch)
        self._made.clear()

    def know(self, batch: Batch) -> None:
        """Take note of the functions that come with a batch."""
        self._bodies.learn(batch)

    def run(self, call: Call, claim: Callable[[int], int]) -> Iterator[Outcome]:
        """Run a call and yield how it ended; claims each body before it begins.

        Ends early when `claim` grants nothing: the rest was withdrawn.
        """
        token = context.set(self.context)
        self.context.call = call
        self.context.attempt = call.attempt
        self.context.task_key = call.key
        self.context.element = None
        try:
            if call.first >= 0 and call.ask != ASK_SPLIT:
                yield from self._run_elements(call, claim)
            elif claim(1):
                yield self._run_one(call)
        finally:
            context.reset(token)

    def value_of(self, payload: bytes, inputs: Sequence[Input]) -> Any:
        """The one argument of a payload: how the result of a run is loaded."""
        values = [self._load(each) for each in inputs]
        args, kwargs, slots = decode(payload, values)
        placed, _ = _placed(args, kwargs, slots, values)
        return placed[0]

    # --- one task run ---

    def _run_one(self, call: Call) -> Outcome:
        began = time.perf_counter()
        args: Sequence[Any] = ()
        kwargs: dict[str, Any] = {}
        body = None
        try:
            body = self._bodies.get(call.spec)
            if body.timeout:
                self.on_start(call, -1)
            args, kwargs = self._arguments(call)
            made = self._answer(call, self._called(body, args, kwargs))
            state = SUCCEEDED
        except Abort:
            raise
        except MissingInputError:
            state, made = NOT_RUN, None
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
            state, made = self._ended_by(error, body, args, kwargs)
        self.on_end(call.key)
        took = time.perf_counter() - began
        return Outcome(call.node, call.first, 1, state, made, took, call.attempt)

    def _called(self, body: Body, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        if body.timeout and self.limited is not None:
            with self.limited(body.timeout):
                return self._finished(body, body.fn(*args, **kwargs))
        return self._finished(body, body.fn(*args, **kwargs))

    @staticmethod
    def _finished(body: Body, value: Any) -> Any:
        if body.finish is not None:
            value = body.finish(value)
        if body.outputs:
            check_outputs(value, body.outputs)
        return value

    def _answer(self, call: Call, value: Any) -> Any:
        if call.ask == ASK_TRUTH:
            return bool(value)
        if call.ask == ASK_SPLIT:
            return split(value, self.directory)
        if call.ask == ASK_GRAPH:
            return dumps(value)
        try:
            made = self._made[call.node] = encode(value, self.directory)
        except Exception as error:
            raise _result_error(value, error) from error
        return made

    def _arguments(self, call: Call) -> tuple[list[Any], dict[str, Any]]:
        values = [self._load(each) for each in call.inputs]
        args, kwargs, slots = decode(call.payload, values)
        return _placed(args, kwargs, slots, values)

    def _load(self, source: Input) -> Any:
        if isinstance(source, bytes):
            return pickle.loads(source)
        if source is None:
            return None
        if isinstance(source, Made):
            made = self._made.get(source.node)
            if made is None:
                raise MissingInputError
            return decode(made)
        if isinstance(source, Failed):
            return Failure(revive(source.report, source.key), source.key, source.state)
        if isinstance(source, Gathered):
            return [value for piece in source.pieces for value in self._load_piece(piece)]
        if isinstance(source, Part):
            return follow(self._load(source.input), source.path)
        return decode(source)

    def _load_piece(self, piece: Piece | Failed) -> list[Any]:
        return [self._load(piece)] if isinstance(piece, Failed) else decode_piece(piece)

    # --- elements of a map ---

    def _run_elements(self, call: Call, claim: Callable[[int], int]) -> Iterator[Outcome]:
        done = 0
        group = 1
        elements: Iterator[tuple[list[Any], dict[str, Any]]] | None = None
        while done < call.count:
            granted = claim(min(group, call.count - done))
            if not granted:
                return
            began = time.perf_counter()
            try:
                if elements is None:
                    body = self._bodies.get(call.spec)
                    elements = self._element_arguments(call)
            except Abort:
                raise
            except BaseException as error:  # noqa: BLE001 - e.g. an import that fails
                state, made = self._ended_by(error, None, (), {})
                yield Outcome(call.node, call.first + done, granted, state, made, 0.0, call.attempt)
                done += granted
                continue
            yield from self._run_span(call, body, elements, call.first + done, granted)
            done += granted
            took = (time.perf_counter() - began) / granted
            group = max(1, min(2 * group, int(CLAIM_SECONDS / (took + 1e-9))))

    def _run_span(
        self,
        call: Call,
        body: Body,
        elements: Iterator[tuple[list[Any], dict[str, Any]]],
        first: int,
        count: int,
    ) -> Iterator[Outcome]:
        values: list[Any] = []
        keys: list[Any] = []
        facts = self.context
        began = time.perf_counter()
        for index in range(first, first + count):
            args: Sequence[Any] = ()
            kwargs: dict[str, Any] = {}
            try:
                if body.timeout:
                    self.on_start(call, index)
                facts.element = call.keys[index - call.first] if call.keys else index
                args, kwargs = _next(elements)
                if body.key is not None:
                    facts.element = body.key(*args, **kwargs)
                    keys.append(facts.element)
                value = self._called(body, args, kwargs)
                values.append(dumps(value) if call.ask == ASK_GRAPH else value)
            except Abort:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
                state, made = self._ended_by(error, body, args, kwargs)
                if values:
                    share = (time.perf_counter() - began) / (len(values) + 1)
                    yield from self._kept(call, index - len(values), values, keys, share)
                now = time.perf_counter()
                mark = tuple(keys[-1:]) if body.key is not None and keys else None
                yield Outcome(call.node, index, 1, state, made, now - began, call.attempt, mark)
                values, keys, began = [], [], now
            if count == 1:
                self.on_end(f"{call.key}[{facts.element}]")
        if values:
            share = (time.perf_counter() - began) / len(values)
            yield from self._kept(call, first + count - len(values), values, keys, share)
        if count > 1:
            self.on_end(call.key)

    def _kept(
        self, call: Call, first: int, values: list[Any], keys: list[Any], seconds_each: float
    ) -> Iterator[Outcome]:
        """Outcomes for values of consecutive elements, packed into as few chunks as can be."""
        try:
            pieces = encode_each(values, self.directory)
        except Exception as error:  # noqa: BLE001 - some element cannot be pickled: find it
            if len(values) > 1:
                half = len(values) // 2
                yield from self._kept(call, first, values[:half], keys[:half], seconds_each)
                yield from self._kept(call, first + half, values[half:], keys[half:], seconds_each)
                return
            report = report_of(_result_error(values[0], error))
            yield Outcome(call.node, first, 1, FAILED, report, seconds_each, call.attempt)
            return
        for piece in pieces:
            mine, keys = tuple(keys[: piece.count]), keys[piece.count :]
            took = seconds_each * piece.count
            yield Outcome(
                call.node, first, piece.count, SUCCEEDED, piece, took, call.attempt, mine or None
            )
            first += piece.count

    def _element_arguments(self, call: Call) -> Iterator[tuple[list[Any], dict[str, Any]]]:
        columns = [self._column(pieces) for pieces in call.columns]
        constants = [self._load(each) for each in call.inputs]
        plain: dict[str, Any] | None = None
        for number, row in enumerate(zip(*columns, strict=True)):
            if plain is not None:
                yield [row[0]], plain
                continue
            if number:
                # Each body gets its own copy of everything that could be changed.
                constants = [self._load(each) for each in call.inputs]
            values = [*row, *constants]
            args, kwargs, slots = decode(call.payload, values)
            if slots == (0,) and len(args) == len(values) == 1 and _immutable(kwargs):
                plain = kwargs
            yield _placed(args, kwargs, slots, values)

    def _column(self, pieces: Sequence[Piece | Failed]) -> Iterator[Any]:
        for piece in pieces:
            yield from self._load_piece(piece)

    # --- endings ---

    def _ended_by(
        self, error: BaseException, body: Body | None, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[str, Any]:
        if isinstance(error, Skip):
            return SKIPPED, str(error.why)
        if isinstance(error, RetryLater):
            try:
                return RETRY_LATER, (seconds(error.delay), str(error.why))
            except Exception as wrong:  # noqa: BLE001 - a bad delay is the task's own failure
                error = wrong
        self.first_error = self.first_error or error
        state = TIMED_OUT if isinstance(error, TaskTimeout) else FAILED
        again = retryable(error, body)
        return state, report_of(error, named(body, args, kwargs), retryable=again)


def _placed(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    slots: tuple[int | str, ...],
    values: Sequence[Any],
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call: constants as they were pickled, values in their slots."""
    placed = list(args)
    # Values beyond the slots have filled holes while the payload was loaded.
    for where, value in zip(slots, values, strict=False):
        if where == "*":
            placed = [*placed, *value]  # after the instance of a method
        elif isinstance(where, int):
            placed[where] = value
        else:
            kwargs[where] = value
    return placed, kwargs


def _next(
    elements: Iterator[tuple[list[Any], dict[str, Any]]],
) -> tuple[list[Any], dict[str, Any]]:
    try:
        return next(elements)
    except StopIteration:
        # A generator that raised is over: the rest of its chunk cannot be reached.
        raise ResultError("an input before this one in its chunk cannot be read back") from None


def _immutable(kwargs: dict[str, Any]) -> bool:
    return SCALARS.issuperset(map(type, kwargs.values()))


def _result_error(value: Any, error: Exception) -> Exception:
    if isinstance(error, WorkerFault):
        return error
    why = why_unpicklable(value, "the result", error)
    return ResultError(f"{why}; return plain data, and open connections where they are used")


def _nothing(*_: object) -> None:
    """A hook that nobody set."""
