"""What type checkers see of options: the signature stays as it was written; never run."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, assert_type

import taskflow
from taskflow import (
    Cache,
    Limit,
    Pipeline,
    Rate,
    Retry,
    Schedule,
    Secret,
    Task,
    each,
    pipeline,
    task,
)


@task
def fetch_page(url: str, *, timeout: float = 1.0) -> bytes:
    return url.encode() * int(timeout)


@task(retries=3, timeout="30s", retry_on=(OSError, ValueError), limit=4, tags=("a", "b"))
def count_words(text: str, minimum: int = 1) -> int:
    return len(text) + minimum


@task(retry=Retry(2), limit=[Limit("api", 4), Limit("disk", 1)], cache=Cache(ttl="1h"), name="s")
async def store(text: str) -> bool:
    return bool(text)


@task()
def notify(message: str) -> None: ...


@pipeline(schedule="0 6 * * *", timezone="Europe/Brussels", fail_fast=True, tags="daily")
def nightly(depth: int = 1) -> int:
    return depth


@pipeline(dynamic=True, max_depth=10, timeout=dt.timedelta(hours=1))
def tree(values: list[int]) -> int:
    return sum(values) if len(values) < 2 else tree(values[1:])


@pipeline()
def plain() -> str:
    return ""


# a decorator with options gives the same as one without
assert_type(count_words("t", minimum=2), int)
assert_type(store("t"), bool)
assert_type(notify("m"), None)
assert_type(nightly(2), int)
assert_type(tree([1]), int)
assert_type(plain(), str)

# `.options` gives the same task
assert_type(fetch_page.options(retries=5, after=[notify("m")], key=len)("u", timeout=2.0), bytes)
assert_type(count_words.options(timeout=3).map(["t"], minimum=each([1])), list[int])
assert_type(store.options(retry_delay="5s").options(retries=1)("t"), bool)
assert_type(store.options(limit=2).map(["t"]), list[bool])
notify.options(after=notify("first"), trigger_rule="always")("m")
fetch_page.options(timeout=None, ttl=dt.timedelta(1), priority=2, label="{url}")("u")
assert_type(nightly.options(fail_fast=True, executor="threads", workers=8, tags=["a"])(2), int)
assert_type(taskflow.run(nightly.options(timeout="1h", progress=False), depth=3), int)
assert_type(tree.options(after=[notify("m")])([1]), int)


def with_more_retries(given: Task[..., Any]) -> Task[..., Any]:
    return given.options(retries=9)


def in_this_process(given: Pipeline[..., Any]) -> Pipeline[..., Any]:
    return given.options(executor="inline")


with_more_retries(fetch_page)
in_this_process(nightly)

# the values behind the short words
pipeline(schedule=[Schedule("* * * * *", timezone="UTC"), "@daily"])
task(rate=[Rate("2/s"), Rate("100/m")])
task(rate="2/s", limit=Limit("api", 4, key=len))


# parameters with remarks are what they are annotated as
@pipeline
def bounded(
    depth: Annotated[int, "how far"],
    on: dt.date,
    token: Annotated[str, Secret],
) -> int:
    return depth + on.day + len(token)


assert_type(taskflow.run(bounded, depth=1, on=dt.date(2026, 1, 1), token="t"), int)
bounded(1, dt.date(2026, 1, 1), "t")
bounded("1", dt.date(2026, 1, 1), "t")  # type: ignore[arg-type]
bounded(1, dt.date(2026, 1, 1), Secret())  # type: ignore[arg-type]

# the signature holds behind options, too
fetch_page.options(retries=5)("u", timeot=2.0)  # type: ignore[call-arg]
fetch_page.options(retries=5)(5)  # type: ignore[arg-type]
store.options(retries=1)(text=5)  # type: ignore[call-overload]
nightly.options(workers=2)("2")  # type: ignore[arg-type]
taskflow.run(nightly.options(workers=2), dept=3)  # type: ignore[call-arg]

# options are checked
task(retires=3)  # type: ignore[call-overload] # not ty: it does not look at unpacked names
task(retries="3")  # type: ignore[call-overload]
task(timeout=[3])  # type: ignore[call-overload]
task(after=[notify("m")])  # type: ignore[call-overload] # not ty: it does not look at unpacked names
task(3)  # type: ignore[call-overload]
pipeline(schedul="x")  # type: ignore[call-overload] # not ty: it does not look at unpacked names
pipeline(max_depth="3")  # type: ignore[call-overload]
fetch_page.options(retries="3")  # type: ignore[arg-type]
fetch_page.options(key=3)  # type: ignore[arg-type]
fetch_page.options(3)  # type: ignore[call-arg]
nightly.options(workers="8")  # type: ignore[arg-type]
nightly.options(retries=8)  # type: ignore[call-arg] # not ty: it does not look at unpacked names
nightly.options(worker=8)  # type: ignore[call-arg] # not ty: it does not look at unpacked names
Retry("3")  # type: ignore[arg-type]
Limit("api", key=3)  # type: ignore[arg-type]
