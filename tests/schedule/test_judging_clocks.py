"""Clocks that jump, stand still or show an hour twice: no tick runs twice, none is lost."""

from __future__ import annotations

import pytest
from looking import DAY, HOUR, MINUTE, YEAR, Paper, at, plan, shown

from taskflow.schedule.judging import judge, wakes_at

NOON = at("2026-03-02T12:00")


def looks(paper, *moments):
    """What runs at each look, as clocks show it."""
    for each in map(at, moments):
        ran = [shown(row.instant) for row in paper.look(each) if row.runs]
        paper.open.clear()  # runs of these tests are over at once
        paper.check()
        yield ran


@pytest.mark.parametrize("catchup", ["latest", "none", "all"])
@pytest.mark.parametrize("back", [HOUR, DAY])
def test_a_clock_that_goes_back_runs_nothing_again(catchup, back):
    """What ran keeps its run; the first tick that has none runs when its time comes."""
    paper = Paper(plan("*/5 * * * *", catchup=catchup), NOON)
    for minute in range(5, 61, 5):
        assert [each.runs for each in paper.look(NOON + minute * MINUTE)] == [True]
        paper.open.clear()
    now = NOON + HOUR - back
    while now < NOON + HOUR + 5 * MINUTE:
        for each in paper.look(now):
            assert each.runs
            assert each.instant <= NOON or each.instant > NOON + HOUR
        paper.open.clear()
        now += MINUTE
    paper.look(now)
    paper.check()
    assert paper.runs == 12 + 1 + (288 - 12 if back == DAY else 0)


@pytest.mark.parametrize("back", [1.0, 59.0])
def test_a_clock_that_is_set_right_by_seconds_changes_nothing(back):
    """What is decided stays so; there is nothing to do until the next tick."""
    paper = Paper(plan("* * * * *"), NOON)
    paper.look(NOON + MINUTE)
    assert paper.look(NOON + MINUTE - back) == []
    assert paper.decided == NOON + MINUTE


@pytest.mark.parametrize(("catchup", "runs"), [("latest", 1), ("none", 0), ("all", 1_000)])
def test_ten_years_ahead_and_back_is_no_storm(catchup, runs):
    """The catch-up of ten years is bounded, and so are its rows; back in the present all goes on.

    What the wrong clock has skipped of the past stays skipped; of the future it is forgotten.
    """
    paper = Paper(plan(catchup=catchup), NOON)
    there = paper.look(NOON + 10 * YEAR)
    assert sum(each.runs for each in there) == runs
    assert len(there) <= 1_001
    assert paper.look(NOON + 10 * YEAR) == []
    paper.check()
    paper.open.clear()
    back = paper.look(NOON + 4 * HOUR)
    assert [(each.instant, each.runs) for each in back] == [
        (NOON + n * HOUR, False) for n in (1, 2, 3, 4)
    ]
    paper.check()
    assert wakes_at(paper.planned, paper.decided) == NOON + 5 * HOUR
    assert [each.runs for each in paper.look(NOON + 5 * HOUR)] == [True]
    paper.check()


def test_an_hour_ahead_and_back_runs_each_tick_once():
    """The tick that ran too early, by the wrong clock, does not run again at the right time."""
    paper = Paper(plan("0 * * * *"), NOON)
    assert list(
        looks(paper, "2026-03-02T13:40", "2026-03-02T12:41", "2026-03-02T13:00", "2026-03-02T14:00")
    ) == [["2026-03-02 13:00"], [], [], ["2026-03-02 14:00"]]


def test_an_outage_after_a_clock_that_was_ahead_accounts_for_all():
    """A row for many skipped ticks leaves out one in their midst that has run too early."""
    paper = Paper(plan("* * * * *", catchup="none"), NOON)
    paper.look(NOON + HOUR)
    paper.look(NOON + MINUTE)
    paper.look(NOON + DAY)
    paper.check()
    ran = [shown(each) for each, row in sorted(paper.rows.items()) if row.runs]
    assert ran == ["2026-03-02 13:00", "2026-03-03 12:00"][: len(ran)]


def test_a_restart_in_the_repeated_hour_runs_nothing_twice():
    """01:30 has run in the first pass; in the second it is not due, by whatever policy."""
    for catchup in ("latest", "none", "all"):
        planned = plan("30 1 * * *", zone="America/New_York", catchup=catchup)
        paper = Paper(planned, at("2025-11-02T05:00"))
        ran = list(looks(paper, "2025-11-02T05:30:01", "2025-11-02T06:10", "2025-11-02T06:30:01"))
        assert ran == [["2025-11-02 05:30"], [], []]
        assert wakes_at(planned, paper.decided) == at("2025-11-03T06:30")


def test_a_wildcard_runs_in_both_passes_of_the_repeated_hour():
    """Each half hour that a clock shows is a tick, also the second time, also after a restart."""
    planned = plan("*/30 * * * *", zone="America/New_York", catchup="all")
    paper = Paper(planned, at("2025-11-02T05:00"))
    assert list(looks(paper, "2025-11-02T05:30", "2025-11-02T07:00")) == [
        ["2025-11-02 05:30"],
        ["2025-11-02 06:00", "2025-11-02 06:30", "2025-11-02 07:00"],
    ]


@pytest.mark.parametrize(
    ("catchup", "down", "ran", "skipped"),
    [
        ("latest", 10 * MINUTE, 1, 1),
        ("none", 10 * MINUTE, 1, 1),
        ("all", 10 * MINUTE, 2, 0),
        ("latest", 3 * HOUR, 1, 35),
        ("none", 3 * HOUR, 1, 35),
        ("all", 3 * HOUR, 36, 0),
    ],
)
def test_after_a_machine_was_suspended_its_policy_is_applied(catchup, down, ran, skipped):
    """Ten minutes or three hours of `*/5`: all is run or recorded in the first look after it."""
    paper = Paper(plan("*/5 * * * *", catchup=catchup), NOON)
    verdicts = paper.look(NOON + down)
    assert sum(each.runs for each in verdicts) == ran
    assert sum(not each.runs for each in verdicts) == skipped
    assert all(each.why for each in verdicts if not each.runs)
    paper.check()


def test_by_none_what_is_more_than_a_minute_late_is_skipped():
    """Three hours and two minutes after it went to sleep, the last tick is too old as well."""
    paper = Paper(plan("*/5 * * * *", catchup="none"), NOON)
    verdicts = paper.look(NOON + 3 * HOUR + 2 * MINUTE)
    assert not any(each.runs for each in verdicts)
    assert verdicts[-1].why == '2m 00s late; catchup is "none"'
    paper.check()


def test_a_judgement_is_a_function_of_what_it_is_told():
    """Two services that look at one moment say the same."""
    standing = Paper(plan("*/7 * * * *", jitter=300.0), NOON).standing(NOON + DAY)
    assert judge(standing, NOON + DAY) == judge(standing, NOON + DAY)
