"""What type checkers see of tasks and pipelines that are methods: no `self`; never run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import taskflow
from taskflow import Pipeline, Task, pipeline, task


class Client:
    """Methods are tasks that take their instance along."""

    @task
    def fetch(self, path: str) -> str:
        return path

    @task(retries=1)
    def parse(self, text: str, strict: bool = False) -> list[str]:
        return [text] if strict else []

    @task
    async def fetch_slowly(self, path: str) -> bytes:
        return path.encode()

    @task
    def rows(self, count: int) -> Iterator[int]:
        yield count

    @staticmethod
    @task
    def join(texts: list[str]) -> str:
        return "".join(texts)

    @task
    @classmethod
    def named(cls, name: str) -> str:
        return f"{cls.__name__} {name}"

    @pipeline
    def scrape(self, depth: int) -> str:
        return self.join(self.fetch.map([str(depth)]))

    def both(self) -> list[str]:
        assert_type(self.fetch("p"), str)
        assert_type(self.fetch.map(["p"]), list[str])
        assert_type(self.fetch.starmap([("p",)]), list[str])
        assert_type(self.parse.options(retries=2)("t", strict=True), list[str])
        assert_type(self.scrape(3), str)
        assert_type(taskflow.run(self.scrape, depth=3), str)
        return self.parse(self.fetch("p"))


client = Client()
assert_type(client.fetch("p"), str)
assert_type(client.parse("t"), list[str])
assert_type(client.fetch_slowly("p"), bytes)
assert_type(client.fetch_slowly.map(["p"]), list[bytes])
assert_type(client.fetch_slowly.options(retries=1)("p"), bytes)
assert_type(client.rows(3), list[int])
assert_type(client.rows.map([3]), list[list[int]])
assert_type(client.rows.fn(3), Iterator[int])
assert_type(client.fetch.fn("p"), str)
assert_type(Client.join(["a"]), str)
assert_type(client.join(["a"]), str)
assert_type(client.join.map([["a"]]), list[str])
assert_type(client.scrape(depth=3), str)
Client.named("n")  # type: ignore[call-arg, arg-type] # no checker sees the class here
assert_type(taskflow.run(client.scrape.options(workers=2), 3), str)

# from the class they are the tasks themselves, with the instance as first argument
assert_type(Client.fetch(client, "p"), str)
assert_type(Client.scrape(client, 3), str)
assert_type(Client.fetch, Task[[Client, str], str])  # type: ignore[assert-type]
assert_type(Client.scrape.options(timeout=3), Pipeline[[Client, int], str])  # type: ignore[assert-type]

client.fetch(5)  # type: ignore[arg-type]
client.fetch()  # type: ignore[call-arg]
client.fetch(client, "p")  # type: ignore[call-arg, arg-type]
client.parse("t", stict=True)  # type: ignore[call-arg]
client.fetch.options(retries="3")  # type: ignore[arg-type]
client.fetch.options(retires=3)  # type: ignore[call-arg] # not ty: it does not look at unpacked names
client.fetch_slowly(5)  # type: ignore[call-overload]
client.scrape("3")  # type: ignore[arg-type]
Client.fetch("p")  # type: ignore[call-arg, arg-type]
taskflow.run(client.scrape)  # type: ignore[call-arg]
