"""Parameters: one rule and one wording for Python calls and command lines."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, Protocol, TypedDict
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.authoring.convert import convert
from taskflow.authoring.parameters import Parameters, signature_of
from taskflow.errors import ParameterError
from taskflow.plain import plain, text_of


class Mode(Enum):
    FAST = "quick"
    VERY_SLOW = 2


@dataclass
class Site:
    url: str
    depth: int = 1
    tags: list[str] = field(default_factory=list)

    def __post_init__(self):
        if self.depth > 100:
            raise ValueError("deeper than the sea")


@dataclass
class Sealed:
    lid: int

    def __post_init__(self):
        raise KeyError("lid")


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(msgspec.Struct):
    strict: bool = False


@dataclass
class Nested:
    name: str
    options: Options


class Headers(TypedDict):
    agent: str


class Frame:
    """A class that nobody here knows how to make, like a DataFrame."""


class Quacks(Protocol):
    def quack(self) -> str: ...


class Lazy:
    """A value that is not there yet: whatever touches it fails."""

    __taskflow_lazy__ = True

    def __eq__(self, other):
        raise AssertionError

    __hash__ = None
    __iter__ = __bool__ = __getattr__ = __eq__


Name = NewType("Name", str)
Depth = Annotated[int, msgspec.Meta(ge=1, le=5, description="how deep to go")]


def scrape_site(domain: str, depth: int = 3, *, strict: bool = True, paths: list[Path] = ()):
    """Scrape."""


SITE = signature_of(scrape_site)
SITE_FIELDS = '{"url": ..., "depth": ..., "tags": ...}'


def parsed(parameters, words):
    """What a command line with these words gives."""
    return parameters.read(*parameters.texts(words))


def taking(hint: Any, default: Any = ...) -> Parameters:
    """The parameters of a pipeline `p` with one parameter `x`."""

    def p(x): ...

    p.__annotations__ = {"x": hint}
    p.__defaults__ = None if default is ... else (default,)
    return signature_of(p)


def told(call: Callable[[], object]) -> list[str]:
    """The lines of the ParameterError that the call raises, without the signature line."""
    with pytest.raises(ParameterError) as caught:
        call()
    *lines, signature = str(caught.value).splitlines()
    assert signature.startswith("signature: ")
    return lines


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 3),
        (int, True),
        (float, np.float64(1.5)),
        (str, "x"),
        (Path, Path("x")),
        (date, datetime(2024, 1, 1, 12)),  # noqa: DTZ001 - a date all the same
        (list, [object()]),
        (list[int], [1, 2]),
        (list[list[Path]], [[Path("x")], []]),
        (tuple[int, ...], (1, 2)),
        (tuple[int, str], (1, "a")),
        (set[str], {"a"}),
        (dict[str, list[int]], {"a": [1]}),
        (Sequence[int], range(10**12)),
        (Iterable[int], iter([1, 2])),
        (Mapping[str, int], {"a": 1}),
        (Optional[int], None),  # noqa: UP045 - users write it
        (int | str, "3"),
        (Literal["a", 1], 1),
        (Mode, Mode.FAST),
        (Site, Site("x")),
        (Point, Point(1, 2)),
        (tuple, Point(1, 2)),
        (Frame, Frame()),
        (np.ndarray, np.zeros(3)),
        (list[Frame], [Frame()]),
        (Callable[[int], int], abs),
        (Depth, 5),
        (Headers, {"agent": "x"}),
        (Name, "x"),
        (Any, object()),
        (object, "x"),
    ],
)
def test_an_instance_of_its_annotation_passes_untouched(hint, value):
    """The very same object arrives: nothing is copied, unrolled or used up."""
    assert taking(hint).bind((value,), {})["x"] is value


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (int, np.int64(3), 3),
        (int, np.array(3), 3),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (float, np.int32(3), 3.0),
        (bool, 1, True),
        (bool, np.False_, False),
        (str, Path("a/b"), "a/b"),
        (list[int], range(3), [0, 1, 2]),
        (list[int], (n for n in "123"), [1, 2, 3]),
        (list[int], np.arange(3), [0, 1, 2]),
        (list[list[float]], np.ones((1, 2)), [[1.0, 1.0]]),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, Path], ["1", "x"], (1, Path("x"))),
        (set[int], ["1", "1"], {1}),
        (frozenset[int], [1], frozenset({1})),
        (Sequence[int], ("1", 2), [1, 2]),
        (dict[str, Path], {"a": "b"}, {"a": Path("b")}),
        (dict[int, int], {"1": "2"}, {1: 2}),
        (timedelta, 90, timedelta(seconds=90)),
        (timedelta, 0.5, timedelta(seconds=0.5)),
        (datetime, date(2024, 1, 2), datetime(2024, 1, 2)),  # noqa: DTZ001 - as a user writes it
        (Decimal, 3, Decimal(3)),
        (Mode, 2, Mode.VERY_SLOW),
        (Literal[1, 2], np.int64(2), 2),
        (Site, {"url": "u", "depth": "2"}, Site("u", 2)),
        (list[Site], [{"url": "u"}], [Site("u")]),
        (Point, {"x": 1}, Point(1.0)),
        (Options, {"strict": "yes"}, Options(strict=True)),
        (Path | None, "x", Path("x")),
        (float | int, "3", 3),
    ],
)
def test_what_is_no_instance_is_converted(hint, value, expected):
    """Python's own look-alikes become what the annotation says."""
    made = taking(hint).bind((), {"x": value})["x"]
    assert expected == made
    assert type(expected) is type(made)


