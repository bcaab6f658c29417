"""What type checkers see of maps: the list of the elements' values; never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_type

from taskflow import Failure, each, flatten, outcome, outcomes, pipeline, successes, task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@dataclass
class Page:
    html: str


@task
def collect_urls(domain: str) -> list[str]:
    return [domain]


@task
def fetch_page(url: str, timeout: float = 1.0) -> Page:
    return Page(url * int(timeout))


@task
async def fetch_slowly(url: str) -> bytes:
    return url.encode()


@task
def rows(count: int) -> Iterator[int]:
    yield count


@task
async def rows_slowly(count: int) -> AsyncIterator[str]:
    yield str(count)


@task
def add(left: int, right: float, third: str) -> float:
    return left + right + len(third)


@task
def count(texts: list[str]) -> int:
    return len(texts)


@task
def report(pages: list[Page | Failure]) -> None: ...


@pipeline
def scrape(domain: str, urls: list[str]) -> int:
    return len(domain + urls[0])


# columns, constants, mapped keywords
assert_type(fetch_page.map(["u"]), list[Page])
assert_type(fetch_page.map(collect_urls("a"), timeout=3.0), list[Page])
assert_type(fetch_page.map(["u"], timeout=each([3.0])), list[Page])
assert_type(add.map(range(1), [2.0], (word for word in ["t"])), list[float])
assert_type(collect_urls.map(["a"]), list[list[str]])
assert_type(scrape.map(["a", "b"], [["u"], ["v"]]), list[int])
assert_type(scrape.map(["a"], urls=each([["u"]])), list[int])

# rows of arguments
assert_type(fetch_page.starmap([("u", 1.0)]), list[Page])
assert_type(fetch_page.starmap({"u": 1.0}.items()), list[Page])
assert_type(fetch_slowly.starmap([("u",)]), list[bytes])
assert_type(rows.starmap([(1,)]), list[list[int]])

# async tasks and generators
assert_type(fetch_slowly.map(["u"]), list[bytes])
assert_type(rows.map([1]), list[list[int]])
assert_type(rows_slowly.map([1]), list[list[str]])

# a map over a map, and a map as an argument
assert_type(count.map(collect_urls.map(["a"])), list[int])
assert_type(count(flatten(collect_urls.map(["a"]))), int)
assert_type(fetch_page.map(["u"])[0].html, str)
assert_type([page.html for page in fetch_page.map(["u", "v"])], list[str])

# lists of lists as one
assert_type(flatten(collect_urls.map(["a"])), list[str])
assert_type(flatten(rows.map([1])), list[int])
assert_type(flatten([[1], [2]]), list[int])

# failures as values
pages = fetch_page.map(["u"])
assert_type(successes(pages), list[Page])
assert_type(outcomes(pages), list[Page | Failure])
assert_type(outcome(fetch_page("u")), Page | Failure)
assert_type(successes([fetch_page("u"), fetch_page("v")]), list[Page])
assert_type(fetch_page.map(page.html for page in successes(pages)), list[Page])
report(outcomes(pages))

fetch_page.map(5)  # type: ignore[arg-type]
fetch_page.map([1])[0].htm()  # type: ignore[attr-defined]
fetch_page.starmap(3)  # type: ignore[arg-type]
flatten([1, 2])  # type: ignore[arg-type]
flatten(count.map([["a"]]))  # type: ignore[arg-type]
successes(count(["a"]))  # type: ignore[arg-type]
count(collect_urls.map(["a"]))  # type: ignore[arg-type]
count(outcomes(collect_urls("a")))  # type: ignore[arg-type]
count(fetch_slowly.map(["u"]))  # type: ignore[arg-type]
print(outcome(fetch_page("u")).html)  # type: ignore[union-attr]
each(3)  # type: ignore[arg-type]
