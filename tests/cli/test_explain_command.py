"""`taskflow explain`: why a task run is as it is."""

from __future__ import annotations

import pytest
from kept import BAD, FETCH, GOOD, NOON, PRICE, TOTAL, ended

from taskflow.records import CacheEntry

KEPT, CACHED = ended(TOTAL, 4.0, origin="kept"), ended(TOTAL, 4.0, "cached", origin="bb")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (KEPT, "total was kept from an earlier go at this run: its code and inputs are the same"),
        (CACHED, "total was taken from the cache: run bb made it with the same code and inputs"),
        (ended(TOTAL, state="skipped", why="sold out"), "total was skipped: it said 'sold out'"),
        (
            ended(TOTAL, state="cancelled"),
            "total was cancelled: the run ended as cancelled: it took longer than its timeout",
        ),
        (ended(TOTAL, 4.0), "total ran: the run is new"),
    ],
)
def test_an_end_is_explained(history, record, said):
    """In one line for each way to come to an end."""
    history.run("aa", *GOOD[:-1], record, state="cancelled", why="timeout")
    assert history.told("explain", "aa", "total") == f"{said}\n"


def test_a_task_that_did_not_run_names_the_input_to_blame(history):
    """With how that ended, and its error."""
    history.run("aa", *BAD, state="failed")
    assert history.told("explain", "aa", "total") == (
        "total did not run: an input has no value: price[1] failed "
        "(ValueError: could not convert string to float: 'two')\n"
    )


def test_an_element_names_the_element_to_blame(history):
    """The one that it was made from, not its neighbours."""
    history.run(
        "aa",
        *[ended(FETCH, state="failed", first=at) for at in (0, 1)],
        ended(PRICE, state="upstream_failed", first=1),
    )
    assert "value: fetch[1] failed\n" in history.told("explain", "aa", "price[1]")


def test_what_ran_again_says_why(history):
    """In the words that the resume gave."""
    ledger = history.begin("aa", *GOOD, reasons={"total": ["code of total changed (shop.py:41)"]})
    ledger.end("succeeded", seconds=1.0, counts={})
    assert (
        history.told("explain", "aa", "total") == "total ran: code of total changed (shop.py:41)\n"
    )


def test_a_rerun_names_its_parent(history):
    """Since nobody has changed anything."""
    history.run("aa", *GOOD, parent="bb")
    assert "a rerun of bb" in history.told("explain", "aa", "fetch[1]")


def test_what_missed_the_cache_names_the_parts_that_differ(history):
    """From the newest results that were there when it ran."""
    history.run("aa", *GOOD)
    parts = {"code": "1", "input prices": "2", "version": "3"}
    entries = [("aa", 2.0, parts), ("bb", 1.0, {**parts, "code": "0"}), ("cc", 9.0, parts)]
    for run_id, time, its_parts in entries:
        entry = CacheEntry(run_id, "total", run_id, "shop/total", NOON + time, b"", its_parts)
        history.store.cache([entry])
    assert history.told("explain", "aa", "total").splitlines() == [
        "total ran: the run is new",
        "  not the result of shop/total in run bb: another code",
    ]


def test_programs_read_an_explanation_for_each_task_run(history):
    """One JSON object a line: the whole key, and the reasons."""
    history.run("aa", *GOOD)
    rows = history.json("explain", "aa", "price")
    assert [row["task"] for row in rows] == ["shop/price[0]", "shop/price[2]"]
    assert rows[0]["reasons"] == ["ran: the run is new"]


def test_a_task_that_is_not_there_cannot_be_explained(history):
    """The command ends with 5."""
    history.run("aa", *GOOD)
    code, output, errors = history.taskflow("explain", "aa", "totl")
    assert (code, output) == (5, "")
    assert "did you mean total?" in errors