TEXTS = [
    (int, "3", 3),
    (int, "-3", -3),
    (float, "1e3", 1000.0),
    (bool, "Yes", True),
    (bool, "off", False),
    (bool, "0", False),
    (str, "", ""),
    (str, "3", "3"),
    (bytes, "é", "é".encode()),
    (Path, "a/b", Path("a/b")),
    (date, "2024-02-29", date(2024, 2, 29)),
    (datetime, "2024-02-29", datetime(2024, 2, 29)),  # noqa: DTZ001 - as a user writes it
    (time, "06:30", time(6, 30)),
    (timedelta, "5m", timedelta(minutes=5)),
    (timedelta, "90", timedelta(seconds=90)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678123456781234567812345678")),
    (Mode, "FAST", Mode.FAST),
    (Mode, "quick", Mode.FAST),
    (Mode, "very_slow", Mode.VERY_SLOW),
    (Mode, "2", Mode.VERY_SLOW),
    (Literal["a", 1] | None, "a", "a"),
    (Literal["a", 1], "1", 1),
    (int | None, "none", None),
    (int | None, "4", 4),
    (str | None, "none", "none"),
    (int | Path, "x", Path("x")),
    (Frame | Path, "x", Path("x")),
    (list[int], "[1, 2]", [1, 2]),
    (list[int], "3", [3]),
    (list[str], "[a", ["[a"]),
    (Sequence[str], "abc", ["abc"]),
    (list[int] | None, "3", [3]),
    (dict[str, int], '{"a": "1"}', {"a": 1}),
    (Site, '{"url": "u", "tags": "t"}', Site("u", 1, ["t"])),
    (Headers, '{"agent": "x"}', {"agent": "x"}),
    (Depth, "5", 5),
    (Name, "x", "x"),
    (Any, "3", "3"),
    (Quacks, "x", "x"),
]


@pytest.mark.parametrize(("hint", "text", "expected"), TEXTS)
def test_text_is_read_alike_from_python_and_the_command_line(hint, text, expected):
    """`run(p, x="3")` and `--x 3` give the same value of the same type."""
    parameters = taking(hint)
    for values in (parameters.bind((text,), {}), parsed(parameters, [f"--x={text}"])):
        assert values == {"x": expected}
        assert type(values["x"]) is type(expected)


@pytest.mark.parametrize(
    ("hint", "text", "problem"),
    [
        (int, "x", "expected int, got 'x' (str)"),
        (int, "3.5", "expected int, got '3.5' (str)"),
        (bool, "maybe", "expected bool, got 'maybe' (str); write it as yes or no"),
        (date, "1 May", "expected date, got '1 May' (str); write it as 2026-01-31"),
        (
            timedelta,
            "5 apples",
            "expected timedelta, got '5 apples' (str); write it as 90, 5m or 1h30m",
        ),
        (Frame, "x", "expected Frame, got 'x' (str)"),
        (int | None, "x", "expected int, got 'x' (str)"),
        (int | date, "x", "expected int | date, got 'x' (str)"),
        (Mode, "qiuck", "expected FAST | VERY_SLOW, got 'qiuck' (str); did you mean quick?"),
        (Literal["red", 7], "rde", "expected red | 7, got 'rde' (str); did you mean red?"),
        (Depth, "0", "expected int (>= 1, <= 5), got '0' (str)"),
        (Depth, "x", "expected int, got 'x' (str)"),
        (tuple[int, int], "[1]", "expected tuple[int, int], got '[1]' (str)"),
        (
            dict[str, int],
            "x",
            """expected dict[str, int], got 'x' (str); write it as JSON: {"key": ...}""",
        ),
        (
            Site,
            "x",
            f"expected Site, got 'x' (str); write it as JSON: {SITE_FIELDS}",
        ),
    ],
)
def test_text_that_does_not_fit_is_refused_in_the_same_words(hint, text, problem):
    """One wording: what was expected, what came, the near miss; then the signature."""
    parameters = taking(hint)
    lines = [f"p: parameter x: {problem}"]
    assert told(lambda: parameters.bind((text,), {})) == lines
    assert told(lambda: parsed(parameters, ["--x", text])) == lines


@pytest.mark.parametrize(
    ("hint", "value", "problem"),
    [
        (int, None, "x: expected int, got None"),
        (int, [1], "x: expected int, got [1] (list)"),
        (str, 3, "x: expected str, got 3 (int)"),
        (float, True, "x: expected float, got True (bool)"),
        (list[int], 3, "x: expected list[int], got 3 (int)"),
        (list[int], {"a": 1}, "x: expected list[int], got {'a': 1} (dict)"),
        (list[int], [1, "b"], "x[1]: expected int, got 'b' (str)"),
        (dict[str, list[int]], {"a": [1, "b"]}, "x['a'][1]: expected int, got 'b' (str)"),
        (Site, {"url": 1}, "x.url: expected str, got 1 (int)"),
        (Site, {"url": "", "dept": 1}, "x.dept: unknown; did you mean depth?"),
        (Site, {}, "x.url: missing, expected str"),
        (Site, {"url": "", "depth": 101}, "x: expected Site, but deeper than the sea"),
        (Sealed, {"lid": 1}, "x: expected Sealed, but KeyError: 'lid'"),
        (Headers, {"agent": 1}, "x.agent: expected str, got 1 (int)"),
        (Headers, {}, "x.agent: missing, expected str"),
        (set[Any], [[]], "x: expected set[Any], got [[]] (list)"),
        (dict[int, str], {"a": "b"}, "x key: expected int, got 'a' (str)"),
        (Depth, 6, "x: expected int (>= 1, <= 5), got 6 (int)"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(hint, value, problem):
    """Inside lists, dicts and dataclasses the message says where."""
    assert told(lambda: taking(hint).bind((value,), {})) == [f"p: parameter {problem}"]


@pytest.mark.parametrize("hint", [int, list[int], Site, int | None, Mode, Literal["a"], Depth, Any])
def test_a_value_that_is_not_there_yet_passes_everywhere(hint):
    """A future is neither compared, iterated nor asked for its truth."""
    lazy = Lazy()
    assert taking(hint).bind((lazy,), {})["x"] is lazy
    assert convert([lazy], list[hint])[0] is lazy


def test_an_object_of_another_class_than_an_unknown_one_passes() -> None:
    """What nobody knows how to convert is the user's business: fakes in tests, for example."""
    fake = object()
    assert taking(Frame).bind((fake,), {})["x"] is fake


def test_the_promised_error_is_the_same_from_python_and_the_command_line() -> None:
    """The message is complete and identical, signature line included."""
    with pytest.raises(ParameterError) as python:
        SITE.bind(("d",), {"depth": "x"})
    with pytest.raises(ParameterError) as shell:
        parsed(SITE, ["--domain", "d", "--depth", "x"])
    assert str(python.value) == str(shell.value)
    assert str(python.value) == (
        "scrape_site: parameter depth: expected int, got 'x' (str)\n"
        "signature: scrape_site(domain: str, depth: int = 3, strict: bool = True, "
        "paths: list[Path] = [])"
    )


def test_a_long_signature_shows_what_is_wrong_and_fits_a_line() -> None:
    """Of twenty parameters dots stand for those that the message is not about."""
    kinds = inspect.Parameter.KEYWORD_ONLY
    many = [inspect.Parameter(f"number_{i}", kinds, annotation=int, default=i) for i in range(20)]
    parameters = Parameters("p", inspect.Signature(many))
    with pytest.raises(ParameterError) as caught:
        parameters.bind((), {"number_3": "x", "nummer": 1})
    assert str(caught.value).endswith("\nsignature: p(..., number_3: int = 3, ...)")
    with pytest.raises(ParameterError) as caught:
        parameters.bind((), {each.name: "x" for each in many})
    assert len(str(caught.value).splitlines()[-1]) <= 130


def test_a_tuple_from_one_word_is_written_as_json() -> None:
    """Its elements cannot be told apart by themselves."""
    assert told(lambda: parsed(taking(tuple[int, str]), ["--x", "1"])) == [
        "p: parameter x: expected tuple[int, str], got '1' (str); write it as JSON: [..., ...]"
    ]


def test_everything_wrong_is_told_at_once() -> None:
    """Unknown, misfit and missing parameters share one error, near misses named."""
    lines = [
        "scrape_site: parameter dept: unknown; did you mean depth?",
        "scrape_site: parameter strict: expected bool, got 'x' (str); write it as yes or no",
        "scrape_site: parameter domain: missing, expected str",
    ]
    assert told(lambda: SITE.bind((), {"dept": 1, "strict": "x"})) == lines
    assert told(lambda: parsed(SITE, ["--dept", "1", "--strict", "x"])) == lines


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        (("d", 1, True), {}, "takes 2 values by position, got 3"),
        (("d",), {"domain": "e"}, "parameter domain: given twice"),
        (("d",), {"zzz": 1}, "parameter zzz: unknown"),
    ],
)
def test_a_call_that_python_would_refuse_is_refused(args, kwargs, problem):
    """Surplus, doubled and unknown arguments are ParameterErrors too."""
    assert told(lambda: SITE.bind(args, kwargs)) == [f"scrape_site: {problem}"]


def test_binding_fills_in_the_defaults_in_the_order_of_the_signature() -> None:
    """The result is the whole set of parameters, ready to be stored or compared."""
    bound = SITE.bind((), {"strict": False, "domain": "d"})
    assert list(bound.items()) == [("domain", "d"), ("depth", 3), ("strict", False), ("paths", ())]


def test_none_as_a_default_makes_a_parameter_optional() -> None:
    """`depth: int = None` takes None, as everybody means it."""
    assert taking(int, None).bind((None,), {}) == {"x": None}
    assert parsed(taking(int, None), ["--x", "none"]) == {"x": None}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--domain d", {"domain": "d"}),
        ("--domain=d --depth=4", {"domain": "d", "depth": 4}),
        ("--domain=a=b", {"domain": "a=b"}),
        ("--domain=--odd", {"domain": "--odd"}),
        ("--depth -4 --domain d", {"domain": "d", "depth": -4}),
        ("--domain d --strict", {"domain": "d", "strict": True}),
        ("--domain d --no-strict", {"domain": "d", "strict": False}),
        ("--strict no --domain d", {"domain": "d", "strict": False}),
        ("--domain d --paths a --paths=b", {"domain": "d", "paths": [Path("a"), Path("b")]}),
        ('--domain d --paths ["a","b"]', {"domain": "d", "paths": [Path("a"), Path("b")]}),
        ("--domain d --paths []", {"domain": "d", "paths": []}),
    ],
)
def test_a_command_line_gives_parameters(words, expected):
    """Values after a space or `=`, flags with and without `no-`, lists repeated or as JSON."""
    defaults = {"depth": 3, "strict": True, "paths": ()}
    assert parsed(SITE, words.split()) == defaults | expected


