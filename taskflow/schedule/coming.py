"""The ticks of a schedule in seconds since the epoch, between its start and its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from taskflow.cron import next_tick, previous_tick, ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.planned import Planned

#: Ticks are never so near to each other.
_LITTLE: Final = 0.001
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def after(planned: Planned, moment: float) -> float | None:
    """The first tick after a moment; None if there is none to come."""
    found = next_tick(planned.cron, planned.zone, _as_datetime(moment), start=_start(planned))
    tick = None if found is None else found.timestamp()
    return None if tick is None or (planned.end is not None and tick > planned.end) else tick


def before(planned: Planned, moment: float) -> float | None:
    """The last tick before a moment; None if there was none."""
    latest = moment - _LITTLE if planned.end is None else min(moment - _LITTLE, planned.end)
    found = previous_tick(planned.cron, planned.zone, _as_datetime(latest), start=_start(planned))
    return None if found is None else found.timestamp()


def between(planned: Planned, first: float, last: float) -> Iterator[float]:
    """The ticks from one moment to another, both included."""
    last = last if planned.end is None else min(last, planned.end)
    span = _as_datetime(first - _LITTLE), _as_datetime(last)
    for found in ticks(planned.cron, planned.zone, *span, start=_start(planned)):
        yield found.timestamp()


def coming(planned: Planned, moment: float, count: int) -> list[float]:
    """The next ticks after a moment, `count` at most."""
    found: list[float] = []
    tick = after(planned, moment)
    while tick is not None and len(found) < count:
        found.append(tick)
        tick = after(planned, tick)
    return found


def _start(planned: Planned) -> datetime | None:
    return None if planned.start is None else _as_datetime(planned.start)


def _as_datetime(seconds: float) -> datetime:
    # Not `fromtimestamp`, which rounds.
    return _EPOCH + timedelta(seconds=seconds)
