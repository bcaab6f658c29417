"""Maps: one task run for each element, for as many elements as there are.

Take a number; halve it if it is even, else triple it and add one. As far as anybody knows this
always ends at 1, but nobody can say when: 27 takes 111 steps. Which number below the limit takes
most? `longest_chain.map(...)` looks for it in every block of numbers, on all cores. Given to a
second map, a map goes on element by element; given to a task, it is a list.

Try:  taskflow run examples/02_maps.py --limit 1000000 --blocks 100
"""

import taskflow
from taskflow import pipeline, task


def chain(number: int) -> list[int]:
    """All numbers on the way to 1. No task, only a function that tasks call."""
    found = [number]
    while number != 1:
        number = 3 * number + 1 if number % 2 else number // 2
        found.append(number)
    return found


@task
def longest_chain(start: int, size: int) -> int:
    """The number with the longest chain among the `size` numbers from `start` on."""
    return max(range(start, start + size), key=lambda number: len(chain(number)))


@task
def highest_point(number: int) -> int:
    """How far up the chain of a number goes before it comes down."""
    return max(chain(number))


@task
def champion(numbers: list[int], peaks: list[int]) -> str:
    """The number with the longest chain of all, in words."""
    number, peak = max(zip(numbers, peaks, strict=True), key=lambda pair: len(chain(pair[0])))
    return f"{number:,} takes {len(chain(number)) - 1} steps and rises to {peak:,}"


@pipeline
def maps(limit: int = 120_000, blocks: int = 12) -> str:
    """Find the number below `limit` whose chain is the longest."""
    size = max(limit // blocks, 1)
    starts = range(1, limit, size)
    numbers = longest_chain.map(starts, size=size)  # a keyword is the same for every element
    peaks = highest_point.map(numbers)  # element i starts as soon as number i is there
    return champion(numbers, peaks)  # a task that takes a map gets a list


if __name__ == "__main__":
    print(taskflow.run(maps))
