"""Ticks around changes of clocks, against a daemon that looks at the clock every minute."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

import pytest
from daemons import EXPRESSIONS, MINUTE, Change, Daemon, changes, watched
from hypothesis import given, settings
from hypothesis import strategies as st

from taskflow import cron

#: Clocks are changed at night, by an hour or so: what that does to ticks is over by then.
AROUND = timedelta(hours=8)
#: Changes that are no whole hour, are of more than one, or fall on midnight or on a year's end.
ODD = (
    Change("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC), timedelta(days=1)),
    Change("Antarctica/Troll", datetime(2025, 3, 30, 1, tzinfo=UTC), timedelta(hours=2)),
    Change("Antarctica/Troll", datetime(2025, 10, 26, 1, tzinfo=UTC), timedelta(hours=-2)),
    Change("Australia/Lord_Howe", datetime(2025, 10, 4, 15, 30, tzinfo=UTC), timedelta(minutes=30)),
    Change("Australia/Lord_Howe", datetime(2025, 4, 5, 15, tzinfo=UTC), timedelta(minutes=-30)),
    Change("Europe/Dublin", datetime(2025, 10, 26, 1, tzinfo=UTC), timedelta(hours=-1)),
    Change("Africa/Casablanca", datetime(2025, 2, 23, 2, tzinfo=UTC), timedelta(hours=-1)),
    Change("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC), timedelta(hours=1)),
    Change("America/Caracas", datetime(2016, 5, 1, 7, tzinfo=UTC), timedelta(minutes=30)),
    Change("Asia/Pyongyang", datetime(2015, 8, 14, 15, tzinfo=UTC), timedelta(minutes=-30)),
    Change("America/Metlakatla", datetime(2019, 1, 20, 11, tzinfo=UTC), timedelta(hours=1)),
    Change("Pacific/Kwajalein", datetime(1993, 8, 21, 12, tzinfo=UTC), timedelta(days=1)),
)


def test_ticks_around_every_change_are_those_of_a_daemon() -> None:
    """In every zone whose clocks change in 2026 or 2027, ticks are what the rule of Debian says."""
    found = changes(2026, 2027)
    assert len(found) > 20
    for change in found:
        assert_like_a_daemon(change)


@pytest.mark.parametrize("change", ODD, ids=lambda each: f"{each.zone} {each.at:%Y}")
def test_odd_changes_of_clocks_are_taken_like_any_other(change) -> None:
    """Half hours, two hours, a day that is left out, negative summer time: one rule for all."""
    assert_like_a_daemon(change)


@pytest.mark.ring_long
@pytest.mark.timeout(600)
def test_thousands_of_changes_are_taken_like_a_daemon() -> None:
    """The same holds for every change in the world from 2018 to 2037."""
    for change in changes(2018, 2037):
        assert_like_a_daemon(change)


@given(st.data())
def test_a_tick_does_not_depend_on_where_one_starts(data) -> None:
    """From any second before a tick, with none between them, the next tick is that one."""
    change = data.draw(st.sampled_from((*ODD, *changes(2026, 2027))))
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    seconds = st.integers(-100_000, 100_000).map(lambda each: timedelta(seconds=each))
    early = change.at + data.draw(seconds)
    tick = cron.next_tick(expression, change.zone, early)
    late = early + (tick - early) * data.draw(st.floats(0, 0.999))
    assert utc(cron.next_tick(expression, change.zone, late)) == utc(tick)
    assert utc(cron.previous_tick(expression, change.zone, tick)) == utc(tick)


@given(st.data())
def test_ticks_are_next_ticks_one_after_another(data) -> None:
    """`ticks` and repeated `next_tick` agree, forwards; `previous_tick` walks the same back."""
    change = data.draw(st.sampled_from((*ODD, *changes(2026, 2027))))
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    begin = change.at - timedelta(minutes=data.draw(st.integers(0, 3000)))
    end = begin + timedelta(minutes=data.draw(st.integers(0, 3000)))
    at_once = [utc(tick) for tick in cron.ticks(expression, change.zone, begin, end)]
    assert at_once == list(walked(expression, change.zone, begin, end))
    assert at_once == list(walked_back(expression, change.zone, begin, end))[::-1]
    assert all(before < after for before, after in pairwise(at_once))


@settings(max_examples=10)
@given(st.sampled_from(ODD), st.sampled_from(("*/7 * * * * *", "30 */20 2 * * *", "5 30 2 * * *")))
def test_seconds_are_ticks_like_minutes(change, expression) -> None:
    """Expressions with seconds give the same by `ticks` and by `next_tick`, all in order."""
    begin, end = change.at - timedelta(minutes=40), change.at + timedelta(minutes=40)
    at_once = [utc(tick) for tick in cron.ticks(expression, change.zone, begin, end)]
    assert at_once == list(walked(expression, change.zone, begin, end))
    assert at_once == list(walked_back(expression, change.zone, begin, end))[::-1]


def test_a_tick_in_the_repeated_hour_says_which_one_it_is() -> None:
    """Both passes of 01:30 in New York are told apart by their offset, and each is in the zone."""
    span = (datetime(2025, 11, 2, 5, tzinfo=UTC), datetime(2025, 11, 2, 7, tzinfo=UTC))
    found = list(cron.ticks("30 * * * *", "America/New_York", *span))
    assert [tick.isoformat() for tick in found] == [
        "2025-11-02T01:30:00-04:00",
        "2025-11-02T01:30:00-05:00",
    ]
    assert {str(tick.tzinfo) for tick in found} == {"America/New_York"}


def test_a_zone_that_cannot_be_a_key_is_good_enough() -> None:
    """Zones of other libraries count, also where they cannot be kept by their hash."""

    class Unhashable(tzinfo):
        __hash__ = None
        inner = zoneinfo.ZoneInfo("Europe/Brussels")

        def utcoffset(self, moment):
            return self.inner.utcoffset(moment.replace(tzinfo=self.inner))

        def dst(self, moment):
            return self.inner.dst(moment.replace(tzinfo=self.inner))

        def fromutc(self, moment):
            there = self.inner.fromutc(moment.replace(tzinfo=self.inner))
            return there.replace(tzinfo=self)

    after = datetime(2025, 3, 29, 12, tzinfo=UTC)
    tick = cron.next_tick("30 2 * * *", Unhashable(), after)
    assert utc(tick) == utc(cron.next_tick("30 2 * * *", "Europe/Brussels", after))


def assert_like_a_daemon(change):
    """All expressions, from before a change to after it; a day that is left out is in there."""
    begin, end = change.at - AROUND - abs(change.by), change.at + AROUND + abs(change.by)
    minutes = watched(change.zone, begin, end)
    for expression in EXPRESSIONS:
        found = [utc(tick) for tick in cron.ticks(expression, change.zone, begin, end)]
        wanted = list(Daemon(expression).ticks(minutes))
        assert found == wanted, f"{expression} at {change}"


def walked(expression, zone, begin, end):
    """Ticks by `next_tick`."""
    tick = cron.next_tick(expression, zone, begin)
    while tick is not None and utc(tick) <= end:
        yield utc(tick)
        tick = cron.next_tick(expression, zone, tick)


def walked_back(expression, zone, begin, end):
    """Ticks by `previous_tick`, the last one first."""
    tick = cron.previous_tick(expression, zone, end)
    while tick is not None and utc(tick) > begin:
        yield utc(tick)
        tick = cron.previous_tick(expression, zone, utc(tick) - MINUTE / 60_000_000)


def utc(moment):
    """A moment that compares by real time: datetimes of one zone compare by their clocks."""
    return moment.astimezone(UTC)
