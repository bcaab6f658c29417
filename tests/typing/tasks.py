"""What type checkers see of tasks: calls are typed as values, maps as lists; never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import assert_type

from taskflow import Failure, Retry, Task, each, task


@task
def fetch_page(url: str) -> str:
    return url


@task(retries=3, timeout="30s", retry=Retry(2), limit=4, tags=("a", "b"))
def count_words(text: str, minimum: int = 1) -> int:
    return len(text) + minimum


@task(outputs=2)
def split(text: str) -> tuple[str, int]:
    return text, 1


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
async def rows_slowly(count: int) -> AsyncIterator[int]:
    yield count


@task
def add(left: int, right: float, third: str) -> float:
    return left + right + len(third)


@task
def collect(*values: int, sep: str = ",", **more: bytes) -> list[str]:
    return [sep, *map(str, values), *more]


@task
def apply(function: Callable[[str], int], text: str) -> int:
    return function(text)


# calls
assert_type(fetch_page("u"), str)
assert_type(count_words(text="t", minimum=2), int)
assert_type(count_words(fetch_page("u")), int)
assert_type(split("t"), tuple[str, int])
first, second = split("t")
assert_type(first, str)
assert_type(second, int)
assert_type(collect(1, 2, sep=".", k=b""), list[str])
assert_type(fetch_slowly("u"), bytes)
assert_type(rows(3), Iterator[int])
assert_type(apply(count_words.fn, "t"), int)
fetch_page(5)  # type: ignore[arg-type]
fetch_page()  # type: ignore[call-arg]
count_words("t", retries=3)  # type: ignore[call-arg]

# maps
assert_type(fetch_page.map(["u"]), list[str])
assert_type(count_words.map(fetch_page.map(["u"])), list[int])
assert_type(count_words.map(["t"], minimum=3), list[int])
assert_type(count_words.map(["t"], minimum=each([3])), list[int])
assert_type(fetch_slowly.map(["u"]), list[bytes])
assert_type(add.map([1], [2.0], ["t"]), list[float])
assert_type(split.starmap([("t",)]), list[tuple[str, int]])
assert_type(fetch_slowly.starmap([("u",)]), list[bytes])

# the same with other options, and the function itself
assert_type(fetch_page.options(retries=5, after=[notify("m")], key=len)("u"), str)
assert_type(count_words.options(timeout=3).map(["t"]), list[int])
assert_type(fetch_page.fn("u"), str)


async def awaits_the_function_itself() -> None:
    assert_type(await fetch_slowly.fn("u"), bytes)


fetch_page.options(retries="3")  # type: ignore[arg-type]


class Client:
    """Methods are tasks that take their instance along."""

    @task
    def fetch(self, path: str) -> str:
        return path

    @task(retries=1)
    def parse(self, text: str, strict: bool = False) -> list[str]:
        return [text] if strict else []

    def both(self) -> list[str]:
        assert_type(self.fetch("p"), str)
        assert_type(self.fetch.map(["p"]), list[str])
        assert_type(self.parse.options(retries=2)("t", strict=True), list[str])
        return self.parse(self.fetch("p"))


assert_type(Client().fetch("p"), str)
assert_type(Client().parse("t"), list[str])
Client().fetch(5)  # type: ignore[arg-type]


def takes_a_task(given: Task[[str], str]) -> str:
    return given("u")


def takes_a_function(given: Callable[[str], str]) -> Awaitable[Failure] | str:
    return given("u")


takes_a_task(fetch_page)
takes_a_function(fetch_page)
takes_a_task(count_words)  # type: ignore[arg-type]

# options are checked
task(retires=3)  # type: ignore[call-overload]
task(retries="3")  # type: ignore[call-overload]