@pytest.mark.parametrize(
    ("hint", "words", "value"),
    [
        (Site, "--x.url u --x.depth=3", Site("u", 3)),
        (Site, "--x.url u --x.tags a --x.tags b", Site("u", 1, ["a", "b"])),
        (Site | None, '--x {"url":"u","depth":2} --x.depth 3', Site("u", 3)),
        (Headers, "--x.agent me", {"agent": "me"}),
        (dict[str, int], "--x.a 1 --x.b-c 2", {"a": 1, "b-c": 2}),
        (dict[str, list[int]], "--x.a 1 --x.a 2", {"a": [1, 2]}),
        (Options, "--x.strict", Options(strict=True)),
        (Options, "--no-x.strict", Options(strict=False)),
        (Nested, "--x.name n --x.options.strict", Nested("n", Options(strict=True))),
    ],
)
def test_fields_have_options_of_their_own(hint, words, value):
    """`--site.depth 3` sets one field of an object, or one key of a dict."""
    assert parsed(taking(hint), words.split()) == {"x": value}


@pytest.mark.parametrize(
    ("hint", "default", "words", "value"),
    [
        (Site, Site("u", 5, ["a"]), "--x.depth 3", Site("u", 3, ["a"])),
        (Site | None, Site("u", 5), "--x.url v", Site("v", 5)),
        (Site | None, None, "--x.url v", Site("v")),
        (Site, Site("u", 5), '--x {"url":"v"} --x.tags a', Site("v", 1, ["a"])),
        (Headers, {"agent": "me"}, "--x.agent you", {"agent": "you"}),
        (dict[str, int], {"a": 1, "b": 2}, "--x.b 3", {"a": 1, "b": 3}),
        (Options, Options(strict=True), "--no-x.strict", Options(strict=False)),
        (Point, Point(1, 2), "--x.x 3", Point(3, 2)),
        (
            Nested,
            Nested("n", Options(strict=True)),
            "--no-x.options.strict",
            Nested("n", Options(strict=False)),
        ),
        (Nested, Nested("n", Options(strict=True)), "--x.name m", Nested("m", Options(True))),
    ],
)
def test_single_fields_go_over_the_default_of_their_parameter(hint, default, words, value):
    """What no option says is as in the default; an object given whole stands for itself."""
    before = repr(default)
    assert parsed(taking(hint, default), words.split()) == {"x": value}
    assert repr(default) == before


