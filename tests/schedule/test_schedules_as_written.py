"""A `Schedule` is checked where it is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from taskflow import Schedule, pipeline
from taskflow.errors import DefinitionError


@pipeline
def load():
    pass


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"on_success_of": "load", "jitter": "5m"},
            "jitter spreads the ticks of a cron expression, and on_success_of alone has none",
        ),
        ({}, "a Schedule needs a cron expression, such as Schedule('0 6 * * *')"),
        ({"cron": " "}, "or on_success_of="),
        ({"cron": 6}, "a Schedule takes a cron text, not 6"),
        ({"cron": "@daily", "name": ""}, "the name of a Schedule is a text that is not empty"),
        ({"cron": "@daily", "params": ["days"]}, "params of a Schedule are values by name"),
        ({"cron": "@daily", "params": {1: 2}}, "params of a Schedule are values by name"),
        ({"cron": "@daily", "start": "soon"}, "start='soon' of a Schedule: Invalid isoformat"),
        ({"cron": "@daily", "end": 17}, "write a date, a datetime or a text such as end='2026-"),
        ({"cron": "@daily", "jitter": "some"}, "'some' is not a duration"),
        ({"on_success_of": 3}, "on_success_of takes pipelines or their names, not 3"),
        ({"on_success_of": [load, ""]}, "on_success_of takes pipelines or their names, not ''"),
    ],
)
def test_a_wrong_schedule_fails_where_it_is_made(options, told):
    """Before any service reads it, with what to write instead."""
    with pytest.raises(DefinitionError) as caught:
        Schedule(**options)
    assert told in str(caught.value)


def test_a_schedule_follows_pipelines_given_as_themselves_or_by_name():
    """One or several; the expression may be left out then, the zone is checked all the same."""
    assert Schedule(on_success_of=load).follows == ("load",)
    assert Schedule("@daily", on_success_of=[load, "clean"]).follows == ("load", "clean")
    assert Schedule("@daily").follows == ()
    pipeline(schedule=Schedule(on_success_of="clean"))
    with pytest.raises(DefinitionError, match="timezone='Mars' is unknown"):
        pipeline(schedule=Schedule(on_success_of="clean"), timezone="Mars")


def test_moments_and_spans_are_taken_in_every_form():
    """Dates, datetimes and ISO texts; durations as anywhere else."""
    for start in (
        date(2026, 1, 1),
        datetime(2026, 1, 1, 6, tzinfo=UTC),
        "2026-01-01",
        "2026-01-01T06:00Z",
    ):
        assert Schedule("@daily", start=start).start == start
    assert Schedule("@daily", jitter=timedelta(minutes=5)).jitter == 300.0
