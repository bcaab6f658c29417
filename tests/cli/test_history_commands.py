"""`taskflow runs`, `show`, `cancel`, `gc`: what was kept of runs, for people and for programs."""

from __future__ import annotations

import pickle
import threading
import time
from dataclasses import replace

import pytest
from kept import BAD, ERROR, FETCH, GOOD, NOON, PRICE, TOTAL, ended

import taskflow
from taskflow import pipeline, task
from taskflow.records import AtWork, Given, NewTrace, RunRow, Tried, Wrote

DAY = 86_400


class Page:
    """A result whose class raises when its pickle is loaded."""

    def __init__(self):
        self.url = "https://example.org"

    def __setstate__(self, state):
        raise AssertionError(f"somebody unpickled {state}")


@pytest.fixture
def in_brussels(monkeypatch):
    """Local time is an hour ahead of UTC."""
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# --- runs --------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first(history, in_brussels):
    """With their ids, their times as people here read them, and what became of their tasks."""
    history.run("aa11", *GOOD, created=NOON, tags=("nightly",), params=(("site", "'s'"),))
    history.run("bb22", *BAD, state="failed", created=NOON + DAY)
    titles, newest, oldest = history.told("runs").splitlines()
    assert titles.split() == [
        "RUN",
        "PIPELINE",
        "STATE",
        "STARTED",
        "TOOK",
        "TASKS",
        "TAGS",
        "PARAMETERS",
    ]
    assert newest.startswith("bb22  shop      failed     2026-11-01 13:00:00  42.0s")
    assert newest.endswith("5 ok, 1 failed, 1 upstream failed")
    assert oldest.split()[-3:] == ["ok", "nightly", "site='s'"]


def test_a_run_that_was_cut_off_shows_what_had_ended(history):
    """Its counts are those of its records, and it took as long as until the last of them."""
    history.begin("cc33", *GOOD).close()
    (line,) = history.told("runs").splitlines()[1:]
    assert "interrupted" in line
    assert "2.0s" in line
    assert "6 ok" in line


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--state", "failed"], ["bb"]),
        (["--state", "failed", "--state", "succeeded"], ["cc", "bb", "aa"]),
        (["--pipeline", "shop", "--limit", "1"], ["cc"]),
        (["--tag", "x"], ["cc"]),
        (["--since", "2026-11-01T12:00Z"], ["cc", "bb"]),
        (["--since", "2026-11-01T12:00Z", "--until", "2026-11-02T12:00Z"], ["bb"]),
    ],
)
def test_filters_narrow_the_list(history, options, ids):
    """State, pipeline, tag and time, and all that are given at once."""
    history.run("aa", created=NOON)
    history.run("bb", created=NOON + DAY, state="failed")
    history.run("cc", created=NOON + 2 * DAY, tags=("x", "y"))
    assert [run["id"] for run in history.json("runs", *options)] == ids


def test_how_long_ago_is_a_time(history):
    """`--since 90m` is what began within the last hour and a half."""
    history.run("old", created=time.time() - 2 * 3600)
    history.run("new", created=time.time() - 3600)
    assert [run["id"] for run in history.json("runs", "--since", "90m")] == ["new"]


def test_what_is_no_time_is_refused_with_what_is_one(history):
    """The message shows every way to write one."""
    code, _, errors = history.taskflow("runs", "--since", "yesterday")
    assert code == 2
    assert "write how long ago (2d, 90m), a date (2026-01-31)" in errors


def test_an_empty_history_says_how_to_make_one(history):
    """That is no failure; that nothing matches a filter is."""
    assert history.taskflow("runs") == (
        0,
        "",
        "no run is kept here yet; taskflow run FILE makes one\n",
    )
    assert history.taskflow("runs", "--json")[:2] == (0, "")
    code, output, errors = history.taskflow("runs", "--state", "failed")
    assert (code, output) == (5, "")
    assert "no run is like that" in errors


