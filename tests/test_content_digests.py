"""Digests of values by their content, and looks into pickles that run no code."""

from __future__ import annotations

import array
import collections
import copy
import enum
import functools
import logging
import math
import os
import pickle
import re
import subprocess
import sys
import threading
import types
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

import cloudpickle
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow import task
from taskflow.content import Undigestible, digest_of, elements, shown

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Count(int):
    """A number with a class of its own."""


class Tags(set):
    """A set with a class of its own."""


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Page:
    url: str
    links: list[Any] = field(default_factory=list)

    @functools.cached_property
    def host(self) -> str:
        return self.url.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Place:
    north: float
    east: float


class Record(msgspec.Struct):
    name: str
    sizes: list[int]


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        return self


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Own:
    """Says itself what its content is."""

    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()

    def __taskflow_digest__(self):
        return self.name


def add_one(x):
    return x + 1


@task
def add_two(x):
    return x + 2


def adder(n):
    return lambda x: x + n


#: What makes values, each of which differs from all others.
DIFFERENT = [
    *(lambda: None, lambda: True, lambda: 1, lambda: 1.0, lambda: 0.0, lambda: -0.0, lambda: 2**80),
    *(lambda: "1", lambda: b"1", lambda: bytearray(b"1"), lambda: memoryview(b"1"), lambda: 1j),
    *(lambda: "x" * 1000, lambda: "é", lambda: "\ud800", lambda: "", lambda: math.inf),
    *(list, tuple, dict, set, frozenset),
    *(lambda: [1, 2], lambda: (1, 2), lambda: [2, 1], lambda: [1, 2.0], lambda: [[1], 2]),
    *(lambda: [1, [2]], lambda: [[1, 2]], lambda: {1, 2}, lambda: {1: 2}, lambda: {"1": 2}),
    *(lambda: {1: {2: 3}}, lambda: {(1, 2): 3}, lambda: {"a": 1, "b": 2}, lambda: {"a": 2, "b": 1}),
    *(lambda: Count(1), lambda: Tags({1, 2}), lambda: Point(1, 2), lambda: Point(2, 1)),
    lambda: collections.OrderedDict(a=1, b=2),
    lambda: collections.OrderedDict(b=2, a=1),
    lambda: collections.defaultdict(list, a=1),
    lambda: collections.defaultdict(set, a=1),
    lambda: collections.Counter("aab"),
    *(lambda: collections.deque([1]), lambda: collections.deque([1], 2)),
    lambda: types.MappingProxyType({"a": 1}),
    *(lambda: Path("a"), lambda: PurePosixPath("a"), lambda: Path("a/b")),
    *(lambda: date(2026, 1, 2), lambda: datetime(2026, 1, 2)),  # noqa: DTZ001 - one without a zone
    *(lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: time(1, 2), lambda: timedelta(1)),
    lambda: datetime(2026, 1, 2, tzinfo=ZoneInfo("Europe/Brussels")),
    lambda: datetime(2026, 1, 2, fold=1, tzinfo=ZoneInfo("Europe/Brussels")),
    *(lambda: ZoneInfo("Europe/Brussels"), lambda: ZoneInfo("Europe/Paris")),
    *(lambda: Decimal("1.5"), lambda: Decimal("1.50"), lambda: Fraction(3, 2)),
    *(lambda: uuid.UUID(int=1), lambda: uuid.UUID(int=2)),
    *(
        lambda: Color.RED,
        lambda: Color.BLUE,
        lambda: Rights.READ,
        lambda: Rights.READ | Rights.WRITE,
    ),
    *(lambda: range(3), lambda: range(1, 3), lambda: slice(3), lambda: slice(1, 3)),
    *(lambda: re.compile("a"), lambda: re.compile("a", re.IGNORECASE), lambda: ...),
    *(lambda: Page("a"), lambda: Page("b"), lambda: Page("a", [1]), lambda: [Page("a")]),
    *(lambda: Place(1.0, 2.0), lambda: Place(2.0, 1.0), lambda: Record("a", [1]), lambda: Slots(1)),
    *(Plain, lambda: Plain(a=1), lambda: Plain(b=1), lambda: Plain(a=Plain(a=1))),
    *(lambda: Own("a"), lambda: Own("b"), lambda: array.array("i", [1]), lambda: ValueError("a")),
    *(lambda: add_one, lambda: adder(1), lambda: adder(2), lambda: add_two, lambda: len),
    *(lambda: functools.partial(add_one, 1), lambda: functools.partial(add_one, 2)),
    *(lambda: Plain(a=1).method, lambda: Plain, lambda: Page, lambda: list[int], lambda: math),
    *(lambda: logging.getLogger("a"), lambda: logging.getLogger("b")),
    *(lambda: np.arange(3), lambda: np.arange(3.0), lambda: np.arange(4), lambda: np.zeros((2, 3))),
    *(
        lambda: np.zeros((3, 2)),
        lambda: np.zeros(0),
        lambda: np.zeros((0, 2)),
        lambda: np.float64(1),
    ),
    *(lambda: np.int8(1), lambda: np.array(1.0), lambda: np.arange(6).reshape(2, 3)),
    *(lambda: np.arange(6).reshape(2, 3).T, lambda: np.array(["a"]), lambda: np.array(["ab"])),
    *(lambda: np.array([1, "a", None], object), lambda: np.array([1, "b", None], object)),
    *(lambda: np.array(["2026-01-02"], "M8[D]"), lambda: np.array(["2026-01-02"], "M8[s]")),
    *(
        lambda: np.zeros(1, [("a", "i4")]),
        lambda: np.zeros(1, [("b", "i4")]),
        lambda: np.dtype("f4"),
    ),
    *(lambda: np.ma.array([1, 2], mask=[0, 1]), lambda: np.ma.array([1, 2], mask=[1, 0])),
]


