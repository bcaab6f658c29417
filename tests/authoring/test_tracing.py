"""Traces: what a call takes and when, what a body may do, and what a graph is without a run."""

from __future__ import annotations

import collections
import concurrent.futures
import copy
import dataclasses
import datetime as dt
import enum
import functools
import json
import pathlib
import threading
import types
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

import taskflow
from taskflow import FutureError, RunFailed, current, pipeline, task, when
from taskflow.errors import ArgumentError, DefinitionError, ParameterError
from taskflow.graph.graph import INPUT, TASK


@task
def give(value):
    return value


@task
def everything(*args, **kwargs):
    return args, kwargs


discarded = []


@task
def note_discarded(value):
    discarded.append(value)


@task
def facts():
    return [current.run_id, current.task_key, current.element, current.attempt]


def run(body, **params):
    """The value of a pipeline with this body, run in this process."""
    quiet = pipeline(body).options(executor="inline", progress=False)
    return taskflow.run(quiet, **params)


def refused(body, error: type[BaseException]) -> str:
    """The message of the error that running this body raises."""
    with pytest.raises(error) as caught:
        run(body)
    return str(caught.value)


@dataclasses.dataclass
class Config:
    depth: int
    extra: object = None


class Pair(NamedTuple):
    left: object
    right: object


class Struct(msgspec.Struct):
    value: object


class Slots:
    __slots__ = ("value",)


class Thing:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Colour(enum.Enum):
    RED = 1


# --- arguments ----------------------------------------------------------------------------------


def test_arguments_are_taken_at_the_call():
    """What changes later changes nothing: lists, dicts, objects, arrays, elements, the result."""

    def body():
        items, table, config, array = [1], {"a": [1]}, Config(1), np.zeros(2)
        rows, columns = [[1], [2]], {"x": 1}
        taken = everything(items, table, config, array, **columns)
        mapped = give.map(rows)
        items.append(2)
        table["a"].append(2)
        config.depth, array[0], columns["x"] = 2, 9, 2
        rows[0].append(2)
        rows.append([3])
        return taken, mapped

    (args, kwargs), mapped = run(body)
    assert args[:3] == ([1], {"a": [1]}, Config(1))
    assert list(args[3]) == [0, 0]
    assert kwargs == {"x": 1}
    assert mapped == [[1], [2]]


def test_futures_are_found_wherever_pickle_reaches():
    """In containers, keys, sets, dataclasses, named tuples, structs, slots, objects, partials."""

    def body():
        page, pages = give("p"), give(["q"])
        slots = Slots()
        slots.value = page
        return everything(
            [page, (pages, {"k": {page}})],
            {page: pages},
            Config(1, [page]),
            Pair(page, pages),
            Struct(page),
            slots,
            Thing(deep=Thing(page=page)),
            functools.partial(print, page),
            types.SimpleNamespace(page=page),
            collections.OrderedDict(a=page),
            collections.deque([page]),
            frozenset([page]),
            ValueError(page),
            key=page,
        )

    args, kwargs = run(body)
    assert args[:4] == (
        ["p", (["q"], {"k": {"p"}})],
        {"p": ["q"]},
        Config(1, ["p"]),
        Pair("p", ["q"]),
    )
    assert args[4].value == args[5].value == args[6].deep.page == args[7].args[0] == "p"
    assert args[8].page == args[9]["a"] == args[10][0] == next(iter(args[11])) == "p"
    assert args[12].args == ("p",)
    assert kwargs == {"key": "p"}


def test_the_result_is_any_structure_of_futures():
    """The same reach for what a body returns; a constant and None are fine too."""

    def body():
        page = give("p")
        return {page: [page, (page, Config(1, page))], "map": give.map([1]), "none": None}

    assert run(body) == {"p": ["p", ("p", Config(1, "p"))], "map": [1], "none": None}
    assert run(lambda: 5) == 5
    assert run(lambda: None) is None


def test_plain_values_arrive_as_they_are():
    """Scalars, enums, dates, paths, ranges, types and functions."""
    values = (1, 1.5, True, None, "s", b"b", 1j, Colour.RED, dt.date(2020, 1, 1))
    values += (pathlib.Path("x"), range(3), ..., int, Config, len, np.int64(3))
    assert run(lambda: everything(*values)) == (values, {})


