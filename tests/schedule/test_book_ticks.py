"""What a store keeps of ticks: each once, with its run; pauses, edits, backfills, clocks."""

from __future__ import annotations

import threading

import pytest
from booking import (
    HOUR,
    ME,
    NOON,
    at,
    decide,
    drive,
    end,
    ids,
    opened,
    pipeline,
    plan,
    put,
    resume,
    said,
)
from keeping import TRACE

from taskflow.errors import RunOwnedError, StoreError
from taskflow.planned import Given
from taskflow.schedule.agenda import Agenda
from taskflow.schedule.judging import judge

DAY = 24 * HOUR
MINUTE = 60.0


@pytest.fixture
def store(tmp_path):
    """A store in a folder that others open, too."""
    made = opened(tmp_path)
    yield made
    made.close()


def test_a_tick_and_its_run_are_kept_together(store):
    """The run has the version, the parameters of the schedule, its tick and the one before."""
    given = Given((("day", "'mon'"),), (("day", "mon"),), b"pickle")
    put(store, pipeline("scrape", plan(id="scrape", given=given), settings={"x": 1}, tags=("a",)))
    [tick] = decide(store, NOON + HOUR + 1)
    run = store.find(tick.run)
    assert (run.state, run.pipeline, run.schedule) == ("queued", "scrape", "scrape")
    assert (run.tick, run.previous, run.version) == (NOON + HOUR, NOON, "v1")
    assert (run.params, run.values, run.given) == (given.shown, given.values, b"pickle")
    assert (run.settings, run.tags) == ({"x": 1}, ("a",))
    assert store.book.ticks("scrape") == [tick]
    assert store.book.last_runs() == {"scrape": tick}


def test_what_is_decided_is_not_decided_again(store):
    """By whoever looks a second time, at the same moment or a bit later."""
    put(store, pipeline())
    assert len(decide(store, NOON + HOUR)) == 1
    assert decide(store, NOON + HOUR) == []
    assert decide(store, NOON + HOUR + 5) == []
    assert len(store.runs()) == 1


def test_of_two_services_that_judged_at_the_same_time_one_starts_the_run(store, tmp_path):
    """Even if the second one was told how the schedule stood before the first."""
    put(store, pipeline())
    other = opened(tmp_path)
    seen = []
    decide(store, NOON + HOUR)

    def late(standing):
        seen.append(standing.decided)
        return judge(standing._replace(decided=NOON, taken=()), NOON + HOUR)

    assert other.book.decide(["scrape"], late, ids(), NOON + HOUR) == []
    other.close()
    assert seen == [NOON + HOUR]
    assert len(store.runs()) == 1


def test_a_run_by_hand_at_the_moment_of_a_tick_is_one_more(store):
    """Both exist, and the tick is not held for started."""
    put(store, pipeline())
    by_hand = store.book.submit("scrape", Given(), ids("hand"), NOON + HOUR)
    [tick] = decide(store, NOON + HOUR)
    assert {run.id: run.schedule for run in store.runs()} == {by_hand: "", tick.run: "scrape"}
    with pytest.raises(StoreError, match="has a pipeline 'nothing'"):
        store.book.submit("nothing", Given(), ids(), NOON)


def test_many_runs_of_one_moment_have_ids_of_their_own(store):
    """An id that another run has is not used again."""
    put(store, *[pipeline(f"p{number}") for number in range(20)])
    ticks = decide(store, NOON + HOUR, new_id=iter([f"r{n // 3}" for n in range(99)]).__next__)
    assert len({each.run for each in ticks}) == 20


# --- pauses --------------------------------------------------------------------------------


@pytest.mark.parametrize("catchup", ["latest", "none", "all"])
def test_a_resume_never_fires_the_past(store, catchup):
    """What was due in the pause is recorded as skipped; what comes next runs."""
    put(store, pipeline("scrape", plan(id="scrape", catchup=catchup)))
    assert store.book.pause("scrape")
    assert decide(store, NOON + HOUR) == []
    skipped = resume(store, "scrape", NOON + 2.5 * HOUR)
    assert said(skipped) == [(1, False, "paused"), (2, False, "paused")]
    assert decide(store, NOON + 2.5 * HOUR) == []
    assert said(decide(store, NOON + 3 * HOUR)) == [(3, True, "")]
    assert len(store.book.ticks("scrape")) == 3


