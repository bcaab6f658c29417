"""The events of a run as lines of JSON."""

from __future__ import annotations

import io
import json
import math

import pytest
from happenings import ended, error, failed, started, tell

from taskflow.events import TaskProgressed, TasksEnded, TaskWrote
from taskflow.lifecycle import SUCCEEDED
from taskflow.progress.jsonl import JsonProgress, as_json
from taskflow.secret import Redactor


def lines_of(stream: io.StringIO) -> list[dict]:
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in stream.getvalue().splitlines()]


def test_each_event_is_a_line():
    """In order, each with its kind and its fields."""
    stream = io.StringIO()
    tell(JsonProgress(stream, clock=lambda: 7.0), [started(), TaskWrote("a", "b\n")])
    told = lines_of(stream)
    assert [line["event"] for line in told] == ["RunStarted", "TaskWrote"]
    plain = {"key": "a", "text": "b\n", "level": 0, "logger": "", "seen": False}
    assert told[1] == {"event": "TaskWrote", "time": 7.0, **plain}


def test_a_failure_carries_its_traceback_and_inputs():
    """A program can show the report itself."""
    stream = io.StringIO()
    tell(JsonProgress(stream), [failed("scrape/a", "a", error())])
    assert lines_of(stream)[0]["error"]["type"] == "ValueError"


def test_the_end_waits_for_the_value():
    """The last line is the end of the run together with what it came to."""
    stream = io.StringIO()
    progress = JsonProgress(stream)
    tell(progress, [started(), ended(), TasksEnded("a", "a", SUCCEEDED)])
    assert [line["event"] for line in lines_of(stream)] == ["RunStarted", "TasksEnded"]
    progress.finish({"pages": 312})
    assert lines_of(stream)[-1]["value"] == {"pages": 312}


def test_the_value_is_told_without_secrets():
    """In texts, in keys, as the whole of a number; what only looks alike stays data."""
    stream = io.StringIO()
    progress = JsonProgress(stream)
    tell(progress, [started(), ended()])
    value = {"key": ["a swordfish"], "swordfish": {1}, "pin": 31337, "pages": 313370, "f": 1.5}
    progress.finish(value, Redactor(["swordfish", 31337]))
    told = {"key": ["a ***"], "***": "{1}", "pin": "***", "pages": 313370, "f": 1.5}
    assert lines_of(stream)[-1]["value"] == told


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        ([1, "a", True], [1, "a", True]),
        ({"a": {1, 2}}, {"a": "{1, 2}"}),
        ({(1, 2): "x"}, {"(1, 2)": "x"}),
        (math.nan, "nan"),
        ([math.inf], ["inf"]),
        ("\ud800", "\ud800"),
        (range(3), "range(0, 3)"),
    ],
)
def test_any_value_becomes_standard_json(value, plain):
    """What JSON does not know appears as its repr; NaN is no JSON."""
    assert json.loads(as_json(value)) == plain


def test_a_value_that_holds_itself_ends():
    """Not in a RecursionError."""
    loop = []
    loop.append(loop)
    assert "[[" in as_json(loop)


def test_progress_of_a_task_may_be_no_number():
    """What a user passes to `current.progress` cannot spoil the stream."""
    stream = io.StringIO()
    tell(JsonProgress(stream), [TaskProgressed("a", math.nan, math.inf)])
    assert lines_of(stream)[0]["done"] == "nan"