def test_different_values_have_different_digests():
    """Of type, order, shape, sign, zone: what a program could tell apart."""
    by_digest = collections.defaultdict(list)
    for make in DIFFERENT:
        by_digest[digest_of(make())].append(make())
    assert [values for values in by_digest.values() if len(values) > 1] == []
    assert {len(each) for each in by_digest} == {16}


def test_a_value_made_twice_has_the_same_digest():
    """Whatever it is, wherever it lies in memory."""
    for make in DIFFERENT:
        assert digest_of(make()) == digest_of(make()), make()
        assert digest_of([make(), make()]) == digest_of([make()] * 2), make()


def _show_digests():
    """Print what other processes are asked for, in the order of the list."""
    print([digest_of(make()).hex() for make in DIFFERENT])


def test_digests_are_the_same_in_every_process():
    """Whatever the seed of hashes."""
    code = "import test_content_digests as tests; tests._show_digests()"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([ROOT, os.path.dirname(__file__)]),
                "PYTHONHASHSEED": seed,
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (math.nan, -math.nan),
        ([1, math.nan], [1, math.inf * 0]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}),
        ({1, "a", (2, 3)}, {(2, 3), "a", 1}),
        ({"e", "f", "g"}, {"g", "f", "e"}),
        (Plain(a=1, b=2), Plain(b=2, a=1)),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(10)[::2], np.array([0, 2, 4, 6, 8])),
        (np.array([math.nan]), np.array([-math.nan])),
        (np.array([complex(1, math.nan)]), np.array([complex(1, -math.nan)])),
        ("ab" * len("ab"), "abab"),
    ],
)
def test_equal_content_in_another_guise_has_the_same_digest(one, other):
    """Order of sets and dicts, layout of arrays, sign of nan, interning: none of it is content."""
    assert digest_of(one) == digest_of(other)


def test_what_an_object_has_computed_from_itself_is_not_content():
    """A cached property can be there or not."""
    page = Page("a/b")
    before = digest_of(page)
    assert page.host == "a"
    assert digest_of(page) == before


def test_shared_parts_are_content_and_not_identity():
    """Two references to one list are two equal lists; and that costs once, not twice each time."""
    shared: list[Any] = [[1], {2}]
    for _ in range(64):
        shared = [shared, shared]
    assert digest_of(shared) == digest_of(copy.deepcopy(shared))


def test_nesting_may_be_deeper_than_pythons_stack():
    """Data is walked, not recursed into."""
    deep: list[Any] = []
    for _ in range(10 * sys.getrecursionlimit()):
        deep = [deep, 1]
    assert digest_of(deep) != digest_of([deep, 1])


def _selfish():
    value: list[Any] = [1]
    value.append({"me": value})
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (threading.Lock(), r" \(_thread\.lock\) has no digest: TypeError: cannot pickle"),
        ({"a": [1, Plain(lock=threading.Lock())]}, r": \['a'\]\[1\]\.lock \(_thread\.lock\) has"),
        ((each for each in ()), r" \(generator\) has no digest: "),
        (_selfish(), r": \[1\]\['me'\] \(list\) has no digest: it contains itself"),
        ({threading.Lock()}, r": \{\.\.\.\} \(_thread\.lock\) has"),
        (adder(threading.Lock()), r": closure n \(_thread\.lock\) has"),
        (np.array([threading.Lock()]), r": \[0\] \(_thread\.lock\) has"),
    ],
)
def test_what_has_no_content_is_refused_with_the_way_to_it(value, said):
    """The message names the argument, the path in it, and the type at its end."""
    with pytest.raises(Undigestible, match=r"^argument `x`" + said):
        digest_of(value, "argument `x`")


