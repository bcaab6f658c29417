"""Doubles of the seams: a clock that stands still, an executor whose workers live in virtual time.

Nothing here sleeps or reads a real clock. What happens when is decided by a seed, so a run that
goes wrong goes wrong again.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from taskflow.call import (
    ASK_KEYS,
    ASK_SPLIT,
    ASK_VALUE,
    Abort,
    Call,
    CallColumns,
    Done,
    Ended,
    Failed,
    Lost,
    Outcome,
    Piece,
    Setup,
    Started,
    bodies_in,
)
from taskflow.executors.claims import Granted
from taskflow.executors.running import Runner
from taskflow.interfaces import Lane
from taskflow.lifecycle import GOOD, SUCCEEDED
from taskflow.testing import FakeClock, Recorder  # what serves users as well is in the package
from taskflow.values import decode_piece, encode_each

__all__ = ["FakeClock", "Recorder"]

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from taskflow.call import Batch, Column, Report


class Step(NamedTuple):
    """What a worker does with some units of a call: how long, and what comes of it."""

    outcomes: list[Outcome]
    seconds: float
    dies: bool = False
    hangs: bool = False


class Worker(Protocol):
    """What runs in a slot; a new one is made when the last one died."""

    def learn(self, batch: Batch) -> None:
        """A batch begins."""

    def perform(self, call: Call, count: int) -> Step:
        """Run the first `count` units of a call."""


@dataclass
class _Slot:
    number: int
    worker: Worker
    queue: deque[tuple[Batch, Call]] = field(default_factory=deque)
    tokens: Counter[int] = field(default_factory=Counter)  # unclaimed, by batch
    step: Step | None = None
    ask: int = ASK_VALUE
    ends: float = 0.0
    claimed: list[tuple[int, int]] = field(default_factory=list)  # units of the step
    buffer: list[Outcome] = field(default_factory=list)  # ended, and not reported
    learnt: int = 0


@dataclass
class _Flight:
    """One of the bodies that a wide slot runs at once."""

    unit: tuple[int, int]
    step: Step
    ends: float


@dataclass
class _Crowd:
    number: int
    width: int
    worker: Worker
    queue: deque[tuple[Batch, Call]] = field(default_factory=deque)
    flights: list[_Flight] = field(default_factory=list)


class SimulatedExecutor:
    """Slots that run calls in virtual time.

    A seeded `world` decides how much is claimed at once, how many outcomes travel together, and
    which workers are lost for no fault of the task's own.
    """

    def __init__(
        self,
        clock: FakeClock,
        make_worker: Callable[[], Worker],
        *,
        slots: int = 2,
        room: int = 4096,
        world: random.Random | None = None,
        loss_rate: float = 0.0,
        claim: int = 8,
        lanes: Sequence[Lane] = (),
        columns: bool = True,
    ) -> None:
        self.claim = claim  # how many elements a worker begins at once, where no world decides
        self.clock = clock
        self.lanes = tuple(lanes) or (Lane("processes", slots, can_kill=True, columns=columns),)
        self._in_columns: set[int] = set()  # nodes whose calls came in columns
        self.room = room
        self.world = world
        self.loss_rate = loss_rate
        self.steps = 0  # how often a worker claimed something
        #: Losses of each unit that was alone in flight when its worker died.
        self.charged: Counter[tuple[int, int]] = Counter()
        #: Called before a step: may cancel the run, and may look at what is in flight.
        self.before_step: Callable[[Call, int], None] = lambda call, count: None
        self._make_worker = make_worker
        kinds = [lane for lane in self.lanes for _ in range(lane.slots)]
        self._slots = [
            _Crowd(number, lane.width, make_worker())
            if lane.crowd
            else _Slot(number, make_worker())
            for number, lane in enumerate(kinds)
        ]
        self._reports: list[Report] = []
        self._woken = False

    def start(self, setup: Setup) -> None:
        pass

    def submit(self, slot: int, batch: Batch) -> None:
        state = self._slots[slot]
        state.queue.extend((batch, call) for call in self._apart(batch))
        if isinstance(state, _Slot):
            state.tokens[batch.id] += bodies_in(batch)
        else:
            given = sum(call.count for _, call in state.queue)
            assert len(state.flights) + given <= state.width, "it was given too much"

    def _apart(self, batch: Batch) -> Iterator[Call]:
        for call in batch.calls:
            if isinstance(call, CallColumns):
                self._in_columns.update(call.nodes)
                yield from (call.call(place) for place in range(len(call.nodes)))
            else:
                self._in_columns.discard(call.node)
                yield call

    def capacity(self, slot: int) -> int:
        return self.room

    def withdraw(self, slot: int) -> dict[int, int]:
        state = self._slots[slot]
        if isinstance(state, _Crowd):
            taken = Counter[int]()
            for batch, call in state.queue:
                taken[batch.id] += call.count
            state.queue.clear()
            return dict(taken)
        taken = {batch: count for batch, count in state.tokens.items() if count}
        state.tokens.clear()
        return taken

    def kill(self, slot: int) -> None:
        self._lose(self._slots[slot], "killed", killed=True)

    def wake(self) -> None:
        self._woken = True

    def stop(self) -> None:
        pass

    def rest(self, seconds: float) -> None:
        """Let bodies end until then, or until there is something that is not to wait."""
        until = self.clock.time + seconds
        while not self._woken and not self._is_urgent():
            for slot in self._slots:
                if isinstance(slot, _Slot):
                    self._begin(slot)
            busy = [each for each in self._running() if isinstance(each[1], _Slot)]
            ends, slot, _ = min(busy, key=lambda each: each[0], default=(0.0, None, None))
            if not isinstance(slot, _Slot) or ends > until:
                self.clock.time = max(until, self.clock.time)
                return
            self._finish(slot)

    def _is_urgent(self) -> bool:
        """Whether a slot has run dry, or something was reported that is no success."""
        if not all(isinstance(each, _Crowd) or each.step or each.queue for each in self._slots):
            return True
        return not all(
            isinstance(each, Done)
            or (isinstance(each, Ended) and all(end.state == SUCCEEDED for end in each.outcomes))
            for each in self._reports
        )

    def wait(self, timeout: float | None) -> list[Report]:
        until = None if timeout is None else self.clock.time + timeout
        while not self._reports and not self._woken:
            for slot in self._slots:
                self._begin(slot) if isinstance(slot, _Slot) else self._begin_all(slot)
            busy = list(self._running())
            ends, slot, flight = min(busy, key=lambda each: each[0], default=(0.0, None, None))
            if self._reports:
                break
            if slot is None or (until is not None and ends > until):
                assert until is not None, "the engine waits for ever"
                self.clock.time = max(until, self.clock.time)
                break
            self._finish(slot) if isinstance(slot, _Slot) else self._land(slot, flight)
        self._woken = False
        reports, self._reports = self._reports, []
        return reports

    # --- inside ---

    def _running(self) -> Iterator[tuple[float, _Slot | _Crowd, _Flight | None]]:
        for slot in self._slots:
            if isinstance(slot, _Crowd):
                yield from ((each.ends, slot, each) for each in slot.flights if not each.step.hangs)
            elif slot.step and not slot.step.hangs:
                yield slot.ends, slot, None

    def in_flight(self) -> Iterator[tuple[int, int]]:
        """The units whose bodies run at this moment."""
        for slot in self._slots:
            if isinstance(slot, _Crowd):
                yield from (flight.unit for flight in slot.flights)
            elif slot.step and slot.ask != ASK_KEYS:
                yield from slot.claimed

    # --- many at once ---

    def _begin_all(self, slot: _Crowd) -> None:
        while slot.queue:
            batch, call = slot.queue.popleft()
            slot.worker.learn(batch)
            for number in range(call.count):
                self.steps += 1
                self.before_step(call, 1)
                step = slot.worker.perform(one_of(call, number), 1)
                unit = (call.node, call.first + number)
                self._reports.append(Started(slot.number, *unit))
                slot.flights.append(_Flight(unit, step, self.clock.time + step.seconds))

    def _land(self, slot: _Crowd, flight: _Flight) -> None:
        self.clock.time = max(self.clock.time, flight.ends)
        if flight.step.dies or self._chance(self.loss_rate):
            self._lose(slot, "SIGSEGV: it fell over")
            return
        slot.flights.remove(flight)
        self._reports.append(Ended(slot.number, flight.step.outcomes))

    # --- one after another ---

    def _begin(self, slot: _Slot) -> None:
        while slot.step is None and slot.queue:
            batch, call = slot.queue[0]
            if slot.learnt != batch.id:
                slot.worker.learn(batch)
                slot.learnt = batch.id
            count = min(call.count, slot.tokens[batch.id], self._draw((1, 1, 2, 3, 8), self.claim))
            if not count:  # it was withdrawn; its functions are learnt all the same
                slot.queue.popleft()
                continue
            slot.tokens[batch.id] -= count
            self._advance(slot, batch, call, count)
            self.steps += 1
            self.before_step(call, count)
            slot.claimed = [(call.node, call.first + each) for each in range(count)]
            slot.ask = call.ask
            slot.step = slot.worker.perform(call, count)
            slot.ends = self.clock.time + slot.step.seconds
            if slot.step.hangs:
                element = call.first + count - 1
                self._flush(slot)
                self._reports.append(Started(slot.number, call.node, element))
        if slot.step is None:  # what came after was withdrawn
            self._flush(slot)

    @staticmethod
    def _advance(slot: _Slot, batch: Batch, call: Call, count: int) -> None:
        slot.queue.popleft()
        if count < call.count:
            slot.queue.appendleft((batch, rest_of(call, count)))

    def _finish(self, slot: _Slot) -> None:
        assert slot.step is not None
        self.clock.time = max(self.clock.time, slot.ends)
        if slot.step.dies or self._chance(self.loss_rate):
            self._lose(slot, "SIGSEGV: it fell over")
            return
        slot.buffer += slot.step.outcomes
        slot.step, slot.claimed = None, []
        if not slot.tokens.total() or not self._chance(0.3):
            self._flush(slot)

    def _flush(self, slot: _Slot) -> None:
        for is_done, some in itertools.groupby(slot.buffer, self._goes_in_column):
            outcomes = list(some)
            if is_done:
                nodes = [each.node for each in outcomes]
                values = [each.value for each in outcomes]
                took = [each.seconds for each in outcomes]
                self._reports.append(Done(slot.number, nodes, values, took))
            else:
                self._reports.append(Ended(slot.number, outcomes))
        slot.buffer = []

    def _goes_in_column(self, outcome: Outcome) -> bool:
        is_small = isinstance(outcome.value, bytes) and not outcome.preview
        return outcome.node in self._in_columns and outcome.state == SUCCEEDED and is_small

    def _lose(self, slot: _Slot | _Crowd, cause: str, *, killed: bool = False) -> None:
        if isinstance(slot, _Crowd):
            if len(slot.flights) == 1 and not killed:
                self.charged[slot.flights[0].unit] += 1
            unclaimed = self.withdraw(slot.number)
            self._reports.append(Lost(slot.number, cause, "", unclaimed, killed))
            self._slots[slot.number] = _Crowd(slot.number, slot.width, self._make_worker())
            return
        if killed or self._chance(0.5):
            self._flush(slot)
        units = [
            (each.node, each.first + number) for each in slot.buffer for number in range(each.count)
        ] + slot.claimed
        if len(units) == 1 and not killed:
            self.charged[units[0]] += 1
        unclaimed = {batch: count for batch, count in slot.tokens.items() if count}
        self._reports.append(Lost(slot.number, cause, "", unclaimed, killed))
        self._slots[slot.number] = _Slot(slot.number, self._make_worker())

    def _draw(self, choices: Sequence[int], otherwise: int) -> int:
        return self.world.choice(choices) if self.world else otherwise

    def _chance(self, share: float) -> bool:
        return self.world is not None and self.world.random() < share


# --- workers ---------------------------------------------------------------------------------


class TirelessWorker:
    """Ends whatever it is given at once and well, without running it: for very many task runs."""

    def learn(self, batch: Batch) -> None:
        pass

    def perform(self, call: Call, count: int) -> Step:
        value = Piece(range(count), 0, count) if call.first >= 0 else b"N."
        took = 1e-6 * count
        ended = Outcome(call.node, call.first, count, SUCCEEDED, value, took, call.attempt)
        return Step([ended], took)


class Dies(Abort):
    """Raised by a body that takes its worker along."""


class Hangs(Abort):
    """Raised by a body that never ends."""


class RunningWorker:
    """Runs real bodies; only their time, and what they do to their worker, is make-believe."""

    def __init__(self, setup: Setup, seconds: Callable[[], float]) -> None:
        self._runner = Runner(setup)
        self._setup = setup
        self._seconds = seconds

    def learn(self, batch: Batch) -> None:
        self._runner.learn(batch)

    def perform(self, call: Call, count: int) -> Step:
        outcomes: list[Outcome] = []
        spent = 0.0
        for number in range(count):
            one = one_of(call, number)
            took = self._seconds() if call.ask != ASK_KEYS else 1e-5
            try:
                outcomes += (
                    each._replace(seconds=took) for each in self._runner.run(one, Granted(int))
                )
            except Dies:
                return Step([], spent + took, dies=True)
            except Hangs:
                return Step([], spent + took, hangs=True)
            spent += took
        return Step(self._merged(outcomes), spent)

    def _merged(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Neighbours that ended alike travel as one outcome."""
        merged: list[Outcome] = []
        for each in outcomes:
            last = merged[-1] if merged else None
            if (
                last is not None
                and isinstance(each.value, Piece)
                and isinstance(last.value, Piece)
                and last.state == each.state
                and each.state in GOOD
                and each.keys is None
                and each.attempt == last.attempt
            ):
                values = [*decode_piece(last.value), *decode_piece(each.value)]
                pieces = encode_each(values, f"{self._setup.run_dir}/values")
                if len(pieces) == 1:
                    merged[-1] = last._replace(
                        count=len(values), value=pieces[0], seconds=last.seconds + each.seconds
                    )
                    continue
            merged.append(each)
        return merged