def test_programs_read_times_in_utc_and_values_as_data(history, in_brussels):
    """One JSON object a line; parameters keep the types that JSON knows."""
    history.run("aa", *GOOD, params=(("n", "3"),), values=(("n", 3),), result="4.0")
    (run,) = history.json("runs")
    assert run["created"] == "2026-10-31T12:00:00.000Z"
    assert run["params"] == {"n": 3}
    assert run["counts"] == {"succeeded": 6}
    assert run["result"] == "4.0"


def test_a_secret_stays_masked(history):
    """What was kept in its place is what is shown, everywhere."""
    history.run(
        "aa", *GOOD, params=(("token", "***"),), values=(("token", "***"),), secrets=("token",)
    )
    for command in (["runs"], ["show", "aa"], ["runs", "--json"], ["show", "aa", "--json"]):
        assert "***" in history.told(*command)


def test_a_secret_that_a_task_was_given_stays_hidden(history):
    """It is among the inputs and results that are kept, and told nowhere."""
    secret = {"params": (("token", "***"),), "given": pickle.dumps({"token": "sesame42"})}
    history.run("aa", ended(TOTAL, "token=sesame42"), **secret)
    for command in (["show", "aa", "total"], ["show", "aa", "total", "--json"]):
        assert "token=***" in history.told(*command)
        assert "sesame42" not in history.told(*command)


def test_what_joins_tasks_is_no_task(history):
    """The value of a pipeline is put together by nobody that a person has written."""
    joined = ended(TOTAL, 4.0)._replace(name="(result)")
    history.run("aa", GOOD[0], joined)
    assert "(result)" not in history.told("show", "aa")
    assert "it has fetch\n" in history.taskflow("show", "aa", "xyz")[2]


def test_names_of_strangers_are_harmless(history):
    """Escape sequences in parameters, tags and keys reach no terminal."""
    evil = "\x1b]0;owned\x07\u202etxt"
    node = ended(FETCH, ["x"], first=0, keys=(evil,), preview=f"<{evil}>")
    history.run("aa", node, params=((evil, evil),), tags=(evil,), result=evil)
    for command in (["runs"], ["show", "aa"], ["show", "aa", "fetch"], ["explain", "aa", "fetch"]):
        assert not {"\x1b", "\x07", "\u202e"} & set(history.told(*command))


