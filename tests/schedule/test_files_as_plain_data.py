"""What a service is told of a file of pipelines: plain data, checked where it was made."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from taskflow.graph.stored import decode
from taskflow.schedule.folder import digest_of
from taskflow.schedule.messages import Reading, decode_reading, encode_reading

HEAD = """\
from datetime import date, datetime, timedelta
from typing import Annotated
from taskflow import Schedule, Secret, pipeline, task

@task
def add(x, y): return x

"""
REPORT = """\
def mail(run): pass

@pipeline(
    schedule=[
        "0 6 * * *",
        Schedule("H 7 * * *", name="late", params={"days": "30"}, jitter="5m",
                 start="2026-01-01", end=datetime(2026, 7, 1, 12), on_success_of=["a", "b"]),
    ],
    timezone="Europe/Brussels", catchup="all", overlap="queue", misfire_grace="1h",
    max_active_runs=3, tags=["x", "y"], on_failure=mail, timeout="10m",
)
def report(days: int = 7, name: str = "week"):
    '''Reports what was.'''
    return add(add(days, 1), name)
"""


def test_a_pipeline_comes_with_all_that_is_said_of_it(nursed):
    """Name, entry, options, parameters as texts, hooks, and the words of its docstring."""
    reading = nursed.of(HEAD + REPORT)
    assert reading.error == ""
    (pipeline,) = reading.deployed
    assert (pipeline.name, pipeline.entry, pipeline.file) == ("report", "report", reading.file)
    assert (pipeline.max_active, pipeline.tags) == (3, ("x", "y"))
    assert pipeline.parameters == (("days", "int", "7"), ("name", "str", "week"))
    assert (pipeline.hooks, pipeline.doc) == (("on_failure",), "Reports what was.")
    assert pipeline.settings["timeout"] == 600.0
    assert pipeline.given.values == (("days", 7), ("name", "week"))
    assert pickle.loads(pipeline.given.pickled) == {"days": 7, "name": "week"}
    assert reading.seconds > 0


def test_each_schedule_is_planned(nursed):
    """Expressions are expanded, moments are seconds, parameters are bound, words are there."""
    (pipeline,) = nursed.of(HEAD + REPORT).deployed
    plain, late = pipeline.schedules
    assert (plain.id, plain.cron, plain.zone) == ("report", "0 6 * * *", "Europe/Brussels")
    assert plain.words == "every day at 06:00 (Europe/Brussels)"
    assert (plain.catchup, plain.overlap, plain.grace) == ("all", "queue", 3600.0)
    assert (late.id, late.written, late.follows) == ("report/late", "H 7 * * *", ("a", "b"))
    assert late.cron.split()[0].isdigit()
    assert late.words.endswith("(Europe/Brussels), and after a and b")
    brussels = ZoneInfo("Europe/Brussels")
    assert late.start == datetime(2026, 1, 1, tzinfo=brussels).timestamp()
    assert late.end == datetime(2026, 7, 1, 12, tzinfo=brussels).timestamp()
    assert late.jitter == 300.0
    assert late.given.values == (("days", 30), ("name", "week"))


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("date(2026, 1, 2)", datetime(2026, 1, 2, tzinfo=UTC)),
        ("'2026-01-02T03:00'", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        ("'2026-01-02T03:00+02:00'", datetime(2026, 1, 2, 1, tzinfo=UTC)),
        ("datetime(2026, 1, 2, 3)", datetime(2026, 1, 2, 3, tzinfo=UTC)),
    ],
)
def test_a_moment_without_zone_is_in_that_of_the_schedule(nursed, written, moment):
    """It is UTC where none is given; one with a zone is what it says."""
    text = f"@pipeline(schedule=Schedule('@daily', start={written}))\ndef p(): pass\n"
    (pipeline,) = nursed.of(HEAD + text).deployed
    (plan,) = pipeline.schedules
    assert (plan.zone, plan.start) == ("UTC", moment.timestamp())
    assert plan.warnings


def test_a_schedule_may_only_follow_another_pipeline(nursed):
    """Given as itself or by name; it has no expression then."""
    text = """\
    @pipeline
    def first(): pass

    @pipeline(schedule=Schedule(on_success_of=first))
    def second(): pass
    """
    _, second = nursed.of(HEAD + text.replace("\n    ", "\n").lstrip()).deployed
    (plan,) = second.schedules
    assert (plan.cron, plan.follows, plan.words) == ("", ("first",), "after first")


WRONG = {
    "two without a name": (
        "schedule=['0 6 * * *', '0 7 * * *']",
        "p has 2 schedules without a name",
    ),
    "two of a name": (
        "schedule=[Schedule('0 6 * * *', name='a'), Schedule('0 7 * * *', name='a')]",
        "p has 2 schedules named 'a'",
    ),
    "a parameter of another type": (
        "schedule=Schedule('0 6 * * *', name='m', params={'n': 'many'})",
        "schedule 'p/m': parameter n:",
    ),
    "a parameter that is not there": (
        "schedule=Schedule('0 6 * * *', params={'m': 1})",
        "schedule 'p': parameter m: unknown",
    ),
    "an end before its start": (
        "schedule=Schedule('0 6 * * *', start='2026-02-01', end='2026-01-01')",
        "schedule 'p' ends before it starts",
    ),
    "itself": ("schedule=Schedule(on_success_of='p')", "schedule 'p' would start itself again"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_schedule_that_cannot_be_is_an_error_of_its_file(nursed, case):
    """The message names the pipeline or the schedule, and the parameter."""
    options, told = WRONG[case]
    assert told in nursed.of(f"{HEAD}@pipeline({options})\ndef p(n: int = 1): pass\n").error


def test_all_that_is_wrong_with_a_file_is_told_at_once(nursed):
    """One look at the error is enough to repair all pipelines of the file."""
    text = "@pipeline(schedule=Schedule('@daily', params={{'n': 1}}))\ndef {}(): pass\n"
    error = nursed.of(HEAD + text.format("one") + text.format("two")).error
    assert "schedule 'one'" in error
    assert "schedule 'two'" in error


def test_a_pipeline_without_defaults_needs_them_from_its_schedule(nursed):
    """It has none to be started with by hand, and its schedule has to give them."""
    text = "{}\ndef p(days: int): return add(days, 1)\n"
    (pipeline,) = nursed.of(HEAD + text.format("@pipeline")).deployed
    assert pipeline.given is None
    assert pipeline.parameters == (("days", "int", None),)
    error = nursed.of(HEAD + text.format("@pipeline(schedule='@daily')")).error
    assert "schedule 'p': parameter days: missing" in error


def test_a_body_that_loops_over_a_parameter_is_drawn_with_what_it_is_scheduled_with(nursed):
    """One that has no schedule has no graph before it is started, and is no error."""
    text = "def p(sites: list[str]):\n    for site in sites: add(site, 1)\n"
    given = "@pipeline(schedule=Schedule('@daily', params={'sites': ['a', 'b']}))\n"
    (scheduled,) = nursed.of(HEAD + given + text).deployed
    assert len(decode(scheduled.graph).specs) == 1
    (free,) = nursed.of(f"{HEAD}@pipeline\n{text}").deployed
    assert free.graph == b""


def test_a_graph_has_open_what_is_not_given(nursed):
    """It is traced without values, so it is the same for all runs."""
    (pipeline,) = nursed.of(HEAD + REPORT).deployed
    graph = decode(pipeline.graph)
    assert sorted(graph.labels.values()) == ["days", "name"]


def test_secrets_are_masked_wherever_they_are_shown(nursed):
    """They are in what starts a run, and in nothing that is for eyes."""
    text = """\
