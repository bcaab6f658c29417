"""What becomes of the ticks of a schedule that are due: a pure function of how it stands.

catchup     of ticks that were due while nobody was there
    latest      the last one runs
    none        it runs if it is less than a minute late
    all         all run, one after another; the last 1,000 of them
overlap     of a tick that is due while a run of an earlier one goes on
    skip            it is skipped
    queue_one       it waits; another one is skipped meanwhile
    queue           it waits
    cancel_running  it takes the place of the other
    allow           they run side by side

What is later than `misfire_grace` is skipped in any case, and what was due while the schedule was
paused. Ticks that are caught up by `all` run whatever `overlap` says: none of them has overlapped
with anything. They wait for each other, as runs do that may not go on side by side.

A clock that was set back opens the time ahead anew. What has a run keeps it, and no other.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Final

from taskflow.planned import PAUSED, Verdict
from taskflow.progress.words import duration
from taskflow.schedule.coming import LITTLE, after, between, up_to

if TYPE_CHECKING:
    from taskflow.planned import Planned, Standing

#: So many ticks are caught up at most.
MOST_CAUGHT_UP: Final = 1_000
#: So many that are skipped have a row each; of more, one row tells.
MOST_APART: Final = 100
#: So many are counted.
MOST_COUNTED: Final = 10_000
#: A clock that goes back by less was set right; ticks are not judged anew for that. Seconds.
BACK_SECONDS: Final = 60.0


def judge(standing: Standing, now: float) -> tuple[float, list[Verdict]]:
    """Up to when all is decided, and what becomes of each tick until then."""
    planned, decided = standing.planned, standing.decided
    if not planned.cron:
        return decided, []
    if is_ahead(decided, now):  # the clock was wrong until now: its future is still to come
        return now, _cut_short(standing, now)
    found = _due(planned, decided, now)
    if not found:
        return decided, []
    taken = set(standing.taken)
    return found[-1], [
        each for each in _verdicts(standing, found, now) if each.instant not in taken
    ]


def is_ahead(decided: float, now: float) -> bool:
    """Whether a clock that shows `now` was set back since something was decided."""
    return now < decided - BACK_SECONDS


def wakes_at(planned: Planned, decided: float) -> float | None:
    """When the next tick of a schedule is to be judged; None if there is none to come."""
    if not planned.cron:
        return None
    tick = after(planned, decided)
    return None if tick is None else tick + spread(planned, tick)


# --- which are due -------------------------------------------------------------------------


def _due(planned: Planned, decided: float, now: float) -> list[float]:
    """The ticks that are due and may run: the last one, or the last ones."""
    last = up_to(planned, now)
    if last is not None and last + spread(planned, last) > now:
        last = up_to(planned, last - LITTLE)
    if last is None or last <= decided:
        return []
    if planned.catchup != "all":
        return [last]
    found = [last]
    while len(found) < MOST_CAUGHT_UP:
        before = up_to(planned, found[-1] - LITTLE)
        if before is None or before <= decided:
            break
        found.append(before)
    return found[::-1]


def _skipped(standing: Standing, low: float, high: float, why: str) -> list[Verdict]:
    """The ticks between two moments, both left out, as skipped; not those that have a run."""
    inside = [each for each in standing.taken if low < each < high]
    edges = [low, *inside, high]
    stretches = [_stretch(standing.planned, *each, why) for each in itertools.pairwise(edges)]
    return list(itertools.chain.from_iterable(stretches))


def _stretch(planned: Planned, low: float, high: float, why: str) -> list[Verdict]:
    """The ticks between two moments, both left out, as skipped: a few apart, many in one."""
    every = between(planned, low, high - LITTLE)
    first = list(itertools.islice(every, MOST_APART))
    rest = list(itertools.islice(every, MOST_COUNTED))
    if not rest:
        return [Verdict(each, runs=False, why=why) for each in first]
    last = up_to(planned, high - LITTLE) or rest[-1]
    many = len(first) + len(rest) if len(rest) < MOST_COUNTED else 0
    return [Verdict(first[0], runs=False, why=why, until=last, ticks=many)]


def _cut_short(standing: Standing, now: float) -> list[Verdict]:
    """What is left of a row for many skipped ticks, of which some are in the future again."""
    if standing.spanning is None:
        return []
    first, why = standing.spanning
    return _skipped(standing, first - LITTLE, now + LITTLE, why)


# --- what becomes of them ------------------------------------------------------------------


def _verdicts(standing: Standing, due: list[float], now: float) -> list[Verdict]:
    """What becomes of all ticks up to the last one that is due."""
    decided, latest = standing.decided, due[-1]
    if standing.is_paused:
        return _skipped(standing, decided, latest + LITTLE, PAUSED)
    if standing.planned.catchup == "all":
        return _all_of(standing, due, now)
    why = "a later one was due before anybody was there"
    return [*_skipped(standing, decided, latest, why), _last_of(standing, latest, now)]


def _last_of(standing: Standing, tick: float, now: float) -> Verdict:
    """What becomes of the last tick that is due."""
    planned = standing.planned
    late = now - tick - spread(planned, tick)
    if planned.latest is not None and late > planned.latest:
        why = f"{duration(late)} late; misfire_grace is {duration(planned.latest)}"
        if planned.grace is None:
            why = f'{duration(late)} late; catchup is "none"'
        return Verdict(tick, runs=False, why=why)
    return _overlapping(standing, tick)


def _overlapping(standing: Standing, tick: float) -> Verdict:
    """What becomes of a tick that is to run, as to runs of earlier ones."""
    if standing.refusal:
        return Verdict(tick, runs=False, why=standing.refusal)
    before = up_to(standing.planned, tick - LITTLE)
    return Verdict(tick, runs=True, previous=before, cancels=standing.cancels)


def _all_of(standing: Standing, due: list[float], now: float) -> list[Verdict]:
    """What becomes of ticks that are all to run, of which there may be too many."""
    planned = standing.planned
    why = f'catchup="all" starts the last {MOST_CAUGHT_UP:,}'
    found = _skipped(standing, standing.decided, due[0], why)
    if len(due) == 1:
        return [*found, _last_of(standing, due[0], now)]
    before = up_to(planned, due[0] - LITTLE)
    for tick in due:
        verdict = _last_of(standing._replace(open=()), tick, now)
        found.append(verdict._replace(previous=before) if verdict.runs else verdict)
        before = tick
    return found


def spread(planned: Planned, tick: float) -> float:
    """By how much a tick is put off, so that not all begin at once: always the same, for one."""
    if not planned.jitter:
        return 0.0
    following = after(planned, tick)
    room = planned.jitter if following is None else min(planned.jitter, following - tick)
    digest = hashlib.blake2b(f"{planned.id}\0{tick!r}".encode("utf-8", "surrogatepass")).digest()
    # Two bytes: a share nearer to 1 would be rounded up to the next tick.
    return room * (int.from_bytes(digest[:2]) / 2**16)
