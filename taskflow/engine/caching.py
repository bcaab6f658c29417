"""The cache as one plan uses it: what is looked for of earlier runs, and what comes of it.

    ready ──▶ asked in a worker ──digests──▶ looked up ──▶ found: ends at once as `cached`
                                                 ▲ │ │
                          after a moment, again  └─┘ └───▶ claimed: its body runs, once

The key of a result is made of the task's name, version and code, and the digests of its arguments.
A key that another run computes, or another task run of this one, is waited for. Nothing weakens a
key: where a part of it cannot be computed, the task has no cache in this run, and that is said.

Pure like the plan: keys are handed out, and what a store knows of them is handed in.
"""

from __future__ import annotations

import pickle
from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.call import ASK_PRINT, ASK_VALUE, Chunk, Outcome, Piece, Stored
from taskflow.content import elements
from taskflow.digests import scalars
from taskflow.engine.work import Work
from taskflow.events import RunNoticed
from taskflow.lifecycle import CACHED, SUCCEEDED
from taskflow.policies import seconds
from taskflow.records import CacheEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from taskflow.call import Value
    from taskflow.engine.plan import Plan
    from taskflow.policies import Cache

#: Task runs whose arguments are asked about in one call.
PRINTS_AT_ONCE: Final = 1000
#: A key that another run computes is looked up again after so many seconds.
AGAIN_SECONDS: Final = 0.2

Unit = tuple[int, int]


class Wanted(NamedTuple):
    """A key that is not known yet, or that is being computed: what it is made of, who waits."""

    parts: dict[str, str]
    waiting: deque[Unit]


