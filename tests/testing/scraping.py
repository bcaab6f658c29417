"""The program that the tests here test: a user's, with its network and its waiting."""

from __future__ import annotations

import taskflow
from taskflow import RetryLater, Skip, pipeline, successes, task


class PageError(Exception):
    """A page could not be had."""


def request(url: str) -> str:
    """What would use the network."""
    raise AssertionError(f"a test wanted to fetch {url}")


@task
def collect_urls(domain: str) -> list[str]:
    """The pages of a site."""
    return [f"{domain}/{number}" for number in range(3)]


@task(retries=2, retry_delay="10m", retry_backoff=2, timeout="30s")
def fetch(url: str, agent: str = "tests") -> str:
    """One page."""
    return request(url)


@task
def extract(html: str) -> str:
    """The text of a page; there is none on an empty one."""
    if not html:
        raise Skip("nothing on it")
    return html.upper()


@task
def save(texts: list[str]) -> int:
    """Keep all texts."""
    return len(texts)


@pipeline
def scrape_site(domain: str = "https://example.com") -> int:
    """Fetch and keep the pages of a site; one that is missing does not stop the rest."""
    pages = fetch.map(collect_urls(domain))
    return save(successes(extract.map(pages)))


@pipeline(timeout="1d")
def fetch_one(url: str) -> str:
    """One page, with no patience for more than a day."""
    return fetch(url)


@task
def wait_for_report(day: str) -> str:
    """Comes back every ten minutes until the report is there."""
    if len(_asked) < 3:
        _asked.append(day)
        raise RetryLater("10m", "not there yet")
    return f"report of {day}"


_asked: list[str] = []


@pipeline
def report(day: str = "today") -> str:
    """Wait for a report."""
    _asked.clear()
    return wait_for_report(day)


def nightly() -> str:
    """Code of an application that runs a pipeline by itself."""
    return taskflow.run(report, day="monday")
