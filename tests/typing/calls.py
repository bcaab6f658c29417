"""What type checkers see of calls of tasks: the value, not a future; never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, assert_type

from taskflow import Failure, RetryLater, Skip, Task, task

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Page:
    html: str
    links: list[str]


class Span(NamedTuple):
    start: int
    stop: int


@task
def fetch_page(url: str) -> Page:
    if not url:
        raise Skip("no url")
    if url == "busy":
        raise RetryLater("5m", "not yet")
    return Page(url, [])


@task
def count_words(text: str, minimum: int = 1) -> int:
    return len(text) + minimum


@task
def split(text: str) -> tuple[str, int]:
    return text, 1


@task
def find(text: str, /, *, word: str = "") -> Span:
    return Span(len(text), len(word))


@task
def prices() -> dict[str, float]:
    return {}


@task
def notify(message: str) -> None: ...


@task
async def fetch_slowly(url: str) -> bytes:
    await asyncio.sleep(0)
    return url.encode()


@task
def rows(count: int) -> Iterator[int]:
    yield count


@task
def numbers() -> Generator[float, None, None]:
    yield 1.0


@task
async def rows_slowly(count: int) -> AsyncIterator[str]:
    yield str(count)


@task
def collect(*values: int, sep: str = ",", **more: bytes) -> list[str]:
    return [sep, *map(str, values), *more]


@task
def parse(text: str) -> Any:
    return text


@task
def same(value: T) -> T:
    return value


def timed(fn: Callable[P, T]) -> Callable[P, T]:
    return fn


@task(retries=1)
@timed
def measured(text: str, *, factor: int = 1) -> int:
    return len(text) * factor


# a call is typed as what the function returns
assert_type(fetch_page("u"), Page)
assert_type(count_words(text="t", minimum=2), int)
assert_type(collect(1, 2, sep=".", k=b""), list[str])
assert_type(find("t", word="w"), Span)

# also of functions that return anything, that are generic, that are decorated
assert_type(parse("t"), Any)
assert_type(parse("t")["items"], Any)
assert_type(parse.map(["t"]), list[Any])
assert_type(same(fetch_page("u")), Page)
assert_type(measured("t", factor=2), int)

# so what was called is passed on like a value
assert_type(count_words(fetch_page("u").html), int)
assert_type(collect(count_words("a"), *[count_words("b")]), list[str])

# items, fields and unpacking
assert_type(fetch_page("u").links[0], str)
assert_type(prices()["apple"], float)
assert_type(find("t").stop, int)
left, right = split("t")
assert_type(left, str)
assert_type(right, int)

# the value of an `async def` is what it returns, that of a generator the list of what it yields
assert_type(fetch_slowly("u"), bytes)
assert_type(rows(3), list[int])
assert_type(numbers(), list[float])
assert_type(rows_slowly(3), list[str])
assert_type(collect(*rows(3)), list[str])

# the function itself is as it was written
assert_type(fetch_page.fn("u"), Page)
assert_type(rows.fn(3), Iterator[int])


async def awaits_the_function_itself() -> None:
    assert_type(await fetch_slowly.fn("u"), bytes)
    await fetch_slowly("u")  # type: ignore[misc]


# arguments are checked
fetch_page(5)  # type: ignore[arg-type]
fetch_page()  # type: ignore[call-arg]
fetch_page("u", "v")  # type: ignore[call-arg]
fetch_page(link="u")  # type: ignore[call-arg]
count_words("t", minimum="1")  # type: ignore[arg-type]
count_words(fetch_page("u"))  # type: ignore[arg-type]
count_words(same(3))  # type: ignore[arg-type]
measured("t", factor="2")  # type: ignore[arg-type]
find(text="t")  # type: ignore[call-arg]
fetch_slowly(3)  # type: ignore[call-overload]
rows("3")  # type: ignore[call-overload]
fetch_page("u").htm()  # type: ignore[attr-defined]
prices()[1]  # type: ignore[index]
one, two, three = split("t")  # type: ignore[misc]

# options of the engine never mix with arguments
count_words("t", retries=3)  # type: ignore[call-arg]


# functions that take functions take tasks
class Fetcher(Protocol):
    def __call__(self, url: str, /) -> Page: ...


class Waiting(Protocol):
    def __call__(self, url: str, /) -> Awaitable[bytes]: ...


@task
def apply(function: Callable[[str], int], text: str) -> int:
    return function(text)


def takes_a_function(given: Callable[[str], Page]) -> Page | Failure:
    return given("u")


def takes_a_protocol(given: Fetcher) -> Page:
    return given("u")


def takes_what_is_awaited(given: Waiting) -> None: ...


def takes_any_task(given: Task[..., Any]) -> None: ...


def takes_a_task(given: Task[[str], Page]) -> Page:
    return given("u")


takes_a_function(fetch_page)
takes_a_protocol(fetch_page)
takes_any_task(fetch_page)
takes_any_task(fetch_slowly)
takes_what_is_awaited(fetch_slowly.fn)
assert_type(apply(count_words, "t"), int)
assert_type(apply(count_words.fn, "t"), int)
takes_a_task(fetch_page)  # only ty: a generic class is invariant in its parameters
takes_a_function(count_words)  # type: ignore[arg-type]
takes_a_protocol(count_words)  # type: ignore[arg-type]
takes_a_task(count_words)  # type: ignore[arg-type]
takes_any_task(len)  # type: ignore[arg-type]
apply(fetch_page, "t")  # type: ignore[arg-type]
