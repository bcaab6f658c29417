"""Programs that strangers wrote in their first hour, and what once went wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import taskflow
from taskflow import RetryLater, current, pipeline, task
from taskflow.executors.deaths import last_words
from taskflow.values import CHUNK_BYTES, decode_piece, encode_each

BEGAN: list[str] = []


@task
def poll() -> int:
    if current.attempt < 3:
        raise RetryLater(0)
    return current.attempt


@task
def quick(name: str) -> str:
    BEGAN.append(name)
    return name


@task
def element(x: int) -> int:
    BEGAN.append(f"element {x}")
    return x


@task(outputs=2)
def split(n: int) -> list[int]:
    return list(range(n))


@task
def facts() -> dict[str, int]:
    return {"a": 1}


@task
def use(x: object) -> object:
    return x


@pipeline
def polled() -> int:
    return poll()


@pipeline
def in_order() -> object:
    return quick("first"), element.map(range(3)), quick("last")


@pipeline
def halves(n: int) -> object:
    a, b = split(n)
    return use(a), use(b)


@pipeline
def missing() -> object:
    return use(facts()["price"])


def run(p: taskflow.Pipeline, **params: object) -> object:
    """The value of a run in this process."""
    return taskflow.run(p.options(executor="inline", progress=False), **params)


def test_a_task_that_polls_can_count_its_tries() -> None:
    """`current.attempt` counts every try, also those that do not use up a retry."""
    assert run(polled) == 3


def test_what_is_called_first_begins_first() -> None:
    """A map does not overtake the calls that stand before it in the body."""
    BEGAN.clear()
    run(in_order)
    assert BEGAN[:2] == ["first", "element 0"]


def test_a_task_that_returns_two_values_returns_two_values() -> None:
    """With `outputs=2` a third value is no detail that gets lost."""
    assert run(halves, n=2) == (0, 1)
    with pytest.raises(taskflow.RunFailed, match="outputs=2, but returned 3 values"):
        run(halves, n=3)


def test_an_item_that_is_not_there_is_named() -> None:
    """The report names the item and the keys there are, not just a KeyError of somebody."""
    with pytest.raises(taskflow.RunFailed, match=r"\['price'\].*a dict with the keys 'a'"):
        run(missing)


def test_a_graph_is_short_in_a_terminal() -> None:
    """`p.trace()` at a prompt shows what it is, not its bytes."""
    assert repr(in_order.trace()) == "<graph of in_order: 2 calls, 1 maps>"


@pytest.mark.parametrize("values", [["x" * 5000] * 100, [["x" * 5000]] * 100, [1] * 100_000])
def test_elements_share_chunks_of_a_bounded_size(values: list[object], tmp_path: Path) -> None:
    """A body that needs one element never loads megabytes of others."""
    pieces = encode_each(values, str(tmp_path))
    assert [value for piece in pieces for value in decode_piece(piece)] == values
    assert max(len(piece.chunk.value) for piece in pieces) < 2 * CHUNK_BYTES


def test_the_stack_of_a_segfault_shows_the_users_frame() -> None:
    """Of faulthandler's stacks only the user's frames are kept."""
    dump = (
        "said\nFatal Python error: Segmentation fault\n\nThread 0x1 (most recent call first):\n"
        '  File "/x/taskflow/executors/worker.py", line 1 in wait\n\n'
        "Current thread 0x2 (most recent call first):\n"
        '  File "/lib/python3.11/ctypes/__init__.py", line 519 in string_at\n'
        '  File "/home/me/flow.py", line 7 in crash\n'
        '  File "/x/taskflow/executors/running.py", line 2 in run\n'
    )
    assert last_words(dump) == (
        'said\nFatal Python error: Segmentation fault\n  File "/home/me/flow.py", line 7 in crash\n'
    )
    assert last_words("just words\n") == "just words\n"


def test_a_closed_stream_does_not_lose_the_value(tmp_path: Path) -> None:
    """`taskflow run FILE 2>&-` still prints the value."""
    out = tmp_path / "out"
    hello = Path(__file__).parent.parent / "examples" / "hello.py"
    command = f"'{sys.executable}' -m taskflow run '{hello}' --blocks 1 >'{out}' 2>&-"
    finished = subprocess.run(["sh", "-c", command], check=False, env=os.environ)
    assert (finished.returncode, out.read_text()) == (0, "2262\n")
