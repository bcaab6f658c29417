"""Previews: one short line that shows a value without unpickling it."""

from __future__ import annotations

import datetime as dt
import importlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from taskflow.executors.previews import LIMIT, preview_of
from taskflow.values import encode

MILLION = 1_000_000


@dataclass
class Page:
    url: str
    words: list


class Rude:
    def __repr__(self):
        raise SystemExit("no")


class Half:
    def __repr__(self):
        return "half\udc80\na line"


class Slow:
    """Asks for a repr that would take longer than anybody waits."""

    def __init__(self):
        self.bulk = "x" * MILLION

    def __repr__(self):
        raise AssertionError("nobody asks a large value")


def _preview(value, folder):
    return preview_of(value, encode(value, str(folder)))


@pytest.mark.parametrize(
    "value", [None, 1, "text", b"bytes", [1, 2.5], {"a": (1, {2})}, "x" * 900_000]
)
def test_a_small_value_of_builtin_types_needs_none(value, tmp_path):
    """Who reads it can show it: its pickle runs no code."""
    assert _preview(value, tmp_path) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Page("a", [1]), "Page(url='a', words=[1])"),
        ([Page("a", [])] * 9, "[" + "Page(url='a', words=[]), " * 6 + "...]"),
        (Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (dt.date(2026, 11, 22), "datetime.date(2026, 11, 22)"),
        (np.float64(1.5), "np.float64(1.5)"),
        (Half(), "half\\udc80 a line"),
        (Rude(), "<test_previews.Rude: its repr raises>"),
    ],
)
def test_an_object_is_asked_for_its_repr(value, shown, tmp_path):
    """In one line of text that every store takes, whatever it says."""
    assert _preview(value, tmp_path) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.arange(12).reshape(3, 4), "numpy.ndarray 3 × 4 int64: [0, 1, 2, 3, 4, 5, ...]"),
        (np.zeros((1000, 1000)).T, "numpy.ndarray 1,000 × 1,000 float64: [" + "0.0, " * 6 + "...]"),
        (np.zeros((0, 3)), "numpy.ndarray 0 × 3 float64: []"),
        (np.array([1, "x", None], object), "numpy.ndarray 3 object: [1, 'x', None]"),
    ],
)
def test_an_array_is_shown_by_shape_type_and_first_items(value, shown, tmp_path):
    """Of a gigabyte no more is looked at than that."""
    assert _preview(value, tmp_path) == shown


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: b"x" * 2 * MILLION, "b'" + "x" * 60 + "'... (2,000,000 in all)"),
        (lambda: list(range(MILLION)), "[0, 1, 2, 3, 4, 5, ...]"),
        (lambda: set(range(MILLION)), "{0, 1, 2, 3, 4, 5, ...}"),
        (lambda: {n: n for n in range(MILLION)}, "{0: 0, 1: 1, 2: 2, 3: 3, ...}"),
        (lambda: 1 << 30 * MILLION, "<int of 30,000,001 bits>"),
        (lambda: Counter(range(MILLION)), "<collections.Counter, 1,000,000 items>"),
        (lambda: [Slow(), 1.5, None], "[<test_previews.Slow>, 1.5, None]"),
    ],
)
def test_a_large_value_is_shown_by_its_first_items(make, shown, tmp_path):
    """What it holds is not asked for a repr of its own, which may take for ever."""
    assert _preview(make(), tmp_path) == shown


def test_a_preview_is_short(tmp_path):
    """Nesting and long texts end in dots."""
    value = {n: [Page("x" * 1000, [n] * 1000)] * 10 for n in range(10)}
    shown = _preview(value, tmp_path)
    assert len(shown) == LIMIT
    assert shown.endswith("...")


@pytest.mark.ring_tables
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_is_shown_by_columns_and_first_rows(library, tmp_path):
    """With the type of each column; a column may have any name."""
    frames = importlib.import_module(library)
    table = frames.DataFrame({"schema": [1, 2, 3, 4], "b": ["x", "y", "z", "w"]})
    shown = _preview(table, tmp_path)
    assert shown.startswith(f"{library}.DataFrame 4 × 2 (schema ")
    assert shown.endswith(
        ": [{'schema': 1, 'b': 'x'}, {'schema': 2, 'b': 'y'}, {'schema': 3, 'b': 'z'}]"
    )


@pytest.mark.ring_tables
def test_an_arrow_table_is_shown_by_columns_and_first_rows(tmp_path):
    """As the other tables."""
    arrow = importlib.import_module("pyarrow")
    table = arrow.table({"a": [1, 2, 3, 4]})
    shown = "pyarrow.Table 4 × 1 (a int64): [{'a': 1}, {'a': 2}, {'a': 3}]"
    assert _preview(table, tmp_path) == shown
