"""Branches: a decision about a value that is not known until the run is there.

`if` on a future raises, with the line and the fix: while a pipeline is traced there are no values.
`when` puts both sides into the graph; the one that is not taken ends as skipped. Here a file that
shrinks is compressed in two ways, and the smaller one is kept; any other stays as it is. A pipeline
called in a pipeline becomes part of its graph: a frame in the picture.

Try:  taskflow run examples/05_branches.py --files hello.py --files data/digits.csv.gz
"""

import bz2
import lzma
from collections.abc import Callable
from pathlib import Path

import taskflow
from taskflow import pipeline, task, when

HERE = Path(__file__).parent
FILES = ["data/digits.csv.gz", "site/sitemap.xml", "site/tides.html"]
METHODS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


@task
def read(file: str) -> bytes:
    """What is in a file; its path starts from the folder of the examples."""
    return (HERE / file).read_bytes()


@task
def worth_it(data: bytes) -> bool:
    """Whether compressing the first block gains a tenth at least."""
    return len(bz2.compress(data[:1000])) < 0.9 * len(data[:1000])


@task
def compress(data: bytes, method: str) -> tuple[str, bytes]:
    """The data, compressed in one way."""
    return method, METHODS[method](data)


@task
def smallest(packed: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The best of several ways to pack."""
    return min(packed, key=lambda each: len(each[1]))


@task
def table(files: list[str], contents: list[bytes], packed: list[tuple[str, bytes]]) -> str:
    """A line for each file: how large it was and is, and by which method."""
    rows = zip(files, map(len, contents), packed, strict=True)
    return "\n".join(
        f"{file:19}{n:7,} -> {len(data):6,} bytes, {how}" for file, n, (how, data) in rows
    )


@pipeline
def pack(data: bytes) -> tuple[str, bytes]:
    """Pack some data in the way that suits it."""
    return when(
        worth_it(data),
        then=lambda: smallest([compress(data, method) for method in METHODS]),
        otherwise=lambda: ("as is", data),
    )


@pipeline
def branches(files: list[str] = FILES) -> str:
    """Pack some files, all at the same time."""
    contents = [read(file) for file in files]
    return table(files, contents, [pack(data) for data in contents])


if __name__ == "__main__":
    print(taskflow.run(branches))