@pytest.mark.parametrize(
    ("hint", "words", "problems"),
    [
        (
            Site,
            "--x.ulr u",
            ["x.ulr: unknown; did you mean url?", "x.url: missing, expected str"],
        ),
        (Site, "--x.url u --x.depth y", ["x.depth: expected int, got 'y' (str)"]),
        (int, "--x.y 1 --x 2", ["x.y: unknown"]),
    ],
)
def test_fields_that_do_not_fit_are_told_with_their_place(hint, words, problems):
    """As anything else that is wrong in an object."""
    expected = [f"p: parameter {problem}" for problem in problems]
    assert told(lambda: parsed(taking(hint), words.split())) == expected


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (list[int], "1,2", [1, 2]),
        (list[date], "2026-01-01, 2026-01-02", [date(2026, 1, 1), date(2026, 1, 2)]),
        (set[Mode], "fast,2", {Mode.FAST, Mode.VERY_SLOW}),
        (tuple[int, str], "1,a", (1, "a")),
        (list[str], "a,b", ["a,b"]),
        (list[Path], "a,b", [Path("a,b")]),
    ],
)
def test_commas_part_elements_that_cannot_hold_one(hint, text, value):
    """Numbers and dates are listed with commas; in texts and paths a comma is a letter."""
    assert parsed(taking(hint), ["--x", text]) == {"x": value}
    assert taking(hint).bind((text,), {}) == {"x": value}


