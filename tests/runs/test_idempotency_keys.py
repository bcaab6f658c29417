"""`current.idempotency_key`: what it names, and what is kept before a body gets it."""

from __future__ import annotations

import sqlite3

import pytest

import taskflow
from taskflow import current, pipeline, task
from taskflow.testing import Harness


@task
def make(n):
    return n


@task
def kept_before(x, database):
    """How many outcomes are on the disk once the key is there, and the key."""
    key = current.idempotency_key
    with sqlite3.connect(database) as connection:
        return connection.execute("SELECT count(*) FROM outcomes").fetchone()[0], key


@pipeline
def chained(database: str):
    x = make(1)
    for _ in range(20):
        x = make(x)
    return kept_before(x, database)


@pipeline
def mapped(database: str):
    return kept_before.map(make.map(range(5)), database=database)


@pytest.mark.ring_programs
def test_reading_the_key_waits_until_the_inputs_are_kept(tmp_path):
    """Also of inputs that were made a moment ago in the same batch, in the same worker."""
    database = str(tmp_path / "store.db")
    count, _ = taskflow.run(chained.options(store=f"sqlite:///{database}"), database=database)
    assert count == 21


@pytest.mark.ring_programs
def test_each_element_waits_for_its_own_input(tmp_path):
    """Elements of a map, which a worker may run several of in one go."""
    database = str(tmp_path / "store.db")
    found = taskflow.run(mapped.options(store=f"sqlite:///{database}"), database=database)
    assert all(count >= 1 for count, _ in found)
    assert len({key for _, key in found}) == 5


KEYS: dict[int, list[str]] = {}


@task(retries=1)
def flaky(n):
    KEYS.setdefault(n, []).append(current.idempotency_key)
    if n == 3 and current.attempt == 1:
        raise OSError
    return n


@pipeline
def tried_again():
    return flaky.map([1, 2, 3, 4])


def test_the_key_names_the_inputs_and_not_the_batch():
    """An element that is tried again by itself has the key it had among others."""
    KEYS.clear()
    with Harness() as harness:
        run = harness.run(tried_again)
    assert run.state == "succeeded"
    first, second = KEYS[3]
    assert first == second
    assert len({key for (key, *_) in KEYS.values()}) == 4