def test_a_resume_that_is_asked_to_catches_up(store):
    """Then the pause was an outage, and the policy of the schedule says what runs."""
    put(store, pipeline("scrape", plan(id="scrape", catchup="all")))
    store.book.pause("scrape")
    assert resume(store, "scrape", NOON + 2.5 * HOUR, catch_up=True) == []
    assert said(decide(store, NOON + 2.5 * HOUR)) == [(1, True, ""), (2, True, "")]


def test_a_tick_that_jitter_has_put_off_beyond_the_resume_runs(store):
    """It was not due in the pause: only its nominal time was."""
    jittered = plan("0 12 * * *", id="scrape", jitter=DAY)
    put(store, pipeline("scrape", jittered), now=NOON - HOUR)
    store.book.pause("scrape")
    assert resume(store, "scrape", NOON + 1) == []
    assert decide(store, NOON + DAY)[0].instant == NOON


def test_a_schedule_that_goes_on_is_not_harmed_by_a_resume(store):
    """Nothing is skipped for it; and one that nobody knows is neither paused nor resumed."""
    put(store, pipeline())
    assert resume(store, "scrape", NOON + HOUR) == []
    assert said(decide(store, NOON + HOUR)) == [(1, True, "")]
    assert resume(store, "nothing", NOON) is None
    assert not store.book.pause("nothing")


# --- edits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("catchup", ["latest", "all"])
@pytest.mark.parametrize("change", [{"cron": "*/5 * * * *"}, {"zone": "Asia/Kathmandu"}])
def test_another_cron_does_not_fire_the_past(store, catchup, change):
    """Ticks that it would have had before the edit never were."""
    planned = plan(id="scrape", catchup=catchup)
    put(store, pipeline("scrape", planned))
    put(store, pipeline("scrape", planned._replace(**change)), now=NOON + 5.01 * HOUR)
    assert decide(store, NOON + 5.01 * HOUR) == []
    assert len(decide(store, NOON + 6 * HOUR)) >= 1
    assert all(each.instant > NOON + 5.01 * HOUR for each in store.book.ticks("scrape"))


def test_an_edit_that_leaves_the_times_alone_forgets_no_tick(store):
    """What was due before the edit is started after it, by the new version."""
    put(store, pipeline())
    put(store, pipeline()._replace(version="v2"), now=NOON + HOUR + 1)
    [tick] = decide(store, NOON + HOUR + 2)
    assert (tick.instant, store.find(tick.run).version) == (NOON + HOUR, "v2")


def test_a_schedule_that_vanishes_and_comes_back_does_not_fire_what_was_between(store):
    """While it is gone nothing is due; what it had before is remembered, and so is a pause."""
    put(store, pipeline())
    decide(store, NOON + HOUR)
    store.book.pause("scrape")
    store.book.remove_file("/flows/scrape.py")
    assert store.book.schedules()[0].state == "gone"
    assert resume(store, "scrape", NOON + 2 * HOUR) == []
    assert decide(store, NOON + 3 * HOUR) == []
    put(store, pipeline(), now=NOON + 4.5 * HOUR)
    assert decide(store, NOON + 4.5 * HOUR) == []
    assert said(decide(store, NOON + 5 * HOUR))[-1:] == [
        (5, False, f'run {store.book.ticks("scrape")[-1].run} is queued; overlap is "skip"')
    ]


def test_the_first_ticks_of_a_schedule_that_catches_up_all_are_from_its_start(store):
    """It is new and begins in the past: all since then runs, and only once."""
    planned = plan(id="scrape", catchup="all", start=NOON - 3 * HOUR)
    put(store, pipeline("scrape", planned))
    assert [hour for hour, *_ in said(decide(store, NOON))] == [-3, -2, -1, 0]
    put(store, pipeline("scrape", planned), now=NOON + 1)
    assert decide(store, NOON + 2) == []


