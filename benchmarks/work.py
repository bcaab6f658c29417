"""The work itself, as plain functions: everybody runs the same.

The four shapes below are plain loops when they are called with plain functions. In the body of a
pipeline, with tasks, the same lines trace a graph.

Standard library only: the peers' environments have no more than this and themselves.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Worker processes, for everybody who has them.
WORKERS: Final = 2


def same(x: int) -> int:
    """Do nothing."""
    return x


def add_one(x: int) -> int:
    """Do next to nothing, so that the end of a chain tells its length."""
    return x + 1


def add(a: int, b: int) -> int:
    """Do next to nothing with two inputs."""
    return a + b


def first(a: int, b: int) -> int:
    """Do nothing with two inputs."""
    del b
    return a


def total(xs: list[int]) -> int:
    """The sum."""
    return sum(xs)


def burn(x: int, seconds: float) -> int:
    """Use so much of this thread's CPU time, however busy the machine is."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return x


def sum_below(n: int) -> int:
    """What a fan-out over `range(n)` comes to."""
    return n * (n - 1) // 2


# --- shapes ---


def fan_out(
    n: int, leaf: Callable[[int], int] = same, end: Callable[[list[int]], int] = total
) -> int:
    """Separate calls, and one that takes them all."""
    return end([leaf(i) for i in range(n)])


def chain(n: int, link: Callable[[int], int] = add_one) -> int:
    """Each call takes the value of the one before."""
    x = 0
    for _ in range(n):
        x = link(x)
    return x


def tree(
    leaves: int, leaf: Callable[[int], int] = same, join: Callable[[int, int], int] = add
) -> int:
    """A binary tree: calls at its leaves, and for every two one that joins them, up to the root."""
    xs = [leaf(i) for i in range(leaves)]
    while len(xs) > 1:
        pairs = [join(a, b) for a, b in zip(xs[::2], xs[1::2], strict=False)]
        xs = pairs + xs[2 * len(pairs) :]
    return xs[0]


def layers(
    width: int,
    depth: int,
    leaf: Callable[[int], int] = same,
    join: Callable[[int, int], int] = first,
    end: Callable[[list[int]], int] = total,
) -> int:
    """Layers of calls, each of which takes two at random of the layer above."""
    draw = random.Random(0)
    xs = [leaf(i) for i in range(width)]
    for _ in range(depth - 1):
        xs = [join(draw.choice(xs), draw.choice(xs)) for _ in range(width)]
    return end(xs)
