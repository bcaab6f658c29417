"""What stands between calls: maps, failures as values, branches, order, nested pipelines."""

from __future__ import annotations

import collections
import dataclasses
import itertools

import pytest

import taskflow
from taskflow import (
    Failure,
    FutureError,
    RetryLater,
    RunFailed,
    Skip,
    current,
    each,
    flatten,
    order,
    outcome,
    outcomes,
    pipeline,
    successes,
    task,
    when,
)
from taskflow.errors import CycleError, DefinitionError, RunawayError

ran = []


@pytest.fixture(autouse=True)
def _forget():
    ran.clear()


@task
def give(value):
    return value


@task
def note(value):
    ran.append(value)
    return value


@task
def numbers(count) -> list[int]:
    return list(range(count))


@task
def add(left, right=0, *, extra=0):
    return left + right + extra


@task
def total(values):
    return sum(values)


@task
def odd_fails(value):
    if value % 2:
        raise ValueError(f"odd {value}")
    return value


@task
def odd_skips(value):
    if value % 2:
        raise Skip("odd")
    return value


@task
def who(value):
    return [current.element, current.task_key.partition("/")[2], value]


@task
def is_true(value):
    return bool(value)


def run(body, **params):
    """The value of a pipeline with this body, run in this process."""
    quiet = pipeline(body).options(executor="inline", progress=False)
    return taskflow.run(quiet, **params)


def refused(body, error: type[BaseException] = DefinitionError) -> str:
    """The message of the error that tracing this body raises."""
    with pytest.raises(error) as caught:
        pipeline(body).trace()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


# --- maps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: [1, 2], [1, 2]),
        (lambda: (1, 2), [1, 2]),
        (lambda: range(3), [0, 1, 2]),
        (lambda: (n * n for n in range(3)), [0, 1, 4]),
        (lambda: iter([1, 2]), [1, 2]),
        (lambda: {1: "a"}.items() or 0, [(1, "a")]),
        (lambda: dict.fromkeys("a").keys(), ["a"]),
        (lambda: enumerate("ab"), [(0, "a"), (1, "b")]),
        (lambda: collections.deque([1]), [1]),
        (lambda: numbers(2), [0, 1]),
        (lambda: give([1, [2]])[1], [2]),
        (lambda: give.map([1, 2]), [1, 2]),
        (lambda: numbers.map([1, 2])[1], [0, 1]),
        (lambda: [numbers(2), 5, [give(1)]], [[0, 1], 5, [1]]),
        (list, []),
        (lambda: iter(()), []),
        (lambda: numbers(0), []),
        (lambda: give.map([]), []),
    ],
)
def test_a_map_runs_over_anything_with_elements_in_an_order(make, expected):
    """Lists, ranges, iterators, views, futures, other maps, lists with futures; and nothing."""
    assert run(lambda: give.map(make())) == expected


@pytest.mark.parametrize(
    ("wrong", "instead"),
    [
        ("abc", r"f.map\(\[text\]\)"),
        (b"abc", r"f.map\(\[text\]\)"),
        ({"a": 1}, r"f.starmap\(d.items\(\)\)"),
        ({1, 2}, r"f.map\(sorted\(xs\)\)"),
        (frozenset([1]), r"f.map\(sorted\(xs\)\)"),
        (None, "runs over a list"),
        (5, "runs over a list"),
    ],
)
def test_a_map_refuses_what_people_do_not_mean(wrong, instead):
    """Characters, keys in no order, what holds nothing: at once if known, else in the run."""
    with pytest.raises(DefinitionError, match=instead):
        run(lambda: give.map(wrong))
    with pytest.raises(RunFailed):
        run(lambda: give.map(give(wrong)))


def test_a_value_that_is_no_list_is_told_with_what_came():
    """What a map runs over may turn out to be a number."""
    with pytest.raises(RunFailed, match=r"a map runs over this value, which is 5 \(int\) and no"):
        run(lambda: give.map(give(5)))


