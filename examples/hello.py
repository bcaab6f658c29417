"""Count the primes below 200,000: a task per block of numbers, all at the same time, and a sum."""

import taskflow
from taskflow import pipeline, task


@task
def count_primes(start: int, size: int) -> int:
    """How many primes there are among the `size` numbers from `start` on."""
    numbers = range(max(start, 2), start + size)
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in numbers)


@task
def add(counts: list[int]) -> int:
    """The sum of all counts."""
    return sum(counts)


@pipeline
def hello(blocks: int = 10, size: int = 20_000) -> int:
    """How many primes there are in the first blocks of numbers."""
    return add(count_primes.map(range(0, blocks * size, size), size=size))


if __name__ == "__main__":
    print(taskflow.run(hello), "primes")
