"""The programs that attacked the design, as far as they belong to writing and running pipelines.

Numbers are those of the list they come from; the other numbers are in
`test_programs_people_write.py`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import functools
import socket

import pytest

import taskflow
from taskflow import (
    Failure,
    FutureError,
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
from taskflow.errors import ArgumentError

log = []


@pytest.fixture(autouse=True)
def _forget():
    log.clear()


@pytest.fixture(params=["inline", pytest.param("processes", marks=pytest.mark.ring_programs)])
def run(request):
    """Runs a pipeline in this process, and in two others."""

    def run(p, **params):
        chosen = p.options(executor=request.param, workers=2, progress=False)
        return taskflow.run(chosen, **params)

    return run


def run_inline(p, **params):
    """Runs a pipeline in this process, where tasks can leave traces in `log`."""
    return taskflow.run(p.options(executor="inline", progress=False), **params)


@dataclasses.dataclass
class Page:
    html: str
    status: int = 200


@task
def note(what):
    log.append(what)
    return what


@task
def collect_urls(domain: str) -> list[str]:
    return [f"{domain}/{number}" for number in range(4)]


@task
def fetch_page(url: str) -> str:
    if url.endswith("/2"):
        raise ConnectionError(f"404: {url}")
    return f"<p>{url}</p>"


@task
def extract_text(html: str) -> str:
    return html.removeprefix("<p>").removesuffix("</p>")


@task
def save_corpus(texts: list[str], path: str) -> int:
    return len(texts)


@task
def get_page(url: str) -> Page:
    return Page(f"<p>{url}</p>")


@task
def fail(why="no"):
    raise OSError(why)


@task
def add(left, right):
    return left + right


def test_program_1_a_pipeline_of_side_effects_called_in_a_test():
    """`p()` where p is `a() >> b()` runs both in order: nothing is shifted."""

    @pipeline
    def steps():
        note("first") >> note("second")

    assert steps() is None
    assert log == ["first", "second"]


@pipeline
def scrape_site(domain: str = "https://example.com", path: str = "corpus.jsonl") -> int:
    urls = collect_urls(domain)
    pages = fetch_page.map(urls)
    texts = extract_text.map(pages)
    return save_corpus(successes(texts), path)


def test_program_2_one_bad_page_does_not_stop_the_others(run):
    """The scrape of the first page, with a 404: the corpus is saved without it."""
    assert run(scrape_site, domain="http://a") == 3


def test_program_3_a_comparison_that_would_silently_be_false():
    """`if status(x) == "ok":` is an error with the way to branch."""

    @pipeline
    def guarded():
        if fetch_page("a") == "ok":
            note("saved")

    with pytest.raises(FutureError, match="it was compared with 'ok'"):
        guarded.trace()


@pipeline
def parse_page(url="a"):
    page = get_page(url)
    return extract_text(page.html), page.status


def test_program_4_a_field_of_a_page_is_passed_on():
    """`page.html` of a task that returns a dataclass is lifted."""
    assert run_inline(parse_page) == ("a", 200)


@task(trigger_rule="always")
def cleanup():
    log.append("cleaned")


def test_program_5_cleanup_runs_after_a_failure_and_does_not_hide_it():
    """`always` with `after=`: clean-up runs, the run still fails with the job's error."""

    @pipeline
    def job(fail_it):
        work = fail("disk full") if fail_it else note("worked")
        cleanup.options(after=[work])()

    with pytest.raises(RunFailed, match="disk full") as caught:
        run_inline(job.options(fail_fast=True), fail_it=True)
    assert isinstance(caught.value.__cause__, OSError)
    assert log == ["cleaned"]
    run_inline(job, fail_it=False)
    assert log == ["cleaned", "worked", "cleaned"]


def test_program_6_order_with_a_nested_pipeline_that_returns_nothing():
    """`extract() >> notify_all()` waits for, or with, every task inside."""

    @pipeline
    def notify_all():
        note("mail")
        note("chat")

    @pipeline
    def whole():
        note("extract") >> notify_all() >> note("end")

    run_inline(whole)
    assert log[0] == "extract"
    assert sorted(log[1:3]) == ["chat", "mail"]
    assert log[3:] == ["end"]


class Client:
    def __init__(self, base):
        self.base = base

    @task
    def fetch(self, path):
        return f"{self.base}/{path}"


