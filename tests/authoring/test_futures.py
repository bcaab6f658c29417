"""Futures: every use as a value fails where it stands, by name; what they can do, they do."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import datetime as dt
import decimal
import inspect
import json
import logging
import math
import operator
import os.path
import pathlib
import pickle
from collections.abc import Callable, Iterator  # noqa: TC003 - annotations are read while tracing
from typing import Annotated, NamedTuple, TypedDict

import msgspec
import numpy as np
import pytest

import taskflow
from taskflow import FutureError, outcome, outcomes, pipeline, successes, task
from taskflow.errors import ArgumentError, DefinitionError


@task
def fetch(url: str) -> str:
    return f"<{url}>"


@task
def give(value):
    return value


@task
def numbers(count) -> list[int]:
    return list(range(count))


@task(outputs=2)
def halves(value):
    return value[:2], value[2:]


@dataclasses.dataclass
class Link:
    url: str


@dataclasses.dataclass
class Page:
    html: str
    links: list[Link]

    def words(self):
        return self.html.split()


class Pair(NamedTuple):
    left: int
    page: Page


class Record(TypedDict):
    page: Page


class Struct(msgspec.Struct):
    page: Page


class Hinted:
    page: Page

    def __init__(self):
        self.page = PAGE
        self.secret = 1

    @property
    def twice(self) -> list[Page]:
        return [self.page, self.page]


PAGE = Page("<p>hi</p>", [Link("a"), Link("b")])


@task
def get_page() -> Page:
    return PAGE


@task
def get_pages() -> list[Page]:
    return [PAGE]


@task
def yield_pages() -> Iterator[Page]:
    yield PAGE


@task
async def await_page() -> Page:
    return PAGE


@task
def get_optional() -> Annotated[Page, "documented"] | None:
    return PAGE


@task
def get_pair() -> Pair:
    return Pair(1, PAGE)


@task
def get_record() -> Record:
    return {"page": PAGE}


@task
def get_struct() -> Struct:
    return Struct(PAGE)


@task
def get_hinted() -> Hinted:
    return Hinted()


@task
def get_both() -> tuple[Page, int]:
    return PAGE, 5


def run(body: Callable, **params):
    """The value of a pipeline with this body, run in this process."""
    quiet = pipeline(body).options(executor="inline", progress=False)
    return taskflow.run(quiet, **params)


def refused(misuse: Callable, error: type[BaseException] = FutureError) -> str:
    """The message of the error that a misuse of a future raises, notes and all."""

    def body():
        page = fetch("a")
        return misuse(page)

    with pytest.raises(error) as caught:
        pipeline(body).trace()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


async def awaiting(future):
    return await future


async def looping(future):
    return [each async for each in future]


async def entering(future):
    async with future:
        pass


def within(future):
    with future:
        pass


def assign(future):
    future[0] = 1


def delete(future):
    del future[0]


def loop_while(future):
    while future:
        pass


def claim(future):
    assert future


def unpack(future):
    first, second = future
    return first, second


def augment(future):
    future += 1
    return future


CONDITIONS = {
    "bool": bool,
    "if": lambda f: 1 if f else 2,
    "not": operator.not_,
    "and": lambda f: f and 1,
    "or": lambda f: f or 1,
    "while": loop_while,
    "assert": claim,
    "any": lambda f: any([f]),
    "filter": lambda f: [1 for x in [f] if x],
}
LOOPS = {
    "for": lambda f: [x for x in f],  # noqa: C416 - the loop is what is tested
    "list": list,
    "star": lambda f: max(*f),
    "star call": lambda f: fetch(*f),
    "unpacking": unpack,
    "sum": sum,
    "sorted": sorted,
    "zip": lambda f: list(zip(f, [1], strict=False)),
    "enumerate": lambda f: list(enumerate(f)),
    "dict": dict,
    "set": set,
    "next": next,
    "reversed": reversed,
    "async for": lambda f: asyncio.run(looping(f)),
}
TEXTS = {
    "str": str,
    "f-string": lambda f: f"{f}",
    "f-string with a width": lambda f: f"{f:>9}",
    "%s": lambda f: "%s" % f,  # noqa: UP031 - the operator is what is tested
    "format": "{}".format,
    "print": print,
    "bytes": bytes,
}
NUMBERS = {
    "int": int,
    "float": float,
    "complex": complex,
    "index": lambda f: [1, 2][f],
    "slice": lambda f: [1, 2][:f],
    "range": range,
    "round": round,
    "trunc": math.trunc,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "divmod": lambda f: divmod(f, 2),
    "divmod of": lambda f: divmod(2, f),
    "neg": operator.neg,
    "abs": abs,
    "~": operator.invert,
    "+=": augment,
}
COMPARISONS = {
    "==": lambda f: f == "ok",
    "== None": lambda f: f == None,  # noqa: E711 - the operator is what is tested
    "!=": lambda f: f != "ok",
    "right of ==": lambda f: f == "ok",
    "<": lambda f: f < 1,
    "<=": lambda f: f <= 1,
    ">": lambda f: f > 1,
    ">=": lambda f: f >= 1,
    "sorted": lambda f: sorted([f, fetch("b")]),
    "max": lambda f: max(f, fetch("b")),
    "in it": lambda f: 1 in f,
    "in a list of values": lambda f: f in [1, 2],
    "value in a list": lambda f: 1 in [f, f],
}
PATHS = {
    "open": open,
    "os.path.join": lambda f: os.path.join(f, "a"),
    "Path /": lambda f: pathlib.Path("a") / f,
}
ARRAYS = {
    "array": np.array,
    "array of": lambda f: np.array([f, f]),
    "mean": np.mean,
    "ufunc": lambda f: np.add(f, 1),
    "sqrt": np.sqrt,
    "array +": lambda f: np.arange(3) + f,
    "+ array": lambda f: f + np.arange(3),
    "array ==": lambda f: np.arange(3) == f,
    "int64": np.int64,
}
OTHERS = {
    "call": lambda f: f(),
    "set item": assign,
    "delete item": delete,
    "with": within,
    "async with": lambda f: asyncio.run(entering(f)),
    "await": lambda f: asyncio.run(awaiting(f)),
    "len": len,
    "item by future": lambda f: f[fetch("b")],
    "slice by future": lambda f: f[fetch("b") :],
    "items by futures": lambda f: f[[fetch("b")]],
    "pickle": pickle.dumps,
    "bool of a map": lambda f: bool(fetch.map([f])),
    "item of successes": lambda f: successes(fetch.map([f]))[0],
    "loop over successes": lambda f: list(successes(fetch.map([f]))),
    "field of an outcome": lambda f: outcome(get_page()).html,
}
OPERATORS = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
)
ALL = {
    f"{kind}: {name}": misuse
    for kind, cases in {
        "condition": CONDITIONS,
        "loop": LOOPS,
        "text": TEXTS,
        "number": NUMBERS,
        "comparison": COMPARISONS,
        "path": PATHS,
        "array": ARRAYS,
        "other": OTHERS,
    }.items()
    for name, misuse in cases.items()
}


@pytest.mark.parametrize("misuse", ALL.values(), ids=ALL)
def test_a_future_used_as_a_value_fails_by_name(misuse):
    """The error says what was done, here, where it was made, why, and what to write instead."""
    message = refused(misuse)
    assert "is not a value yet" in message
    for part in ("here:", "made here:", "why:", "instead:"):
        assert part in message
    assert message.count("test_futures.py:") >= 2


@pytest.mark.parametrize("name", OPERATORS)
def test_arithmetic_fails_on_either_side(name):
    """`future + 1` and `1 + future` are both refused, for every operator."""
    apply = getattr(operator, name)
    assert "operator" in refused(lambda f: apply(f, 2))
    assert "operator" in refused(lambda f: apply(2, f))


def test_the_message_names_both_lines_and_the_variable():
    """The error shows the line of the misuse, that of the call, and advice in the user's words."""

    def body():
        status = fetch("a")
        if status == "ok":
            fetch("b")

    with pytest.raises(FutureError) as caught:
        pipeline(body).trace()
    message = str(caught.value)
    assert 'if status == "ok":' in message.partition("made here:")[0]
    assert 'status = fetch("a")' in message.partition("made here:")[2]
    assert "when(is_ok(status), then=lambda: ...)" in message


