"""The days on which crons differ most: clocks that are changed, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from taskflow import cron

# Zone, expression, the day, and the ticks of that day.
DAYS = (
    ("America/New_York", "30 2 * * *", "2025-03-09", ["03:00-04:00"]),
    ("America/New_York", "30 2,3 * * *", "2025-03-09", ["03:00-04:00", "03:30-04:00"]),
    ("America/New_York", "0 2,3 * * *", "2025-03-09", ["03:00-04:00"]),
    (
        "America/New_York",
        "0 0-4/2 * * *",
        "2025-03-09",
        ["00:00-05:00", "03:00-04:00", "04:00-04:00"],
    ),
    ("America/New_York", "*/30 2 * * *", "2025-03-09", []),
    ("America/New_York", "30 1 * * *", "2025-11-02", ["01:30-04:00"]),
    ("America/New_York", "0,30 1 * * *", "2025-11-02", ["01:00-04:00", "01:30-04:00"]),
    (
        "America/New_York",
        "*/30 1 * * *",
        "2025-11-02",
        ["01:00-04:00", "01:30-04:00", "01:00-05:00", "01:30-05:00"],
    ),
    ("America/Sao_Paulo", "0 0 * * *", "2018-11-04", ["01:00-02:00"]),
    ("Australia/Lord_Howe", "15 2 * * *", "2025-10-05", ["02:30+11:00"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2025-04-06", ["01:45+11:00"]),
    ("Pacific/Apia", "0 12 * * *", "2011-12-30", []),
    ("Pacific/Apia", "0 12 * * *", "2011-12-31", ["00:00+14:00", "12:00+14:00"]),
)
# The same, from one tick to the next, where a day has too many.
STEPS = (
    ("America/New_York", "0 */2 * * *", "2025-03-09T00:00-05:00", "2025-03-09T04:00-04:00"),
    ("America/New_York", "0 * * * *", "2025-03-09T01:00-05:00", "2025-03-09T03:00-04:00"),
    ("America/New_York", "0 * * * *", "2025-11-02T01:00-04:00", "2025-11-02T01:00-05:00"),
    ("Australia/Lord_Howe", "0 * * * *", "2025-10-05T01:00+10:30", "2025-10-05T03:00+11:00"),
    ("Australia/Lord_Howe", "*/20 * * * *", "2025-04-06T01:40+11:00", "2025-04-06T01:40+10:30"),
    ("Australia/Lord_Howe", "45 * * * *", "2025-04-06T01:45+11:00", "2025-04-06T01:45+10:30"),
    ("Europe/Dublin", "30 1 * * *", "2025-10-26T01:30+01:00", "2025-10-27T01:30+00:00"),
)


@pytest.mark.parametrize(("zone", "expression", "day", "wanted"), DAYS)
def test_a_day_of_changing_clocks_has_these_ticks(zone, expression, day, wanted) -> None:
    """Skipped times of day come at once, repeated ones once; wildcards go by the clock."""
    around = datetime.fromisoformat(day).replace(tzinfo=UTC)
    ticks = cron.ticks(expression, zone, around - timedelta(days=2), around + timedelta(days=2))
    found = [tick.isoformat(timespec="minutes") for tick in ticks]
    assert [tick.removeprefix(f"{day}T") for tick in found if tick.startswith(day)] == wanted


@pytest.mark.parametrize(("zone", "expression", "after", "wanted"), STEPS)
def test_the_tick_after_one_is_this(zone, expression, after, wanted) -> None:
    """From within the hour in question, and for changes of half an hour."""
    tick = cron.next_tick(expression, zone, datetime.fromisoformat(after))
    assert tick.isoformat(timespec="minutes") == wanted


def test_nothing_fires_again_after_a_restart_in_the_repeated_hour() -> None:
    """In the second pass of 01:xx the job of 01:30, which has fired, is due tomorrow."""
    second_pass = datetime(2025, 11, 2, 6, 10, tzinfo=UTC)
    tick = cron.next_tick("30 1 * * *", "America/New_York", second_pass)
    assert tick.isoformat() == "2025-11-03T01:30:00-05:00"
    last = cron.previous_tick("30 1 * * *", "America/New_York", second_pass)
    assert last.isoformat() == "2025-11-02T01:30:00-04:00"