UNPICKLABLE = {
    "lock": (lambda: everything([1, {"a": threading.Lock()}]), "argument 1[1]['a']"),
    "keyword": (lambda: everything(lock=threading.Lock()), "argument lock"),
    "deep": (
        lambda: everything(Thing(deep=Thing(lock=threading.Lock(), page=give(1)))),
        "argument 1.deep.lock",
    ),
    "generator": (lambda: everything(n for n in range(3)), "argument 1 (generator)"),
    "element": (lambda: give.map([1, threading.Lock()]), "elements[1]"),
}


@pytest.mark.parametrize(("body", "path"), UNPICKLABLE.values(), ids=UNPICKLABLE)
def test_what_cannot_be_pickled_fails_on_its_line(body, path):
    """With the path to the culprit, and the line of the call."""
    message = refused(body, ArgumentError)
    assert path in message
    assert "cannot be pickled" in message
    assert "test_tracing.py:" in message


def test_an_open_file_is_refused():
    """It would be read to its end and sent as text; `with open(...)` belongs into the task."""

    def body():
        with open(__file__, encoding="utf-8") as file:
            return give(file)

    assert "the open file" in refused(body, ArgumentError)


def test_a_result_that_cannot_be_pickled_says_so():
    """The error names the pipeline."""
    message = refused(lambda: [threading.Lock()], ArgumentError)
    assert "what <lambda> returns: the value[0] (_thread.lock) cannot be pickled" in message


def test_a_generator_as_a_result_is_told_to_be_a_list():
    """It is nothing to do with connections."""

    @task
    def squares(n):
        return (i * i for i in range(n))

    with pytest.raises(RunFailed, match=r"return list\(\.\.\.\) of it, or yield its elements"):
        run(lambda: squares(3))


def test_large_constants_are_kept_once():
    """However often they are passed, in whichever argument."""
    array, text = np.zeros(100_000), "x" * 1_000_000

    def body():
        for _ in range(5):
            everything(array)
            everything(a=array, b=[text])

    graph = pipeline(body).trace()
    assert len(graph.constants) == 2
    assert all(len(payload) < 1000 for payload in graph.payload)


def test_every_task_has_its_own_copy():
    """A task that changes its argument changes it for nobody else, in this process too."""

    @task
    def grow(items):
        items.append(1)
        return items

    def body():
        shared = give([0])
        return [grow(shared), grow(shared), shared, grow.map([[1], [2]])]

    assert run(body) == [[0, 1], [0, 1], [0], [[1, 1], [2, 1]]]


# --- bodies -------------------------------------------------------------------------------------


def test_a_body_is_traced_with_the_real_parameters():
    """`if` and `for` over parameters just work, also over star parameters."""

    @pipeline
    def body(*names, upper=False, **tags):
        return [give(name.upper() if upper else name) for name in names], tags

    quiet = body.options(executor="inline", progress=False)
    assert taskflow.run(quiet, "a", "b", upper=True, x=1) == (["A", "B"], {"x": 1})


def test_every_traced_call_runs():
    """The returned value only selects the result; a discarded call is a call."""

    def body():
        note_discarded(1)
        return give(2)

    discarded.clear()
    assert run(body) == 2
    assert discarded == [1]


def test_current_in_a_body_is_the_runs_part():
    """The run's id, directory and time; no task, no element."""

    def body():
        assert current.scheduled_time.tzinfo is not None
        assert current.task_key is None
        return current.run_id, current.run_dir, facts()

    run_id, run_dir, of_task = run(body)
    assert run_dir.rpartition("/")[2]
    assert of_task == [run_id, "body/facts", None, 1]
    assert current.run_id is None
    assert current.attempt == 1


def test_a_run_inside_a_body_is_told_to_nest():
    """`taskflow.run` and `start` in a body are errors that name the nested call."""

    @pipeline
    def inner():
        return give(1)

    for start in (taskflow.run, taskflow.start):

        def body(start=start):
            return start(inner)

        message = refused(body, DefinitionError)
        assert "inner(...) nests it here" in message
        assert "return start(inner)" in message


