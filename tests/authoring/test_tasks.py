"""Tasks: what can be one, what its options are, and what is refused, with the right way."""

from __future__ import annotations

import asyncio
import functools
import inspect
import operator
import pickle
import subprocess
import sys
from collections.abc import Callable  # noqa: TC003 - annotations are read while tracing

import pytest

import taskflow
from taskflow import (
    Cache,
    FutureError,
    Limit,
    Rate,
    Retry,
    Schedule,
    Task,
    current,
    each,
    pipeline,
    task,
    when,
)
from taskflow.errors import DefinitionError


def run(body, **options):
    """The value of a pipeline with this body, run in this process."""
    return taskflow.run(pipeline(body).options(executor="inline", progress=False, **options))


def refused(body, error: type[BaseException] = DefinitionError) -> str:
    """The message of the error that tracing this body raises."""
    with pytest.raises(error) as caught:
        pipeline(body).trace()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


@task
def give(value):
    return value


@task
def add(left, right=0, *, extra=0):
    return left + right + extra


@task
def count_to(number):
    yield from range(number)


@task
async def count_slowly(number):
    for each_number in range(number):
        yield each_number


@task
async def double(value: int) -> int:
    await asyncio.sleep(0)
    return 2 * value


@task
def apply(function: Callable[[int], int], value: int) -> int:
    return function(value)


@task
def apply_all(value, *functions: Callable):
    return [function(value) for function in functions]


@task
def apply_task(function: Task | None, value):
    return function(value)


@task
def named_like_options(retries, after=None, key=None):
    return [retries, after, key]


@pipeline
def nested():
    return give(1)


class Site:
    """Methods as tasks: the instance is the first argument."""

    def __init__(self, domain):
        self.domain = domain

    @task
    def fetch(self, path):
        return f"{self.domain}/{path}"

    @task(retries=2)
    def attempt(self):
        if current.attempt < 3:
            raise ConnectionError
        return current.attempt

    @task
    async def fetch_slowly(self, path):
        return f"{self.domain}/{path}"

    @task
    def join(self, left, right, *, sep="-"):
        return sep.join([self.domain, left, right])

    @task
    def key(self, path):
        return current.element

    @pipeline
    def scrape(self, count: int = 2):
        return self.fetch.map(range(count))

    @task
    @classmethod
    def named(cls, path):
        return f"{cls.__name__}/{path}"

    @task
    @staticmethod
    def shout(text):
        return text.upper()

    @staticmethod
    @task
    def whisper(text):
        return text.lower()

    @pipeline
    @classmethod
    def scrape_all(cls, count: int = 2):
        return cls.named.map(range(count))


class Shop(Site):
    """Inherits the tasks of its class."""


# --- what can be a task -------------------------------------------------------------------------


def test_methods_are_tasks_with_the_instance_as_first_argument():
    """Calls, maps and options of bound tasks carry the instance along."""

    def body():
        site = Site("a")
        return [
            site.fetch("x"),
            site.fetch.map(["x", "y"]),
            site.fetch_slowly("x"),
            site.fetch.options(retries=1)("x"),
            site.attempt(),
            Site.fetch(site, "x"),
            site.join.map(["x"], ["y"], sep="+"),
            site.join.map(["x"], right=each(["y"])),
            site.key.options(key=str.upper).map(["x"]),
        ]

    expected = ["a/x", ["a/x", "a/y"], "a/x", "a/x", 3, "a/x", ["a+x+y"], ["a-x-y"], ["X"]]
    assert run(body) == expected


def test_methods_called_plainly_are_methods():
    """Outside of a pipeline nothing is different from the undecorated class."""
    site = Site("a")
    assert site.fetch("x") == site.fetch.fn("x") == Site.fetch.fn(site, "x") == "a/x"
    assert site.fetch.map(["x"]) == ["a/x"]
    assert site.join.starmap([("x", "y")]) == ["a-x-y"]
    assert "Site.fetch" in repr(site.fetch)


