"""Docstrings: what is said of parameters is found in the styles that people write."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.authoring.docstring import read_docstring
from taskflow.authoring.parameters import signature_of

GOOGLE = """Scrape a site.

    Politely.

    Args:
        domain: Where to start,
            as a URL: with its scheme.
        depth (int, optional): How deep.
        *more: The rest.

    Returns:
        How many pages.

    Note:
        It takes a while.
    """
NUMPY = """Scrape a site.

    Politely.

    Parameters
    ----------
    domain : str
        Where to start,
        as a URL: with its scheme.
    depth : int, optional
        How deep.
    *more
        The rest.

    Returns
    -------
    int
        How many pages.
    """
SPHINX = """Scrape a site.

    Politely.

    :param str domain: Where to start,
        as a URL: with its scheme.
    :param depth: How deep.
    :param more: The rest.
    :type depth: int
    :returns: How many pages.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_every_style_says_the_same(text):
    """What is said of each parameter, on one line; sections on what comes back are left out."""
    prose, parameters = read_docstring(text)
    assert prose.startswith("Scrape a site.\n\nPolitely.")
    assert "How many pages" not in prose
    assert parameters == {
        "domain": "Where to start, as a URL: with its scheme.",
        "depth": "How deep.",
        "more": "The rest.",
    }


def test_other_sections_stay_as_they_are() -> None:
    """Notes and examples are prose."""
    assert read_docstring(GOOGLE).prose.endswith("Note:\n    It takes a while.")


@pytest.mark.parametrize("text", ["", None, "One line.", "Two\nlines: here.\n\n    code(x)"])
def test_a_plain_docstring_is_prose(text):
    """With nothing said of parameters."""
    assert read_docstring(text) == (text or "", {})


@given(st.text("aZ: \n-*=()"))
def test_no_docstring_is_too_odd(text):
    """It is prose, or about parameters, or left out; nothing is raised."""
    prose, parameters = read_docstring(text)
    assert isinstance(prose, str)
    assert all(said for said in parameters.values())


def test_an_annotation_says_more_than_a_docstring() -> None:
    """It stands nearer to the parameter."""

    def p(a: Annotated[int, "from the annotation"], b: int):
        """Do.

        Args:
            a: from the docstring
            b: from the docstring
        """

    described = {row.name: row.doc for row in signature_of(p).describe()}
    assert described == {"a": "from the annotation", "b": "from the docstring"}
