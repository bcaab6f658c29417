"""`taskflow schedules`, on a store that is filled by hand."""

from __future__ import annotations

import time

import pytest
from booking import HOUR, NOON, decide, opened, pipeline, plan, put

from taskflow.cli.main import exit_code

NOW = NOON + 3.5 * HOUR


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with an hourly pipeline that has been paused for three hours and a half."""
    made = opened(tmp_path)
    monkeypatch.setenv("TASKFLOW_STORE", made.url)
    monkeypatch.setattr(time, "time", lambda: NOW)
    put(made, pipeline("scrape", plan(id="scrape")), now=NOON)
    made.book.pause("scrape")
    yield made
    made.close()


def test_a_resume_starts_nothing_of_the_past(store, capfd):
    """What was due is skipped, and counted."""
    assert exit_code(["schedules", "resume", "scrape"]) == 0
    assert "goes on; skipped what passed meanwhile: 3 ticks" in capfd.readouterr().err
    assert [tick.why for tick in store.book.ticks("scrape")] == ["paused"] * 3
    assert decide(store, NOW) == []


def test_a_resume_catches_up_if_it_is_asked_to(store):
    """As if nobody had been there: by this policy the last tick runs."""
    assert exit_code(["schedules", "resume", "scrape", "--catch-up"]) == 0
    assert [bool(tick.run) for tick in decide(store, NOW)] == [False, False, True]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nope"], 5, "there is no folder 'nope'; of one schedule: taskflow schedules next NAME"),
        (["pause", "--catch-up", "scrape"], 2, "--catch-up is for taskflow schedules resume NAME"),
        (["pause", "scrap"], 5, "there is no schedule 'scrap'; did you mean scrape?"),
        (["pause"], 2, "write taskflow schedules pause NAME"),
    ],
)
def test_what_it_does_not_know_it_says(store, capfd, words, code, told):
    """And what to write instead."""
    assert exit_code(["schedules", *words]) == code
    assert told in capfd.readouterr().err