# --- overlap -------------------------------------------------------------------------------


def test_cancel_running_ends_what_waits_and_asks_what_runs(store):
    """The run that waits is cancelled at once; who drives the other is asked to end it."""
    planned = plan(id="scrape", overlap="cancel_running")
    put(store, pipeline("scrape", planned, max_active=2))
    [first] = decide(store, NOON + HOUR)
    ledger = drive(store, *store.book.pick(1, ME, lambda *_: True, NOON))
    [second] = decide(store, NOON + 2 * HOUR)
    assert ledger.poll() == []
    [third] = decide(store, NOON + 3 * HOUR)
    found = {run.id: (run.state, run.why) for run in store.runs()}
    assert found == {
        first.run: ("running", ""),
        second.run: ("cancelled", "a later tick is due"),
        third.run: ("queued", ""),
    }
    heard = threading.Event()
    ledger.on_news = heard.set
    assert ledger._news or heard.wait(30)
    assert set(ledger.poll()) == {"cancel"}


def test_a_run_that_was_cancelled_before_it_began_does_not_begin(store):
    """Whoever had picked it is refused, even with what it was granted; so is who had taken it."""
    put(store, pipeline("scrape", plan(id="scrape", overlap="cancel_running"), max_active=9))
    decide(store, NOON + HOUR)
    [picked] = store.book.pick(1, ME, lambda *_: True, NOON)
    decide(store, NOON + 2 * HOUR)
    with pytest.raises(RunOwnedError, match="taken back before it began"):
        store.take_over(picked.run_id, picked.epoch)
    assert not store.book.end_unstarted(picked.run_id, picked.epoch, "no file", NOON)
    [picked] = store.book.pick(1, ME, lambda *_: True, NOON)
    ledger = store.take_over(picked.run_id, picked.epoch)
    decide(store, NOON + 3 * HOUR)
    with pytest.raises(RunOwnedError, match="cancelled before it began"):
        ledger.begin(TRACE)
    assert sorted(run.state for run in store.runs()) == ["cancelled", "cancelled", "queued"]


def test_a_backfill_neither_blocks_nor_is_cancelled_by_what_is_due(store):
    """It is not the run of an earlier tick, but work of another kind on the same pipeline."""
    for overlap in ("skip", "queue_one", "cancel_running"):
        put(store, pipeline(overlap, plan(id=overlap, overlap=overlap)))
        backfill(store, overlap, NOON - DAY)
        [tick] = decide(store, NOON + HOUR, overlap)
        assert tick.run
    assert {run.state for run in store.runs()} == {"queued"}


# --- backfills -----------------------------------------------------------------------------


def backfill(store, schedule, *instants, now=NOON, concurrency=2):
    """Give ticks a run."""
    pairs = [(each, each - HOUR) for each in instants]
    return store.book.fill(schedule, pairs, ids("fill"), now, concurrency)


