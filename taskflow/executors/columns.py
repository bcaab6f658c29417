"""Ordinary calls, column by column: the shortest way from a call to its value.

An ordinary call is the first attempt of a single task run without timeout, limit or cache. What
succeeds with a small value goes into columns, too; all else ends as an `Outcome`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from taskflow.call import ASK_VALUE, Outcome
from taskflow.context import context
from taskflow.executors.endings import answer
from taskflow.executors.inputs import inputs_digest
from taskflow.executors.previews import preview_of
from taskflow.executors.running import Runner, next_group
from taskflow.lifecycle import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.call import CallColumns, Setup, Value
    from taskflow.executors.bodies import Body
    from taskflow.executors.claims import Claims


class Finished:
    """Columns of what has succeeded: filled by the thread that runs bodies, emptied by any."""

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.values: list[bytes] = []
        self.seconds: list[float] = []

    def __bool__(self) -> bool:
        return bool(self.nodes)

    def add(self, node: int, value: bytes, seconds: float) -> None:
        """One more; its node last, since by that it is counted."""
        self.values.append(value)
        self.seconds.append(seconds)
        self.nodes.append(node)

    def take(self) -> tuple[list[int], list[bytes], list[float]]:
        """All that is whole by now."""
        count = len(self.nodes)
        taken = self.nodes[:count], self.values[:count], self.seconds[:count]
        del self.nodes[:count], self.values[:count], self.seconds[:count]
        return taken


class ColumnRunner(Runner):
    """Runs the calls of one worker, ordinary ones in columns."""

    def __init__(self, setup: Setup, done: Finished) -> None:
        super().__init__(setup)
        self._done = done
        self._columns: CallColumns | None = None
        self._place = 0

    def run_columns(self, calls: CallColumns, claims: Claims) -> Iterator[Outcome | None]:
        """Run ordinary calls in their order; yields how those ended that did not just succeed.

        Yields None now and then, for the caller may want to send what has come together. Ends
        early when nothing is granted any more: the rest was withdrawn.
        """
        token = context.set(self.context)
        self._columns = calls
        self.context.attempt, self.context.element = 1, None
        try:
            yield from self._run_columns(calls, claims)
        finally:
            self._columns = None
            context.reset(token)

    def _run_columns(self, calls: CallColumns, claims: Claims) -> Iterator[Outcome | None]:
        group, place, count = 1, 0, len(calls.nodes)
        clock, done, facts = time.perf_counter, self._done, self.context
        while place < count:
            granted = claims.take(min(group, count - place))
            if not granted:
                return
            first, start = place, clock()
            while place < first + granted and claims.begin():
                self.began = clock()
                name, number = calls.names[place], calls.numbers[place]
                key = facts.task_key = name if number == 1 else f"{name}#{number}"
                self._place = place
                value = self._value(calls, place)
                self.on_end(key)
                if isinstance(value, bytes):
                    done.add(calls.nodes[place], value, clock() - self.began)
                else:
                    yield value
                place += 1
            yield None
            group = next_group(group, (clock() - start) / max(1, place - first))

    def _value(self, calls: CallColumns, place: int) -> bytes | Outcome:
        """The small value of a call, or how it ended if it has none."""
        body: Body | None = None
        args: Sequence[Any] = ()
        kwargs: dict[str, Any] = {}
        try:
            body = self.bodies.get(calls.specs[place])
            args, kwargs = self._inputs.of(calls.payloads[place], calls.inputs[place])
            value = self.called(body, args, kwargs)
            made: Value = answer(ASK_VALUE, value, self.directory)
            preview = preview_of(value, made)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is an outcome
            call = calls.call(place)
            state, told = self.ended_by(call, error, body, args, kwargs)
            return Outcome(call.node, -1, 1, state, told, self._took())
        node = calls.nodes[place]
        self._inputs.made[node] = made
        if type(made) is bytes and not preview:
            return made
        return Outcome(node, -1, 1, SUCCEEDED, made, self._took(), preview=preview)

    def _took(self) -> float:
        return time.perf_counter() - self.began

    def _digest(self) -> str:
        if self._columns is None:
            return super()._digest()
        return inputs_digest(self._columns.call(self._place), -1, self._inputs.made)
