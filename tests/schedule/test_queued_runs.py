"""`taskflow show` of a run that is queued says what it waits for."""

from __future__ import annotations

import json

import pytest
from booking import HOUR, NOON, end, ids, opened, pick, pipeline, plan, put

from taskflow.cli.main import exit_code
from taskflow.planned import Given


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of which a service looks after the folder."""
    made = opened(tmp_path)
    monkeypatch.setenv("TASKFLOW_STORE", made.url)
    put(made, pipeline("free", plan(id="free", overlap="allow")), pipeline("single"))
    made.book.serve("/flows", made.present(NOON), lambda _: True)
    yield made
    made.close()


@pytest.fixture
def submitted(store):
    """Queues runs of a pipeline."""
    new_id = ids()
    return lambda name, count: [
        store.book.submit(name, Given(), new_id, NOON) for _ in range(count)
    ]


def waits_for(run_id, capfd):
    """What a run waits for, by `show --json`."""
    assert exit_code(["show", run_id, "--json"]) == 0
    return json.loads(capfd.readouterr().out)["waits_for"]


def test_a_run_whose_pipeline_has_its_fill_waits_for_one_to_end(store, submitted, capfd):
    """Its limit is named, and how many wait before it; the next one waits for the service only."""
    one, two, three = submitted("single", 3)
    assert pick(store) == [one]
    limit = "one of 1 run of single to end: max_active_runs=1"
    assert waits_for(two, capfd) == limit
    assert waits_for(three, capfd) == f"{limit}; 1 run waits before it"
    end(store, one)
    assert waits_for(two, capfd) == "a place in the service"
    assert waits_for(three, capfd) == f"{limit}; 1 run waits before it"
    assert waits_for(one, capfd) is None


def test_a_run_without_a_limit_waits_for_a_place(submitted, capfd):
    """Behind those that were queued before it."""
    one, _, three = submitted("free", 3)
    assert waits_for(one, capfd) == "a place in the service"
    assert waits_for(three, capfd) == "a place in the service; 2 runs wait before it"


def test_a_backfill_has_a_limit_of_its_own(store, submitted, capfd):
    """It does not wait for what its pipeline does otherwise."""
    put(store, pipeline("nightly", plan(id="nightly"), max_active=1))
    pairs = [(NOON - number * HOUR, NOON - (number + 1) * HOUR) for number in range(3, 0, -1)]
    store.book.fill("nightly", pairs, ids("fill"), NOON, 2)
    (other,) = submitted("nightly", 1)
    *_, last = [each.id for each in store.runs() if each.schedule][::-1]
    told = "one of 2 runs of its backfill to end: --concurrency=2"
    assert waits_for(last, capfd) == f"{told}; 2 runs wait before it"
    assert len(pick(store)) == 3
    assert waits_for(other, capfd) is None
    assert waits_for(last, capfd) == told


def test_without_a_service_that_is_what_it_waits_for(tmp_path, monkeypatch, capfd):
    """With the command that starts one, on the page and in JSON."""
    made = opened(tmp_path)
    monkeypatch.setenv("TASKFLOW_STORE", made.url)
    put(made, pipeline("scrape"), folder="/my flows")
    run_id = made.book.submit("scrape", Given(), ids(), NOON)
    assert waits_for(run_id, capfd) == "a service: taskflow serve '/my flows'"
    assert exit_code(["show", run_id]) == 0
    assert "waits for  a service: taskflow serve '/my flows'" in capfd.readouterr().out
    made.close()