def test_columns_are_zipped_strictly():
    """Different lengths are refused: where they are known, else in the run."""
    assert run(lambda: add.map([1, 2], numbers(2), extra=each(range(2)))) == [1, 4]
    assert "equal length, these have 2, 1" in refused(lambda: add.map([1, 2], [1]))
    with pytest.raises(RunFailed, match="equal length"):
        run(lambda: add.map([1, 2], numbers(3)))
    with pytest.raises(RunFailed, match="equal length"):
        run(lambda: add.map([1, 2], (n for n in range(3))))


def test_keywords_are_constants_unless_they_are_marked():
    """`each(xs)` maps a keyword; a map given as a constant is collected first."""

    def body():
        ones = give.map([1, 1])
        return [
            add.map([1, 2], extra=5),
            add.map(left=each([1, 2]), right=each([3, 4])),
            give.map(value=each(ones)),
            add.map([[1], [2]], right=ones, extra=ones),
        ]

    assert run(body) == [[6, 7], [4, 6], [1, 1], [[1, 1, 1, 1, 1], [2, 1, 1, 1, 1]]]


def test_a_map_needs_something_to_run_over():
    """`f.map()` and `f.map(x=1)` say how to mark a keyword."""
    assert "each(xs)" in refused(lambda: add.map(*[]))
    assert "each(xs)" in refused(lambda: add.map(left=1))


def test_a_map_passed_to_a_task_is_its_list():
    """Also as a keyword, and wherever it stands inside an argument or the result."""

    def body():
        xs = give.map([1, 2])
        return [total(xs), give(value=xs), give({"k": [xs]}), {"xs": xs}]

    assert run(body) == [3, [1, 2], {"k": [[1, 2]]}, {"xs": [1, 2]}]


def test_starmap_takes_rows_of_arguments():
    """Of dict items, enumerations, zips, futures and maps; keywords are constants."""

    def body():
        return [
            add.starmap([(1, 2), (3,)]),
            add.starmap(zip([1], [2], strict=True), extra=5),
            add.starmap({1: 2}.items()),
            add.starmap(give([(1, 2)]), extra=numbers(2)[1]),
            add.starmap(numbers.map([2])),
            add.starmap([(numbers(2)[1], 2)]),
            add.starmap([]),
        ]

    assert run(body) == [[3, 3], [8], [3], [4], [1], [3], []]


def test_rows_that_do_not_fit_are_refused():
    """A row has to be a tuple that fits the signature; mapped keywords belong into the rows."""
    assert "element 1 is 2" in refused(lambda: add.starmap([(1,), 2]))
    assert "too many positional" in refused(lambda: add.starmap([(1, 2, 3)]))
    assert "the rows of starmap" in refused(lambda: add.starmap([(1,)], extra=each([1])))


def test_flatten_runs_over_the_elements_of_lists():
    """Of a map it is a map, of a list of futures or a future list of lists it is their list."""

    def body():
        lists = numbers.map([2, 3])
        flat = flatten(lists)
        return [
            flat,
            total(flat),
            add.map(flat, flat),
            add.map(flat, give.map(flat)),
            flatten([numbers(2), [7]]),
            give.map(flatten(give([[1], [2]]))),
            flatten(flatten(give.map([[[1], [2]], [[3]]]))),
            flatten([[1], [2]]),
        ]

    flat, twice = [0, 1, 0, 1, 2], [0, 2, 0, 2, 4]
    assert run(body) == [flat, 4, twice, twice, [0, 1, 7], [1, 2], [1, 2, 3], [1, 2]]


def test_what_joins_tasks_is_no_task_run():
    """Counts and states are those of what people called."""

    @pipeline
    def p():
        return give.map(flatten([numbers(2), numbers(1)]))

    done = taskflow.start(p.options(executor="inline", progress=False))
    assert done.result() == [0, 1, 0]
    assert done.counts == {"succeeded": 5}
    assert list(done.tasks) == ["p/numbers", "p/numbers#2", "p/give"]


def test_flatten_of_no_lists_is_empty():
    """An empty map of lists, and lists that are empty."""
    assert run(lambda: [flatten(numbers.map([])), flatten(numbers.map([0, 0]))]) == [[], []]