def test_a_path_may_begin_at_home(monkeypatch) -> None:
    """Shells do not expand the `~` in `--out=~/x`, and files and variables have no shell."""
    monkeypatch.setenv("HOME", "/home/me")
    assert parsed(taking(Path), ["--x=~/x"]) == {"x": Path("/home/me/x")}
    assert taking(Path).bind((Path("~/x"),), {}) == {"x": Path("~/x")}


def test_a_duration_may_be_negative() -> None:
    """A `timedelta` knows no sign that is wrong for everybody."""
    assert parsed(taking(timedelta), ["--x=-1h30m"]) == {"x": timedelta(minutes=-90)}
    assert text_of(timedelta(minutes=-90)) == "-1h30m"


def test_dashes_and_underscores_are_the_same_in_options() -> None:
    """`--max-depth` and `--max_depth` both mean `max_depth`."""

    def p(max_depth: int, no_cache: bool = False): ...

    parameters = signature_of(p)
    for words in ("--max-depth 3 --no-cache", "--max_depth=3 --no_cache"):
        assert parsed(parameters, words.split()) == {"max_depth": 3, "no_cache": True}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("d --domain d", "unexpected 'd', values are written --name value"),
        ("--domain d -v", "unexpected '-v', values are written --name value"),
        ("--domain d --", "unexpected '--', values are written --name value"),
        ("--domain", "parameter domain: given without a value; write --domain=VALUE"),
        ("--domain --strict", "parameter domain: given without a value; write --domain=VALUE"),
        ("--domain d --no-strickt", "parameter no_strickt: unknown; did you mean strict?"),
        (
            "--domain d --no-depth",
            "parameter depth: has no --no-depth, which is for yes and no; write --depth VALUE",
        ),
        ("--domain d --depth 1 --depth 2", "parameter depth: expected int, got ['1', '2'] (list)"),
    ],
)
def test_a_command_line_that_means_nothing_is_refused(words, problem):
    """Words that stand alone, options without a value, options given twice."""
    assert told(lambda: parsed(SITE, words.split())) == [f"scrape_site: {problem}"]


