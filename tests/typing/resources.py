"""What type checkers see of resources: the instance that is yielded or returned; never run."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import assert_type

from taskflow import resource, task


class Model:
    def predict(self, text: str) -> float:
        return len(text) / 2


@resource
def connection(path: str = ":memory:") -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(path) as opened:
        yield opened


@resource
def model() -> Model:
    return Model()


@resource
async def client() -> AsyncIterator[Model]:
    yield Model()


@resource
async def loaded(name: str) -> Model:
    return Model()


@resource(per="thread")
def cursor() -> Iterator[sqlite3.Cursor]:
    yield connection().cursor()


@task
def rate(text: str) -> float:
    assert_type(connection(), sqlite3.Connection)
    assert_type(connection("file"), sqlite3.Connection)
    assert_type(cursor(), sqlite3.Cursor)
    connection.close("file")
    connection(3)  # type: ignore[arg-type]
    model().predit(text)  # type: ignore[attr-defined]
    return model().predict(text)


@task
async def rate_slowly(text: str) -> float:
    assert_type(client(), Awaitable[Model])
    assert_type(await loaded("m"), Model)
    client().predict(text)  # type: ignore[attr-defined]
    await loaded()  # type: ignore[call-arg]
    return (await client()).predict(text)


assert_type(rate("t"), float)
assert_type(rate_slowly("t"), float)
resource(per="task")  # type: ignore[call-overload]
