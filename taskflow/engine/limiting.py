"""Limits and rates: how many bodies of a kind run at once, how many begin in a span of time.

    ready ──admit──▶ taken, while a slot has it ──release──▶ free again
              │
              └─ full: waits in the first place that is, the highest priority first, then in
                 the order of coming

A policy with a key has a place for every key; which key a task run has is asked in a worker
before it is admitted. What waits holds nothing: all its places are taken in one step, when a
slot is there for it, and freed when the attempt has ended or come back.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from taskflow.call import ASK_KEYS, OF_ARGUMENTS
from taskflow.engine.work import Work
from taskflow.policies import Limit, Rate

if TYPE_CHECKING:
    from collections.abc import Hashable

    from taskflow.engine.plan import Plan
    from taskflow.graph.graph import TaskSpec

#: Task runs whose keys are asked for in one call.
KEYS_AT_ONCE = 1000
#: A worker says that a body begins just before it does: so much is added to the span of a rate.
MARGIN_SECONDS = 0.010
MARGIN = 0.02

Unit = tuple[int, int]


class Policy(NamedTuple):
    """A limit or a rate of a task: whom it counts together, and which of the task's keys it has."""

    counted_as: Hashable
    limit: Limit | Rate
    key: int  #: its index among the keys of a task run; -1 without


class Place:
    """What one counter holds, and the work that waits for it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Work]] = []
        self.timer: float | None = None  # when it is looked at next
        self.calls = False  # whether work that waited here is on its way to a slot

    def opens(self, now: float) -> float | None:
        """When the next unit may be taken: now or earlier, later, or None when one is freed."""
        raise NotImplementedError

    def take(self) -> None:
        """A unit is given to a slot."""

    def begun(self, now: float) -> None:
        """The body of a unit that was taken has begun."""

    def free(self) -> None:
        """A unit that was taken, and whose body has begun, ended."""

    def untake(self) -> None:
        """A unit that was taken came back before its body began."""

    def wait(self, priority: int, serial: int, work: Work) -> None:
        """Keep work until there is room."""
        heapq.heappush(self._waiting, (-priority, serial, work))

    def next(self) -> Work | None:
        """The work that waits at the head of the queue."""
        return heapq.heappop(self._waiting)[2] if self._waiting else None

    def __bool__(self) -> bool:
        """Whether any work waits."""
        return bool(self._waiting)


class Room(Place):
    """At most `n` at once."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.active = 0

    def opens(self, now: float) -> float | None:
        return now if self.active < self.n else None

    def take(self) -> None:
        self.active += 1

    def free(self) -> None:
        self.active -= 1

    untake = free


class Window(Place):
    """At most `count` starts within any `span` seconds: a log of the last starts.

    A unit that was given to a slot counts from then on, and its time runs from when its body
    is known to have begun, so a worker that is slow to start makes no burst.
    """

    def __init__(self, rate: Rate) -> None:
        super().__init__()
        self._count, span = rate.count_and_span
        self._span = span + min(MARGIN_SECONDS, MARGIN * span)
        self._starts: deque[float] = deque()
        self._taken = 0

    def opens(self, now: float) -> float | None:
        while self._starts and self._starts[0] <= now - self._span:
            self._starts.popleft()
        too_many = len(self._starts) + self._taken - self._count
        if too_many < 0:
            return now
        return self._starts[too_many] + self._span if too_many < len(self._starts) else None

    def take(self) -> None:
        self._taken += 1

    def begun(self, now: float) -> None:
        self._taken -= 1
        self._starts.append(now)

    def untake(self) -> None:
        self._taken -= 1