def test_methods_of_the_class_are_tasks_of_whichever_class_they_are_read_off():
    """`@task` stands above `@classmethod`; of `@staticmethod` the order does not matter."""

    def body():
        return [
            Site.named("x"),
            Shop("a").named.map(["x", "y"]),
            Shop.named.options(retries=1)("x"),
            Shop.scrape_all(1),
            Site.shout("x"),
            Site("a").whisper.map(["X"]),
        ]

    assert run(body) == ["Site/x", ["Shop/x", "Shop/y"], "Shop/x", ["Shop/0"], "X", ["x"]]
    assert [Shop.named("x"), Shop.named.map(["y"]), Site.shout("x")] == ["Shop/x", ["Shop/y"], "X"]
    assert Shop.named.fn("x") == "Shop/x"


@pytest.mark.parametrize("decorate", [task, pipeline])
def test_a_class_method_above_a_task_is_refused(decorate):
    """From Python 3.13 on `@classmethod` on top would lose `.map`, so no version takes it there."""
    with pytest.raises(DefinitionError, match=r"write @.* above @classmethod"):
        type("Shop", (), {"named": classmethod(decorate(_named_of_a_class()))})


def _named_of_a_class():
    def named(cls, path):
        return path

    named.__qualname__ = "Shop.named"
    return named


def test_an_instance_is_taken_at_the_call():
    """What happens to the instance later does not reach the call before."""

    def body():
        site = Site("a")
        page = site.fetch("x")
        site.domain = "b"
        return [page, site.fetch("x")]

    assert run(body) == ["a/x", "b/x"]


def test_a_pipeline_can_be_a_method():
    """It runs, and traces, without its first parameter."""
    scrape = Site("a").scrape
    assert scrape(1) == ["a/0"]
    assert taskflow.run(scrape.options(executor="inline", progress=False), count=2) == [
        "a/0",
        "a/1",
    ]
    assert run(lambda: Site("b").scrape()) == ["b/0", "b/1"]
    assert run(lambda: scrape.map([1, 2])) == [["a/0"], ["a/0", "a/1"]]
    assert str(scrape.parameters) == "scrape(count: int = 2)"


def test_the_value_of_a_generator_task_is_a_list():
    """Of async generators too; called plainly it is the generator."""
    assert run(lambda: [count_to(3), count_slowly(2), give.map(count_to(2))]) == [
        [0, 1, 2],
        [0, 1],
        [0, 1],
    ]
    assert inspect.isgenerator(count_to(3))


def test_async_tasks_give_their_value():
    """In a pipeline there is nothing to await; called plainly it is the coroutine."""
    assert run(lambda: [double(2), double.map([1, 2]), add(double(1), 1)]) == [4, [2, 4], 3]
    assert asyncio.run(double(2)) == 4


def shout(function):
    @functools.wraps(function)
    def wrapper(*args):
        return f"{function(*args)}!"

    return wrapper


@task
@shout
def greet(name):
    return f"hi {name}"


@shout
@task
def hidden(name):
    return f"hi {name}"


def test_decorators_below_task_are_part_of_it():
    """A task may be a decorated function; its name and signature are those of the inner one."""
    assert run(lambda: [greet("a"), greet.map(["b"])]) == ["hi a!", ["hi b!"]]
    assert greet.name == "test_tasks:greet"
    assert "too many positional" in refused(lambda: greet(1, 2))


def test_a_decorator_above_task_hides_what_a_task_can_do():
    """It stays callable, and the error about `.map` says where the task is."""
    message = refused(lambda: hidden.map(["a"]), AttributeError)
    assert "put @task on top" in message


