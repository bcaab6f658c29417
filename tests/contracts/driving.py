"""Drives an executor as the engine does, through its seam alone, and keeps count of every unit."""

from __future__ import annotations

import inspect
import itertools
import pickle
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from doubles import rest_of

from taskflow.call import Batch, Call, Code, Ended, Lost, Output, Setup, Started, Stuck
from taskflow.values import decode, decode_piece, dumps, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from taskflow.call import ErrorReport, Outcome, Report
    from taskflow.interfaces import Executor

#: Nothing here takes nearly as long; a test that waits for longer has found a hang.
PATIENCE = 30.0
#: What `Driver.code` is told of a function.
OPTIONS = {"timeout", "limit_keys", "announced", "outputs", "retry_on", "ignore"}


class Driver:
    """An executor that has been started, and what it has reported."""

    def __init__(self, executor: Executor, folder: Path, kind: str = "") -> None:
        self.executor = executor
        kinds = [lane.kind for lane in executor.lanes for _ in range(lane.slots)]
        #: The slot that is driven, and its lane.
        self.slot = kinds.index(kind) if kind else 0
        self.lane = next(lane for lane in executor.lanes if lane.kind == kinds[self.slot])
        self.values = str(folder / "values")
        self._numbers = itertools.count(1)
        self._codes: dict[int, tuple[Code, bytes]] = {}
        self.outcomes: list[Outcome] = []
        self.reports: list[Report] = []
        self._batches: dict[int, tuple[Call, ...]] = {}
        self.given: Counter[int] = Counter()  # units by batch, less those withdrawn
        executor.start(Setup("test", str(folder)))

    def code(
        self,
        fn: Callable[..., Any],
        *,
        timeout: float = 0.0,
        key: Any = None,
        limit_keys: tuple[Any, ...] = (),
        announced: bool = False,
        outputs: int = 0,
        retry_on: Any = None,
        ignore: tuple[str, ...] | None = None,
    ) -> int:
        """The spec of a function, sent by value; on an async slot, of a coroutine function."""
        spec = next(self._numbers)
        policy = dumps((retry_on, key, limit_keys)) if retry_on or key or limit_keys else b""
        code = Code("", "", spec, 0, policy, timeout, announced, outputs, ignore)
        self._codes[spec] = code, dumps([as_async(fn) if self.lane.kind == "async" else fn])
        return spec

    def call(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Call:
        """A call of a function with constants."""
        policy = {name: options.pop(name) for name in OPTIONS & options.keys()}
        slots = options.pop("slots", ())
        spec = options.pop("spec", None) or self.code(fn, **policy)
        node = options.pop("node", None) or next(self._numbers)
        payload = dumps((args, options.pop("kwargs", {}), slots))
        given = {"key": f"p/{fn.__name__}", "inputs": (), **options}
        return Call(node=node, spec=spec, payload=payload, **given)

    def elements(self, fn: Callable[..., Any], values: list[Any], **options: Any) -> Call:
        """A call for some elements of a map of a function."""
        from taskflow.values import encode_each

        column = tuple(encode_each(values, self.values))
        policy = {name: options.pop(name) for name in OPTIONS & options.keys()}
        spec = options.pop("spec", None) or self.code(fn, key=options.pop("by", None), **policy)
        return self.call(
            fn, None, spec=spec, slots=(0,), first=0, count=len(values), columns=(column,),
            **options,
        )  # fmt: skip

    def submit(self, *calls: Call) -> int:
        """Queue calls as one batch."""
        ident = next(self._numbers)
        specs = {call.spec for call in calls if call.spec >= 0}
        codes = tuple((spec, self._codes[spec][0]) for spec in specs)
        blobs = tuple((spec, self._codes[spec][1]) for spec in specs)
        self.given[ident] += sum(call.count for call in calls)
        self._batches[ident] = calls
        self.executor.submit(self.slot, Batch(ident, calls, codes, blobs))
        return ident

    def withdraw(self) -> int:
        """Take back what has not begun; how many units that were."""
        taken = self.executor.withdraw(self.slot)
        self.given.subtract(taken)
        return sum(taken.values())

    @property
    def open(self) -> int:
        """Units that were given and neither reported nor withdrawn."""
        return self.given.total() - sum(outcome.count for outcome in self.outcomes)

    def wait(self) -> None:
        """One `wait` of the executor."""
        for report in self.executor.wait(0.1):
            self.reports.append(report)
            if isinstance(report, Ended):
                self.outcomes += report.outcomes
            elif isinstance(report, Stuck):
                self._give_again()

    def _give_again(self) -> None:
        """Take back what waits behind a body that takes long, and give it once more."""
        taken = self.executor.withdraw(self.slot)
        self.given.subtract(taken)
        for batch, count in taken.items():
            calls = self._batches[batch]
            begun = sum(call.count for call in calls) - count
            left: list[Call] = []
            for call in calls:
                skipped = min(begun, call.count)
                begun -= skipped
                if skipped < call.count:
                    left.append(rest_of(call, skipped) if skipped else call)
            self.submit(*left)

    def until(self, ready: Callable[[], Any]) -> Any:
        """Wait until something is the case."""
        deadline = time.monotonic() + PATIENCE
        while not (found := ready()):
            assert time.monotonic() < deadline, f"it never came; so far {self.reports}"
            self.wait()
        return found

    def finish(self) -> list[Outcome]:
        """Wait until every unit is accounted for; the outcomes since the last time."""
        self.until(lambda: self.open <= 0)
        assert self.open == 0
        outcomes, self.outcomes = self.outcomes, []
        self.given.clear()
        return outcomes

    def run(self, *calls: Call) -> list[Outcome]:
        """Run calls as one batch to their end; their outcomes in the order of the calls."""
        self.submit(*calls)
        outcomes = self.finish()
        if self.lane.crowd:
            order = [call.node for call in calls]
            outcomes.sort(key=lambda outcome: (order.index(outcome.node), outcome.first))
        return outcomes

    def value(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The value of one call."""
        (outcome,) = self.run(self.call(fn, *args, **options))
        assert outcome.state == "succeeded", outcome.value
        return decode(outcome.value)

    def failure(self, fn: Callable[..., Any], *args: Any, **options: Any) -> ErrorReport:
        """The report of one call that fails."""
        (outcome,) = self.run(self.call(fn, *args, **options))
        assert outcome.state in {"failed", "timed_out"}, outcome
        report: ErrorReport = outcome.value
        return report

    def stored(self, value: Any) -> Any:
        """A value as an earlier task would have left it."""
        return encode(value, self.values)

    @property
    def losses(self) -> list[Lost]:
        """The workers that died."""
        return [report for report in self.reports if isinstance(report, Lost)]

    @property
    def started(self) -> list[Started]:
        """The bodies that were said to begin."""
        return [report for report in self.reports if isinstance(report, Started)]

    def text(self, key: str = "") -> str:
        """What tasks wrote, or one of them."""
        texts = [each for each in self.reports if isinstance(each, Output)]
        return "".join(each.text for each in texts if not key or each.key == key)


def as_async(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The same body as a coroutine function, or as an async generator function."""
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        return fn

    if inspect.isgeneratorfunction(fn):

        async def body(*args: Any, **kwargs: Any) -> Any:
            for each in fn(*args, **kwargs):
                yield each

    else:

        async def body(*args: Any, **kwargs: Any) -> Any:
            return fn(*args, **kwargs)

    body.__signature__ = inspect.signature(fn)
    return body


def values_of(outcomes: list[Outcome]) -> list[Any]:
    """The values of the elements of a map, in the order in which they were reported."""
    return [value for outcome in outcomes for value in decode_piece(outcome.value)]


def unpickled(data: bytes) -> Any:
    """What a call for a graph came to."""
    return pickle.loads(data)
