"""`taskflow schedules`, on a store that is filled by hand."""

from __future__ import annotations

import json
import time

import pytest
from booking import HOUR, NOON, decide, opened, pipeline, plan, put

from taskflow.cli.main import exit_code
from taskflow.cli.serve import the_store
from taskflow.planned import FileRow
from taskflow.wanted import Again, times_of

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


def test_times_are_those_of_the_schedule(store, capfd):
    """With the offset of its zone: a day by UTC may be another day there."""
    put(store, pipeline("night", plan("30 0 * * *", id="night", zone="Europe/Brussels")), now=NOON)
    decide(store, NOW + 24 * HOUR, "night")
    assert exit_code(["schedules", "history", "night"]) == 0
    assert "2026-03-03T00:30:00+01:00" in capfd.readouterr().out
    run_id = store.book.ticks("night")[0].run
    due, _ = times_of(Again(store, store.find(run_id), None, ledger=object()), 0.0)
    assert due.isoformat() == "2026-03-03T00:30:00+01:00"
    assert exit_code(["schedules", "next", "night", "--limit", "2"]) == 0
    assert capfd.readouterr().out.count("T00:30:00") == 2


def test_the_past_of_a_schedule_that_is_gone_can_be_seen(store, capfd):
    """Its file was removed; nothing else can be done about it."""
    decide(store, NOW)
    store.book.remove_file("/flows/scrape.py")
    assert exit_code(["schedules", "history", "scrape"]) == 0  # it was paused: no tick was decided
    assert "no tick of scrape was due yet" in capfd.readouterr().err
    assert exit_code(["schedules", "next", "scrape"]) == 5
    assert "there is no schedule 'scrape'" in capfd.readouterr().err


def test_programs_read_all_that_people_do(store, capfd):
    """Bad files, folders that nobody looks after, and what starts after nobody, too."""
    store.book.put_file("/flows", FileRow("/flows/bad.py", "", {}, "1 / 0", NOON), (), {}, 0.1)
    put(store, pipeline("report", plan("", id="report", follows=("nobody",))))
    assert exit_code(["schedules", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [each["schedule"] for each in told["schedules"]] == ["report", "scrape"]
    assert told["bad_files"] == {"/flows/bad.py": "1 / 0"}
    assert told["unserved"] == ["/flows"]
    assert told["following_nobody"] == ["report after nobody"]
    assert exit_code(["schedules", "pause", "report", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"report": "paused"}


def test_a_submission_says_how_it_is_written(store, capfd):
    """Its page is told from what the service has read; its own options come first."""
    days = ("days", "int", "7")
    put(store, pipeline("scrape", parameters=(days,), doc="Scrape a site."))
    assert exit_code(["submit", "scrape", "--help"]) == 0
    page = capfd.readouterr().out
    assert "Scrape a site." in page
    assert "--days int  [7]" in page
    assert exit_code(["submit", "scrape", "--json"]) == 2
    assert "taskflow submit --json scrape" in capfd.readouterr().err
    assert exit_code(["submit", "nope"]) == 5
    assert (
        "no folder that is served has a pipeline 'nope'; there are scrape" in capfd.readouterr().err
    )


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


def test_a_folder_is_found_in_the_store_of_its_project(tmp_path, monkeypatch, capfd):
    """From wherever it is asked for, so that nobody serves it twice by mistake."""
    monkeypatch.delenv("TASKFLOW_STORE", raising=False)
    folder, elsewhere = tmp_path / "project" / "pipelines", tmp_path / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert exit_code(["schedules", str(folder)]) == 5
    assert f"the store {elsewhere}/.taskflow/store.db knows no" in capfd.readouterr().err
    made = opened(tmp_path / "project" / ".taskflow")
    put(made, pipeline("scrape", plan(id="scrape")), folder=str(folder))
    made.close()
    assert exit_code(["schedules", str(folder), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [each["schedule"] for each in told["schedules"]] == ["scrape"]
    assert the_store(str(folder)).place.folder == f"{tmp_path}/project/.taskflow"


@pytest.mark.parametrize("is_inner", [False, True])
def test_no_folder_is_served_inside_another(store, tmp_path, capfd, is_inner):
    """A file would be of both."""
    inner = tmp_path / "inner"
    inner.mkdir()
    place, other = (inner, tmp_path) if is_inner else (tmp_path, inner)
    store.book.serve(str(other), store.present(NOON), lambda _: True)
    assert exit_code(["serve", str(place)]) == 3
    assert "serve the outer one alone" in capfd.readouterr().err