def test_any_callable_can_be_a_task():
    """Partials, lambdas, built-in functions and callable objects."""

    class Doubler:
        def __call__(self, value):
            return 2 * value

    plus_one = task(functools.partial(operator.add, 1))
    twice, size, negative = task(Doubler()), task(len), task(lambda value: -value)

    def body():
        return [plus_one(1), plus_one.map([1]), twice(2), size([1, 2]), negative(1)]

    assert run(body) == [2, [2], 4, 2, -1]


def test_a_task_called_plainly_is_its_function():
    """No trace, no future: `f(x)`, `f.fn(x)`, and `f.map` as a strictly zipped loop."""
    assert [give(1), give.fn(1)] == [1, 1]
    assert add.map([1, 2], [3, 4], extra=10) == [14, 16]
    assert add.map([1], extra=each([5])) == [6]
    assert add.starmap([(1, 2)], extra=1) == [4]
    with pytest.raises(ValueError, match="shorter"):
        add.map([1, 2], [1])


def test_a_task_keeps_what_editors_and_pickle_need():
    """Name, docstring, signature and module are the function's; pickled, it travels by name."""
    assert (greet.__name__, greet.__module__) == ("greet", "test_tasks")
    assert inspect.signature(apply).parameters.keys() == {"function", "value"}
    assert pickle.loads(pickle.dumps(give)) is give
    assert repr(give) == "<task test_tasks:give>"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Site, "not the class"),
        (property(len), "write @property above @task"),
        (give, "decorate the plain function once"),
        (nested, "decorate the plain function once"),
        (Site("a").fetch, "decorate the plain function once"),
        (5, "decorates a function, not 5"),
    ],
)
def test_what_cannot_be_a_task_is_refused_with_the_right_order(wrong, message):
    """`@task` over classes, descriptors, tasks and values says what to write."""
    with pytest.raises(DefinitionError, match=message):
        task(wrong)


def test_the_body_of_a_pipeline_is_a_plain_function():
    """It is traced once: there is nothing to await and nothing to yield."""
    for wrong in (double.fn, count_to.fn, count_slowly.fn):
        with pytest.raises(DefinitionError, match="what waits or yields goes into a @task"):
            pipeline(wrong)


# --- forgotten parentheses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        lambda: give(greet),
        lambda: give(value=greet),
        lambda: give([greet]),
        lambda: give({"k": greet}),
        lambda: give(nested),
        lambda: give(Site("a").fetch),
        lambda: give.map([1, greet]),
        lambda: give.map(greet),
        lambda: when(greet, then=lambda: 1),
        lambda: greet,
        lambda: [give(1), greet],
        lambda: give(each([1])),
    ],
)
def test_a_task_that_was_not_called_is_refused_as_a_value(body):
    """Where a value is meant, `greet` in place of `greet(...)` is an error that says so."""
    assert "was meant" in refused(body)


def test_functions_may_be_arguments_where_the_signature_says_so():
    """A parameter annotated as a function, task or pipeline takes one."""

    def body():
        return [apply(give, 1), apply_all(2, give, add), apply_task(give, 5)]

    assert run(body) == [1, [2, 2], 5]


def test_ordering_a_task_that_was_not_called_says_so():
    """`greet >> give` has no calls to order."""
    assert "was not called" in refused(lambda: give >> greet, FutureError)
    assert "was a call, greet(...), meant?" in refused(lambda: give(1) >> greet, FutureError)


# --- options ------------------------------------------------------------------------------------


def test_options_go_into_options_and_arguments_into_the_call():
    """An engine keyword in the call is told where it belongs; the function's own come first."""
    assert "give.options(retries=...)(...)" in refused(lambda: give(1, retries=3))
    assert "give.options(retries=...)(...)" in refused(lambda: give.map([1], retries=3))
    assert "did you mean 'extra'?" in refused(lambda: add(1, extr=3))
    assert run(lambda: named_like_options(retries=5, after=6, key=7)) == [5, 6, 7]
    assert run(lambda: named_like_options.options(retries=1)(2)) == [2, None, None]