def one_of(call: Call, number: int) -> Call:
    """The call for one element of a call for several."""
    if call.first < 0 or call.ask == ASK_SPLIT or (call.count == 1 and not number):
        return call
    columns = tuple((part_of(column, number),) for column in call.columns)
    keys = call.keys[number : number + 1] if call.keys else None
    return call._replace(first=call.first + number, count=1, columns=columns, keys=keys)


def rest_of(call: Call, number: int) -> Call:
    """The call for all elements from `number` on."""
    columns = tuple(rest_of_column(column, number) for column in call.columns)
    keys = call.keys[number:] if call.keys else None
    return call._replace(
        first=call.first + number, count=call.count - number, columns=columns, keys=keys
    )


def rest_of_column(column: Column, number: int) -> Column:
    """All elements of a column from `number` on."""
    rest: list[Piece | Failed] = []
    for piece in column:
        count = 1 if isinstance(piece, Failed) else piece.count
        skip = min(number, count)
        number -= skip
        if skip < count:
            rest.append(
                piece
                if isinstance(piece, Failed)
                else Piece(piece.chunk, piece.start + skip, count - skip)
            )
    return tuple(rest)


def part_of(column: Column, number: int) -> Piece | Failed:
    """One element of a column."""
    for piece in column:
        count = 1 if isinstance(piece, Failed) else piece.count
        if number < count:
            return (
                piece if isinstance(piece, Failed) else Piece(piece.chunk, piece.start + number, 1)
            )
        number -= count
    raise IndexError(number)
