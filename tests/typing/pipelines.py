"""What type checkers see of pipelines, runs, and what stands between calls; never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

import taskflow
from taskflow import (
    Failure,
    Pipeline,
    RetryLater,
    Schedule,
    Skip,
    current,
    flatten,
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
    if current.attempt > 1:
        raise RetryLater("5m", "not yet")
    if not url:
        raise Skip("no url")
    return Page(url, [])


@task
def collect_urls(domain: str) -> list[str]:
    return [domain]


@task
def count(texts: list[str]) -> int:
    return len(texts)


@task
def report(values: list[Page | Failure]) -> None: ...


@task
def notify() -> None: ...


@pipeline
def scrape(domain: str, depth: int = 1) -> int:
    urls = collect_urls(domain)
    pages = get_page.map(urls)
    assert_type(pages, list[Page])
    assert_type(successes(pages), list[Page])
    assert_type(outcomes(pages), list[Page | Failure])
    assert_type(outcome(get_page(domain)), Page | Failure)
    assert_type(flatten(collect_urls.map([domain])), list[str])
    assert_type(get_page(domain).links, list[str])
    assert_type(when(depth > 1, then=lambda: count(urls)), int | None)
    assert_type(when(depth, lambda: count(urls), lambda: 0), int | None)
    order(notify(), [notify(), notify()], report(outcomes(pages)))
    notify.options(after=[urls, pages])()
    return count([page.html for page in successes(pages)])


@pipeline(schedule="0 6 * * *", timezone="Europe/Brussels", fail_fast=True, tags="daily")
def nightly() -> None:
    assert_type(scrape("a"), int)
    assert_type(scrape.options(after=[notify()])("a", depth=2), int)
    assert_type(scrape.map(["a", "b"]), list[int])


@pipeline(dynamic=True, max_depth=10, max_tasks=1000, schedule=[Schedule("* * * * *")])
def tree(values: list[int]) -> int:
    return sum(values) if len(values) < 2 else tree(values[1:])


class Site:
    """Pipelines as methods lose their first parameter."""

    @pipeline
    def scrape(self, depth: int) -> str:
        return str(depth)

    def both(self) -> None:
        assert_type(self.scrape(3), str)
        assert_type(taskflow.run(self.scrape, depth=3), str)


assert_type(scrape("a"), int)
assert_type(taskflow.run(scrape, "a", depth=2), int)
assert_type(taskflow.run(nightly), None)
assert_type(taskflow.start(scrape, domain="a"), Run)
assert_type(taskflow.run(scrape.options(executor="processes", workers=8), domain="a"), int)
assert_type(scrape.trace(domain="a"), Graph)
assert_type(scrape.fn("a"), int)
taskflow.run(scrape)  # type: ignore[call-arg]
taskflow.run(scrape, depth="2")  # type: ignore[call-arg, arg-type]
taskflow.run(count, ["a"])  # type: ignore[arg-type]
pipeline(schedul="x")  # type: ignore[call-overload]


def takes_a_pipeline(given: Pipeline[..., Any]) -> str:
    return given.short


takes_a_pipeline(scrape)
takes_a_pipeline(count)  # type: ignore[arg-type]
assert_type(current.run_id, str | None)
assert_type(current.attempt, int)
