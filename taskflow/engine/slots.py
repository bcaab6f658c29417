"""What a slot has been given: a queue it works off, or many bodies at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from taskflow.call import Outcome
    from taskflow.engine.work import Work
    from taskflow.interfaces import Lane

#: A slot with less work than this ahead gets its next batch.
AHEAD_SECONDS: Final = 0.010
#: While all slots have more, the engine rests, in seconds at most so long: people look on.
REST_SECONDS: Final = 0.05
#: What the engine takes to give and take a unit, reckoned generously, in seconds.
UNIT_SECONDS: Final = 5e-5
#: A body that shares its worker is asked to stop when its time is over; after so long its
#: worker is killed.
PATIENCE_SECONDS: Final = 5.0

Unit = tuple[int, int]


class Given:
    """A batch that a slot was given, less what it has reported; elements go from the front."""

    __slots__ = ("batch", "each", "works")

    def __init__(self, batch: int, works: Iterable[Work], each: float) -> None:
        self.batch = batch
        self.works = deque(works)
        self.each = each  # estimated seconds of a unit, on the average


class Late(NamedTuple):
    """A slot that was lost: what it had begun, split by whose time was over."""

    overdue: list[Work]
    others: list[Work]


class _Slot:
    """What every slot has: its lane, what its worker knows, and why it was killed."""

    def __init__(self, lane: int, kind: Lane) -> None:
        self.lane = lane
        self.kind = kind
        self.units = 0
        self.ahead = 0.0  # estimated seconds of all that is queued
        self.exclusive = False  # runs something that must be alone
        #: When its last report was read, or when it was given work and had none.
        self.reported = 0.0
        self.killed_for = ""  # "timeout", "cancel", or "end": clean-up, too
        self.known_codes = 0
        self.known_blobs = 0

    def clear(self) -> None:
        """It has nothing any more."""
        self.units, self.ahead, self.exclusive = 0, 0.0, False

    def buried(self) -> None:
        """A new worker takes the slot: it knows no function."""
        self.clear()
        self.killed_for = ""
        self.known_codes = self.known_blobs = 0


class Queue(_Slot):
    """A slot that runs its calls one at a time, in the order in which they were given."""

    def __init__(self, lane: int, kind: Lane) -> None:
        super().__init__(lane, kind)
        self.queue: deque[Given] = deque()
        #: When it is to be killed, if it has not reported by then.
        self.deadline: float | None = None

    def wants(self) -> bool:
        """Whether it should be given more."""
        if self.exclusive or self.killed_for:
            return False
        return not self.queue or self.ahead < AHEAD_SECONDS

    def left(self, now: float) -> float:
        """Estimated seconds until it wants more, less what the engine needs for what it has."""
        if not self.queue:
            return 0.0
        # One with longer bodies wants more when it has nothing left.
        margin = AHEAD_SECONDS if self.queue[0].each < AHEAD_SECONDS else 0.0
        return self.ahead - (now - self.reported) - margin - self.units * UNIT_SECONDS

    def give(
        self, batch: int, works: Sequence[Work], units: int, seconds: float, now: float
    ) -> None:
        """It was given a batch: `works` of so many units, which should take so many seconds."""
        if not self.units:
            self.reported = now
        self.queue.append(Given(batch, works, seconds / units))
        self.units += units
        self.ahead += seconds

    def ended(self, outcome: Outcome) -> Work | None:
        """It reported how some of its work ended: which; None for what it has no more."""
        given = self.queue[0]
        work = given.works[0]
        assert (work.node, work.first) == (outcome.node, outcome.first), (work, outcome)
        if outcome.count == work.count:
            given.works.popleft()
        else:
            given.works[0] = work._replace(
                first=work.first + outcome.count, count=work.count - outcome.count
            )
        self._reported(outcome.count, given)
        return work

    def done(self, nodes: Sequence[int]) -> None:
        """It reported that these nodes ended, of which each was a work of its own."""
        place = 0
        while place < len(nodes):
            given = self.queue[0]
            works, start = given.works, place
            while place < len(nodes) and works:
                work = works.popleft()
                assert (work.node, work.first) == (nodes[place], -1), (work, nodes[place])
                place += 1
            self._reported(place - start, given)

    def _reported(self, count: int, given: Given) -> None:
        self.deadline = None
        self.units -= count
        self.ahead = max(0.0, self.ahead - count * given.each)
        if not given.works:
            self.queue.popleft()

    def withdrawn(self, taken: dict[int, int]) -> list[Work]:
        """It lost its claim to the last units of some batches: which, the last first."""
        returned: list[Work] = []
        for given in reversed(self.queue):
            count = left = min(taken.get(given.batch, 0), sum(work.count for work in given.works))
            while left:
                work = given.works.pop()
                if work.count > left:
                    keep = work.count - left
                    given.works.append(work._replace(count=keep))
                    work = work._replace(first=work.first + keep, count=left)
                returned.append(work)
                left -= work.count
            self.units -= count
            self.ahead -= count * given.each
        self.queue = deque(given for given in self.queue if given.works)
        if not self.queue:
            self.clear()
        return returned

    def works(self) -> Iterator[Work]:
        """What it was given and has not reported, in order."""
        return (work for given in self.queue for work in given.works)

    def at_work(self) -> Iterator[tuple[float, Work]]:
        """The body that it is at, and since when; it is the first of the work that is yielded."""
        if self.queue:
            yield self.reported, self.queue[0].works[0]

    def started(self, unit: Unit, deadline: float) -> None:
        """The body of a unit has begun, and should have ended by then."""
        self.deadline = deadline

    def lost(self, now: float, stubborn: Collection[Unit] | None) -> Late:
        """Its worker died: what it had begun, in order; it has nothing any more."""
        works = list(self.works())
        is_late = self.killed_for == "timeout" and sum(work.count for work in works) == 1
        self.clear()
        return Late(works, []) if is_late else Late([], works)

    def groups(self, units: int) -> int:
        """In how many groups these units run again that were in flight when its worker died."""
        return units

    def clear(self) -> None:
        super().clear()
        self.queue.clear()
        self.deadline = None


class Crowd(_Slot):
    """A slot that runs many bodies at once, and reports each by itself."""

    def __init__(self, lane: int, kind: Lane) -> None:
        super().__init__(lane, kind)
        self._flying: dict[Unit, Work] = {}
        self._begun: dict[Unit, float] = {}
        self._batches: dict[int, list[Unit]] = {}  # what may still be withdrawn, in order
        self._deadlines: dict[Unit, float] = {}

    def groups(self, units: int) -> int:
        """Quarters: of a thousand, the one that kills its worker is found in five steps."""
        return min(4, units)

    @property
    def room(self) -> int:
        """How many units it can be given."""
        return self.kind.width - self.units

    def wants(self) -> bool:
        return not self.exclusive and not self.killed_for and self.room > 0

    def give(
        self, batch: int, works: Sequence[Work], units: int, seconds: float, now: float
    ) -> None:
        flying = self._batches[batch] = []
        for work in works:
            for number in range(work.count):
                unit = (work.node, work.first + number)
                self._flying[unit] = work._replace(first=unit[1], count=1)
                self._begun[unit] = now
                flying.append(unit)
        self.units += units

    def ended(self, outcome: Outcome) -> Work | None:
        unit = (outcome.node, outcome.first)
        return self._take_off(unit) if unit in self._flying else None

    def _take_off(self, unit: Unit) -> Work:
        self._deadlines.pop(unit, None)
        del self._begun[unit]
        self.units -= 1
        work = self._flying.pop(unit)
        if not self._flying:
            self._batches.clear()
            self.exclusive = False
        return work

    def withdrawn(self, taken: dict[int, int]) -> list[Work]:
        units = [
            unit
            for batch, count in taken.items()
            for unit in reversed(self._batches.get(batch, [])[-count:] if count else ())
        ]
        return [self._take_off(unit) for unit in units]

    def works(self) -> Iterator[Work]:
        return iter(self._flying.values())

    def at_work(self) -> Iterator[tuple[float, Work]]:
        """The bodies that it is at, and since when."""
        return zip(self._begun.values(), self._flying.values(), strict=True)

    def started(self, unit: Unit, deadline: float) -> None:
        if unit in self._flying:
            self._deadlines[unit] = deadline

    @property
    def deadline(self) -> float | None:
        """When it is to be killed, if it has not reported by then."""
        times = self._deadlines.values()
        return min(times) + PATIENCE_SECONDS if times else None

    def lost(self, now: float, stubborn: Collection[Unit] | None) -> Late:
        """Who is late among many is told by the worker: they may have been held up by another."""
        late: list[Work] = []
        others: list[Work] = []
        known = self._flying if stubborn is None or len(self._flying) == 1 else stubborn
        for unit, work in self._flying.items():
            is_late = self.killed_for == "timeout" and self._deadlines.get(unit, now + 1) <= now
            (late if is_late and unit in known else others).append(work)
        self.clear()
        return Late(late, others)

    def clear(self) -> None:
        super().clear()
        self._flying.clear()
        self._begun.clear()
        self._batches.clear()
        self._deadlines.clear()


SlotState = Queue | Crowd


def slot_states(lanes: Iterable[Lane]) -> list[SlotState]:
    """The states of all slots, in the order of their numbers."""
    return [
        Crowd(number, lane) if lane.crowd else Queue(number, lane)
        for number, lane in enumerate(lanes)
        for _ in range(lane.slots)
    ]