def plain_helper(value):
    return value + 1


def test_a_helper_without_a_decorator_is_asked_about():
    """A plain function that is given a future was meant to be a task; a body was not."""

    def calls_it(future):
        return plain_helper(future)

    @pipeline
    def nested(future):
        return future + 1

    assert "or is `plain_helper` meant to be a @task?" in refused(calls_it)
    for other in (lambda f: f + 1, nested, lambda f: sum([f])):
        assert "meant to be" not in refused(other)


def test_the_line_is_the_users_even_when_the_library_asks():
    """A misuse inside `os.path.join` or `logging` is shown at the user's call of it."""
    assert "os.path.join(f," in refused(lambda f: os.path.join(f, "a")).split("made here")[0]


def test_what_c_code_refuses_unasked_gets_a_note_with_the_name():
    """`"".join` and `json.dumps` never ask a future; the exception leaves with a note about it."""
    for misuse in (
        lambda page: "".join([page for _ in "ab"]),
        lambda page: json.dumps({"page": page}),
        lambda page: os.path.join("a", page),
        lambda page: decimal.Decimal(page, None),
        lambda page: dt.timedelta(seconds=page),
        lambda page: "abc".replace("a", page),
        lambda page: {"a": 1}[page],
        lambda page: pow(2, 3, page),
    ):
        message = refused(misuse, Exception)
        assert "`page` holds <future of fetch" in message
        assert "do this inside a task" in message