def test_colours_are_for_terminals(history, monkeypatch):
    """None in a pipe; FORCE_COLOR asks for them, NO_COLOR counts more."""
    history.run("aa", *GOOD)
    assert "\x1b" not in history.told("runs")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32msucceeded\x1b[0m" in history.told("runs")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in history.told("runs")


# --- show RUN ----------------------------------------------------------------------------------


def test_a_failed_run_shows_its_failures_before_its_tasks(history):
    """With where, with the inputs, and with the line that goes on with it."""
    history.run("aa", *BAD, state="failed")
    page = history.told("show", "last")
    assert page.index("✘ price[1]  ValueError: could not convert") < page.index("TASK")
    assert "shop.py:41 in price" in page
    assert "text = 'two'" in page
    assert page.rstrip().endswith("taskflow resume aa")


def test_tasks_are_grouped_by_name(history):
    """How many ended how, how many were kept, how long they took together and on average."""
    kept = [each._replace(origin="kept") for each in GOOD[:2]]
    history.run("aa", *kept, *GOOD[2:], result="4.0")
    page = history.told("show", "aa")
    rows = {line.split()[0]: line.split()[1:] for line in page.splitlines() if " ok" in line}
    assert rows["fetch"] == ["3", "ok", "3", "1.5s", "0.5s"]
    assert rows["price"] == ["2", "ok", "1", "3.0s", "1.5s"]
    assert "result  4.0" in page
    assert "taskflow resume" not in page


def test_tasks_of_pipelines_that_share_a_name_are_told_apart(history):
    """By the pipelines around them; the elements of a mapped pipeline are one group."""
    inner = [GOOD[1]._replace(path=f"shop/part[{key}]") for key in ("be", "nl")]
    history.run("aa", GOOD[1], *inner)
    page = history.told("show", "aa")
    assert "part/price  2 ok" in page
    assert page.count("price") == 2


def test_a_run_tells_where_it_comes_from(history):
    """Its parent, its file, its parameters, and why it ended."""
    history.run(
        "bb",
        state="timed_out",
        parent="aa",
        file="shop.py",
        entry="shop",
        params=(("site", "'s'"),),
        why="longer than 5m",
    )
    page = history.told("show", "bb")
    for said in (
        "a rerun of aa",
        "shop.py:shop",
        "site='s'",
        "longer than 5m",
        "timed out in 42.0s",
    ):
        assert said in page


def test_a_run_that_was_taken_on_again_says_how_often(history):
    """An epoch for each time somebody did."""
    history.run("aa", *BAD, state="failed")
    for _ in range(2):
        ledger = history.store.take_over("aa")
        ledger.begin(NewTrace())
        ledger.end("failed", seconds=1.0, counts={})
    assert "2 times" in history.told("show", "aa")
    assert history.json("show", "aa")[0]["resumed"] == 2


def test_a_program_reads_a_run_as_one_document(history):
    """The run, what failed, and its tasks."""
    history.run("aa", *BAD, state="failed")
    (run,) = history.json("show", "aa")
    assert run["state"] == "failed"
    assert run["failures"][0]["task"] == "shop/price[1]"
    assert run["failures"][0]["error"]["inputs"] == {"text": "'two'"}
    assert {task["name"] for task in run["tasks"]} == {"fetch", "price", "total"}


@pytest.mark.parametrize(
    ("name", "run_id"),
    [("ab12", "ab12"), ("ab", "ab12"), ("last", "cd34"), ("last-failed", "ab12")],
)
def test_a_run_has_several_names(history, name, run_id):
    """Its id, a unique beginning of it, and what it is among the others."""
    history.run("ab12", state="failed", created=NOON)
    history.run("cd34", created=NOON + 1)
    assert history.json("show", name)[0]["id"] == run_id


@pytest.mark.parametrize("command", ["show", "logs", "cancel", "resume", "rerun"])
def test_a_run_that_is_not_there_ends_with_5(history, command):
    """And with the words of the store, which names what is near."""
    history.run("ab12")
    code, output, errors = history.taskflow(command, "xy")
    assert (code, output) == (5, "")
    assert "xy" in errors


# --- show RUN TASK -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shop/price[1]", "price[1]"])
def test_a_task_run_is_called_by_its_key_or_a_tail_of_it(history, name):
    """An element by its number in brackets."""
    history.run("aa", *BAD, state="failed")
    assert history.told("show", "aa", name).startswith("✘ price[1] failed after 2 attempts")


def test_a_failed_task_run_shows_all_of_its_error(history):
    """The traceback, the inputs, its last output, and the attempts before."""
    tried = Tried(
        PRICE, 1, "shop/price[1]", "timed_out", 1, 0, NOON, NOON, 30.0, "longer than 30 s"
    )
    history.run("aa", tried, *BAD, state="failed")
    page = history.told("show", "aa", "price[1]")
    for said in (*ERROR.traceback.splitlines(), "text = 'two'", "looking at two"):
        assert said in page
    assert "attempt 1 until 2026-10-31" in page
    assert "30.0s: longer than 30 s" in page


def test_a_task_run_shows_what_it_was_given(history):
    """Names from the source that was kept, constants from the call, the rest behind its task."""
    history.run("aa", *GOOD)
    page = history.told("show", "aa", "fetch[1]")
    assert "url = 's/b'" in page
    assert "timeout = 30" in page
    assert "result  'two'" in page
    assert "text = fetch[2] -> '3'" in history.told("show", "aa", "price[2]")
    assert "argument 1 = price -> 2 elements" in history.told("show", "aa", "total")


@pytest.mark.parametrize(
    ("count", "told"),
    [(2, "[number -> 0, number#2 -> 1]"), (9, "number#6 -> 5, ...]")],
)
def test_a_list_of_what_tasks_made_is_shown_with_its_first_members(history, count, told):
    """Each behind its task, as if it were an argument of its own."""

    @task
    def number(value):
        return value

    @task
    def add_up(values):
        return sum(values)

    @pipeline
    def adding():
        return add_up([number(value) for value in range(count)])

    taskflow.run(adding.options(store=history.url, executor="inline", progress=False))
    (run,) = history.json("runs")
    assert told in history.told("show", run["id"], "add_up")


def test_nothing_is_unpickled_to_show_a_result(history):
    """A result is shown by the preview that its worker made, or by what its pickle says."""
    plain = ended(TOTAL)._replace(ask=0, value=pickle.dumps(Page()))
    history.run("aa", plain)
    history.run("bb", plain._replace(preview="<Page of example.org>"), created=NOON + 1)
    assert "Page(url='https://example.org')" in history.told("show", "aa", "total")
    assert "<Page of example.org>" in history.told("show", "bb", "total")


def test_a_name_may_mean_many_task_runs(history):
    """They are listed, those that failed first."""
    history.run("aa", *BAD, state="failed")
    lines = history.told("show", "aa", "price").splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["price[1]", "price[0]", "price[2]"]
    assert lines[1].endswith("ValueError: could not convert string to float: 'two'")
    assert lines[2].endswith("1.0")


def test_a_long_list_is_cut_and_says_so(history):
    """A map with a thousand failed elements fills no terminal."""
    many = [ended(PRICE, state="failed", first=at, error=ERROR) for at in range(100)]
    history.run("aa", *many, state="failed")
    assert "… more; --json lists all" in history.told("show", "aa", "price")
    assert len(history.json("show", "aa", "price")[0]["task_runs"]) == 100


def test_an_element_is_called_by_its_map_key(history):
    """As the key of the task run has it."""
    history.run("aa", ended(FETCH, ["x", "y"], first=0, count=2, keys=("be", "n/l")))
    assert "result  'y'" in history.told("show", "aa", "fetch[n/l]")
    assert history.json("show", "aa", "fetch[1]")[0]["task_runs"][0]["task"] == "shop/fetch[n/l]"


def test_a_task_that_has_not_ended_says_what_it_waits_for(history):
    """Its inputs, a worker, its next attempt; or nothing any more, when the run is over."""
    later = Tried(
        PRICE, 1, "shop/price[1]", "failed", 1, 0, time.time() + 600, NOON, 1.0, "HTTP 503"
    )
    ledger = history.begin("aa", Given(3, 1, ((FETCH, 0, 3),), NOON), later)
    assert "fetch runs, or is queued, on slot 3" in history.told("show", "aa", "fetch")
    assert "since attempt 1 ended: HTTP 503" in history.told("show", "aa", "price")
    assert "total waits for price" in history.told("show", "aa", "total")
    ledger.write([GOOD[1]])
    ledger.flush()
    assert "total has all its inputs and waits for a worker" in history.told("show", "aa", "total")
    ledger.end("cancelled", seconds=1.0, counts={})
    assert "total has not ended: the run is cancelled" in history.told("show", "aa", "total")


def test_a_run_says_what_it_is_at(history):
    """Bodies that go on for long, and for how long; of a run that was cut off, what it was at."""
    since = time.time() - 3600
    bodies = (("shop/price[1]", since), ("shop/total", since + 60))
    ledger = history.begin("aa", *GOOD[:1], AtWork(bodies, 1200))
    assert "at work    price[1] for 1h 00m, total for 59m 00s, 1,200 more" in history.told(
        "show", "aa"
    )
    assert "price runs: price[1] since 20" in history.told("show", "aa", "price")
    assert "total runs since 20" in history.told("show", "aa", "total")
    (document,) = history.json("show", "aa")
    assert [each["task"] for each in document["at_work"]] == ["shop/price[1]", "shop/total"]
    assert document["at_work_more"] == 1200
    ledger.close()
    assert "was at   price[1] since 20" in history.told("show", "aa")


def test_a_long_list_of_what_a_run_is_at_is_cut(history):
    """The longest are named."""
    bodies = tuple([(f"shop/price[{n}]", time.time()) for n in range(30)])
    history.begin("aa", AtWork(bodies, 5)).close()
    page = history.told("show", "aa")
    assert "price[7]" in page
    assert "price[8]" not in page
    assert "27 more" in page


def test_a_task_that_is_not_there_ends_with_5(history):
    """And names the one that may be meant, or all."""
    history.run("aa", *GOOD)
    code, output, errors = history.taskflow("show", "aa", "prcie")
    assert (code, output) == (5, "")
    assert "run aa has no task run 'prcie'; did you mean price?" in errors
    assert "it has fetch, price, total" in history.taskflow("show", "aa", "xyz")[2]


def test_the_last_lines_of_a_log_are_part_of_a_task_run(history):
    """Ten of them; `taskflow logs` has all."""
    wrote = [Wrote("shop/total", NOON, f"line {number}\n") for number in range(30)]
    history.run("aa", *GOOD, *wrote)
    page = history.told("show", "aa", "total")
    assert "line 29" in page
    assert "line 19" not in page
    assert history.json("show", "aa", "total")[0]["task_runs"][0]["log"][0] == "line 20"


# --- cancel, gc --------------------------------------------------------------------------------


def test_a_run_is_asked_to_end(history):
    """Whoever drives it finds the request."""
    ledger, heard = history.begin("aa"), threading.Event()
    ledger.on_news = heard.set
    code, output, errors = history.taskflow("cancel", "aa")
    assert (code, output, errors) == (0, "", "run aa of shop was asked to end\n")
    assert heard.wait(30)
    assert ledger.poll() == ["cancel"]
    ledger.end("cancelled", seconds=1.0, counts={})


@pytest.mark.parametrize(("state", "resumes"), [("succeeded", False), ("paused", True)])
def test_a_run_that_nobody_drives_cannot_be_cancelled(history, state, resumes):
    """It is said what it is, and whether somebody could go on with it."""
    history.run("aa", state=state)
    code, _, errors = history.taskflow("cancel", "aa")
    assert code == 5
    assert f"nobody drives run aa of shop: it is {state}" in errors
    assert ("taskflow resume aa" in errors) == resumes


def test_old_runs_are_removed(history):
    """But the last of each pipeline, and those of the last days."""
    for number in range(4):
        history.run(f"r{number}", *GOOD, created=NOON + number)
    assert history.told("gc", "--runs", "1", "--days", "0").startswith("removed 3 runs")
    assert [run["id"] for run in history.json("runs")] == ["r3"]
    assert history.json("gc", "--runs", "0", "--days", "0", "--size", "1.5 GB")[0]["runs"] == 1


def test_what_is_to_stay_is_said_once(history, monkeypatch):
    """`TASKFLOW_KEEP` counts where no option is given; where it keeps all, gc asks what may go."""
    for number in range(4):
        history.run(f"r{number}", created=NOON + number)
    monkeypatch.setenv("TASKFLOW_KEEP", "all")
    code, _, errors = history.taskflow("gc")
    assert code == 2
    assert "TASKFLOW_KEEP=all keeps everything" in errors
    monkeypatch.setenv("TASKFLOW_KEEP", "runs=3,days=0")
    assert history.json("gc")[0]["runs"] == 1
    assert history.json("gc", "--runs", "2")[0]["runs"] == 1


def test_what_is_no_size_is_refused(history):
    """With what is one."""
    code, _, errors = history.taskflow("gc", "--size", "much")
    assert code == 2
    assert "write bytes, or 500MB, 10GB" in errors


def test_a_run_that_was_resumed_took_from_its_start_to_its_end():
    """Not what its last stretch took. A service takes each run up in two steps."""
    run = RunRow("aa", "shop", "succeeded", NOON, started=NOON, ended=NOON + 16, seconds=0.3)
    cut = replace(run, epoch=2)
    assert (replace(run, epoch=1).took, cut.took, cut.resumed) == (0.3, 16.0, 1)
    served = [replace(run, epoch=epoch, version="v").resumed for epoch in range(7)]
    assert served == [0, 0, 0, 1, 1, 2, 2]
