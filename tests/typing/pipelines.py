"""What type checkers see of pipelines, runs, and what stands between calls; never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

import taskflow
from taskflow import (
    Failure,
    Pipeline,
    current,
    order,
    outcome,
    outcomes,
    pipeline,
    successes,
    task,
    when,
)
from taskflow.graph.graph import Graph
from taskflow.handle import Run


@dataclass
class Page:
    html: str
    links: list[str]


@task
def get_page(url: str) -> Page:
    return Page(url, [])


@task
def collect_urls(domain: str) -> list[str]:
    return [domain]


@task
def count(texts: list[str]) -> int:
    return len(texts)


@task
def is_big(size: int) -> bool:
    return size > 3


@task
def failed(value: object) -> bool:
    return isinstance(value, Failure)


@task
def report(values: list[Page | Failure]) -> None: ...


@task
def notify() -> None: ...


@pipeline
def scrape(domain: str, depth: int = 1) -> int:
    urls = collect_urls(domain)
    pages = get_page.map(urls)
    report(outcomes(pages))
    return count([page.html for page in successes(pages)])


@pipeline
def scrape_all(domains: list[str]) -> dict[str, int]:
    assert_type(scrape.map(domains, depth=2), list[int])
    assert_type(scrape(domains[0]), int)
    return {domain: scrape(domain) for domain in domains}


@pipeline
def clean_up(*paths: str, force: bool = False) -> None:
    notify()


# nested pipelines, and such that are called by themselves, are typed as what the body returns
assert_type(scrape("a"), int)
assert_type(scrape_all(["a"])["a"], int)
assert_type(scrape.options(after=[notify()])("a", depth=2), int)
assert_type(scrape.fn("a"), int)
assert_type(count([str(scrape("a"))]), int)
clean_up("a", "b", force=True)

# order without data
order(notify(), [notify(), clean_up()], count(["a"]))
notify.options(after=[scrape("a"), get_page.map(["a"])])()
scrape.options(after=notify())("a")

# branches
assert_type(when(is_big(3), then=lambda: count(["a"])), int | None)
assert_type(when(is_big(3), lambda: count(["a"]), lambda: 0), int)
assert_type(when(is_big(3), lambda: count(["a"]), otherwise=lambda: str(1)), int | str)
assert_type(when(failed(outcome(get_page("a"))), lambda: "", lambda: get_page("a").html), str)
when(is_big(3), then=notify, otherwise=clean_up)

# runs
assert_type(taskflow.run(scrape, "a", depth=2), int)
assert_type(taskflow.run(scrape_all, domains=["a"]), dict[str, int])
assert_type(taskflow.run(clean_up, "a", force=True), None)
run = taskflow.start(scrape, domain="a")
assert_type(run, Run)
assert_type(run.id, str)
assert_type(run.failures, list[Failure])
run.cancel()
try:
    taskflow.run(scrape, "a")
except taskflow.RunFailed as error:
    print([failure.task_key for failure in error.failures])
except (taskflow.RunTimedOut, taskflow.RunCancelled, taskflow.TaskflowError):
    pass

# looking at it
assert_type(scrape.trace(domain="a"), Graph)
assert_type(scrape.validate(), Graph)

# in a task
assert_type(current.run_id, str | None)
assert_type(current.attempt, int)


def takes_a_pipeline(given: Pipeline[..., Any]) -> str:
    return given.short


takes_a_pipeline(scrape)
takes_a_pipeline(scrape.options(workers=3))

scrape()  # type: ignore[call-arg]
scrape("a", 2, 3)  # type: ignore[call-arg]
scrape(domian="a")  # type: ignore[call-arg]
scrape("a", depth="2")  # type: ignore[arg-type]
count(scrape("a"))  # type: ignore[arg-type]
scrape_all("a")  # type: ignore[arg-type]
taskflow.run(scrape)  # type: ignore[call-arg]
taskflow.run(scrape, depth="2")  # type: ignore[call-arg, arg-type]
taskflow.run(scrape, domian="a")  # type: ignore[call-arg]
taskflow.start(scrape, domain=3)  # type: ignore[arg-type]
taskflow.run(count, ["a"])  # type: ignore[arg-type]
taskflow.run(scrape("a"))  # type: ignore[arg-type]
takes_a_pipeline(count)  # type: ignore[arg-type]
when(is_big(3), count(["a"]))  # type: ignore[call-overload]
when(is_big(3), then=lambda x: x)  # type: ignore[arg-type, misc]
when(is_big(3), lambda: 1, 0)  # type: ignore[call-overload]
print(when(is_big(3), lambda: 1).real)  # type: ignore[union-attr]