def test_a_path_of_a_future_is_refused():
    """From Python 3.12 on `Path` swallows what a future says; then there is a note."""
    message = refused(pathlib.Path, TypeError)
    assert "future of" in message
    assert "inside a task" in message


def test_a_future_without_a_variable_gets_a_note_too():
    """What a library was handed is found there; where nothing is, the reason is still said."""
    message = refused(lambda _: json.dumps({"page": fetch("b")}), TypeError)
    assert "holds <future of fetch" in message
    message = refused(lambda _: "".join([fetch("b") for _ in "ab"]), TypeError)
    assert "a future has no value while the pipeline is traced" in message


def test_an_error_that_has_nothing_to_do_with_futures_gets_no_note():
    """Futures that only stand near an error of the body are not blamed for it."""

    def body():
        page = fetch("a")
        number = len(5)
        return page, number

    def misspelt():
        page = fetch("a")
        return misspelled_name(page)  # noqa: F821 - what is tested

    for broken, error in ((body, TypeError), (misspelt, NameError)):
        with pytest.raises(error) as caught:
            pipeline(broken).trace()
        assert not hasattr(caught.value, "__notes__")


def test_undeclared_attributes_are_attribute_errors():
    """`future.x` raises an error that is an AttributeError too, so probes of libraries work."""
    message = refused(lambda page: page.html, AttributeError)
    assert "is not a value yet: its attribute `.html` was read" in message
    assert run(lambda: [hasattr(fetch("a"), "x"), getattr(fetch("a"), "x", 5)]) == [False, 5]


def test_a_method_of_a_value_is_told_to_be_called_in_a_task():
    """`page.upper()`, `rows.append(x)` and `table.items()` need the value."""
    for name in ("upper", "append", "items", "get"):
        message = refused(lambda page, name=name: getattr(page, name)(), AttributeError)
        assert f"@task def change(value): return value.{name}(...)" in message


def test_waiting_for_a_future_is_told_that_nobody_waits():
    """`future.result()` is answered with how values flow."""
    assert "the run waits for inputs by itself" in refused(lambda page: page.result())