@pipeline
def child(number):
    return give(number), facts()


def test_a_run_inside_a_task_is_a_child_run():
    """It runs inline; the plain call of a pipeline and of tasks works there too."""

    @task
    def parent():
        (number, (run_id, key, *_)) = taskflow.run(child, 5)
        return [number, run_id != current.run_id, key, child(6)[0], give(7), give.map([8])]

    assert run(lambda: [parent()]) == [[5, True, "child/facts", 6, 7, [8]]]


def test_a_plain_call_of_a_pipeline_runs_it_here():
    """Nothing is stored, a task's exception is raised as itself."""

    @pipeline
    def broken():
        return task(lambda: {}["k"], name="broken_lookup")()

    @pipeline
    def ordered():
        give(1) >> give(2)

    assert child(3)[0] == 3
    assert ordered() is None
    with pytest.raises(KeyError, match="k"):
        broken()


def test_a_call_in_a_thread_of_the_body_is_refused():
    """The trace does not see other threads, so the call would run there and then."""

    def body():
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(give, 1).result()

    assert "in a thread that was started while body is traced" in refused(body, FutureError)


def test_an_exception_of_the_body_leaves_as_it_is():
    """A bug of the body is the user's exception, and no trace stays active behind it."""

    def body():
        give(1)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(body)
    assert give(1) == 1


def test_task_keys_tell_calls_apart():
    """Call path, name, `#2` for the second call there, and the element."""

    @pipeline
    def inner():
        return facts(), facts()

    def body():
        return [facts(), facts(), *inner(), *inner(), give.map([0])]

    keys = [each[1] for each in run(body)[:-1]]
    assert keys == [
        "body/facts",
        "body/facts#2",
        "body/inner/facts",
        "body/inner/facts#2",
        "body/inner#2/facts",
        "body/inner#2/facts#2",
    ]


# --- graphs without a run -----------------------------------------------------------------------


@pipeline
def site(domain, depth: int = 2, limit: int = 3):
    page = give(domain)
    return [give(page) for _ in range(depth)], limit


def test_parameters_that_are_not_given_are_inputs():
    """A trace to look at needs no values, unless the body does."""
    graph = site.trace()
    inputs = [graph.labels[node] for node, kind in enumerate(graph.kind) if kind == INPUT]
    assert inputs == ["domain", "limit"]
    assert list(graph.kind).count(TASK) == 3
    assert list(site.trace(depth=5, domain="a").kind).count(TASK) == 6
    assert len(site.validate(domain="a", limit=1)) == 3


def test_a_parameter_that_the_body_needs_is_named():
    """Without a default the error says which, why and where; also where C code asked."""

    @pipeline
    def needs(domain):
        if domain:
            give(1)

    @pipeline
    def needs_text(domain):
        return give(json.dumps({"d": domain}))

    for each in (needs, needs_text):
        with pytest.raises(DefinitionError, match=f"{each.short}.trace\\(domain=") as caught:
            each.trace()
        assert "'domain'" in str(caught.value)
    with pytest.raises(ParameterError, match="domian"):
        needs.trace(domian=1)


def test_to_graphviz_draws_what_was_traced():
    """The drawing names the calls and the inputs."""
    source = site.to_graphviz().source
    assert "give" in source
    assert "domain" in source


def test_a_graph_of_a_pipeline_can_be_made_again_and_again():
    """Tracing changes nothing in the pipeline."""
    first, second = site.trace(domain="a"), site.trace(domain="a")
    assert first.payload == second.payload
    assert copy.copy(site) is not None
    assert repr(site) == "<pipeline test_tracing:site>"


def test_long_traces_have_no_recursion_limit():
    """A chain of 5,000 calls and a list of 5,000 futures are traced and run."""

    def body():
        value = 0
        for _ in range(5000):
            value = give(value)
        return value, [give(1) for _ in range(5000)]

    value, many = run(body)
    assert (value, len(many)) == (0, 5000)


