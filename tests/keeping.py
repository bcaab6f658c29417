"""Records and runs for tests of stores."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

from taskflow.call import ASK_SPLIT, Chunk, ErrorReport, Frame, Piece, Stored
from taskflow.records import ASK_FED, Kept, NewRun, NewTrace
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[1]

NOON = 1_790_000_000.0
TRACE = NewTrace(b"graph", {"fetch": ("digest", [1, "scrape.py:41"])}, time=NOON)


def begun(store, run_id="run-1", trace=TRACE, **more):
    """The ledger of a new run that has a trace."""
    ledger = store.create(new_run(run_id, **more))
    ledger.begin(trace)
    return ledger


def new_run(run_id="run-1", pipeline="scrape", created=NOON, **more):
    """What is known of a run when it is created."""
    return NewRun(run_id, pipeline, created=created, **more)


def outcome(node=0, state="succeeded", **more):
    """How a single task run ended."""
    more = {"name": "fetch", "path": "scrape", "nth": 1, "ended": NOON + 1, **more}
    return Kept(
        node, more.pop("first", -1), more.pop("count", 1), more.pop("ask", 0), state, **more
    )


def span(first, count, state="succeeded", **more):
    """How some elements of a map ended."""
    return outcome(7, state, first=first, count=count, **{"name": "parse", **more})


def value_file(ledger, name="a.value", size=10):
    """A value in a file of a run."""
    path = os.path.join(ledger.run_dir, "values", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"x" * size)
    return Stored(path, size, check=True)


def all_kinds(stored):
    """Records with every kind of value that an outcome has."""
    frame = Frame("scrape.py", 41, "fetch", "raise ValueError", True)
    error = ErrorReport(
        "ValueError", "é \ud800", "Traceback", (frame,), b"\x80", False, (("u", "1"),)
    )
    piece = Piece(Chunk(stored, whole=True), 3, 2)
    values = [
        b"bytes", b"", None, True, "why not", stored, piece,
        Piece(Chunk(b"pickles", whole=False), 0, 1),
        Piece(range(0, 10**20, 3), 1, 5),
    ]  # fmt: skip
    return [
        *[outcome(node, value=value) for node, value in enumerate(values)],
        outcome(20, ask=ASK_SPLIT, name="", value=(2, (piece,))),
        outcome(21, count=0, ask=ASK_FED, value=(4, (piece,), True)),
        outcome(22, "failed", error=error, why="it failed", preview="'x'", attempt=3, slot=2),
        span(0, 2, keys=("be", "nl/\udc80"), digests=b"0123456789abcdef" * 2, seconds=0.25),
        outcome(24, path="", name="\udcff", origin="kept", nth=2),
        outcome(25, "cached", origin="run-0"),
    ]


def bare(records):
    """Records without where a store has them."""
    return [each._replace(row=0) for each in records]


def opened(folder):
    """The SQLite store in a folder, as another process would open it."""
    return SqliteStore(place_of(f"sqlite:///{folder}/"))


def fill(store):
    """Keep a run in a store, close it, and tell the records."""
    records = [outcome(node) for node in range(3)]
    ledger = begun(store)
    ledger.write(records)
    ledger.end("succeeded", seconds=1.0, counts={})
    store.close()
    return records


@contextmanager
def program(folder, code, *, before=()):
    """A program with the store of a folder as `store`, in a process of its own."""
    head = """
from keeping import *
import os, signal, sys
from taskflow.errors import RunOwnedError, StoreError, StoreFullError
store = opened(sys.argv[1])
"""
    command = [*before, sys.executable, "-c", head + textwrap.dedent(code), str(folder)]
    path = f"{ROOT}{os.pathsep}{ROOT}/tests"
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        try:
            yield process
        finally:
            process.kill()