@pipeline(schedule=Schedule("@daily", params={"token": "hunter22"}))
def p(token: Annotated[str, Secret] = "swordfish"): pass
"""
    (pipeline,) = nursed.of(HEAD + text).deployed
    (plan,) = pipeline.schedules
    assert pipeline.parameters == (("token", "str", "***"),)
    for given in (pipeline.given, plan.given):
        assert (given.shown, given.values) == ((("token", "***"),), (("token", "***"),))
        assert given.secrets == ("token",)
    assert pickle.loads(plan.given.pickled) == {"token": "hunter22"}
    assert b"swordfish" not in pipeline.graph


def test_a_version_is_one_of_all_code_that_a_pipeline_needs(nursed):
    """It changes with a helper, not with a comment elsewhere or with the place of the project."""
    nursed.write("_helper.py", "x = 1\n")
    nursed.write("unrelated.py", "x = 1\n")
    text = "from taskflow import pipeline\nimport _helper\n@pipeline\ndef p(): pass\n"
    (first,) = nursed.of(text).deployed
    nursed.write("unrelated.py", "x = 2\n")
    (same,) = nursed.of(text).deployed
    nursed.write("_helper.py", "x = 2\n")
    reading = nursed.of(text)
    assert first.version == same.version != reading.deployed[0].version
    assert len(first.version) == 16
    assert sorted(reading.sources) == ["_helper", "report"]
    assert all(digest_of(path) == digest for path, digest in reading.parts.items())


def test_files_of_folders_below_import_from_the_top(nursed):
    """What all share lies there, and counts for the version."""
    helper = nursed.write("common/clean.py", "x = 1\n")
    text = "from taskflow import pipeline\nimport common.clean\n@pipeline\ndef p(): pass\n"
    first = nursed.of(text, "team/report.py")
    assert first.error == ""
    assert first.parts[helper] == digest_of(helper)
    nursed.write("common/clean.py", "x = 2\n")
    assert nursed.of(text, "team/report.py").deployed[0].version != first.deployed[0].version


def test_pipelines_of_other_files_are_not_of_this_one(nursed):
    """To import one, to nest it, does not deploy it twice; a copy for running is no second one."""
    nursed.write("parts.py", HEAD + "@pipeline\ndef part(): return add(1, 2)\n")
    text = f"{HEAD}from parts import part\n@pipeline\ndef whole(): return part()\n"
    reading = nursed.of(text + "fast = whole.options(workers=8)\n")
    assert [(each.name, each.entry) for each in reading.deployed] == [("whole", "whole")]
    other = nursed.of(text + "nightly = whole.options(name='nightly', schedule='@daily')\n")
    assert [each.name for each in other.deployed] == ["whole", "nightly"]


def test_a_run_that_stands_in_a_file_is_not_run(nursed):
    """Reading a file starts nothing; what is defined above it is there."""
    text = "@pipeline\ndef p(): pass\nimport taskflow\ntaskflow.run(p)\n1 / 0\n"
    reading = nursed.of(HEAD + text)
    assert (reading.error, [each.name for each in reading.deployed]) == ("", ["p"])


def test_a_reading_is_what_it_was_after_a_journey(nursed):
    """As bytes and back it is equal; bytes that are none are refused."""
    reading = nursed.of(HEAD + REPORT)
    assert decode_reading(encode_reading(reading)[8:]) == reading
    for data in (b"", b"\xc1", b"\x01", encode_reading(Reading("x", seconds=1.0))[9:]):
        with pytest.raises(ValueError, match="not a reading"):
            decode_reading(data)