def test_flatten_says_what_is_no_list():
    """`flatten([1, 2])` names the element; a dict or a generator is refused at once."""
    assert "takes a map or a list of lists" in refused(lambda: flatten({"a": numbers(2)}))
    assert "takes a map or a list of lists" in refused(lambda: flatten(numbers(n) for n in (1, 2)))
    with pytest.raises(RunFailed, match="flatten takes lists of lists; element 0 is 0"):
        run(lambda: flatten(numbers(2)))


def test_elements_are_named_by_index_or_key():
    """`current.element` and the task key tell elements apart; keys come from the arguments."""

    def body():
        by_name = who.options(key=str.upper)
        return [
            who.map(["a"]),
            by_name.map(["a", "b"]),
            by_name.map(give(["c"])),
            by_name.map(x for x in "d"),
        ]

    assert run(body) == [
        [[0, "who[0]", "a"]],
        [["A", "who#2[A]", "a"], ["B", "who#2[B]", "b"]],
        [["C", "who#3[C]", "c"]],
        [["D", "who#4[D]", "d"]],
    ]


def test_two_elements_of_one_key_are_refused():
    """Keys name task runs: of lists, rows and keywords alike."""
    for body in (
        lambda: give.options(key=lambda _: 1).map([1, 2]),
        lambda: add.options(key=lambda a, b: a).starmap([(1, 2), (1, 3)]),
        lambda: add.options(key=lambda left, right: right).map([1, 2], right=each([3, 3])),
        lambda: add.options(key=lambda left, right: right).map([1, 2], right=3),
    ):
        assert "elements 0 and 1" in refused(body)


def test_a_key_that_cannot_be_made_is_told_with_its_element():
    """While tracing the line is known; a stranger's exception alone would say nothing."""

    class Odd:
        def __str__(self):
            raise RuntimeError("no text")

    for key in (lambda _: Odd(), lambda x: Odd().y):
        message = refused(lambda key=key: give.options(key=key).map([1, 2]))
        assert "element 0 of give.map has no key: key= raised" in message
        assert "test_constructs.py:" in message


def test_none_is_a_key_as_any_other():
    """Without a text it would be the key of the map itself."""
    assert run(lambda: who.options(key=lambda _: None).map(["a"])) == [["None", "who[None]", "a"]]


def test_an_iterator_is_read_only_as_far_as_needed():
    """A generator without end is fine as long as the run is cancelled."""
    read = []

    def forever():
        for number in itertools.count():
            read.append(number)
            yield number

    @task
    def until_ten(value):
        if value == 10:
            raise KeyError(value)

    begun = pipeline(lambda: until_ten.map(forever()))
    with pytest.raises(RunFailed):
        taskflow.run(begun.options(executor="inline", progress=False, fail_fast=True))
    assert len(read) < 100_000


def test_an_iterator_that_raises_fails_the_map():
    """The exception of the generator is the failure, with its line."""

    def broken():
        yield 1
        raise LookupError("no more")

    with pytest.raises(RunFailed, match="no more"):
        run(lambda: give.map(broken()))


def test_a_call_of_a_task_in_a_generator_is_refused():
    """The generator is read when the trace is over: a list of calls is meant."""
    with pytest.raises(RunFailed, match="give was called in the iterator"):
        run(lambda: give.map(give(n) for n in range(2)))
    assert run(lambda: give.map([give(n) for n in range(2)])) == [0, 1]


# --- failures as values, skips ------------------------------------------------------------------


def test_successes_and_outcomes_take_failures_as_values():
    """Of maps and lists; the run succeeds, since somebody took the failures."""

    def body():
        tried = odd_fails.map(range(4))
        return [
            successes(tried),
            give.map(successes(tried)),
            total(successes(tried)),
            successes([odd_fails(1), odd_fails(2), 7]),
            outcomes([odd_fails(1)]),
            outcomes(tried),
            successes(outcomes(tried)),
            successes(odd_fails.map(odd_fails.map(range(4)))),
        ]

    value = run(body)
    assert value[:4] == [[0, 2], [0, 2], 2, [2, 7]]
    assert isinstance(value[4][0].error, ValueError)
    assert [type(each_one) for each_one in value[5]] == [int, Failure, int, Failure]
    assert value[5][1].task_key == "body/odd_fails[1]"
    assert value[7] == [0, 2]


