"""`taskflow logs`: what tasks wrote, which of it is asked for, and how it looks."""

from __future__ import annotations

import logging

import pytest
from kept import GOOD, NOON

from taskflow.cli.logs import followed
from taskflow.records import Wrote

FETCH, PRICE = "shop/fetch[0]", "shop/part[be]/price#2[17]"
LOG = (
    Wrote(FETCH, NOON, "GET /a\n"),
    Wrote(PRICE, NOON + 1, "no price on this page", logging.WARNING, "shop.prices"),
    Wrote(PRICE, NOON + 2, "trying again\nsecond line\n"),
    Wrote(FETCH, NOON + 3, "200 OK", logging.INFO, "shop.http"),
)


def test_lines_stand_behind_the_task_that_wrote_them(history):
    """Further lines of one text stand below its first, as far to the right."""
    history.run("aa", *LOG)
    assert history.told("logs", "last").splitlines() == [
        "fetch[0] │ GET /a",
        "part[be]/price#2[17] │ no price on this page",
        "part[be]/price#2[17] │ trying again",
        "                     │ second line",
        "fetch[0] │ 200 OK",
    ]


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("fetch", 2),
        ("fetch[0]", 2),
        ("shop/fetch", 2),
        ("price", 2),
        ("price#2", 2),
        ("price[17]", 2),
        ("part[be]/price", 2),
        (PRICE, 2),
    ],
)
def test_a_task_is_named_as_anywhere_else(history, task, count):
    """By its key, a tail of it, or its name."""
    history.run("aa", *LOG)
    assert len(history.json("logs", "aa", task)) == count


@pytest.mark.parametrize("task", ["price[1]", "price#3", "part[nl]/price", "ice#2[17]", "prices"])
def test_another_task_is_not_meant(history, task):
    """A wrong element, number, path, or half a name."""
    history.run("aa", *GOOD, *LOG)
    assert "GET" not in history.taskflow("logs", "aa", task)[1]
    assert "trying" not in history.taskflow("logs", "aa", task)[1]


def test_a_level_leaves_out_what_is_below_it(history):
    """And what was printed, which has none."""
    history.run("aa", *LOG)
    assert [row["text"] for row in history.json("logs", "aa", "--level", "info")] == [
        "no price on this page",
        "200 OK",
    ]
    assert len(history.json("logs", "aa", "--level", "WARNING")) == 1


def test_programs_read_each_record_as_an_object(history):
    """The whole key, the time in UTC, level and logger where there are any."""
    history.run("aa", *LOG)
    first, second = history.json("logs", "aa")[:2]
    assert first["task"] == FETCH
    assert (first["level"], first["logger"], first["text"]) == (None, None, "GET /a\n")
    assert second["time"] == "2026-10-31T12:00:01.000Z"
    assert (second["level"], second["logger"]) == ("WARNING", "shop.prices")


def test_what_tasks_write_is_harmless(history, monkeypatch):
    """Colours stay on a terminal; what moves its cursor or titles its window does not."""
    history.run("aa", Wrote(FETCH, NOON, "\x1b[31mred\x1b[0m \x1b]0;owned\x07\x1b[2Jdone"))
    assert history.told("logs", "aa") == "fetch[0] │ red done\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = history.told("logs", "aa")
    assert "\x1b[31mred" in coloured
    assert "owned" not in coloured
    assert "\x1b[2J" not in coloured


def test_a_follower_goes_on_until_the_run_ends(history):
    """What is written while it waits comes next, what is written last is not missed."""
    ledger = history.begin("aa", LOG[0])
    waits = []

    def wait(seconds):
        waits.append(seconds)
        ledger.write([LOG[len(waits)]])
        ledger.flush()
        if len(waits) == 2:
            ledger.end("succeeded", seconds=1.0, counts={})

    rows = list(followed(history.store, "aa", wait=wait))
    assert [row.text for row in rows] == [each.text for each in LOG[:3]]
    assert len(waits) == 2


def test_following_a_run_that_has_ended_ends(history):
    """With all that it wrote."""
    history.run("aa", *LOG)
    assert history.told("logs", "aa", "-f") == history.told("logs", "aa")


def test_silence_is_explained(history):
    """Nothing was written, or there is no such task, which ends with 5."""
    history.run("aa", *GOOD)
    assert history.taskflow("logs", "aa") == (0, "", "run aa: its tasks wrote nothing\n")
    code, output, errors = history.taskflow("logs", "aa", "total", "--level", "error")
    assert (code, output, errors) == (0, "", "run aa: total wrote nothing at ERROR or above\n")
    code, output, errors = history.taskflow("logs", "aa", "totl")
    assert (code, output) == (5, "")
    assert "did you mean total?" in errors
