"""A sweep: train many small networks a little, keep the better half, go on (successive halving).

Sixteen settings start. After each round the worse half is dropped and the rest is trained twice as
long, so most of the work goes into the few that earn it. Which those are only the values can tell:
hence a dynamic pipeline that calls itself with the survivors. Networks travel between processes as
values, with their arrays of weights, so training goes on where it stopped. The digits are real.

Try:  taskflow run examples/14_sweep.py --settings 64
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import taskflow
from taskflow import pipeline, task


class Network(NamedTuple):
    """Weights from 64 points to a hidden layer and to ten digits, and how they do."""

    rate: float
    first: NDArray[Any]
    second: NDArray[Any]
    right: float = 0.0


@cache  # once in each worker
def digits() -> tuple[NDArray[Any], NDArray[Any]]:
    """The pictures, as rows of 64 shades and a constant, and the digits that they show."""
    rows = np.loadtxt(Path(__file__).parent / "data" / "digits.csv.gz", delimiter=",")
    return np.c_[rows[:, :64] / 16, np.ones(len(rows))], rows[:, 64].astype(int)


@task
def draw(seed: np.random.SeedSequence) -> Network:
    """A network with random settings and weights."""
    rng = np.random.default_rng(seed)
    size, rate = int(2 ** rng.uniform(2, 7)), round(10 ** rng.uniform(-2.5, 0), 3)
    return Network(rate, rng.normal(0, 0.1, (65, size)), rng.normal(0, 0.1, (size, 10)))


@task
def train(network: Network, epochs: int) -> Network:
    """The network after more training with 1,200 pictures, and its score on the others."""
    (points, truth), (rate, first, second, _) = digits(), network
    for at in [*range(0, 1200, 20)] * epochs:
        batch = slice(at, at + 20)
        inside = np.tanh(points[batch] @ first)
        odds = np.exp(inside @ second)
        wrong = (odds / odds.sum(axis=1, keepdims=True) - np.eye(10)[truth[batch]]) / 20
        back = points[batch].T @ (wrong @ second.T * (1 - inside**2))
        first, second = first - rate * back, second - rate * inside.T @ wrong
    seen = (np.tanh(points[1200:] @ first) @ second).argmax(axis=1)
    return Network(rate, first, second, float(np.mean(seen == truth[1200:])))


@pipeline(dynamic=True)
def halve(networks: list[Network], epochs: int, rounds: str = "networks  epochs  best\n") -> str:
    """Drop the worse half of some networks and train the others, until one is left."""
    ranked = sorted(networks, key=lambda each: each.right, reverse=True)
    rounds += f"{len(ranked):8}{epochs:8}{ranked[0].right:7.1%}\n"
    if len(ranked) == 1:
        return f"{rounds}{len(ranked[0].second)} neurons, rate {ranked[0].rate}"
    return halve(train.map(ranked[: len(ranked) // 2], epochs=2 * epochs), 2 * epochs, rounds)


@pipeline
def sweep(settings: int = 16, epochs: int = 1, seed: int = 1) -> str:
    """Find out how large a network should be, and how fast it should learn."""
    seeds = np.random.SeedSequence(seed).spawn(settings)
    return halve(train.map(draw.map(seeds), epochs=epochs), epochs)


if __name__ == "__main__":
    print(taskflow.run(sweep))