@pipeline
def use_client(paths: list[str]):
    client = Client("http://a")
    return client.fetch("x"), client.fetch.map(paths)


def test_program_7_methods_are_tasks(run):
    """`self.fetch.map(us)` has its instance."""
    assert run(use_client, paths=["p"]) == ("http://a/x", ["http://a/p"])


def retrying(function):
    @functools.wraps(function)
    def wrapper(*args):
        try:
            return function(*args)
        except ValueError:
            return function(*args, "again")

    return wrapper


@task
@retrying
def flaky(value, again=""):
    if not again:
        raise ValueError
    return value + again


@pipeline
def stacked():
    return flaky("a"), flaky.map(["b"])


def test_program_8_stacked_decorators():
    """A decorator below `@task` is part of the task; one above hides `.map`, and that is said."""
    assert run_inline(stacked) == ("aagain", ["bagain"])

    @pipeline
    def wrong():
        return retrying(note).map([1])

    with pytest.raises(AttributeError) as caught:
        wrong.trace()
    assert "put @task on top" in caught.value.__notes__[0]


@task
def rows():
    yield from ({"id": 1}, {"id": 2})


@pipeline
def read_rows():
    return rows(), get_id.map(rows())


@task
def get_id(row):
    return row["id"]


def test_program_9_a_generator_task_gives_a_list(run):
    """What it yields is its value, and can be mapped over."""
    assert run(read_rows) == ([{"id": 1}, {"id": 2}], [1, 2])


def test_program_10_a_call_of_a_task_in_a_generator():
    """`f.map(g(u) for u in urls)` is refused: g would run in the engine."""

    @pipeline
    def lazy():
        return extract_text.map(fetch_page(url) for url in ["a", "b"])

    with pytest.raises(RunFailed, match="fetch_page was called in the iterator"):
        run_inline(lazy)


@task
def describe(key, value):
    return f"{current.element}:{key}={value}"


@pipeline
def items_and_indices():
    return describe.starmap({"a": 1, "b": 2}.items()), describe.starmap(enumerate("xy"))


def test_program_11_dict_items_and_enumerate():
    """`starmap` takes pairs, `current.element` is the index."""
    assert run_inline(items_and_indices) == (["0:a=1", "1:b=2"], ["0:0=x", "1:1=y"])


@task
def only_even(number):
    if number % 2:
        raise Skip("odd")
    return number


@task
def square(number):
    return number * number


@pipeline
def filtered():
    return square.map(only_even.map(range(6)))


def test_program_12_filtering_without_a_barrier(run):
    """A skipped element leaves the list, and the next map with it."""
    assert run(filtered) == [0, 4, 16]


@pipeline
def crawl(domains: list[str]):
    pages = fetch_page.map(flatten(collect_urls.map(domains)))
    return save_corpus(successes(extract_text.map(pages)), "corpus")


def test_program_13_domains_to_urls_to_pages(run):
    """`flatten` runs over the pages of all domains as one map."""
    assert run(crawl, domains=["a", "b"]) == 6


@pipeline
def tree_sum(numbers: list[int]):
    values = list(numbers)
    while len(values) > 1:
        values = [
            add(*values[at : at + 2]) if values[at + 1 :] else values[at]
            for at in range(0, len(values), 2)
        ]
    return values[0]


@pipeline(dynamic=True)
def reduce_dynamic(values):
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return add(reduce_dynamic(values[:half]), reduce_dynamic(values[half:]))


@pipeline
def sum_of_future():
    return reduce_dynamic(square.map(range(7)))


def test_program_14_reducing_a_known_list_and_a_future(run):
    """A loop over a known list, recursion in a dynamic pipeline over a future one."""
    assert run(tree_sum, numbers=[1, 2, 3, 4, 5]) == 15
    assert run(sum_of_future) == 91


@task
def has_pages(domain):
    return domain != "empty"


def test_program_15_a_branch_per_element_of_a_loop():
    """The lambdas run while tracing, so the loop variable is the one of its turn."""

    @pipeline
    def each_domain(domains):
        for domain in domains:
            when(has_pages(domain), then=lambda: note(domain))  # noqa: B023 - the point of the test

    run_inline(each_domain, domains=["a", "empty", "b"])
    assert sorted(log) == ["a", "b"]


@pipeline
def scrape_domain(domain):
    return save_corpus(successes(fetch_page.map(collect_urls(domain))), "x"), current.run_id is None