def test_arguments_are_checked_against_the_signature_at_the_call():
    """Too many, too few and unknown ones fail on the line of the call, before anything runs."""
    for body in (lambda: give(*[]), lambda: give(1, 2), lambda: give(1, value=2)):
        message = refused(body)
        assert message.startswith("give(value): ")
        assert "test_tasks.py" in message


UNKNOWN = {
    "task": lambda: task(retires=3),
    "options": lambda: give.options(retires=3),
    "bound": lambda: Site("a").fetch.options(retires=3),
    "pipeline": lambda: pipeline(schedul="@daily"),
    "pipeline options": lambda: nested.options(worker=3),
}


@pytest.mark.parametrize("misspelt", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_option_is_told_the_near_one(misspelt):
    """Misspelt options are never ignored."""
    with pytest.raises(DefinitionError, match="did you mean"):
        misspelt()


WRONG = {
    "retries": {"retries": -1},
    "retries as text": {"retries": "3"},
    "retry": {"retry": 3},
    "retry_on": {"retry_on": "ValueError"},
    "jitter": {"retry_jitter": 2},
    "timeout": {"timeout": "5 parsecs"},
    "timeout of nothing": {"timeout": 0},
    "rule": {"trigger_rule": "all_succes"},
    "outputs": {"outputs": 0},
    "limit": {"limit": 0},
    "limit as flag": {"limit": True},
    "limit as text": {"limit": "api"},
    "rate": {"rate": "fast"},
    "cache": {"cache": "yes"},
    "ttl": {"ttl": "1 fortnight"},
    "ignore": {"ignore": 5},
    "name": {"name": ""},
    "label": {"label": 5},
    "tags": {"tags": 5},
    "after": {"after": ()},
    "key": {"key": len},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_a_wrong_option_fails_where_the_task_is_declared(options):
    """Each option is checked when it is given, not when the task runs."""
    with pytest.raises(DefinitionError):
        task(**options)


def test_a_wrong_duration_names_its_option_and_its_task():
    """The number alone could stand anywhere."""
    with pytest.raises(DefinitionError, match=r"^timeout='5 minuts' is not a duration") as caught:
        task(timeout="5 minuts")
    assert 'task(timeout="5 minuts")' in str(caught.value).partition("here:")[2]
    with pytest.raises(DefinitionError, match=r"^give\.options: timeout='5 minuts'"):
        give.options(timeout="5 minuts")
    with pytest.raises(DefinitionError, match=r"^misfire_grace='x' is not a duration"):
        pipeline(misfire_grace="x")


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        ({"limit": Limit("api", 2, scope="store")}, "within a run"),
        ({"rate": Rate("2/s", scope="store")}, "within a run"),
    ],
)
def test_what_nothing_acts_on_yet_is_refused(options, instead):
    """An option without effect would be a promise that is not kept."""
    for declare in (task, give.options):
        with pytest.raises(DefinitionError, match="not supported yet") as caught:
            declare(**options)
        assert instead in str(caught.value)


def test_a_retry_policy_can_be_changed_by_its_short_keywords():
    """What is given later replaces its part of the policy, and nothing is ignored in silence."""
    patient = task(retry=Retry(3, delay=60, on=OSError))(give.fn)
    policy = patient.options(retries=5, retry_delay="2m").chosen.policy
    assert policy == Retry(5, delay=120, on=OSError)
    assert patient.options(retry=Retry(1)).chosen.policy == Retry(1)
    assert task(retries=3)(give.fn).options(retry=Retry(1)).chosen.policy == Retry(1)
    with pytest.raises(DefinitionError, match="as times= of the Retry"):
        task(retries=2, retry=Retry(3))