def test_a_backfill_gives_a_run_to_what_was_skipped(store):
    """Or to what has had one before; the tick has the new run from then on."""
    put(store, pipeline("scrape", plan(id="scrape", overlap="allow")))
    decide(store, NOON + 3 * HOUR)
    filled = backfill(store, "scrape", NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert [each.run for each in filled] == ["fill0001", "fill0002"]
    assert said(reversed(store.book.ticks("scrape")))[1:] == [
        (2, True, "backfill"),
        (3, True, "backfill"),
    ]
    with pytest.raises(StoreError, match="no schedule 'nothing'"):
        backfill(store, "nothing", NOON)


def test_a_backfill_out_of_many_skipped_ticks_leaves_the_rest_skipped(store):
    """The row for many goes on to stand for those that have no run, until there is none."""
    planned = plan("* * * * *", id="scrape", catchup="latest")
    put(store, pipeline("scrape", planned))
    decide(store, NOON + 104 * MINUTE)
    instants = [NOON + minute * MINUTE for minute in range(1, 104)]

    def skipped():
        rows = store.book.ticks("scrape", 1000)
        return [(row.until, row.ticks) for row in rows if not row.run]

    assert skipped() == [(instants[-1], 103)]
    for each in (instants[0], instants[0], instants[50]):
        backfill(store, "scrape", each)
    assert skipped() == [(instants[-1], 101)]
    backfill(store, "scrape", *instants[1:50], *instants[51:-1])
    assert skipped() == [(instants[-1], 1)]
    backfill(store, "scrape", instants[-1])
    assert skipped() == []
    assert len(store.book.ticks("scrape", 1000)) == 104


def test_a_tick_that_a_backfill_has_run_before_it_was_judged_is_not_run_again(store):
    """It was due in a pause, or while nobody was there."""
    put(store, pipeline("scrape", plan(id="scrape", catchup="all", overlap="allow")))
    backfill(store, "scrape", NOON + 2 * HOUR, now=NOON + 3 * HOUR)
    assert said(decide(store, NOON + 3 * HOUR)) == [(1, True, ""), (3, True, "")]
    assert len(store.book.ticks("scrape")) == 3


# --- clocks that are set back --------------------------------------------------------------


def test_a_clock_that_was_ahead_leaves_runs_and_forgets_skips_of_the_future(store):
    """What it skipped until the present stays, counted anew; the first tick to come runs."""
    put(store, pipeline("scrape", plan("* * * * *", id="scrape", overlap="allow")))
    decide(store, NOON + DAY)
    assert [row.ticks for row in store.book.ticks("scrape")] == [1, 1439]
    left = decide(store, NOON + 200 * MINUTE)
    assert [(row.ticks, row.until) for row in left] == [(200, NOON + 200 * MINUTE)]
    assert said(store.book.ticks("scrape"))[0] == (24, True, "")
    assert [row.ticks for row in store.book.ticks("scrape")] == [1, 200]
    [tick] = decide(store, NOON + 201 * MINUTE)
    assert (tick.instant, bool(tick.run)) == (NOON + 201 * MINUTE, True)


def test_the_repeated_hour_fires_once_across_a_restart(tmp_path):
    """A service that ends after the first pass of 01:30 and one that begins in the second."""
    nightly = plan("30 1 * * *", id="scrape", zone="America/New_York")
    store = opened(tmp_path)
    put(store, pipeline("scrape", nightly), now=at("2025-11-02T05:00"))
    [tick] = decide(store, at("2025-11-02T05:30:01"))
    end(store, tick.run)
    store.close()
    store = opened(tmp_path)
    assert decide(store, at("2025-11-02T06:30:01")) == []
    assert [each.instant for each in store.book.ticks("scrape")] == [at("2025-11-02T05:30")]
    store.close()


# --- services that go by an agenda ---------------------------------------------------------


class Service:
    """A store, and an agenda of its schedules: the loop of a service without its clock."""

    def __init__(self, store):
        self.store, self.agenda, self.decisions = store, Agenda(), 0
        self.learn()

    def learn(self):
        """Take up all schedules as they stand."""
        for row in self.store.book.schedules():
            self.agenda.put(row)

    def look(self, now):
        """Decide what is due; whoever is not judged is not active any more."""
        due = self.agenda.due(now)
        self.decisions += len(due)
        decide(self.store, now, *due)
        rows = {row.planned.id: row for row in self.store.book.schedules()}
        for each in due:
            self.agenda.put(rows[each])


def test_services_with_agendas_share_the_work_and_come_to_rest(store, tmp_path):
    """Whoever is late finds it done, is not due for it again, and hears of a pause when it looks.

    An hour of three schedules by two services has each tick once, in as many decisions as it takes.
    """
    crons = {"a": "* * * * *", "b": "*/5 * * * *", "c": "@every 90s"}
    put(store, *[pipeline(each, plan(crons[each], id=each, overlap="allow")) for each in crons])
    other = opened(tmp_path)
    services = Service(store), Service(other)
    for second in range(0, 3601, 10):
        for each in services:
            each.look(NOON + second)
        if second == 1800:
            other.book.pause("a")
    assert [len(store.book.ticks(each)) for each in crons] == [30, 12, 40]
    assert all(row.run for each in crons for row in store.book.ticks(each))
    assert [each.decisions for each in services] == [31 + 12 + 40] * 2
    other.close()