def test_outcome_takes_one_failure_as_a_value():
    """Of a call, a nested pipeline, or a structure; a success is its value."""

    @pipeline
    def half():
        return {"good": odd_fails(2), "bad": odd_fails(1)}

    def body():
        return [outcome(odd_fails(2)), outcome(odd_fails(1)), outcome(half()), outcome(5)]

    good, bad, nested, constant = run(body)
    assert (good, constant) == (2, 5)
    assert isinstance(bad, Failure)
    assert not bad
    assert isinstance(nested.error, ValueError)


def test_a_failure_that_nobody_takes_fails_the_run():
    """After everything that could run has."""

    def body():
        note(1)
        odd_fails(1)
        return note(2)

    with pytest.raises(RunFailed, match="odd 1"):
        run(body)
    assert sorted(ran) == [1, 2]


def test_skipping_filters():
    """A skipped element leaves the collected list; a skipped argument skips the dependants."""

    def body():
        even = odd_skips.map(range(4))
        return [even, total(even), give.map(even), outcomes(even), successes([odd_skips(1)])]

    assert run(body) == [[0, 2], 2, [0, 2], [0, 2], []]
    assert run(lambda: note(odd_skips(1))) is None
    assert ran == []


def test_retry_later_does_not_use_up_retries():
    """The task comes back, as often as it asks, and may still fail but once."""
    asked = []

    @task(retries=0)
    def patient():
        asked.append(1)
        if len(asked) < 4:
            raise RetryLater(0.001, "not yet")
        return len(asked)

    assert run(lambda: [patient()]) == [4]


# --- branches -----------------------------------------------------------------------------------


def test_only_the_branch_that_is_taken_runs():
    """The tasks of the other side are skipped, whatever is in them."""

    def body():
        return [
            when(is_true(1), then=lambda: note("then"), otherwise=lambda: note("else")),
            when(is_true(0), then=lambda: note.map([1, 2])),
            when(is_true(0), lambda: note(1), lambda: {"k": [note("other")]}),
            when(numbers(2)[1], lambda: 5),
            when(give.map([]), lambda: "some", lambda: "none"),
            when(outcome(odd_fails(1)), lambda: "good", lambda: "bad"),
        ]

    assert run(body) == ["then", None, {"k": ["other"]}, 5, "none", "bad"]
    assert sorted(ran) == ["other", "then"]


def test_branches_nest_and_their_value_goes_on():
    """The result of `when` is a future like any other."""

    def body():
        inner = when(
            is_true(1),
            lambda: when(is_true(0), lambda: note("a"), lambda: note("b")),
            lambda: note("c"),
        )
        return [inner, give(inner), give.map(when(is_true(1), lambda: give.map([1, 2])))]

    assert run(body) == ["b", "b", [1, 2]]
    assert ran == ["b"]


def test_a_known_condition_is_a_plain_if():
    """Only one function is called, and nothing of the other is traced."""
    graph = pipeline(lambda: when([], lambda: note(1), lambda: note(2))).trace()
    assert len(graph) == 1
    assert when(1, lambda: "then") == "then"
    assert when(0, lambda: "then") is None


def test_what_is_no_function_is_refused_as_a_branch():
    """`when(ok, f(x))` would run f in any case."""
    for body in (
        lambda: when(is_true(1), note(1)),
        lambda: when(is_true(1), lambda: 1, note(1)),
        lambda: when(is_true(1), 5),
    ):
        assert "when() takes functions" in refused(body, FutureError)


# --- order --------------------------------------------------------------------------------------


def test_order_without_data():
    """`>>`, `order` and `after=`; lists, maps and nested pipelines on either side."""

    @pipeline
    def sides():
        note("left")
        note("right")

    def body():
        last = note("last")
        middle, inner = note.map(["m1", "m2"]), sides()
        first = note("first")
        first >> [middle, inner]
        order([middle, inner], last)
        note.options(after=[last])("end")
        (note("zero"),) >> first

    run(body)
    assert ran[:2] == ["zero", "first"]
    assert sorted(ran[2:6]) == ["left", "m1", "m2", "right"]
    assert ran[6:] == ["last", "end"]


