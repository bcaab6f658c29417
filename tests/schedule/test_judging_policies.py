"""What becomes of ticks that are due: every combination of policies, as tables."""

from __future__ import annotations

import pytest
from looking import DAY, HOUR, MINUTE, Paper, at, plan, shown

from taskflow.planned import Standing
from taskflow.policies import OVERLAPS
from taskflow.schedule.coming import coming
from taskflow.schedule.judging import MOST_CAUGHT_UP, judge, wakes_at

NOON = at("2026-03-02T12:00")
LATER = "a later one was due before anybody was there"
RUNNING, WAITING = ("r1", "running"), ("r2", "queued")

# Down from noon to five past three, with a tick each hour: catchup, grace in seconds, hours that
# run, and why the last one does not.
OUTAGES = (
    ("latest", None, [15], ""),
    ("latest", 600.0, [15], ""),
    ("latest", 299.0, [], "5m 00s late; misfire_grace is 4m 59s"),
    ("none", None, [], '5m 00s late; catchup is "none"'),
    ("none", 600.0, [15], ""),
    ("none", 30.0, [], "5m 00s late; misfire_grace is 30.0s"),
    ("all", None, [13, 14, 15], ""),
    ("all", 4000.0, [14, 15], ""),
    ("all", 30.0, [], "5m 00s late; misfire_grace is 30.0s"),
)

# Overlap, runs that have not ended: what becomes of a tick that is due now.
OVERLAPPING = (
    ("skip", [], "runs"),
    ("skip", [RUNNING], 'run r1 is running; overlap is "skip"'),
    ("skip", [WAITING], 'run r2 is queued; overlap is "skip"'),
    ("queue_one", [], "runs"),
    ("queue_one", [RUNNING], "runs"),
    ("queue_one", [RUNNING, WAITING], 'run r2 waits already; overlap is "queue_one"'),
    ("queue", [], "runs"),
    ("queue", [RUNNING], "runs"),
    ("queue", [RUNNING, WAITING], "runs"),
    ("cancel_running", [], "runs"),
    ("cancel_running", [RUNNING], "takes its place"),
    ("cancel_running", [RUNNING, WAITING], "takes its place"),
    ("allow", [], "runs"),
    ("allow", [RUNNING, WAITING], "runs"),
)


@pytest.mark.parametrize(("catchup", "grace", "hours", "why"), OUTAGES)
@pytest.mark.parametrize("overlap", OVERLAPS)
def test_after_an_outage_ticks_run_as_catchup_and_grace_say(catchup, grace, hours, why, overlap):
    """Each of the three ticks runs, or is skipped with a reason; `overlap` changes nothing."""
    planned = plan(catchup=catchup, grace=grace, overlap=overlap)
    until, verdicts = judge(Standing(planned, NOON), NOON + 3 * HOUR + 5 * MINUTE)
    assert until == NOON + 3 * HOUR
    assert [each.instant for each in verdicts] == [NOON + n * HOUR for n in (1, 2, 3)]
    assert [each.instant for each in verdicts if each.runs] == [
        NOON + (n - 12) * HOUR for n in hours
    ]
    assert all(bool(each.why) != each.runs for each in verdicts)
    assert verdicts[-1].why == why
    if catchup != "all":
        assert [each.why for each in verdicts[:-1]] == [LATER] * 2


@pytest.mark.parametrize(("overlap", "runs", "becomes"), OVERLAPPING)
@pytest.mark.parametrize("catchup", ["latest", "none", "all"])
@pytest.mark.parametrize("grace", [None, 10.0])
def test_a_tick_that_is_due_while_others_go_on_does_as_overlap_says(
    overlap, runs, becomes, catchup, grace
):
    """Whatever the schedule does about ticks that are late."""
    planned = plan(catchup=catchup, grace=grace, overlap=overlap)
    _, [verdict] = judge(Standing(planned, NOON, tuple(runs)), NOON + HOUR + 1)
    assert verdict.runs == (becomes in ("runs", "takes its place"))
    assert verdict.cancels == (becomes == "takes its place")
    assert verdict.runs or verdict.why == becomes


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_what_is_caught_up_by_all_has_overlapped_with_nothing(overlap):
    """Ticks of an outage all run, whatever runs of earlier ones go on."""
    planned = plan(catchup="all", overlap=overlap)
    _, verdicts = judge(Standing(planned, NOON, (RUNNING, WAITING)), NOON + 5 * HOUR)
    assert [each.runs for each in verdicts] == [True] * 5
    assert not any(each.cancels for each in verdicts)


