"""Defaults that were made by a call when the file was imported."""

from __future__ import annotations

import re
import threading
import time
import uuid
import warnings
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
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


MISSING = object()


@dataclass
class Found:
    pages: list[int] = field(default_factory=list)


@pipeline
def collected(
    pages: list[int] = [1],  # noqa: B006 - what this is about
    /,
    named: tuple[list[int], ...] = ([],),
    *,
    found: Found = Found([2]),  # noqa: B008
    mark: object = MISSING,
    lock: object = threading.Lock(),
    array: object = np.zeros(1),
):
    pages.append(0)
    named[0].append(0)
    found.pages.append(0)
    array += 1
    assert array == 1
    return [list(pages), list(named[0]), list(found.pages), mark is MISSING, bool(lock)]


def test_what_a_body_does_to_a_default_stays_in_its_run():
    """Each run begins with the default as it is written; marks that are told by `is` stay."""
    for _ in range(2):
        assert collected() == [[1, 0], [0], [2, 0], True, True]


def test_a_nested_pipeline_has_defaults_of_its_own_for_each_call():
    """Also where the outer one is what runs twice; what is given is the callers' own."""
    given = [5]

    @pipeline
    def outer():
        return [collected(), collected(), collected(given)]

    for _ in range(2):
        made = outer()
        assert [each[0] for each in made] == [[1, 0], [1, 0], given]
    assert given == [5, 0, 0]


def test_a_drawing_leaves_the_default_alone():
    """A body that needs the value of a parameter is traced with a copy of it."""

    @pipeline
    def p(pages: list[int] = [1]):  # noqa: B006
        for page in pages:
            assert page == 1
        pages.append(2)

    for _ in range(2):
        p.trace()
