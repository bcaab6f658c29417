"""Expressions in words, and warnings of what is probably not meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow import cron

WORDS = (
    ("0 6 * * *", "every day at 06:00"),
    ("@daily", "every day at 00:00"),
    ("0 6,18 * * *", "every day at 06:00 and 18:00"),
    ("30 0 6 * * *", "every day at 06:00:30"),
    ("30 2 * * 1,5", "at 02:30 on Monday and Friday"),
    ("0 9 * * 1-5", "at 09:00 on Monday to Friday"),
    ("0 0 * * sat-sun", "at 00:00 on Saturday and Sunday"),
    ("0 0 * * 1-7", "every day at 00:00"),
    ("* * * * *", "every minute"),
    ("*/5 * * * *", "every 5 minutes"),
    ("*/5 * * * 1", "every 5 minutes on Monday"),
    ("*/7 * * * *", "at minute 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
    ("5/15 * * * *", "at minute 5, 20, 35 and 50 of every hour"),
    ("0 * * * *", "every hour"),
    ("0 0 * * * *", "every hour"),
    ("15 * * * *", "at minute 15 of every hour"),
    ("0 */6 * * *", "every day at 00:00, 06:00, 12:00 and 18:00"),
    ("0 */2 * * *", "every 2 hours from 00:00"),
    ("* 6 * * *", "every minute of hour 6"),
    ("*/15 9-17 * * mon-fri", "at minute 0, 15, 30 and 45 of hour 9 to 17 on Monday to Friday"),
    ("* * * * * *", "every second"),
    ("*/10 * * * * *", "every 10 seconds"),
    ("30 * * * * *", "at second 30 of every minute"),
    ("*/30 5 * * * *", "at second 0 and 30 of minute 5 of every hour"),
    ("0 0 1 * *", "at 00:00 on day 1 of the month"),
    ("0 0 1,15 * *", "at 00:00 on day 1 and 15 of the month"),
    ("0 0 L * *", "at 00:00 on the last day of the month"),
    ("0 0 15W * *", "at 00:00 on the weekday nearest to day 15 of the month"),
    ("0 0 * * fri#2", "at 00:00 on the second Friday of the month"),
    ("0 0 * * L5", "at 00:00 on the last Friday of the month"),
    ("0 0 13 * 5", "at 00:00 on day 13 of the month or on Friday"),
    ("0 0 */15 * 1", "at 00:00 on day 1, 16 and 31 of the month if it is Monday"),
    ("@yearly", "at 00:00 on day 1 of the month in January"),
    ("0 8 * 6-8 *", "every day at 08:00 in June to August"),
    ("0 0 0 1 1 * 2090", "at 00:00 on day 1 of the month in January in 2090"),
)
PERIODS = (
    ("1s", "every second"),
    ("90s", "every 90 seconds"),
    ("1500ms", "every 1.5 seconds"),
    ("60s", "every minute"),
    ("5m", "every 5 minutes"),
    ("1h30m", "every 1 hour 30 minutes"),
    ("1d", "every 24 hours"),
)
# Expression, and what each of its warnings says, in order.
WARNED = (
    ("*/45 * * * *", ["after 45 comes 0, a step of 15; write a step that divides 60"]),
    ("0 */5 * * *", ["after 20 comes 0, a step of 4; write a step that divides 24"]),
    ("0 0 * */5 *", ["after 11 comes 1, a step of 2; write a step that divides 12"]),
    ("0 0 * * */2", ["after 6 comes 0, a step of 1; write the days"]),
    ("0 0 */2 * *", ["begins anew on the first of each month"]),
    ("*/60 * * * *", ["is 0 only: write 0"]),
    ("* 6 * * *", ["fires in every minute of the hours 6; write 0"]),
    ("* 0 6 * * *", ["fires in every second of the minutes 0; write 0"]),
    ("0 0 13 * 5", ["are both given: one of them is enough"]),
    ("0 0 1-7 * */7", ["is 0 only", "are both given: both must match"]),
    ("0 0 31 * *", ["months without a day 31 are left out; write L"]),
    ("30 2 * * *", ["clocks skip 02:30", "clocks show twice 02:30"]),
    ("*/30 2 * * *", ["clocks skip 02:00", "clocks show twice 02:00"]),
)
MEANT = (
    "0 6 * * *",
    "*/5 * * * *",
    "0 * * * *",
    "*/15 * * * * *",
    "0 */6 * * *",
    "0 0 L * *",
    "0 9 * * 1-5",
    "0 0 31 12 *",
    "@every 7m",
)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("expression", "words"), WORDS)
def test_an_expression_is_told_in_words(expression, words) -> None:
    """Usual ones as one would say them, all others field by field; the zone comes last."""
    assert cron.in_words(expression, "Europe/Brussels") == f"{words} (Europe/Brussels)"
    assert cron.in_words(expression) == f"{words} (UTC)"


@pytest.mark.parametrize(("period", "words"), PERIODS)
def test_an_interval_is_told_without_a_zone(period, words) -> None:
    """Real time has none."""
    assert cron.in_words(f"@every {period}", "Europe/Brussels") == words


@given(st.sampled_from(("{} * * * * *", "0 {} * * * *", "0 0 {} * * *")), st.integers(1, 30))
def test_every_n_is_said_only_of_even_steps(pattern, step) -> None:
    """If the words are `every 7 minutes`, all ticks of two days are 7 minutes apart."""
    expression = pattern.format(f"*/{min(step, 23)}")
    words = cron.in_words(expression)
    found = [*cron.ticks(expression, None, START, START + timedelta(days=1, minutes=2))]
    distances = {after - before for before, after in pairwise(found)}
    counts = {"second": 1, "minute": 60, "hour": 3600}
    if words.startswith("every ") and " of " not in words and "day" not in words:
        count, unit = f"{words} 1".split()[1:3]
        count, unit = (int(count), unit) if count.isdigit() else (1, count)
        assert distances == {timedelta(seconds=count * counts[unit.rstrip("s")])}


@given(
    st.lists(st.integers(0, 23), min_size=1, max_size=2, unique=True).map(sorted),
    st.lists(st.integers(0, 59), min_size=1, max_size=2, unique=True).map(sorted),
)
def test_times_of_day_are_told_as_they_come(hours, minutes) -> None:
    """The times in the words are the ticks of a day, in order."""
    expression = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    end = START + timedelta(days=1) - timedelta(seconds=1)
    found = cron.ticks(expression, None, START - timedelta(seconds=1), end)
    words = cron.in_words(expression).replace(",", " ").split()
    assert [f"{tick:%H:%M}" for tick in found] == [word for word in words if ":" in word]


@pytest.mark.parametrize(("expression", "wanted"), WARNED)
def test_what_is_probably_not_meant_is_warned_of(expression, wanted) -> None:
    """One sentence each, and no more of them."""
    found = cron.warnings_of(expression, "Europe/Brussels")
    assert len(found) == len(wanted)
    assert all(text in warning for text, warning in zip(wanted, found, strict=True))


@pytest.mark.parametrize("expression", MEANT)
def test_what_is_meant_is_not_warned_of(expression) -> None:
    """Warnings that come always are read never."""
    assert cron.warnings_of(expression, "Europe/Brussels") == ()


def test_a_schedule_without_a_zone_is_told_that_it_is_utc() -> None:
    """Once, and it can be silenced by saying so; real time needs no zone."""
    (warning,) = cron.warnings_of("30 2 * * *")
    assert "times are UTC" in warning
    assert cron.warnings_of("30 2 * * *", "UTC") == ()
    assert cron.warnings_of("@every 5m") == ()


def test_a_warning_says_what_becomes_of_the_time_that_is_skipped() -> None:
    """It names the day, and the tick that comes instead is a tick."""
    skipped, repeated = cron.warnings_of("30 2 * * *", "Europe/Brussels")
    assert "it fires at 03:00" in skipped
    assert "it fires the first time only" in repeated
    assert 'timezone="UTC"' in skipped