def test_a_misspelt_field_is_told_the_near_one():
    """The class is known, so are its fields."""
    message = refused(lambda _: get_page().htlm)
    assert "Page declares html, links; did you mean .html?" in message
    assert "inside a task" in refused(lambda _: get_page().words())


def test_an_attribute_of_a_map_is_told_to_ask_each_element():
    """`pages.html` means `[page.html for page in pages]`."""
    assert "[each.html for each in" in refused(lambda f: fetch.map([f]).html)


def test_probes_of_python_and_its_tools_are_safe():
    """`copy`, `inspect`, `repr`, `hash` and notebooks ask futures for much, and get answers."""

    def body():
        page = fetch("a")
        assert copy.copy(page) is page
        assert copy.deepcopy([page])[0] is page
        assert page in [page, page]
        assert {page: 1}[page] == 1
        assert fetch("b") != page
        assert not hasattr(page, "_repr_html_")
        assert not hasattr(page, "_ipython_canary_method_should_not_exist_")
        assert inspect.getmembers(page)
        assert not inspect.iscoroutine(page)
        assert "<future of fetch, " in f"{page!r}" == repr(page)
        return repr(page[0]), repr(fetch.map([1])), repr(outcome(page))

    texts = run(body)
    assert texts[0].startswith("<future of fetch[0], ")
    assert all(text.startswith("<future of fetch") for text in texts)


def test_logging_a_future_does_not_end_the_body(caplog, monkeypatch):
    """`logging` swallows errors of formatting, so nothing breaks there either."""
    monkeypatch.setattr(logging, "raiseExceptions", False)

    def body():
        logging.getLogger("site").warning("%r", page := fetch("a"))
        return page

    assert run(body) == "<a>"
    assert "<future of fetch" in caplog.text


# --- what futures can do ------------------------------------------------------------------------


def test_items_and_slices_are_lifted():
    """`f[i]`, `f["k"]`, slices and keys of any kind become values of the run."""

    def body():
        data = give({"k": [1, 2, 3], ("a", 1): "t", None: 0})
        xs = data["k"]
        return [xs[0], xs[-1], xs[1:], xs[::2], data["a", 1], data[None], give([xs[1:]])]

    assert run(body) == [1, 3, [2, 3], [1, 3], "t", 0, [[2, 3]]]


def test_a_key_is_taken_when_the_item_is():
    """A list of keys that changes later changes nothing."""

    def body():
        keys = [1, 2]
        item = give(np.arange(5))[keys]
        keys.append(3)
        return give(item)

    assert list(run(body)) == [1, 2]


def test_a_key_that_cannot_travel_fails_at_once():
    """An unpicklable key is an error on its line."""
    message = refused(lambda f: f[(i for i in range(2))], ArgumentError)
    assert "the key cannot be pickled" in message


def test_declared_fields_are_lifted_at_any_depth():
    """Fields of dataclasses, named tuples, structs, typed dicts and hinted classes are lifted."""

    def body():
        left, page = get_pair()
        both, five = get_both()
        return [
            get_page().html,
            get_page().links[0].url,
            get_pages()[0].links[1].url,
            get_pages()[0:1][0].html,
            yield_pages()[0].html,
            await_page().html,
            get_optional().html,
            get_pair().page.html,
            get_pair()[1].html,
            get_record()["page"].html,
            get_struct().page.html,
            get_hinted().page.html,
            get_hinted().twice[0].html,
            left,
            page.html,
            both.html,
            five,
        ]

    html = PAGE.html
    expected = [html, "a", "b", *[html] * 10, 1, html, html, 5]
    assert run(body) == expected


def test_what_a_class_does_not_declare_is_not_lifted():
    """An attribute that only `__init__` sets is not known before the run."""
    assert "Hinted declares page, twice" in refused(lambda _: get_hinted().secret)