def test_each_run_knows_the_tick_before_its_own():
    """The data of a tick is that of the interval before it, also where ticks were skipped."""
    for catchup in ("latest", "all"):
        _, verdicts = judge(Standing(plan(catchup=catchup), NOON), NOON + 3 * HOUR)
        for each in verdicts:
            assert not each.runs or each.previous == each.instant - HOUR


def test_the_first_tick_after_a_start_has_none_before():
    """There is no interval of data before a schedule begins."""
    _, [verdict] = judge(Standing(plan(start=NOON), NOON - DAY), NOON)
    assert (verdict.instant, verdict.runs, verdict.previous) == (NOON, True, None)


def test_all_catches_up_a_thousand_and_tells_of_the_rest():
    """After a week of minutes the last 1,000 run; one row tells of the 9,080 before."""
    _, verdicts = judge(Standing(plan("* * * * *", catchup="all"), NOON), NOON + 7 * DAY)
    skipped, *run = verdicts
    assert (len(run), all(each.runs for each in run)) == (MOST_CAUGHT_UP, True)
    assert (skipped.runs, skipped.ticks) == (False, 7 * 1440 - MOST_CAUGHT_UP)
    assert (skipped.instant, skipped.until) == (NOON + MINUTE, run[0].instant - MINUTE)
    assert skipped.why == 'catchup="all" starts the last 1,000'


@pytest.mark.parametrize(
    ("minutes", "rows", "ticks"),
    [(101, 100, 1), (102, 1, 101), (10_100, 1, 10_099), (10_101, 1, 0), (3_000_000, 1, 0)],
)
def test_a_few_skipped_ticks_have_a_row_each_and_many_one_together(minutes, rows, ticks):
    """Up to a hundred; of more than 10,000 nobody says how many there were."""
    _, verdicts = judge(Standing(plan("* * * * *"), NOON), NOON + minutes * MINUTE)
    *skipped, last = verdicts
    assert (len(skipped), skipped[0].ticks) == (rows, ticks)
    assert max(skipped[-1].until, skipped[-1].instant) == last.instant - MINUTE


@pytest.mark.parametrize("catchup", ["latest", "none", "all"])
def test_what_was_due_in_a_pause_is_skipped_whatever_the_policy(catchup):
    """None of it runs, each says why, and the next tick is an ordinary one."""
    standing = Standing(plan(catchup=catchup), NOON, is_paused=True)
    until, verdicts = judge(standing, NOON + 3 * HOUR + 1)
    assert until == NOON + 3 * HOUR
    assert [(each.runs, each.why) for each in verdicts] == [(False, "paused")] * 3
    _, [verdict] = judge(standing._replace(decided=until, is_paused=False), NOON + 4 * HOUR)
    assert verdict.runs


def test_a_tick_that_has_a_run_already_is_left_out():
    """It was given one before it was due: what is skipped around it is told in two rows."""
    standing = Standing(plan("* * * * *"), NOON, taken=(NOON + 300 * MINUTE, NOON + DAY))
    until, verdicts = judge(standing, NOON + DAY)
    assert until == NOON + DAY
    assert [(shown(each.instant), each.ticks) for each in verdicts] == [
        ("2026-03-02 12:01", 299),
        ("2026-03-02 17:01", 1139),
    ]


def test_nothing_is_due_before_the_start_or_after_the_end():
    """Both bounds count themselves; beyond them there is no tick, and nothing to wake up for."""
    planned = plan(start=NOON, end=NOON + 2 * HOUR, catchup="all")
    assert judge(Standing(planned, NOON - DAY), NOON - 1) == (NOON - DAY, [])
    assert wakes_at(planned, NOON - DAY) == NOON
    paper = Paper(planned, NOON - DAY)
    assert [each.instant for each in paper.look(NOON + DAY)] == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    paper.check()
    assert paper.look(NOON + 9 * DAY) == []
    assert wakes_at(planned, paper.decided) is None
    assert coming(planned, NOON - DAY, 9) == [NOON, NOON + HOUR, NOON + 2 * HOUR]


def test_a_schedule_that_only_follows_others_has_no_ticks():
    """It is started by what they do, and by no clock."""
    planned = plan("", follows=("other",))
    assert judge(Standing(planned, NOON), NOON + DAY) == (NOON, [])
    assert wakes_at(planned, NOON) is None