@pipeline
def scrape_all(domains: list[str]):
    return scrape_domain.map(extract_text.map(domains))


def test_program_16_a_static_pipeline_is_mapped(run):
    """It is traced per element when the element is known; its tasks are tasks of the same run."""
    assert run(scrape_all, domains=["a", "b"]) == [(3, False), (3, False)]


@pipeline
def inner_run(number):
    return square(number)


@task
def runs_another(number):
    return taskflow.run(inner_run, number) + inner_run(1)


@pipeline
def outer_run():
    return runs_another.map([2, 3, 4])


def test_program_18_a_run_inside_a_task(run):
    """More such tasks than workers: each child runs inline, so nothing waits for a slot."""
    assert run(outer_run) == [5, 10, 17]


@task
def returns_socket():
    with socket.socket() as one:
        return one


@task
def returns_coroutine():
    coroutine = asyncio.sleep(0)
    coroutine.close()
    return coroutine


@task
def returns_future():
    return concurrent.futures.Future()


@pipeline
def bad_results(which):
    results = {"socket": returns_socket, "coroutine": returns_coroutine, "Future": returns_future}
    return results[which]()


@pytest.mark.parametrize(
    ("which", "culprit"),
    [
        ("socket", r"the result \(.*socket.*\)"),
        ("coroutine", r"the result \(.*coroutine.*\)"),
        ("Future", r"the result\._condition\._lock \(.*RLock\)"),
    ],
)
def test_program_19_a_task_returns_what_cannot_travel(run, which, culprit):
    """It ends as a failed task that names the result, the way into it, and the type there."""
    with pytest.raises(RunFailed, match=f"{culprit} cannot be pickled"):
        run(bad_results, which=which)


@task
def failed(value):
    return isinstance(value, Failure)


@pipeline
def with_fallback(url):
    primary = fetch_page(url)
    return when(
        failed(outcome(primary)), then=lambda: get_page(url).html, otherwise=lambda: primary
    )


def test_program_20_a_fallback():
    """On failure the secondary, else the primary; the taken failure does not fail the run."""
    assert run_inline(with_fallback, url="a/2") == "<p>a/2</p>"
    assert run_inline(with_fallback, url="a/1") == "<p>a/1</p>"


def test_program_21_side_effects_in_a_row_that_type_checkers_accept():
    """`order(a, b, c)` and `after=[a]` are typed spellings of `>>`."""

    @pipeline
    def steps():
        third, second, first = note(3), note(2), note(1)
        order(first, second, third)
        note.options(after=[third])(4)

    run_inline(steps)
    assert log == [1, 2, 3, 4]


@task
def region_total(region):
    if region == "south":
        raise TimeoutError("south is offline")
    return 10


@task
def report(totals: list[int | Failure]):
    good = [total for total in totals if not isinstance(total, Failure)]
    return sum(good), [failure.task_key for failure in totals if isinstance(failure, Failure)]


@pipeline
def all_regions():
    return report(outcomes(region_total.map(["north", "south", "east"])))


def test_program_22_a_report_on_what_is_there():
    """`outcomes` hands the failures over with their task keys."""
    assert run_inline(all_regions) == (20, ["all_regions/region_total[1]"])


def test_program_24_a_connection_as_an_argument():
    """`with connect() as c: load(c)` fails on its line, not after the connection has closed."""

    @pipeline
    def load_all():
        with socket.socket() as connection:
            return note({"rows": [1], "connection": connection})

    with pytest.raises(ArgumentError, match=r"argument 1\['connection'\] \(socket.socket\)"):
        load_all.trace()


@pipeline
def variadic(*domains: str, depth: int = 1, **tags):
    return [collect_urls(domain)[depth] for domain in domains], tags


def test_program_31_star_parameters_and_keywords(run):
    """`p(*domains)` runs from Python, with keyword-only parameters and defaults."""
    assert variadic("a", "b", x=1) == (["a/1", "b/1"], {"x": 1})
    quiet = variadic.options(executor="inline", progress=False)
    assert taskflow.run(quiet, "a", depth=2) == (["a/2"], {})


@pipeline
def many_columns():
    urls = collect_urls("a")
    numbers = square.map(range(4))
    return describe.map(urls, value=each(numbers))


def test_columns_from_a_future_and_a_map():
    """A future list and a map, zipped, in the order of the elements."""
    assert run_inline(many_columns) == [f"{n}:a/{n}={n * n}" for n in range(4)]