def test_without_annotations_text_is_read_as_the_type_of_the_default() -> None:
    """`def p(n=3, fast=False)` gets numbers and flags from a shell; from Python, anything."""

    def p(n=3, fast=False, name=None, mode=Mode.FAST): ...

    parameters = signature_of(p)
    read = parsed(parameters, ["--n", "4", "--fast", "--name=5", "--mode=2"])
    assert read == {"n": 4, "fast": True, "name": "5", "mode": Mode.VERY_SLOW}
    assert parameters.bind((2.5,), {})["n"] == 2.5
    assert told(lambda: parsed(parameters, ["--n", "x"])) == [
        "p: parameter n: expected int, got 'x' (str)"
    ]


def test_stars_take_the_rest_from_python_only() -> None:
    """`*args` and `**kwargs` are converted and stored under their names, but have no options."""

    def p(a: int, /, *numbers: int, **more: Path): ...

    parameters = signature_of(p)
    bound = parameters.bind((1, "2", 3), {"out": "x"})
    assert bound == {"a": 1, "numbers": (2, 3), "more": {"out": Path("x")}}
    assert parameters.arguments(bound) == ((1, 2, 3), {"out": Path("x")})
    assert told(lambda: parsed(parameters, ["--a", "1"])) == [
        "p: takes *numbers, so it runs from Python only",
        "p: takes **more, so it runs from Python only",
    ]
    assert told(lambda: parameters.bind((1, "x"), {})) == [
        "p: parameter numbers[0]: expected int, got 'x' (str)"
    ]


def test_bound_values_call_the_function() -> None:
    """Whatever the kinds of the parameters, `arguments` gives a call that Python accepts."""

    def p(a, /, b, *, c=3):
        return a, b, c

    parameters = signature_of(p)
    args, kwargs = parameters.arguments(parsed(parameters, ["--a", "1", "--b", "2"]))
    assert p(*args, **kwargs) == ("1", "2", 3)


