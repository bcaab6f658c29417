"""What other crons say of the same expressions, wherever their rules are ours.

The tables of robfig/cron (spec_test.go) and Cronos (CronExpressionFacts.cs) are written down here
as expression, start and answer; croniter and cronsim are asked. Left out is where they differ by
intent: robfig skips what clocks skip and repeats what they repeat; Cronos also counts ranges and
lists as wildcards.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterBadDateError, croniter
from cronsim import CronSim
from hypothesis import assume, given
from hypothesis import strategies as st

from taskflow import cron
from taskflow.errors import DefinitionError

ROBFIG_NEXT = (
    ("0 0/15 * * * *", "2012-07-09 14:45", "2012-07-09 15:00"),
    ("0 0/15 * * * *", "2012-07-09 14:59:59", "2012-07-09 15:00"),
    ("0 20-35/15 * * * *", "2012-07-09 15:45", "2012-07-09 16:20"),
    ("0 */15 * * * *", "2012-07-09 23:46", "2012-07-10 00:00"),
    ("0 20-35/15 * * * *", "2012-07-09 23:45", "2012-07-10 00:20"),
    ("15/35 20-35/15 * * * *", "2012-07-09 23:35:51", "2012-07-10 00:20:15"),
    ("15/35 20-35/15 1/2 * * *", "2012-07-09 23:35:51", "2012-07-10 01:20:15"),
    ("15/35 20-35/15 10-12 * * *", "2012-07-09 23:35:51", "2012-07-10 10:20:15"),
    ("15/35 20-35/15 1/2 */2 * *", "2012-07-09 23:35:51", "2012-07-11 01:20:15"),
    ("15/35 20-35/15 * 9-20 * *", "2012-07-09 23:35:51", "2012-07-10 00:20:15"),
    ("15/35 20-35/15 * 9-20 Jul *", "2012-07-09 23:35:51", "2012-07-10 00:20:15"),
    ("0 0 0 9 Apr-Oct ?", "2012-07-09 23:35", "2012-08-09 00:00"),
    ("0 0 0 */5 Apr,Aug,Oct Mon", "2012-07-09 23:35", "2012-08-06 00:00"),
    ("0 0 0 */5 Oct Mon", "2012-07-09 23:35", "2012-10-01 00:00"),
    ("0 0 0 * Feb Mon", "2012-07-09 23:35", "2013-02-04 00:00"),
    ("0 0 0 * Feb Mon/2", "2012-07-09 23:35", "2013-02-01 00:00"),
    ("0 * * * * *", "2012-12-31 23:59:45", "2013-01-01 00:00"),
    ("0 0 0 29 Feb ?", "2012-07-09 23:35", "2016-02-29 00:00"),
)
ROBFIG_ACTIVE = (
    ("0 0/15 * * * *", "2012-07-09 15:45", True),
    ("0 0/15 * * * *", "2012-07-09 15:40", False),
    ("0 5/15 * * * *", "2012-07-09 15:50", True),
    ("0 0/15 * * Jul *", "2012-07-15 15:00", True),
    ("0 0/15 * * Jun *", "2012-07-15 15:00", False),
    ("0 30 08 ? Jul Sun", "2012-07-15 08:30", True),
    ("0 30 08 15 Jul ?", "2012-07-15 08:30", True),
    ("0 30 08 ? Jul Sun", "2012-07-16 08:30", False),
    ("0 30 08 15 Jul ?", "2012-07-16 08:30", False),
    ("@hourly", "2012-07-09 15:00", True),
    ("@hourly", "2012-07-09 15:04", False),
    ("@daily", "2012-07-09 15:00", False),
    ("@daily", "2012-07-09 00:00", True),
    ("@weekly", "2012-07-09 00:00", False),
    ("@weekly", "2012-07-08 00:00", True),
    ("@weekly", "2012-07-08 01:00", False),
    ("@monthly", "2012-07-08 00:00", False),
    ("@monthly", "2012-07-01 00:00", True),
    # Two fields of days: one is enough, both must match if one starts with a star.
    ("* * 1,15 * Sun", "2012-07-15 00:00", True),
    ("* * 1,15 * Sun", "2012-06-15 00:00", True),
    ("* * 1,15 * Sun", "2012-08-01 00:00", True),
    ("* * * * Mon", "2012-07-15 00:00", False),
    ("* * */10 * Sun", "2012-07-15 00:00", False),
    ("* * 1,15 * *", "2012-07-09 00:00", False),
    ("* * 1,15 * *", "2012-07-15 00:00", True),
    ("* * */2 * Sun", "2012-07-15 00:00", True),
)
ROBFIG_NEW_YORK = (
    ("0 0 * * * ?", "2012-03-11T00:00:00-05:00", "2012-03-11T01:00:00-05:00"),
    ("0 0 * * * ?", "2012-03-11T01:00:00-05:00", "2012-03-11T03:00:00-04:00"),
    ("0 0 * * * ?", "2012-03-11T03:00:00-04:00", "2012-03-11T04:00:00-04:00"),
    ("0 0 1 * * ?", "2012-03-11T00:00:00-05:00", "2012-03-11T01:00:00-05:00"),
    ("0 0 1 * * ?", "2012-03-11T01:00:00-05:00", "2012-03-12T01:00:00-04:00"),
    ("0 30 2 04 Nov ?", "2012-11-04T00:00:00-04:00", "2012-11-04T02:30:00-05:00"),
    ("0 0 * * * ?", "2012-11-04T00:00:00-04:00", "2012-11-04T01:00:00-04:00"),
    ("0 0 * * * ?", "2012-11-04T01:00:00-04:00", "2012-11-04T01:00:00-05:00"),
    ("0 0 * * * ?", "2012-11-04T01:00:00-05:00", "2012-11-04T02:00:00-05:00"),
    ("0 0 1 * * ?", "2012-11-04T00:00:00-04:00", "2012-11-04T01:00:00-04:00"),
    ("0 0 1 * * ?", "2012-11-04T01:00:00-05:00", "2012-11-05T01:00:00-05:00"),
    ("0 0 2 * * ?", "2012-11-04T00:00:00-04:00", "2012-11-04T02:00:00-05:00"),
    ("0 0 3 * * ?", "2012-11-04T03:00:00-05:00", "2012-11-05T03:00:00-05:00"),
)
CRONOS = (
    ("America/New_York", "0 */30 * * * *", "2016-03-13T01:45-05:00", "2016-03-13T03:00-04:00"),
    ("America/New_York", "0 0,30 2 * * *", "2016-03-13T01:59-05:00", "2016-03-13T03:00-04:00"),
    ("America/New_York", "0 0,30 02 13 03 *", "2016-03-13T01:45-05:00", "2016-03-13T03:00-04:00"),
    ("America/New_York", "0 30 2 * * *", "2016-03-13T01:59-05:00", "2016-03-13T03:00-04:00"),
    ("America/New_York", "0 30 2 * * *", "2016-03-12T02:30-05:00", "2016-03-13T03:00-04:00"),
    ("America/New_York", "0 30 0-23/2 * * *", "2016-03-13T00:30-05:00", "2016-03-13T03:00-04:00"),
    ("America/New_York", "0 0,59 * * * *", "2016-03-13T01:59-05:00", "2016-03-13T03:00-04:00"),
    ("America/Santiago", "30 23 * * *", "2017-05-13T23:59:59-03:00", "2017-05-14T23:30-04:00"),
    ("Australia/Lord_Howe", "0 */30 * * * *", "2017-10-01T01:45+10:30", "2017-10-01T02:30+11:00"),
    ("Australia/Lord_Howe", "0 0,30 2 * * *", "2017-10-01T01:59+10:30", "2017-10-01T02:30+11:00"),
    (
        "Australia/Lord_Howe",
        "0 0,30 02 01 10 *",
        "2017-10-01T01:45+10:30",
        "2017-10-01T02:30+11:00",
    ),
    ("Australia/Lord_Howe", "0 30 2 * * *", "2017-10-01T01:59+10:30", "2017-10-01T02:30+11:00"),
    ("Australia/Lord_Howe", "0 */30 */2 * * *", "2017-04-02T01:30+11:00", "2017-04-02T02:00+10:30"),
    ("Australia/Lord_Howe", "0 0 */2 * * *", "2017-04-02T00:30+11:00", "2017-04-02T02:00+10:30"),
    ("Australia/Lord_Howe", "0 0 2-3 * * *", "2017-04-02T00:30+11:00", "2017-04-02T02:00+10:30"),
    ("Australia/Lord_Howe", "0 */30 * * * *", "2017-04-02T01:59+11:00", "2017-04-02T01:30+10:30"),
    ("Australia/Lord_Howe", "0 30 * * * *", "2017-04-02T01:59+11:00", "2017-04-02T01:30+10:30"),
    ("Australia/Lord_Howe", "0 30 */1 * * *", "2017-04-02T01:59+11:00", "2017-04-02T01:30+10:30"),
    ("Australia/Lord_Howe", "0 */30 1 * * *", "2017-04-02T01:20+11:00", "2017-04-02T01:30+11:00"),
    ("Australia/Lord_Howe", "0 */30 1 * * *", "2017-04-02T01:59+11:00", "2017-04-02T01:30+10:30"),
    ("Australia/Lord_Howe", "0 0,30 1 * * *", "2017-04-02T01:20+11:00", "2017-04-02T01:30+11:00"),
    ("Australia/Lord_Howe", "0 0,30 1 * * *", "2017-04-02T01:30+10:30", "2017-04-03T01:00+10:30"),
    ("Australia/Lord_Howe", "0 30 1 * * *", "2017-04-02T01:30+10:30", "2017-04-03T01:30+10:30"),
)

START = datetime(2024, 1, 1, tzinfo=UTC)


def plain(low, high, names=()):
    """Texts for a field: what all crons read alike."""
    values = st.integers(low, high).map(str)
    ranges = (
        st.lists(st.integers(low, high), min_size=2, max_size=2, unique=True)
        .map(sorted)
        .map(lambda pair: f"{pair[0]}-{pair[1]}")
    )
    steps = st.integers(1, (high - low + 1) // 2).map(lambda step: f"*/{step}")
    named = [st.sampled_from(names)] if names else []
    items = st.one_of(values, ranges, *named)
    lists = st.lists(items, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), values, lists, steps)


MINUTES, HOURS = plain(0, 59), plain(0, 23)
MONTHS = st.one_of(st.just("*"), plain(1, 12, ("jan", "JUL", "dec")))
DAYS = st.one_of(st.just("*"), plain(1, 31), st.just("L"))
WEEKDAYS = st.one_of(st.just("*"), plain(0, 6, ("sun", "Wed", "mon-fri")))
FIVE = st.tuples(MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS).map(" ".join)
SPECIAL = st.sampled_from(
    (
        "15W",
        "1W",
        "31W",
        "L",
        "1,L",
        "* * 5#2",
        "* * mon#1,wed#3",
        "* * L5",
        "* * 5-7",
        "* * fri-sun",
    )
).map(lambda days: days if " " in days else f"{days} * *")


@pytest.mark.parametrize(("expression", "after", "wanted"), ROBFIG_NEXT)
def test_the_next_ticks_of_robfig_cron_are_ours(expression, after, wanted) -> None:
    """Steps, ranges and names over the ends of days, months and years."""
    assert cron.next_tick(expression, None, there(after)) == there(wanted)


@pytest.mark.parametrize(("expression", "moment", "is_tick"), ROBFIG_ACTIVE)
def test_what_robfig_cron_finds_active_is_a_tick(expression, moment, is_tick) -> None:
    """A moment is a tick, or it is not, of two fields of days too."""
    found = cron.next_tick(expression, None, there(moment) - timedelta(seconds=1))
    assert (found == there(moment)) == is_tick


@pytest.mark.parametrize(("expression", "after", "wanted"), ROBFIG_NEW_YORK)
def test_changing_clocks_are_taken_as_by_robfig_cron(expression, after, wanted) -> None:
    """Where it neither skips nor repeats a time of day, its days in New York are ours."""
    found = cron.next_tick(expression, "America/New_York", datetime.fromisoformat(after))
    assert found.isoformat() == wanted


@pytest.mark.parametrize(("zone", "expression", "after", "wanted"), CRONOS)
def test_changing_clocks_are_taken_as_by_cronos(zone, expression, after, wanted) -> None:
    """Times of day that are skipped come at once, and once; wildcards follow the clock."""
    found = cron.next_tick(expression, zone, datetime.fromisoformat(after))
    assert found.isoformat(timespec="minutes") == wanted


@given(FIVE, st.integers(0, 4 * 366 * 24 * 60))
def test_croniter_finds_the_same_ticks_in_utc(expression, minutes) -> None:
    """Five fields, in UTC: the next ticks are those of croniter, read as cron(8) reads them."""
    assert_like_croniter(expression, START + timedelta(minutes=minutes))


@given(st.tuples(MINUTES, HOURS, SPECIAL).map(" ".join), st.integers(0, 1500))
def test_croniter_finds_the_same_days_with_letters(expression, days) -> None:
    """`L`, `W`, `#` and weeks that end on Sunday."""
    assert_like_croniter(expression, START + timedelta(days=days))


@given(plain(0, 59), FIVE, st.sampled_from(("", " *", " 2024-2030", " 2025")))
def test_croniter_finds_the_same_ticks_with_seconds_and_years(second, five, year) -> None:
    """Six and seven fields, seconds first."""
    assert_like_croniter(f"{second} {five}{year}", START)


@given(FIVE, st.integers(0, 365 * 24 * 60))
def test_cronsim_finds_the_same_ticks_around_the_world(expression, minutes) -> None:
    """Five fields in a zone that changes its clocks: cronsim keeps Debian's rule too."""
    zone = ZoneInfo("Europe/Riga")
    after = START + timedelta(minutes=minutes)
    # In the repeated hour it returns what is past.
    assume(not is_repeated(after, zone))
    assume(is_accepted(expression))
    theirs = [
        each.astimezone(UTC) for each in islice(CronSim(expression, after.astimezone(zone)), 5)
    ]
    assert ours(expression, zone, after, len(theirs)) == theirs