def test_code_can_be_counted_by_who_asks():
    """A name for each function, class and task that is met, in place of its compiled code."""
    met: list[Any] = []

    def name_of(thing):
        met.append(thing)
        return "the same"

    assert digest_of([add_one, add_two], code=name_of) == digest_of([len_of, add_one], code=name_of)
    digest_of({"page": Page("a")}, code=name_of)
    assert met == [add_one, add_two, len_of, add_one, Page]


def len_of(x):
    return len(x)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_a_copy_has_the_digest_of_the_value(value):
    """However it was copied."""
    assert digest_of(value) == digest_of(pickle.loads(pickle.dumps(value, 5)))


@given(VALUES, VALUES)
def test_two_values_have_one_digest_only_if_they_are_equal(one, other):
    """The other way round, 1 and True are equal and differ all the same."""
    if digest_of(one) == digest_of(other):
        assert repr(_sorted(one)) == repr(_sorted(other))


def _sorted(value):
    """The value with all its dicts in the order of their keys."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_sorted, value))
    return value


# --- pickles -------------------------------------------------------------------------------------


class Loud:
    """Tells when code of its class runs."""

    ran: ClassVar[list[str]] = []

    def __reduce__(self):
        return _run, ("reduce",)


def _run(what):
    Loud.ran.append(what)


def _classes_by_value():
    @dataclass
    class Local:
        url: str
        size: int

    class Kind(enum.Enum):
        BIG = 1

    return [Local("a", 2), Local, Kind.BIG, lambda x: x + 1]


def _pickles():
    plain = [make() for make in DIFFERENT]
    by_name = [pickle.dumps(each, 5) for each in plain if _can_be_pickled(each)]
    return [*by_name, *map(cloudpickle.dumps, _classes_by_value()), pickle.dumps(Loud(), 5)]


def _can_be_pickled(value):
    try:
        pickle.dumps(value, 5)
    except (TypeError, AttributeError, pickle.PicklingError):
        return False
    return True


def test_pickles_in_a_row_are_cut_apart():
    """Byte for byte, whatever is in them."""
    pickles = _pickles()
    assert elements(b"".join(pickles)) == pickles
    assert elements(b"") == []


def test_no_code_of_classes_runs_to_cut_or_show():
    """A class may be gone, or do harm."""
    data = pickle.dumps(Loud(), 5)
    assert elements(data + data) == [data, data]
    shown(data)
    assert Loud.ran == []
    pickle.loads(data)
    assert Loud.ran == ["reduce"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, "a", None, {"k": (2.5, b"x")}], "[1, 'a', None, {'k': (2.5, b'x')}]"),
        ({3, 1}, "{1, 3}"),
        (date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
        (Decimal("1.50"), "Decimal('1.50')"),
        (range(3), "range(0, 3)"),
        (Point(1, 2), "Point(1, 2)"),
        (Page("a"), "Page(url='a', links=...)"),
        ([Page("a")], "[Page(url='a', links=...)]"),
        (Slots(1), "Slots(a=1)"),
        (np.arange(3), "<numpy object>"),
        (datetime(2026, 1, 2, 3, tzinfo=ZoneInfo("UTC")), "datetime('2026-01-02 03:00:00', ...)"),
        (Page, f"<class '{__name__}.Page'>"),
        ("x" * 1000, "'" + "x" * 37 + "..." + "x" * 38 + "'"),
    ],
)
def test_a_pickled_value_is_shown_in_a_line(value, said):
    """Plain data as it is, objects by their class and what is plain in them."""
    assert shown(pickle.dumps(value, 5)) == said


def test_classes_that_travel_by_value_are_shown_by_name():
    """As those of a script do."""
    local, *_ = map(cloudpickle.dumps, _classes_by_value())
    assert shown(local) == "Local(url='a', size=2)"


def test_what_is_shown_is_bounded():
    """In length always, and in time by the size of what is looked into."""
    wide = [["x" * 60] * 6] * 6
    assert len(shown(pickle.dumps(wide, 5))) == 200
    assert len(shown(pickle.dumps(wide, 5), limit=50)) == 50
    assert shown(pickle.dumps(bytes(2_000_000), 5)) == "<2,000,009 bytes>"


@given(st.binary())
def test_bytes_that_are_no_pickle_are_shown_too(data):
    """A damaged record does not spoil a listing."""
    assert shown(data)


def test_every_pickle_is_shown():
    """Each in a line of its own."""
    lines = [shown(each) for each in _pickles()]
    assert all(line and "\n" not in line for line in lines)
    assert [line for line in lines if "cannot be shown" in line] == []