def test_unpacking_follows_the_annotation_or_outputs():
    """`a, b = f()` works when the number of values is known, and stars do too."""

    def body():
        first, second = halves([1, 2, 3])
        page, *rest = get_both()
        return [first, second, page.html, rest]

    assert run(body) == [[1, 2], [3], PAGE.html, [5]]


def test_unpacking_into_the_wrong_number_fails_on_its_line():
    """Python itself counts."""

    def body():
        first, second, third = halves([1, 2, 3])
        return first, second, third

    with pytest.raises(ValueError, match="expected 3, got 2"):
        run(body)


def test_a_map_over_known_elements_can_be_taken_apart():
    """How many elements there are is known, so the map can be indexed, looped over, unpacked."""

    def body():
        pages = fetch.map(["a", "b", "c"])
        first, *_ = pages
        return [first, pages[-1], len(pages), [give(page) for page in pages], pages[1:]]

    assert run(body) == ["<a>", "<c>", 3, ["<a>", "<b>", "<c>"], ["<b>", "<c>"]]


def test_an_element_that_a_map_cannot_have_fails_at_once():
    """The number of elements is known, so a wrong index is too."""
    message = refused(lambda f: fetch.map([f, f])[2], IndexError)
    assert "runs over 2 elements; there is no [2]" in message


# --- where futures may not be -------------------------------------------------------------------

held = None


@task
def read_global():
    return held


def test_a_future_in_a_closure_a_global_or_a_container_there_is_found():
    """A task that captures a future would run without its value: the error names the variable."""

    def in_closure():
        page = fetch("a")
        return task(lambda: page)()

    def in_container():
        pages = [fetch("a")]
        return task(lambda: [p for p in pages])()  # noqa: C416 - a scope inside the function

    def in_global():
        global held
        held = fetch("a")
        return read_global()

    for body, name in ((in_closure, "'page'"), (in_container, "'pages'"), (in_global, "'held'")):
        with pytest.raises(FutureError, match="captures a future") as caught:
            run(body)
        assert name in str(caught.value)
        assert 'fetch("a")' in str(caught.value)


def test_a_future_as_default_argument_is_refused_where_the_function_is_decorated():
    """Defaults are made once, a future belongs to one trace."""

    def body():
        page = fetch("a")

        @task
        def show(text=page):
            return text

        return show()

    with pytest.raises(FutureError, match="a default argument of show is a future"):
        run(body)


def test_a_future_of_another_run_is_refused():
    """What was kept from an earlier trace is told so, in arguments, results and order."""
    kept = []
    run(lambda: kept.append(fetch("a")))
    old = kept[0]
    for misuse in (
        lambda f: give(old),
        lambda f: give([old]),
        lambda f: fetch.map([f, old]),
        lambda f: f >> old,
        lambda f: old >> f,
        lambda f: give.options(after=old)(1),
    ):
        assert "belongs to another run" in refused(misuse)
    with pytest.raises(FutureError, match="belongs to another run"):
        run(lambda: {"old": old})


def test_a_future_after_its_trace_is_refused():
    """A plain call with a kept future is told that the trace is over."""
    kept = []
    run(lambda: kept.append(fetch("a")))
    with pytest.raises(FutureError, match="was called outside of a pipeline with <future of"):
        give(kept[0])
    with pytest.raises(FutureError, match="was called outside of a pipeline with <future of"):
        give.map(kept[0])
    with pytest.raises(FutureError, match="not a value yet"):
        print(kept[0])


def test_outcomes_of_what_is_no_map_are_told_the_other_construct():
    """`outcome` is for one value, `successes` and `outcomes` for several."""
    assert "outcomes(" in refused(lambda f: outcome(fetch.map([f])))
    assert "outcome(page)" in refused(lambda page: successes(values=page))
    assert "outcome(page)" in refused(lambda page: outcomes(values=page))
    assert "takes a map or a list, not {'a'" in refused(
        lambda f: successes({"a": f}), DefinitionError
    )
