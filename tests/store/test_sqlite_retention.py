"""What keeping house removes from a SQLite store, and what it must not."""

from __future__ import annotations

import os

import pytest
from keeping import NOON, begun, opened, outcome, value_file

from taskflow.call import Source
from taskflow.records import CacheEntry, NewTrace, Retention, Wrote

KEEP_ALL = Retention(runs=1000, days=10_000)
#: What a store of which everything was removed still has.
HOUSE = {"facts": 1, "sqlite_sequence": 1}


@pytest.fixture
def store(tmp_path):
    """A store in a folder."""
    made = opened(tmp_path)
    yield made
    made.close()


def test_a_run_goes_with_all_of_its_rows(store):
    """Nothing of it is left in any table, nor in the folder."""
    source = Source("/p/x.py", b"x = 1", is_package=False)
    ledger = begun(store, created=0.0, trace=NewTrace(b"g", {}, {"x": source}))
    ledger.write([outcome(0, value=value_file(ledger)), outcome(1, "failed"), Wrote("k", 0.0, "t")])
    ledger.end("failed", seconds=1.0, counts={})
    store.cache([CacheEntry("k", "fetch", "run-1", "k", 0.0, b"v", {}, expires=5.0)])
    assert store.gc(Retention(runs=0, days=1), NOON) == (1, 1, 10)
    assert {name: count for name, count in rows(store).items() if count} == HOUSE
    assert os.listdir(store.place.runs) == []


def test_the_largest_values_of_succeeded_runs_go_first(store):
    """As many as it takes; of those that are cached, or of runs that did not succeed, none."""
    good, bad = begun(store, "good"), begun(store, "bad")
    values = [value_file(good, f"{size}.value", size) for size in (10, 30, 20, 40)]
    good.write([outcome(node, value=value) for node, value in enumerate(values)])
    bad.write([outcome(0, value=value_file(bad, "large", 100))])
    good.end("succeeded", seconds=1.0, counts={})
    bad.end("failed", seconds=1.0, counts={})
    store.cache([CacheEntry("k", "fetch", "good", "k", NOON, values[3], {})])
    removed = store.gc(KEEP_ALL._replace(bytes=155), NOON)
    assert (removed.files, removed.bytes) == (2, 50)
    assert [os.path.exists(value.path) for value in values] == [True, False, False, True]
    assert [each.value for each in store.kept("good", 1)] == [values[0], None, None, values[3]]
    assert next(store.kept("bad", 1)).value is not None


def test_values_of_a_run_in_progress_stay(store):
    """Even one that takes values of a run which succeeded keeps them."""
    good, later = begun(store, "good"), begun(store, "later")
    value = value_file(good)
    good.write([outcome(value=value)])
    good.end("succeeded", seconds=1.0, counts={})
    later.write([outcome(value=value, origin="good")])
    later.flush()
    assert store.gc(KEEP_ALL._replace(bytes=0), NOON).files == 0
    later.end("succeeded", seconds=1.0, counts={})
    assert store.gc(KEEP_ALL._replace(bytes=0), NOON).files == 1
    assert [next(store.kept(run_id, 1)).value for run_id in ("good", "later")] == [None, None]


def test_folders_that_no_run_knows_go_after_an_hour(store):
    """A younger one may be of a run that is about to be created."""
    store.new_dir("forgotten")
    now = os.stat(f"{store.place.runs}/forgotten").st_mtime
    store.gc(KEEP_ALL, now + 3599)
    assert os.listdir(store.place.runs) == ["forgotten"]
    store.gc(KEEP_ALL, now + 3601)
    assert os.listdir(store.place.runs) == []


def test_rows_that_an_interrupted_cleaning_left_go_with_the_next(store):
    """The row of a run goes first; its traces are found by that."""
    ledger = begun(store)
    ledger.write([outcome(node) for node in range(100)])
    ledger.end("succeeded", seconds=1.0, counts={})
    store.writer.do(lambda connection: connection.execute("DELETE FROM runs"))
    assert store.gc(KEEP_ALL, NOON).runs == 0
    assert rows(store)["outcomes"] == rows(store)["traces"] == 0


def test_house_is_kept_once_a_day(store):
    """It is due for a store where it never was, and a day after it was."""
    assert store.gc_due(NOON)
    begun(store).close()
    assert store.gc_due(NOON)
    store.gc(KEEP_ALL, NOON)
    assert not store.gc_due(NOON + 86_399)
    assert store.gc_due(NOON + 86_400)


def rows(store):
    """How many rows each table has."""

    def count(connection):
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in names
        }

    return store.writer.do(count)
