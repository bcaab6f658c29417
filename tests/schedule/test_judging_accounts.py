"""However often, however late and by whatever clock a service looks, each tick has one end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from looking import DAY, HOUR, MINUTE, SECOND, YEAR, Paper, at, plan, ticks_of

from taskflow.planned import Standing
from taskflow.policies import CATCHUPS, OVERLAPS
from taskflow.schedule.coming import coming
from taskflow.schedule.judging import judge, wakes_at

# How often, and how far one may look ahead without counting for minutes.
CRONS = {
    "* * * * * *": HOUR,
    "*/7 * * * * *": DAY,
    "@every 90s": 20 * DAY,
    "@every 1.5s": DAY / 3,
    "* * * * *": 12 * DAY,
    "*/5 * * * *": 60 * DAY,
    "30 * * * *": YEAR,
    "0 */2 * * *": YEAR,
    "30 1 * * *": 9 * YEAR,
    "30 2 * * *": 9 * YEAR,
    "0,30 0-4 * * 6,7": 9 * YEAR,
    "0 0 L * *": 30 * YEAR,
    "0 12 29 2 *": 60 * YEAR,
    "0 0 0 1 1 * 2030": 60 * YEAR,
}
ZONES = (
    "UTC", "Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
    "Antarctica/Troll", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu",
)  # fmt: skip
#: Shortly before clocks are set back in Europe; others are changed within the same months.
AUTUMN = at("2025-10-25T20:00")


@st.composite
def schedules(draw):
    """A schedule with any policies, and how far one may look ahead."""
    expression = draw(st.sampled_from(sorted(CRONS)))
    far = CRONS[expression]
    bounds = st.none() | st.floats(-far, far).map(lambda each: round(AUTUMN + each))
    planned = plan(
        expression,
        zone=draw(st.sampled_from(ZONES)),
        catchup=draw(st.sampled_from(CATCHUPS)),
        overlap=draw(st.sampled_from(OVERLAPS)),
        grace=draw(st.sampled_from((None, 1.0, 600.0, DAY))),
        jitter=draw(st.sampled_from((0.0, 1.0, 300.0, 2 * DAY))),
        start=draw(bounds),
        end=draw(bounds),
    )
    return planned, far


def gaps(far):
    """Seconds until somebody looks again: a moment, an outage, a suspended machine."""
    ordinary = st.floats(SECOND, min(far, 10 * MINUTE))
    return ordinary | st.floats(SECOND, min(far, DAY)) | st.floats(SECOND, far)


@given(schedules(), st.data())
def test_each_tick_of_the_cron_is_decided_once(drawn, data):
    """Each is a row, or one of those that a row stands for, whose number is right."""
    planned, far = drawn
    now = AUTUMN + data.draw(st.floats(0, DAY))
    paper = Paper(planned, now)
    for gap in data.draw(st.lists(gaps(far), min_size=1, max_size=8)):
        now += gap
        assert_in_order(paper.decided, paper.look(now), now)
        assert_quiet(paper, now)
        for run in data.draw(st.sets(st.sampled_from([*paper.open] or [""]))):
            paper.open.pop(run, None)
    paper.check()


@given(schedules(), st.data())
def test_no_clock_makes_a_tick_run_twice(drawn, data):
    """It goes back by an hour, or ahead by years, again and again: what ran does not run anew.

    Whatever is decided at the end is accounted for; what was skipped and is in the future again
    is not decided.
    """
    planned, far = drawn
    now = AUTUMN + data.draw(st.floats(0, DAY))
    paper = Paper(planned, now)
    jumps = st.floats(-min(far, 400 * DAY), far) | st.sampled_from(
        (-HOUR, -DAY, HOUR, -59.0, -61.0)
    )
    for jump in data.draw(st.lists(gaps(far) | jumps, min_size=1, max_size=10)):
        now += jump
        paper.look(now)
        assert_quiet(paper, now)
    paper.check()


@given(schedules())
def test_jitter_changes_neither_which_ticks_there_are_nor_their_order(drawn):
    """Each tick waits for less than the jitter, and never until the next one."""
    planned, _ = drawn
    plain = planned._replace(jitter=0.0)
    every = coming(plain, AUTUMN, 30)
    assert coming(planned, AUTUMN, 30) == every
    assert ticks_of(planned, AUTUMN, every[-1] if every else AUTUMN) == every
    for tick, after in pairwise(every):
        wakes = wakes_at(planned, tick - 0.001)
        assert tick <= wakes < after
        assert wakes - tick <= planned.jitter
        assert judge(Standing(planned, tick - 0.001), wakes)[0] == tick
        assert wakes == tick or judge(Standing(planned, tick - 0.001), tick) == (tick - 0.001, [])


def assert_in_order(decided, verdicts, now):
    """All of what was decided came after what was known, in order, and is not yet to come."""
    assert all(before.instant < after.instant for before, after in pairwise(verdicts))
    assert all(decided < each.instant <= now for each in verdicts)


def assert_quiet(paper, now):
    """Whoever has looked has nothing to do at that moment: there is no tight loop."""
    assert paper.look(now) == []
    wakes = wakes_at(paper.planned, paper.decided)
    assert wakes is None or wakes > now
