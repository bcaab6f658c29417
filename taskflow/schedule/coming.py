"""The ticks of a schedule in seconds since the epoch, between its start and its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from taskflow.cron import next_tick, previous_tick, ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.planned import Planned

#: Less than there is between two ticks, in seconds.
LITTLE: Final = 0.001
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def after(planned: Planned, moment: float) -> float | None:
    """The first tick after a moment; None if there is none to come."""
    found = next_tick(planned.cron, planned.zone, _as_datetime(moment), start=_start(planned))
    tick = None if found is None else found.timestamp()
    return None if tick is None or (planned.end is not None and tick > planned.end) else tick


def up_to(planned: Planned, moment: float) -> float | None:
    """The last tick that is not after a moment; None if there was none."""
    latest = moment if planned.end is None else min(moment, planned.end)
    found = previous_tick(planned.cron, planned.zone, _as_datetime(latest), start=_start(planned))
    return None if found is None else found.timestamp()


def between(planned: Planned, first: float, last: float) -> Iterator[float]:
    """The ticks after one moment, and up to another."""
    span = (
        _as_datetime(first),
        _as_datetime(last if planned.end is None else min(last, planned.end)),
    )
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


def in_zone(planned: Planned, tick: float) -> str:
    """A tick in ISO 8601, with the offset that the schedule's zone has then."""
    return _as_datetime(tick).astimezone(ZoneInfo(planned.zone)).isoformat()


def _start(planned: Planned) -> datetime | None:
    return None if planned.start is None else _as_datetime(planned.start)


def _as_datetime(seconds: float) -> datetime:
    # Not `fromtimestamp`: that rounds half a microsecond to even.
    return _EPOCH + timedelta(seconds=seconds)
