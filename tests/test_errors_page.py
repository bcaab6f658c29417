"""The page of errors: every class is on it, and what it shows is what happens."""

from __future__ import annotations

import inspect
import re

import errors_page
import pytest


@pytest.fixture(scope="module")
def programs() -> dict[str, str]:
    """The example of every class."""
    return errors_page.programs()


@pytest.fixture(scope="module")
def ends(programs: dict[str, str]) -> dict[str, errors_page.Shown]:
    """How the examples end, run once for all tests here."""
    return errors_page.shown(programs)


@pytest.mark.parametrize("cls", errors_page.classes(), ids=lambda cls: cls.__name__)
def test_every_error_class_has_an_example_that_raises_it(
    cls: type, programs: dict[str, str], ends: dict[str, errors_page.Shown]
) -> None:
    """A class has a program in errors_shown.py, and it ends with that class.

    With a class of its own where it has any: what only groups others is caught, not raised.
    """
    assert cls.__name__ in programs, f"write an example for {cls.__name__} in errors_shown.py"
    found = ends[cls.__name__].classes
    is_group = cls.__name__ in {"TaskflowError", "TaskError", "RunError"}
    assert cls.__name__ in (found[1:] if is_group else found[:1]), ends[cls.__name__].message


def test_no_example_is_left_of_a_class_that_is_gone(programs: dict[str, str]) -> None:
    """What is in errors_shown.py is on the page."""
    assert sorted(programs) == sorted(cls.__name__ for cls in errors_page.classes())


@pytest.mark.parametrize("cls", errors_page.classes(), ids=lambda cls: cls.__name__)
def test_every_error_class_says_when_and_what_to_do(cls: type) -> None:
    """Its docstring is a sentence; in `taskflow.errors`, what the reader needs comes after it."""
    first, _, more = (inspect.getdoc(cls) or "").partition("\n\n")
    assert first.endswith(".")
    assert more or cls.__module__ != "taskflow.errors"


def test_no_message_depends_on_the_machine(ends: dict[str, errors_page.Shown]) -> None:
    """Messages on the page hold no path of a home, a checkout or an environment, and no address."""
    told = "\n".join(end.message for end in ends.values())
    assert not re.findall(rf"{re.escape(str(errors_page.ROOT))}|site-packages|/home/|/root/", told)


def test_the_page_is_up_to_date(
    programs: dict[str, str], ends: dict[str, errors_page.Shown]
) -> None:
    """If this fails, look at what changed: `python tests/errors_page.py --write; git diff`."""
    assert errors_page.PAGE.read_text() == errors_page.page(ends, programs)