def test_some_of_the_parameters_are_enough_for_a_drawing() -> None:
    """What is given is converted, what is not is named; unknown names are errors all the same."""
    given, missing = SITE.partial({"depth": "4"})
    assert given == {"depth": 4}
    assert missing == ["domain", "strict", "paths"]
    assert told(lambda: SITE.partial({"dept": 4})) == [
        "scrape_site: parameter dept: unknown; did you mean depth?"
    ]


def test_annotations_that_cannot_be_resolved_take_anything() -> None:
    """Postponed annotations may name local classes or what only type checkers import."""

    class Local: ...

    def p(a: Local, b: Missing.thing, c: list[Local], d: int = 1): ...  # noqa: F821

    assert signature_of(p).bind((1, 2, 3, "4"), {}) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_the_help_table_has_a_row_for_each_parameter() -> None:
    """Names, types, defaults and descriptions as a reader wants them."""

    def p(
        domain: Annotated[str, "where to start"],
        depth: Depth = 3,
        mode: Mode = Mode.FAST,
        wait: timedelta = timedelta(minutes=5),
        out: Path | None = None,
        n=3,
        **more,
    ): ...

    rows = signature_of(p).describe()
    assert [(row.name, row.type, row.default, row.required, row.doc) for row in rows] == [
        ("domain", "str", "", True, "where to start"),
        ("depth", "int (>= 1, <= 5)", "3", False, "how deep to go"),
        ("mode", "FAST | VERY_SLOW", "FAST", False, ""),
        ("wait", "timedelta", "5m", False, ""),
        ("out", "Path | None", "none", False, ""),
        ("n", "int", "3", False, ""),
    ]


def test_a_name_can_be_given() -> None:
    """Errors of `@pipeline(name="nightly")` speak of nightly."""
    assert told(lambda: signature_of(scrape_site, "nightly").bind((), {})) == [
        "nightly: parameter domain: missing, expected str"
    ]


def test_msgspec_is_loaded_only_when_something_is_converted() -> None:
    """Importing a pipeline, and running it with values of its types, stays quick."""
    program = (
        "import sys\n"
        "from taskflow.authoring.parameters import signature_of\n"
        "def p(a: int, b: str): ...\n"
        "signature_of(p).bind((1, 'b'), {})\n"
        "print('msgspec' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


# Few letters, but those that quoting, JSON and options stumble over.
TEXT = st.text("ab09é \n\t-_=,.\"'\\\\[]{}")
SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (bool, st.booleans()),
    (str, TEXT),
    (date, st.dates()),
    (datetime, st.datetimes()),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-3650), timedelta(days=3650))),
    (Mode, st.sampled_from(Mode)),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (UUID, st.uuids()),
    (Literal["a", "b", 3], st.sampled_from(["a", "b", 3])),
]
TYPED = st.sampled_from(SCALARS).flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1]))
LISTS = st.sampled_from(SCALARS).flatmap(
    lambda pair: st.tuples(st.just(list[pair[0]]), st.lists(pair[1]))
)


PLAIN: list[Any] = [
    *(hint for hint, _ in SCALARS),
    *(Path, bytes, Any, Site, Sealed, Options, Point, Headers, Nested, Depth, Quacks, Frame, Name),
    Annotated[str, msgspec.Meta(pattern="^a")],
]
HINTS: list[Any] = [
    *PLAIN,
    *(made for hint in PLAIN for made in (list[hint], set[hint], dict[str, hint], hint | None)),
    *(made for hint in PLAIN for made in (tuple[hint, int], dict[hint, int], list[list[hint]])),
]
#: What has broken readers of text elsewhere.
HARD = [
    "[" * 5000,
    "9" * 5000,
    "1e999",
    "nan",
    "~",
    "@x",
    "[[1]]",
    '{"url": 1}',
    "\ud800",
    "\0",
    "٣",
]
NONSENSE = TEXT | st.text(max_size=8) | st.sampled_from(HARD)


@given(TYPED | LISTS)
def test_the_text_of_a_value_is_read_back_as_the_value(typed):
    """What help shows as a default, or a schedule stores as text, can be typed in again."""
    hint, value = typed
    read = parsed(taking(hint), [f"--x={text_of(value)}"])
    assert read == {"x": value}
    assert taking(hint).bind((text_of(value),), {}) == read