def assert_like_croniter(expression, after):
    """Five ticks of ours are five of croniter's; what one finds impossible, so does the other."""
    assume(is_accepted(expression))
    theirs = croniter(
        expression,
        after.replace(tzinfo=None),
        ret_type=datetime,
        implement_cron_bug=True,
        second_at_beginning=True,
    )
    try:
        wanted = [theirs.get_next().replace(tzinfo=UTC) for _ in range(5)]
    except CroniterBadDateError:
        wanted = []
    found = ours(expression, None, after, 5)
    if wanted:
        assert found == wanted
    else:
        assert len(found) < 5


def ours(expression, zone, after, count):
    """The next ticks of taskflow, in UTC."""
    found = cron.ticks(expression, zone, after, datetime(2099, 1, 1, tzinfo=UTC))
    return [each.astimezone(UTC) for each in islice(found, count)]


def is_accepted(expression):
    """Whether it has one meaning, and a tick to come."""
    try:
        cron.in_words(expression)
    except DefinitionError:
        return False
    return cron.next_tick(expression, None, START) is not None


def is_repeated(moment, zone):
    """Whether clocks show the same an hour before or after."""
    wall = moment.astimezone(zone).replace(tzinfo=None)
    hour = timedelta(hours=1)
    return wall in {(moment + each).astimezone(zone).replace(tzinfo=None) for each in (hour, -hour)}


def there(text):
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
