"""Values of records as bytes, and exactly back."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.call import Chunk, ErrorReport, Frame, Piece, Stored
from taskflow.plain import readable, storable
from taskflow.store.codec import decode, encode, pack, unpack
from taskflow.store.filenames import Names

NAMES = Names("/kept/runs", "run-1")
TEXTS = st.text(st.characters(codec=None))
FILES = st.builds(
    lambda home, name, size: Stored(f"/kept/runs/{home}/values/{name}", size, check=True),
    st.sampled_from(["run-1", "run-2"]),
    st.sampled_from(["a.value", "b"]),
    st.integers(0, 2**62),
)
VALUES = st.binary() | FILES
RANGES = st.builds(range, st.integers(), st.integers(), st.integers().filter(bool))
PIECES = st.builds(
    Piece, st.builds(Chunk, VALUES, st.booleans()) | RANGES, st.integers(), st.integers()
)
FRAMES = st.builds(Frame, TEXTS, st.integers(), TEXTS, TEXTS, st.booleans())
ERRORS = st.builds(
    ErrorReport,
    TEXTS,
    TEXTS,
    TEXTS,
    st.lists(FRAMES, max_size=3).map(tuple),
    st.binary(),
    st.booleans(),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    TEXTS,
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
ALL = st.recursive(
    PLAIN | VALUES | PIECES | ERRORS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=10,
)


def back(value):
    """What becomes of a value."""
    return decode(encode(value, NAMES.name), NAMES.path)


@given(ALL)
def test_what_is_encoded_comes_back_exactly(value):
    """Also lone surrogates, integers of any size, and every type that an outcome is made of."""
    assert back(value) == value
    assert shape(back(value)) == shape(value)


@given(TEXTS)
def test_every_text_can_be_stored(text):
    """SQLite refuses lone surrogates, as names of files may have them: those go as bytes."""
    assert readable(storable(text)) == text
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute("SELECT ?", (storable(text),)).fetchone() == (storable(text),)


def test_what_is_no_number_stays_none():
    """It is equal to nothing, so it needs a look of its own."""
    assert math.isnan(unpack(pack(math.nan)))


def test_whoever_reads_a_file_later_checks_it():
    """Only who saw it written knows that it is what was written."""
    assert back(Stored("/kept/runs/run-1/values/a", 5)).check


def test_files_are_named_so_that_a_store_can_be_moved():
    """A file of the run goes by its name, one of another run with that, others by their path."""
    paths = ["/kept/runs/run-1/values/a", "/kept/runs/run-2/values/a", "/elsewhere/a"]
    names = [NAMES.name(Stored(path, 1)) for path in paths]
    assert names == ["a", "run-2/a", "/elsewhere/a"]
    moved = Names("/moved/runs", "run-1")
    assert [moved.path(name) for name in names] == [
        "/moved/runs/run-1/values/a",
        "/moved/runs/run-2/values/a",
        "/elsewhere/a",
    ]


def test_what_the_store_does_not_know_is_refused():
    """An object is never pickled: it is an error that says what it was."""

    @dataclass
    class Odd:
        x: int

    with pytest.raises(TypeError, match=r"Odd\(x=1\)"):
        pack((Odd(1),))
    with pytest.raises(TypeError, match="file"):
        pack(Stored("/a", 1))


def shape(value):
    """The types that a value is made of: a named tuple equals a plain one, 1 equals True."""
    if isinstance(value, dict):
        return dict, [shape(each) for each in value.values()]
    if isinstance(value, tuple | list):
        return type(value), [shape(each) for each in value]
    return type(value)