class Limiter:
    """Admits work where its limits and rates have room, and keeps what waits."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._policies: list[tuple[Policy, ...]] = []  # by spec
        self._places: dict[Hashable, Place] = {}
        self._keys: dict[Unit, tuple[Any, ...]] = {}
        self._called: dict[Unit, Place] = {}  # which place let go what is on its way
        self._held: dict[Unit, list[Place]] = {}  # of units that slots have
        self._begun: set[Unit] = set()
        self._turns: dict[Unit, int] = {}  # what waited once keeps its turn
        self._timers: list[tuple[float, int, Place]] = []
        self._serial = itertools.count()

    # --- on the way to a slot ---

    def limits(self, work: Work) -> bool:
        """Whether any limit or rate applies to this work."""
        return bool(self._policies_of(work))

    def admit(self, work: Work, now: float) -> bool:
        """Whether the first unit of this work may be given to a slot; if not, it waits here."""
        policies = self._policies_of(work)
        unit = (work.node, work.first)
        if unit not in self._keys and any(policy.key >= 0 for policy in policies):
            self._ask(work)
            return False
        self._arrived(unit)
        places = self._places_of(unit, policies)
        for place in places:
            time = place.opens(now)
            if time is None or time > now:
                self._wait(place, work, time)
                self._wake(places, now)  # it does not need the room that it was woken for
                return False
        return True

    def take(self, work: Work, now: float) -> None:
        """A unit that was admitted goes to a slot."""
        unit = (work.node, work.first)
        places = self._places_of(unit, self._policies_of(work))
        for place in places:
            place.take()
        self._held[unit] = places
        self._turns.pop(unit, None)
        self._wake(places, now)

    def stale(self, work: Work, now: float) -> None:
        """Work that was cancelled while it waited: who waits behind it goes on."""
        unit = (work.node, work.first)
        self._arrived(unit)
        policies = self._policies_of(work)
        if unit in self._keys or all(policy.key < 0 for policy in policies):
            self._wake(self._places_of(unit, policies), now)
            self._keys.pop(unit, None)
            self._turns.pop(unit, None)

    def _ask(self, work: Work) -> None:
        """Have the keys of this work found, in a worker."""
        count = min(work.count, KEYS_AT_ONCE)
        if count < work.count:
            rest = work._replace(first=work.first + count, count=work.count - count)
            self._plan.ready.push(rest)
        for number in range(count):  # the answers may come in another order
            self._turns.setdefault((work.node, work.first + number), next(self._serial))
        self._plan.ready.push(work._replace(count=count, ask=ASK_KEYS))

    def learn(self, work: Work, keys: tuple[Any, ...], now: float) -> None:
        """The keys of some work are known: it queues up, unit by unit."""
        found = keys if work.first >= 0 else (keys,)
        ask = self._plan.ask_of(work.node, work.first)
        firsts = []
        for number, key in enumerate(found):
            unit = (work.node, work.first + number)
            self._keys[unit] = key
            first = self._places_of(unit, self._policies_of(work._replace(ask=ask)))[0]
            self._wait(first, Work(*unit, ask=ask), None)  # who asked first goes first
            firsts.append(first)
        self._wake(firsts, now)

    # --- at the end of an attempt ---

    def begun(self, unit: Unit, now: float) -> None:
        """The body of a unit has begun."""
        if unit in self._held and unit not in self._begun:
            self._begun.add(unit)
            for place in self._held[unit]:
                place.begun(now)
            self._wake(self._held[unit], now)

    def release(self, work: Work, now: float, *, ran: bool) -> None:
        """A unit that a slot had has ended, or came back without having run."""
        unit = (work.node, work.first)
        places = self._held.get(unit)
        if places is None:
            return
        if ran:
            self.begun(unit, now)  # it was too short to be said
        for place in places:
            if unit in self._begun:
                place.free()
            else:
                place.untake()
        self._begun.discard(unit)
        del self._held[unit]
        self._keys.pop(unit, None)
        self._wake(places, now)

    # --- waiting ---

    def _wait(self, place: Place, work: Work, time: float | None) -> None:
        spec = self._plan.spec_of(work.node)
        turn = self._turns.setdefault((work.node, work.first), next(self._serial))
        place.wait(spec.priority if spec else 0, turn, work)
        if time is not None:
            self._look_again(place, time)

    def _look_again(self, place: Place, time: float) -> None:
        if place.timer is None or time < place.timer:
            place.timer = time
            heapq.heappush(self._timers, (time, next(self._serial), place))

    def _arrived(self, unit: Unit) -> None:
        """Work that had waited is at a slot, or stale: its place may let go the next."""
        place = self._called.pop(unit, None)
        if place is not None:
            place.calls = False

    def _wake(self, places: list[Place], now: float) -> None:
        """Let one work go on where there is room; the next one when that has arrived.

        One at a time, since it may wait elsewhere after all, and so that they keep their order.
        """
        for place in places:
            if not place or place.calls:
                continue
            time = place.opens(now)
            if time is None:
                continue
            if time > now:
                self._look_again(place, time)
                continue
            work = place.next()
            assert work is not None  # some waits
            place.calls = True
            self._called[work.node, work.first] = place
            self._plan.ready.push(work)

    def tick(self, now: float) -> None:
        """Let go on what waited for its time."""
        while self._timers and self._timers[0][0] <= now:
            time, _, place = heapq.heappop(self._timers)
            if place.timer == time:
                place.timer = None
            self._wake([place], now)

    @property
    def next_time(self) -> float | None:
        """When `tick` is due next."""
        while self._timers and not self._timers[0][2]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    # --- what applies ---

    def _policies_of(self, work: Work) -> tuple[Policy, ...]:
        spec = self._plan.graph.spec[work.node]
        if spec < 0 or work.first < -1 or work.ask in OF_ARGUMENTS:
            return ()
        while spec >= len(self._policies):
            self._policies.append(policies_of(self._plan.graph.specs[len(self._policies)]))
        return self._policies[spec]

    def _places_of(self, unit: Unit, policies: tuple[Policy, ...]) -> list[Place]:
        keys = self._keys.get(unit, ())
        return [
            self._place(policy, keys[policy.key] if policy.key >= 0 else None)
            for policy in policies
        ]

    def _place(self, policy: Policy, key: Any) -> Place:
        name = (policy.counted_as, key)
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = _place_for(policy.limit)
        elif isinstance(place, Room) and isinstance(policy.limit, Limit):
            place.n = min(place.n, policy.limit.n)  # who says less of the same limit is heard
        return place


def _place_for(limit: Limit | Rate) -> Place:
    return Room(limit.n) if isinstance(limit, Limit) else Window(limit)


def policies_of(spec: TaskSpec) -> tuple[Policy, ...]:
    """The limits and rates of a task, in the order in which their keys are answered."""
    numbers = itertools.count()
    all_of_it: tuple[Limit | Rate, ...] = (*spec.limits, *spec.rates)
    return tuple(
        Policy(_counted_as(limit, spec), limit, -1 if limit.key is None else next(numbers))
        for limit in all_of_it
    )


def _counted_as(limit: Limit | Rate, spec: TaskSpec) -> Hashable:
    """Limits are shared by name; a rate without a name is the task's own."""
    if isinstance(limit, Limit):
        return Limit, limit.name
    return Rate, limit.name or spec.name, limit.rate
