"""A store filled by hand, as an engine would fill it, and the command line called on it."""

from __future__ import annotations

import json
import pickle

from taskflow import pipeline, successes, task
from taskflow.call import ASK_VALUE, Chunk, ErrorReport, Frame, Piece, Source
from taskflow.cli.main import exit_code
from taskflow.graph import stored
from taskflow.records import NO_CALL, Kept, NewRun, NewTrace
from taskflow.store import open_store

#: A Saturday noon, so that ages and dates in tests are round.
NOON = 1_793_448_000.0


@task
def fetch(url, timeout): ...


@task
def price(text): ...


@task
def total(prices): ...


@pipeline
def shop(site):
    pages = fetch.map([f"{site}/{name}" for name in "abc"], timeout=30)
    return total(successes(price.map(pages)))


GRAPH = shop.trace(site="s")
FETCH, PRICE, TOTAL = (
    next(node for node in range(len(GRAPH)) if GRAPH.name_of(node) == name)
    for name in ("fetch", "price", "total")
)
SOURCE = Source(__file__, b"def fetch(url, timeout): ...\ndef price(text): ...\n", False)
ERROR = ErrorReport(
    "ValueError",
    "could not convert string to float: 'two'",
    "Traceback (most recent call last):\nValueError: could not convert string to float: 'two'",
    (Frame("shop.py", 41, "price", "return float(text)", True),),
    inputs=(("text", "'two'"),),
    log_tail="looking at two",
)


def ended(node, value=None, state="succeeded", first=-1, count=1, **more):
    """A record as the engine writes it of a node of `GRAPH`."""
    if first >= 0 and value is not None:
        value = Piece(Chunk(pickle.dumps(value), whole=True), 0, count)
    elif value is not None:
        value = pickle.dumps(value)
    ask = ASK_VALUE if value is not None or "error" in more else NO_CALL
    record = Kept(node, first, count, ask, state, "shop", GRAPH.name_of(node), 1, value=value)
    return record._replace(**{"ended": NOON + 2, "seconds": 1.5, **more})


GOOD = (
    ended(FETCH, ["one", "two", "3"], first=0, count=3),
    ended(PRICE, [1.0], first=0),
    ended(PRICE, [3.0], first=2),
    ended(TOTAL, 4.0),
)
BAD = (
    GOOD[0],
    GOOD[1],
    ended(PRICE, state="failed", first=1, attempt=2, error=ERROR),
    GOOD[2],
    ended(TOTAL, state="upstream_failed", seconds=0.0),
)


class History:
    """A store in a folder of its own."""

    def __init__(self, path, monkeypatch, capfd):
        self.url = f"sqlite:///{path}/history/"
        self._capfd = capfd
        monkeypatch.setenv("TASKFLOW_STORE", self.url)
        self.store = open_store(self.url)

    def begin(self, run_id, *records, created=NOON, codes=None, reasons=None, **more):
        """A run that goes on; the ledger that this process holds of it."""
        ledger = self.store.create(NewRun(run_id, "shop", created=created, **more))
        trace = NewTrace(stored.encode(GRAPH), codes or {}, {__name__: SOURCE}, created)
        ledger.begin(trace, reasons=reasons or {})
        ledger.write(records)
        ledger.flush()
        return ledger

    def run(self, run_id, *records, state="succeeded", **more):
        """A run that has ended; its id."""
        told = {name: more.pop(name) for name in ("why", "error", "result") if name in more}
        counts: dict[str, int] = {}
        for each in records:
            if isinstance(each, Kept):
                counts[each.state] = counts.get(each.state, 0) + each.count
        self.begin(run_id, *records, **more).end(state, seconds=42.0, counts=counts, **told)
        return run_id

    def taskflow(self, *args):
        """Call the command line; exit code, standard output and standard error."""
        self._capfd.readouterr()
        code = exit_code([*args])
        return code, *self._capfd.readouterr()

    def told(self, *args):
        """What a command that goes well prints."""
        code, output, errors = self.taskflow(*args)
        assert code == 0, errors
        return output

    def json(self, *args):
        """The lines of JSON that a command prints."""
        return [json.loads(line) for line in self.told(*args, "--json").splitlines()]
