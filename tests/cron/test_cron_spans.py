"""Spans of ticks: intervals, bounds, beginnings and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow import cron

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, 10, 0, 7, tzinfo=UTC)
MOMENTS = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - zones are drawn beside them
    datetime(2098, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from((UTC, timezone.max)),
)
ENDS = (
    datetime.min.replace(tzinfo=UTC),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 30, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)


@given(st.integers(1, 10**6), MOMENTS, MOMENTS)
def test_every_counts_from_its_start(seconds, start, after) -> None:
    """Ticks are start + k * period, none before the start, the first one at it."""
    expression, period = f"@every {seconds}s", timedelta(seconds=seconds)
    tick = cron.next_tick(expression, None, after, start=start)
    assert tick > after
    assert (tick - start) % period == timedelta()
    assert tick == start if after < start else tick - after <= period
    last = cron.previous_tick(expression, None, after, start=start)
    assert last is None if after < start else timedelta() <= after - last < period


def test_every_counts_from_the_epoch_without_a_start() -> None:
    """So all engines agree, whenever they were started."""
    tick = cron.next_tick("@every 7m", "Europe/Brussels", START)
    assert (tick - EPOCH) % timedelta(minutes=7) == timedelta()
    assert str(tick.tzinfo) == "Europe/Brussels"


def test_every_keeps_its_distance_when_clocks_change() -> None:
    """A duration is real time: it knows of no summer."""
    begin = datetime(2025, 3, 29, tzinfo=UTC)
    found = list(cron.ticks("@every 5h", "Europe/Brussels", begin, begin + timedelta(days=3)))
    distances = {
        after.astimezone(UTC) - before.astimezone(UTC) for before, after in pairwise(found)
    }
    assert distances == {timedelta(hours=5)}


def test_parts_of_a_second_are_kept_by_every() -> None:
    """`@every 1500ms` is one and a half seconds."""
    found = islice(cron.ticks("@every 1500ms", None, EPOCH, START), 3)
    assert [tick - EPOCH for tick in found] == [timedelta(seconds=each) for each in (1.5, 3, 4.5)]


@given(st.sampled_from(("*/5 * * * *", "30 6 * * 1-5", "@every 90s", "0 0 L * *")), MOMENTS)
def test_no_tick_comes_before_the_start(expression, start) -> None:
    """Asked from long before it, the first tick is at the start or after it."""
    tick = cron.next_tick(expression, None, start - timedelta(days=400), start=start)
    assert tick >= start
    assert tick == next(cron.ticks(expression, None, EPOCH, tick, start=start))
    assert cron.previous_tick(expression, None, tick, start=start) == tick
    before = tick - timedelta(microseconds=1)
    assert cron.previous_tick(expression, None, before, start=start) is None


def test_a_tick_at_the_start_counts() -> None:
    """The start is part of the span that it begins."""
    six = datetime(2026, 1, 1, 6, tzinfo=UTC)
    assert cron.next_tick("0 6 * * *", None, six - timedelta(days=9), start=six) == six


def test_a_tick_is_strictly_after_and_a_previous_one_may_be_now() -> None:
    """To the microsecond."""
    six = datetime(2026, 1, 1, 6, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    assert cron.next_tick("0 6 * * *", None, six) == six + timedelta(days=1)
    assert cron.next_tick("0 6 * * *", None, six - instant) == six
    assert cron.previous_tick("0 6 * * *", None, six) == six
    assert cron.previous_tick("0 6 * * *", None, six - instant) == six - timedelta(days=1)
    assert list(cron.ticks("0 6 * * *", None, six - instant, six)) == [six]
    assert list(cron.ticks("0 6 * * *", None, six, six)) == []


def test_a_year_that_is_past_has_no_next_tick() -> None:
    """None, and no error: the expression was good when it was stored."""
    assert cron.next_tick("0 0 0 1 1 * 2020", "Europe/Brussels", START) is None
    assert list(cron.ticks("0 0 0 1 1 * 2020", None, START, START + timedelta(days=999))) == []
    last = cron.previous_tick("0 0 0 1 1 * 2020", None, START)
    assert last == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_rare_tick_is_found_over_years_of_changing_clocks() -> None:
    """Leap days and years far ahead, also of wildcards, which go from change to change."""
    wanted = "2028-02-29T00:00:00+01:00"
    assert cron.next_tick("* * 29 2 *", "Europe/Brussels", START).isoformat() == wanted
    far = cron.next_tick("* * * * * * 2099", "Europe/Brussels", START)
    assert far.isoformat() == "2099-01-01T00:00:00+01:00"
    summer = START.replace(month=7)
    last = cron.previous_tick("* * 29 2 *", "Europe/Brussels", summer)
    assert last.isoformat() == "2024-02-29T23:59:00+01:00"
    assert cron.next_tick("* * 29 2 *", "Europe/Brussels", summer).isoformat() == wanted


@pytest.mark.parametrize("expression", ["* * * * * *", "0 6 * * *", "@every 90s", "*/5 * * * 1"])
@pytest.mark.parametrize("moment", ENDS)
def test_the_ends_of_time_are_no_error(expression, moment) -> None:
    """Before 1970 the first tick is next; after 2099 there is none, but of `@every`."""
    for zone in (None, "America/New_York"):
        after = cron.next_tick(expression, zone, moment)
        before = cron.previous_tick(expression, zone, moment)
        is_early = moment.year < 1970
        assert (before is None) == is_early
        assert (after is not None) == (is_early or (expression[0] == "@" and moment.day != 31))


@pytest.mark.parametrize("second", [0, 1, 59, 60, 3540, 3541, 3599])
def test_a_span_may_begin_at_any_second_of_an_hour(second) -> None:
    """No tick of that hour is lost, and none comes from before."""
    begin = START.replace(second=0) + timedelta(seconds=second)
    end = begin + timedelta(minutes=2)
    found = cron.ticks("* * * * * *", None, begin, end)
    assert list(found) == [begin + timedelta(seconds=n) for n in range(1, 121)]
    found = cron.ticks("20 * 10,11 * * *", None, begin, end)
    assert [tick for tick in found if tick > end or tick <= begin or tick.second != 20] == []
    assert len(list(cron.ticks("20 * 10,11 * * *", None, begin, end))) == 2


def test_ticks_are_made_as_they_are_asked_for() -> None:
    """The first of a century of seconds is there at once."""
    first = next(
        cron.ticks("* * * * * *", "Europe/Brussels", EPOCH, datetime.max.replace(tzinfo=UTC))
    )
    assert first - EPOCH == timedelta(seconds=1)