def test_options_of_later_rooms_are_accepted_and_checked():
    """Caching and schedules can be written today, in short and in long."""
    task(cache=True, version=2, ttl="1d", ignore="client")
    task(cache=Cache(ttl="1h"), limit=[Limit("api", 2), Limit("disk")], retry=Retry(3))
    pipeline(schedule="0 6 * * *", timezone="Europe/Brussels", catchup="all", overlap="queue")
    pipeline(schedule=["*/5 * * * *", Schedule("0 0 * * * *")], misfire_grace="5m")


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "every day"},
        {"schedule": "0 6 * * *", "timezone": "Europe/Brusels"},
        {"catchup": "lates"},
        {"overlap": "never"},
        {"max_depth": 0},
        {"max_active_runs": 0},
        {"misfire_grace": "soon"},
        {"fail_fast": "no"},
        {"dynamic": 1},
        {"on_failure": "mail"},
        {"retries": 3},
        {"workers": 3},
        {"executor": "inline"},
    ],
)
def test_a_wrong_option_of_a_pipeline_fails_where_it_is_declared(options):
    """As for tasks; how a run runs is told to go into `p.options(...)`."""
    with pytest.raises(DefinitionError):
        pipeline(**options)


def test_options_of_a_task_are_refused_for_a_pipeline():
    """`p.options(retries=3)` would do nothing, so it says so."""
    with pytest.raises(DefinitionError, match="has no 'retries'"):
        nested.options(retries=3)
    with pytest.raises(DefinitionError, match="workers=0"):
        nested.options(workers=0)


def test_a_map_key_on_a_single_call_is_refused():
    """`key=` names elements; a single call has none."""
    assert "names the elements of a map" in refused(lambda: give.options(key=str)(1))


def test_options_make_a_copy():
    """The task itself keeps its options; the copy may have another name."""

    def body():
        again = give.options(name="again")
        return [again(1), give(2)]

    graph = pipeline(body).trace()
    assert [spec.short for spec in graph.specs] == ["again", "give"]
    assert give.options(retries=3).chosen.retries == 3
    assert give.chosen.retries == 0


def test_two_functions_under_one_name_in_a_run_are_refused():
    """A name is the identity of a task in keys and history."""

    def body():
        one, two = task(name="same")(lambda: 1), task(name="same")(lambda: 2)
        return [one(), two()]

    assert "two different functions are called 'same'" in refused(body)
    assert run(lambda: [give(1), give.options(retries=1)(2)]) == [1, 2]


def test_functions_defined_in_a_loop_need_names():
    """With `name=` they are tasks of their own."""

    def body():
        made = []
        for number in range(3):

            @task(name=f"step_{number}")
            def step(number=number):
                return number

            made.append(step())
        return made

    assert run(body) == [0, 1, 2]


@pytest.mark.parametrize("wrong", [give, None, 5, len, [1], nested.options])
def test_only_pipelines_are_run(wrong):
    """`run(p())`, `run(task)` and `run(function)` are told what runs."""
    for start in (taskflow.run, taskflow.start):
        with pytest.raises(DefinitionError, match="runs a @pipeline, not"):
            start(wrong)


def test_a_plain_function_is_told_what_it_lacks():
    """The decorator was forgotten."""

    def scrape(): ...

    with pytest.raises(DefinitionError, match="decorate scrape with @pipeline"):
        taskflow.run(scrape)


def test_the_class_of_runs_is_there_for_annotations():
    """`taskflow.Run` costs nothing until it is asked for."""

    def state_of(begun: taskflow.Run) -> str:
        return begun.wait()

    quiet = pipeline(lambda: 1).options(executor="inline", progress=False)
    begun = taskflow.start(quiet)
    assert state_of(begun) == "succeeded"
    assert type(begun) is taskflow.Run
    with pytest.raises(AttributeError, match="'taskflow' has no attribute 'Runn'"):
        taskflow.Runn  # noqa: B018
    looked = "import sys, taskflow; assert 'taskflow.handle' not in sys.modules; taskflow.Run"
    subprocess.run([sys.executable, "-c", looked], check=True)