@given(TYPED | LISTS)
def test_what_json_shows_of_a_value_is_read_back_as_the_value(typed):
    """The parameters that `--json` prints can be given to `--params` again."""
    hint, value = typed
    assert taking(hint).bind((json.loads(json.dumps(plain(value))),), {}) == {"x": value}


def test_what_is_too_large_or_too_odd_to_be_told_is_a_short_text() -> None:
    """A run tells its parameters when it starts, and no value may keep it from that."""

    class Odd(dict[str, Any]):
        def items(self):
            raise RuntimeError

        def __repr__(self):
            raise RuntimeError

    cycle: list[Any] = []
    cycle.append(cycle)
    for value in ([[0] * 1000] * 1000, "x" * 10**6, cycle, Odd(a=1), [Odd(a=1)], Frame(), open):
        told = plain(value)
        assert isinstance(told, str | list)
        assert len(json.dumps(told)) < 300


@given(st.builds(Site, TEXT, st.integers(0, 100), st.lists(TEXT)))
def test_an_object_is_read_back_from_its_text(site):
    """Field by field, as JSON."""
    assert parsed(taking(Site), [f"--x={text_of(site)}"]) == {"x": site}


@given(LISTS.filter(lambda typed: len(typed[1]) > 1))
def test_a_repeated_option_is_a_list(typed):
    """`--x 1 --x 2` says the same as `--x [1,2]`."""
    hint, values = typed
    assert parsed(taking(hint), [f"--x={text_of(value)}" for value in values]) == {"x": values}


@given(TYPED | LISTS)
def test_converting_twice_changes_nothing(typed):
    """A converted value is an instance of its annotation, so it passes untouched from then on."""
    hint, value = typed
    once = convert(text_of(value), hint)
    assert convert(once, hint) is once


@given(
    TEXT | st.integers() | st.none() | st.lists(TEXT) | st.dictionaries(TEXT, TEXT | st.integers())
)
def test_a_value_is_converted_or_refused_and_nothing_else_happens(value):
    """No value, however odd, gets anything but a value or a ParameterError out of a binding."""
    for hint, _ in SCALARS:
        for kind in (hint, list[hint], dict[str, hint], hint | None, tuple[hint, int], Site):
            with suppress(ParameterError):
                assert "x" in taking(kind).bind((value,), {})


WORDS = st.sampled_from(["--x", "--no-x", "--x.url", "--x.a", "--x.", "--y", "x", "--", "--."])


@given(st.sampled_from(HINTS), st.lists(st.tuples(WORDS, NONSENSE, st.booleans()), max_size=4))
def test_a_command_line_is_read_or_refused_and_nothing_else_happens(hint, said):
    """No words, however odd, get anything but values or a ParameterError that names its place."""
    words = [
        w for name, text, glued in said for w in ([f"{name}={text}"] if glued else [name, text])
    ]
    try:
        values = parsed(taking(hint), words)
    except ParameterError as error:
        *lines, signature = [
            line for line in str(error).split("\n") if line.startswith(("p: ", "s"))
        ]
        assert all(any(word in line for word in ("x", "unknown", "unexpected")) for line in lines)
        assert signature.startswith("signature: p(x")
    else:
        json.dumps(plain(values["x"]))


@given(st.sampled_from(HINTS), NONSENSE | st.integers() | st.lists(NONSENSE, max_size=2))
def test_any_parameter_with_any_default_can_be_described(hint, default):
    """Help never fails, whatever stands in a signature."""
    parameters = taking(hint, default)
    assert [row.name for row in parameters.describe()] == ["x"]
    assert str(parameters).startswith("p(x: ")


def test_json_is_read_where_the_type_is_not_text_itself() -> None:
    """`str` keeps a JSON text as it is; a list or a dataclass reads it."""
    text = json.dumps(["a"])
    assert parsed(taking(str), ["--x", text]) == {"x": text}
    assert parsed(taking(list[str]), ["--x", text]) == {"x": ["a"]}