def test_further_calls_of_a_task_stand_on_their_own_lines():
    """Whether a loop makes them, or two on a line, or code that came and went."""

    @pipeline
    def lines():
        for _ in range(3):
            give(1)
            give(2), give(3)
        for text in ("give(4)", "\n\ngive(5)") * 2:
            exec(compile(text, "made.py", "exec"), {"give": give})

    graph = lines.trace()
    first = lines.fn.__code__.co_firstlineno
    loop = [first + 3, first + 4, first + 4]
    places = [graph.places[place] for place in graph.place]
    assert places == [
        *((__file__, line) for line in loop * 3),
        *[("made.py", 1), ("made.py", 3)] * 2,
    ]


def test_further_calls_are_held_to_what_the_first_is():
    """Arguments that do not fit, and futures of other runs, are refused on their line."""
    strange = []
    run(lambda: strange.append(give(1)))

    def surplus():
        give(1)
        give(1, 2)

    def from_elsewhere():
        give(1)
        give(strange[0])

    assert "too many positional arguments" in refused(surplus, DefinitionError)
    assert "belongs to another run" in refused(from_elsewhere, FutureError)


def test_further_calls_in_a_branch_run_only_if_it_is_taken():
    """Though the task was called before it."""

    def body():
        note_discarded(1)
        when(give(False), then=lambda: note_discarded(2), otherwise=lambda: note_discarded(3))

    discarded.clear()
    run(body)
    assert discarded == [1, 3]


def test_calls_are_counted_by_name_in_each_pipeline():
    """Copies with other options count along; nested pipelines count for themselves."""

    @pipeline
    def inner():
        give(1)
        give(2)

    @pipeline
    def outer():
        give(0)
        inner()
        give.options(retries=1)(3)
        inner()
        give(4)

    graph = outer.trace()
    assert [graph.key_of(node) for node in range(len(graph))] == [
        "outer/give",
        "outer/inner/give",
        "outer/inner/give#2",
        "outer/give#2",
        "outer/inner#2/give",
        "outer/inner#2/give#2",
        "outer/give#3",
    ]


def test_options_of_one_call_are_not_those_of_another():
    """Equal options in a loop share a copy; others, if only by their type, have their own."""

    @pipeline
    def optional():
        for _ in range(2):
            for timeout in (1, 1.0, 2):
                give.options(timeout=timeout)(1)
            give(1)

    graph = optional.trace()
    found = [graph.specs[spec].timeout for spec in graph.spec]
    assert found == [1.0, 1.0, 2.0, None] * 2
    with pytest.raises(DefinitionError, match="retries=True"):
        pipeline(lambda: [give.options(retries=each)(1) for each in (1, True)]).trace()


@pytest.mark.parametrize("form", [list, tuple])
def test_a_map_over_futures_runs_over_their_values(form):
    """Each of them is an element, also where one comes twice; beside a constant list of them."""

    def body():
        some = [give(number) for number in range(3)]
        return give.map(form([*some, some[0]])), everything.map([7], some=some)

    assert run(body) == ([0, 1, 2, 0], [((7,), {"some": [0, 1, 2]})])


@pytest.mark.parametrize("count", [1, 2, 300])
def test_lists_of_futures_arrive_as_lists(count):
    """Alone or beside others, by position or by name, and as what a body returns."""

    def body():
        some = [give(number) for number in range(count)]
        return some, everything(some), everything(some[0], 5, some, last=some[-1]), give(some)

    some, alone, beside, again = run(body)
    assert some == again == list(range(count))
    assert alone == ((some,), {})
    assert beside == ((0, 5, some), {"last": count - 1})


def test_a_future_that_is_twice_in_a_list_arrives_as_one_object():
    """As it would without taskflow."""

    def body():
        one = give([1])
        return is_same([one, one]), is_same([one, give([1])])

    @task
    def is_same(pair):
        return pair[0] is pair[1]

    assert run(body) == (True, False)


def test_a_result_of_a_task_that_cannot_travel_is_named():
    """What a task may not return fails as that task, in words."""

    @task
    def returns_lock():
        return threading.Lock()

    with pytest.raises(RunFailed, match=r"the result \(_thread.lock\) cannot be pickled"):
        run(lambda: [returns_lock()])