def test_after_takes_one_or_several_calls():
    """A future, a list, a nested pipeline; of a nested pipeline it means all tasks inside."""

    @pipeline
    def inner():
        note("inner")

    def body():
        first = note("first")
        inside = inner.options(after=first)()
        note.options(after=inside)("last")
        order()

    run(body)
    assert ran == ["first", "inner", "last"]


def test_what_waits_for_a_branch_waits_for_the_side_that_is_taken():
    """The tasks that were not to run hold nobody up, at any depth; those that run all count."""

    @pipeline
    def branching(condition):
        when(
            is_true(condition),
            lambda: [note("then"), when(is_true(0), lambda: note("never"), lambda: note("inner"))],
            lambda: note("otherwise"),
        )
        note("beside")

    def body(condition):
        note("before") >> branching(condition) >> note("after")
        when(is_true(0), lambda: note("never")) >> note("last")

    run(body, condition=1)
    assert ran.index("before") == min(map(ran.index, ("before", "then", "inner", "beside")))
    assert ran.index("after") > max(map(ran.index, ("then", "inner", "beside")))
    assert sorted(ran) == ["after", "before", "beside", "inner", "last", "then"]
    ran.clear()
    run(body, condition=0)
    assert sorted(ran) == ["after", "before", "beside", "last", "otherwise"]


def test_what_waits_for_a_branch_does_not_run_if_the_branch_fails():
    """A failure in the side that is taken fails the run, and holds up what waits for it."""

    def body():
        when(is_true(1), lambda: [odd_fails(1), 5][1]) >> note("after")

    with pytest.raises(RunFailed, match="odd 1"):
        run(body)
    assert ran == []


def test_what_waits_for_a_dynamic_pipeline_waits_for_all_of_it():
    """`>>` means all tasks of the expansion, not only those of its value."""

    @pipeline(dynamic=True)
    def expands(count):
        for number in range(count):
            note(number)

    def body():
        expands(give(3)) >> note("after")
        expands.map([1, 1]) >> note("last")

    run(body)
    assert ran.index("after") > max(map(ran.index, (0, 1, 2)))
    assert sorted(map(str, ran)) == ["0", "0", "0", "1", "2", "after", "last"]


def test_a_circle_names_its_calls():
    """`a >> b; b >> a` is refused where it closes, with all calls that form it."""

    def body():
        first = note(1)
        second = note(2)
        first >> second
        second >> first

    message = refused(body, CycleError)
    assert "note -> note#2 -> note" in message or "note#2 -> note -> note#2" in message
    for line in ("first = note(1)", "second = note(2)", "second >> first"):
        assert line in message

    def through_data():
        first = note(1)
        note(first) >> first

    assert "wait for each other" in refused(through_data, CycleError)


def test_only_calls_can_be_ordered():
    """Values, functions and None are refused; two lists are told `order`."""
    for body in (
        lambda: note(1) >> 5,
        lambda: 5 >> note(1),
        lambda: order(note(1), None),
        lambda: order(note(n) for n in range(2)),
        lambda: note.options(after=5)(1),
        lambda: note(1) >> len,
    ):
        assert "only calls of tasks can be ordered" in refused(body, FutureError)

    def lists():
        first, second = note(1), note(2)
        return [first] >> [second]

    assert "order([a, b], [c, d])" in refused(lists, TypeError)


# --- nested pipelines ---------------------------------------------------------------------------


@dataclasses.dataclass
class Report:
    title: str
    rows: list


@pipeline
def nothing():
    note("nothing")


@pipeline
def constant():
    return 7


@pipeline
def one(value=1):
    return give(value)


@pipeline
def mapping():
    return {"a": give(1), "b": 5}


@pipeline
def pair():
    return give(1), numbers(3)


@pipeline
def report():
    return Report(give("t"), [give(1)])


@pipeline
def mapped():
    return give.map([1, 2])