class Caching:
    """The cached tasks of a plan; who drives it sets `now`, in seconds since the epoch."""

    def __init__(self, run_id: str) -> None:
        self.now = 0.0
        self.run_id = run_id
        self._plan: Plan
        self._off: dict[str, bool] = {}  # by name of a task, once that is known
        self._wanted: dict[str, Wanted] = {}
        self._unasked: list[str] = []  # keys to look up now
        self._elsewhere: list[str] = []  # keys that other runs compute
        self._again: float | None = None  # when to look those up again
        self._found: deque[tuple[Unit, CacheEntry]] = deque()
        #: Which key the body of a task run computes; "" for one that runs without the cache.
        self._computing: dict[Unit, str] = {}
        self._made: dict[str, CacheEntry] = {}
        self._given_up: list[str] = []

    def attach(self, plan: Plan) -> None:
        """Say whose cache this is."""
        self._plan = plan

    # --- which tasks have a cache ---

    def covers(self, node: int) -> bool:
        """Whether results of this node are looked for."""
        spec = self._plan.spec_of(node)
        if spec is None or spec.cache is None:
            return False
        if spec.name not in self._off:
            graph = self._plan.graph
            unknown = graph.uncovered.get(spec.name, ())
            self._off[spec.name] = False
            if unknown:
                self._turn_off(node, f"its code uses what has no digest: {', '.join(unknown)}")
            elif not graph.codes.get(spec.name):
                self._turn_off(node, "the digest of its code is not known")
        return not self._off[spec.name]

    def _turn_off(self, node: int, why: str) -> None:
        spec = self._plan.spec_of(node)
        assert spec is not None  # only tasks have a cache
        if not self._off[spec.name]:
            self._off[spec.name] = True
            self._plan.events.append(RunNoticed(f"{spec.short} runs without its cache: {why}"))

    def _policy(self, node: int) -> tuple[str, Cache]:
        spec = self._plan.spec_of(node)
        assert spec is not None
        assert spec.cache is not None  # else nobody had asked
        return spec.name, spec.cache

    # --- on the way to a slot ---

    def divert(self, works: Iterable[Work]) -> list[Work]:
        """What may run as it is; of the rest, the arguments are asked about first."""
        left: list[Work] = []
        for work in works:
            asks = work.ask == ASK_VALUE and work.first >= -1 and self.covers(work.node)
            if asks and (work.node, work.first) not in self._computing:
                self._ask(work)
            else:
                left.append(work)
        return left

    def _ask(self, work: Work) -> None:
        starts = range(0, work.count, PRINTS_AT_ONCE)
        for start in reversed(starts):  # what is pushed last goes first
            count = min(PRINTS_AT_ONCE, work.count - start)
            part = work._replace(first=work.first + start, count=count, ask=ASK_PRINT)
            self._plan.ready.push(part)

    def learn(self, work: Work, prints: Sequence[dict[str, str] | str]) -> None:
        """The digests of arguments came, or texts that say why there are none."""
        why = next((each for each in prints if isinstance(each, str)), None)
        if why is not None:
            self._turn_off(work.node, f"{why}; ignore= names arguments that do not count")
        if not self.covers(work.node):
            self._run(self._units(work))
            return
        for unit, digests in zip(self._units(work), prints, strict=True):
            assert isinstance(digests, dict)  # else it were turned off
            self._want(unit, digests)

    def run_without(self, work: Work) -> None:
        """Nothing could be learnt of these arguments: the body will meet what is wrong itself."""
        units = self._units(work)
        self._computing.update(dict.fromkeys(units, ""))
        self._run(units)

    def _units(self, work: Work) -> list[Unit]:
        return [(work.node, work.first + number) for number in range(work.count)]

    def _want(self, unit: Unit, digests: dict[str, str]) -> None:
        name, cache = self._policy(unit[0])
        version = "" if cache.version is None else repr(cache.version)
        code = self._plan.graph.codes[name]
        key = _digest((name, version, code, sorted(digests.items())))
        if key in self._made:
            self._found.append((unit, self._made[key]))
        elif key in self._wanted:
            self._wanted[key].waiting.append(unit)
        else:
            parts = {"code": code, "version": version, **digests}
            self._wanted[key] = Wanted(parts, deque([unit]))
            if self._plan.recall is not None and self._plan.recall.is_anew(unit[0]):
                self._run(self._started(key))
            else:
                self._unasked.append(key)

    # --- what a store knows ---

    def keys(self, now: float) -> list[str]:
        """The keys to look up at this time of the engine's clock."""
        keys, self._unasked = self._unasked, []
        if self._again is not None and self._again <= now:
            keys += self._elsewhere
            self._elsewhere, self._again = [], None
        return keys

    def answer(
        self,
        keys: Iterable[str],
        found: Mapping[str, CacheEntry],
        mine: Collection[str],
        now: float,
    ) -> None:
        """Of keys that were looked up: what was found, and which this run may compute."""
        units: list[Unit] = []
        for key in keys:
            entry = found.get(key)
            if entry is not None:
                waiting = self._wanted.pop(key).waiting
                self._found.extend((unit, entry) for unit in waiting)
            elif key in mine:
                units += self._started(key)
            else:
                self._elsewhere.append(key)
        if self._elsewhere and self._again is None:
            self._again = now + AGAIN_SECONDS
        self._run(units)
        self._plan.settle()

    def _started(self, key: str) -> list[Unit]:
        """The one task run that computes a key; none if all have been cancelled meanwhile."""
        waiting = self._wanted[key].waiting
        while waiting:
            unit = waiting.popleft()
            if not self._plan.is_stale(Work(*unit)):
                self._computing[unit] = key
                return [unit]
        del self._wanted[key]
        self._given_up.append(key)
        return []

    def _run(self, units: Iterable[Unit]) -> None:
        works: list[Work] = []
        for node, first in units:
            last = works[-1] if works else None
            if last and first >= 0 and (last.node, last.first + last.count) == (node, first):
                works[-1] = last._replace(count=last.count + 1)
            else:
                works.append(Work(node, first))
        self._plan.ready.extend(reversed(works))

    @property
    def next_time(self) -> float | None:
        """When keys are to be looked up again."""
        return 0.0 if self._unasked else self._again

    # --- hits ---

    def settle(self) -> bool:
        """Let a task run, or neighbouring elements, end with what was found; False if none was."""
        if not self._found:
            return False
        (node, first), entry = self._found.popleft()
        plan = self._plan
        if plan.is_stale(Work(node, first)):
            return True
        if first < 0 and isinstance(entry.value, Piece):  # an element that is kept in a list
            self.run_without(Work(node, first))
            return True
        values = [entry.value]
        while first >= 0 and self._goes_on((node, first + len(values)), entry):
            values.append(self._found.popleft()[1].value)
        value = entry.value if first < 0 else _joined(values)
        outcome = Outcome(node, first, len(values), CACHED, value, 0.0, 0)
        plan.journal.cached(outcome, entry.run_id)
        plan.take_kept(outcome)
        return True

    def _goes_on(self, unit: Unit, entry: CacheEntry) -> bool:
        """Whether what was found next is small, of the same run, and for the next element."""
        if not self._found or self._found[0][0] != unit:
            return False
        following = self._found[0][1]
        is_small = type(entry.value) is bytes and type(following.value) is bytes
        is_live = not self._plan.is_stale(Work(*unit))
        return is_small and is_live and following.run_id == entry.run_id

    # --- the ends of bodies ---

    def ended(self, outcome: Outcome) -> None:
        """Bodies ended well, or skipped themselves."""
        node, first, count, state, value = outcome[:5]
        if (node, first) not in self._computing:
            return
        values = None
        for number in range(count):
            unit = (node, first + number)
            key = self._computing.pop(unit, "")
            if key and state == SUCCEEDED:
                values = values or ([value] if first < 0 else apart(value))
                self._keep(unit, key, values[number])
            elif key:
                self._give_up(key)

    def _keep(self, unit: Unit, key: str, value: Any) -> None:
        plan, (parts, waiting) = self._plan, self._wanted.pop(key)
        _, cache = self._policy(unit[0])
        entry = self._made[key] = CacheEntry(
            key,
            plan.name_of(unit[0]),
            self.run_id,
            plan.key_of_call(*unit),
            self.now,
            value,
            parts,
            0.0 if cache.ttl is None else self.now + seconds(cache.ttl),
        )
        self._found.extend((each, entry) for each in waiting)

    def gave_up(self, node: int, first: int, count: int = 1) -> None:
        """Bodies failed for good, or were cancelled: who waits for their keys goes on."""
        for number in range(count):
            key = self._computing.pop((node, first + number), "")
            if key:
                self._give_up(key)

    def cancelled(self) -> None:
        """Much was cancelled, perhaps before it began."""
        for unit in list(self._computing):
            if self._plan.is_stale(Work(*unit)):
                self.gave_up(*unit)

    def _give_up(self, key: str) -> None:
        if self._wanted[key].waiting:
            self._unasked.append(key)
        else:
            del self._wanted[key]
            self._given_up.append(key)

    def drain(self) -> tuple[list[CacheEntry], list[str]]:
        """What is to be kept for others since the last time, and the keys nobody computes here."""
        made, self._made = list(self._made.values()), {}
        keys, self._given_up = self._given_up, []
        return made, [key for key in keys if key not in self._wanted]

    def left(self) -> list[str]:
        """The keys that this run may still have claimed, when it ends before all its tasks have."""
        return list(self._wanted)


def _digest(parts: tuple[Any, ...]) -> str:
    return blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def apart(piece: Piece) -> list[Value | Piece]:
    """The values of elements one by one, each without its neighbours."""
    chunk, start, count = piece
    if isinstance(chunk, range):
        return [pickle.dumps(each, 5) for each in chunk[start : start + count]]
    if isinstance(chunk.value, Stored):  # an element in a file is alone
        return [piece if chunk.whole else chunk.value]
    if chunk.whole:
        return [pickle.dumps(each, 5) for each in scalars(chunk.value)[start : start + count]]
    return list(elements(chunk.value)[start : start + count])


def _joined(values: list[Any]) -> Piece:
    """The values of neighbouring elements as one piece; of more than one, all are small."""
    if isinstance(values[0], Piece):
        return values[0]
    value = values[0] if len(values) == 1 else b"".join(values)
    return Piece(Chunk(value, whole=False), 0, len(values))
