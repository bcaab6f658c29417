"""Defaults that were made by a call when the file was imported."""

from __future__ import annotations

import re
import time
import uuid
import warnings
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from taskflow import pipeline
from taskflow.authoring.parameters import signature_of


def today(a: int = 1, since: date = date.today()): ...  # noqa: B008, DTZ011


def moment(*, at: str = datetime.now(UTC).isoformat()): ...


def stamp(name: str = f"run-{time.time()}"): ...


def token(key: str = uuid.uuid4().hex): ...


def constant(wait: timedelta = timedelta(minutes=5), out: Path = Path.home()): ...  # noqa: B008


def in_body(day: str = ""):
    return day or date.today()  # noqa: DTZ011


def by_name(today: int = 3, time: float = 1.0): ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (today, r"since=date\.today\(\) was made once"),
        (moment, r"at=datetime\.now\(UTC\)\.isoformat\(\) was made once"),
        (stamp, r"name=f'run-\{time\.time\(\)\}' was made once"),
        (token, r"key=uuid\.uuid4\(\)\.hex was made once"),
    ],
)
def test_a_default_that_would_be_another_each_time_is_warned_of(function, said):
    """With the parameter, the call, and what to write instead; at the line of the default."""
    with pytest.warns(UserWarning, match=said) as caught:
        signature_of(function)
    assert caught[0].filename == __file__
    assert caught[0].lineno == function.__code__.co_firstlineno
    assert re.search(r"if (\w+) is None: \1 = ", str(caught[0].message))


@pytest.mark.parametrize("function", [constant, in_body, by_name, len, print])
def test_constants_are_no_reason_to_warn(function):
    """Nor calls in the body, nor code that cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signature_of(function)


def test_a_pipeline_warns_when_its_parameters_are_read() -> None:
    """Decorators above the function do not hide it."""

    @pipeline(name="nightly")
    def p(
        since: date = date.today(),  # noqa: B008, DTZ011
    ): ...

    with pytest.warns(UserWarning, match="nightly: the default since"):
        _ = p.parameters
