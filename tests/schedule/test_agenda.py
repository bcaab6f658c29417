"""The agenda of a service: who is due, when to wake up, and what a clock that is set back does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import DAY, HOUR, MINUTE, at, plan

from taskflow.planned import ScheduleRow
from taskflow.schedule.agenda import Agenda
from taskflow.schedule.judging import wakes_at

NOON = at("2026-03-02T12:00")
CRONS = ("* * * * *", "*/5 * * * *", "0 * * * *", "30 6 * * *")


@pytest.fixture
def agenda():
    """An agenda without entries."""
    return Agenda()


def row(name="scrape", cron="0 * * * *", decided=NOON, **more):
    """A schedule as a store has it."""
    state = {key: more.pop(key) for key in ("is_paused", "is_gone") if key in more}
    return ScheduleRow(plan(cron, id=name, **more), name, decided, **state)


def test_an_empty_agenda_has_nothing_to_come(agenda):
    """There is nobody to wake up for."""
    assert (agenda.due(NOON), agenda.next(), len(agenda)) == ([], None, 0)


def test_schedules_are_due_in_the_order_of_their_ticks(agenda):
    """Not before, and until they are put anew."""
    agenda.put(row("hourly"))
    agenda.put(row("often", "*/5 * * * *"))
    assert agenda.next() == NOON + 5 * MINUTE
    assert agenda.due(NOON + 5 * MINUTE - 0.001) == []
    assert agenda.due(NOON + HOUR) == ["often", "hourly"]
    assert agenda.due(NOON + HOUR) == ["often", "hourly"]
    agenda.put(row("often", "*/5 * * * *", NOON + HOUR))
    assert agenda.due(NOON + HOUR) == ["hourly"]
    assert agenda.next() == NOON + HOUR


def test_jitter_is_waited_for(agenda):
    """A schedule is looked at when its tick may run."""
    jittered = row(jitter=HOUR)
    agenda.put(jittered)
    assert agenda.next() == wakes_at(jittered.planned, NOON) > NOON + HOUR


def test_the_last_word_about_a_schedule_counts(agenda):
    """Its cron was changed, and changed back: it is due once, when it says now."""
    for cron in ("0 * * * *", "30 6 * * *", "0 * * * *", "0 * * * *"):
        agenda.put(row(cron=cron))
    assert agenda.due(NOON + HOUR) == ["scrape"]
    agenda.put(row(cron="30 6 * * *"))
    assert agenda.due(NOON + HOUR) == []


@pytest.mark.parametrize("state", [{"is_paused": True}, {"is_gone": True}, {"cron": ""}])
def test_what_no_clock_starts_is_not_on_the_agenda(agenda, state):
    """A schedule that is paused, gone, or only follows others is forgotten."""
    agenda.put(row())
    agenda.put(row(**state))
    assert (agenda.due(NOON + DAY), agenda.next(), len(agenda)) == ([], None, 0)


def test_a_schedule_that_is_removed_is_not_due(agenda):
    """Nor is one that was never there a fault."""
    agenda.put(row())
    agenda.remove("scrape")
    agenda.remove("another")
    assert (agenda.due(NOON + DAY), agenda.next()) == ([], None)


def test_a_clock_that_was_set_back_makes_due_what_is_decided_beyond_it(agenda):
    """Until it is put anew; a minute is nothing, and what is decided before is not touched."""
    agenda.put(row("ahead", decided=NOON + DAY))
    agenda.put(row("behind", decided=NOON - DAY + HOUR))
    agenda.put(row("last", cron="0 0 0 1 1 * 2026", decided=NOON + DAY))
    assert agenda.due(NOON + DAY - 59) == ["behind"]
    assert agenda.due(NOON - DAY + HOUR) == ["ahead", "last"]
    assert agenda.due(NOON - DAY + HOUR) == ["ahead", "last"]
    agenda.put(row("last", cron="0 0 0 1 1 * 2026", decided=NOON - DAY + HOUR))
    agenda.put(row("ahead", decided=NOON - DAY + HOUR))
    assert agenda.due(NOON - DAY + HOUR) == []


@given(st.data())
def test_an_agenda_is_as_good_as_looking_at_all(data):
    """Whatever was put and removed, who is due and when to wake up is what a full look says."""
    agenda, known = Agenda(), {}
    for _ in range(data.draw(st.integers(0, 60))):
        name = data.draw(st.sampled_from("abcdef"))
        if data.draw(st.booleans()):
            minutes = data.draw(st.integers(0, 300))
            known[name] = row(name, data.draw(st.sampled_from(CRONS)), NOON + minutes * MINUTE)
            agenda.put(known[name])
        else:
            known.pop(name, None)
            agenda.remove(name)
        wakes = {each: wakes_at(row.planned, row.decided) for each, row in known.items()}
        now = NOON + 5 * HOUR + data.draw(st.integers(0, 600)) * MINUTE
        assert sorted(agenda.due(now)) == sorted(each for each in wakes if wakes[each] <= now)
        assert agenda.next() == min(wakes.values(), default=None)
        assert len(agenda._heap) <= 2 * len(known) + 100


def test_an_agenda_of_ten_thousand_forgets_what_is_no_longer_true(agenda):
    """It does not grow with how often its schedules are put."""
    rows = [row(f"s{number}", decided=NOON + number) for number in range(2_000)]
    for _ in range(5):
        for each in rows:
            agenda.put(each)
    assert len(agenda) == len(rows)
    assert len(agenda._heap) <= 2 * len(rows) + 100
    assert len(agenda.due(NOON + DAY)) == len(rows)