def test_a_nested_pipeline_is_a_handle_whatever_it_returns():
    """Items, fields and unpacking follow what the body returned."""

    def body():
        first, second = pair()
        return [
            [first, second, pair()[1][0], len(pair())],
            [mapping()["a"], mapping()["b"], mapping()],
            [report().title, report().rows[0], report()],
            [nothing(), constant(), one(), one(one(3))],
            [give(mapping()), give([nothing()]), give.map(mapped()), mapped()[0], len(mapped())],
            [successes(mapped()), outcomes(pair()), flatten([mapped(), mapped()])],
            [when(constant(), lambda: 1), when(nothing(), lambda: 1), when(one(0), lambda: 1)],
        ]

    assert run(body) == [
        [1, [0, 1, 2], 0, 3 - 1],
        [1, 5, {"a": 1, "b": 5}],
        ["t", 1, Report("t", [1])],
        [None, 7, 1, 3],
        [{"a": 1, "b": 5}, [None], [1, 2], 1, 2],
        [[1, 2], [1, [0, 1, 2]], [1, 2, 1, 2]],
        [1, None, None],
    ]


def test_a_nested_pipeline_misused_is_named():
    """It is refused like a future, with its own name and the line of its call."""
    for misuse in (
        lambda handle: 1 if handle else 2,
        lambda handle: handle == 7,
        lambda handle: f"{handle}",
        lambda handle: handle + 1,
    ):

        def body(misuse=misuse):
            return misuse(constant())

        message = refused(body, FutureError)
        assert "the future of `constant` is not a value yet" in message
        assert "return misuse(constant())" in message.partition("made here:")[2]


def test_a_static_pipeline_may_call_itself_over_known_data():
    """Recursion over parameters just traces; without an end it stops at max_depth."""

    @pipeline
    def tree(values):
        if len(values) == 1:
            return give(values[0])
        half = len(values) // 2
        return add(tree(values[:half]), tree(values[half:]))

    @pipeline(max_depth=10)
    def endless(number):
        return endless(number + 1)

    assert run(lambda: tree(list(range(8)))) == 28
    message = refused(lambda: endless(0), RunawayError)
    assert "max_depth=10" in message
    assert "endless -> endless -> ..." in message


@pipeline(dynamic=True)
def fibonacci(number):
    if number < 2:
        return give(number)
    return add(fibonacci(number - 1), fibonacci(number - 2))


@pipeline(dynamic=True)
def loop(values):
    return {"parts": [give(value) for value in values], "count": len(values)}


@pipeline(dynamic=True, max_depth=4)
def deeper(number):
    return deeper(give(number))


@pipeline(dynamic=True, max_tasks=5)
def wider(count):
    return [give(number) for number in range(count)]


def test_a_dynamic_pipeline_sees_values():
    """Loops, conditions and recursion over what earlier tasks returned."""

    def body():
        return [fibonacci(give(6)), loop(numbers(2)), loop(numbers(2))["count"]]

    assert run(body) == [8, {"parts": [0, 1], "count": 2}, 2]


def test_a_pipeline_can_be_mapped():
    """Static or dynamic, over lists and futures, with constants, keys and failures."""

    def body():
        return [
            one.map(numbers(2)),
            one.map([1, 2]),
            fibonacci.map([3, 4]),
            loop.options(key=str).map([[1], [2, 3]]),
            one.map(value=each([5])),
            successes(fails.map([1, 2])),
        ]

    expected = [[0, 1], [1, 2], [2, 3]]
    value = run(body)
    assert value[:3] == expected
    assert [each_one["count"] for each_one in value[3]] == [1, 2]
    assert value[4:] == [[5], [2]]


@pipeline
def fails(value):
    return odd_fails(value)


@pytest.mark.parametrize(
    ("runaway", "limit"), [(deeper, "max_depth=4"), (wider, "max_tasks=5")], ids=str
)
def test_a_runaway_expansion_is_stopped(runaway, limit):
    """Depth and number of calls are bounded, and the error says by what."""
    with pytest.raises(RunFailed) as caught:
        run(lambda: runaway(give(50)))
    assert "RunawayError: " in str(caught.value)
    assert limit in str(caught.value)


def test_a_misuse_in_a_dynamic_body_fails_its_task():
    """The error is the same as in a static body, and names the line."""

    @pipeline(dynamic=True)
    def wrong(value):
        return 1 if give(value) else 2

    with pytest.raises(RunFailed, match="it was used as a condition"):
        run(lambda: wrong(give(1)))
