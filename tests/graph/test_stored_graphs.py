"""Graphs as bytes: what is read of one that comes back equals what was traced."""

from __future__ import annotations

import dataclasses
import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import build, recipes

from taskflow import (
    Limit,
    Rate,
    each,
    flatten,
    order,
    outcome,
    outcomes,
    pipeline,
    successes,
    task,
    when,
)
from taskflow.authoring.tracing import Trace
from taskflow.call import Chunk, Code, Piece, Stored
from taskflow.graph import stored
from taskflow.graph.graph import (
    BARRIER,
    CHOICE,
    DYNAMIC,
    FLAT,
    GATHER,
    MAP,
    TASK,
    TRUTH,
    Const,
    Elements,
    Graph,
    Iterated,
    Link,
    Listed,
    MapSpec,
    Nodes,
    Split,
)
from taskflow.policies import Retry

#: What is the same bytes, numbers and tuples in a graph that came back.
SAME = (
    *("pipeline", "kind", "spec", "scope", "nth", "place", "payload", "inputs", "after", "gates"),
    *("maps", "labels", "scopes", "places", "constants", "codes", "result"),
)


@task(retries=2, limit=Limit("api", 2, key=str), rate=Rate("3/s", key=str), tags=("slow",))
def fetch(x):
    return x


@task
def pages(x):
    return [x]


@task
def total(xs, y=None):
    return xs


@pipeline(dynamic=True, max_depth=7)
def deeper(x):
    return x


@pipeline
def nested(x):
    return fetch(x)


@task
def table() -> dict[str, list[int]]:
    return {"a": [1]}


def everything():
    """One of each kind of node, reference and source."""
    first = fetch(1)
    mapped = fetch.map([first, 2, "three"])
    lists = pages.map(range(5))
    both = total.map(pages(1), y=each(pages(2)))
    item = table()["a"]
    order([first, nested(3)], [deeper(item), deeper.map([1, 2])])
    return [
        total(successes(mapped), y=outcome(first)),
        total(outcomes(both)),
        total.map(flatten(lists)),
        fetch.map(iter([1, 2])),
        total.starmap([(1, 2), (3, 4)]),
        when(first, then=lambda: fetch(2), otherwise=lambda: fetch(3)),
        total({"deep": [item, mapped]}),
    ]


def traced(body, directory):
    trace = Trace("p", str(directory))
    with trace.active():
        structure = body()
        trace.graph.result = trace.taker.structure(structure, "result")
    return trace.close()


def check_same(back, graph):
    for name in SAME:
        assert getattr(back, name) == getattr(graph, name), name
    for node in range(len(graph)):
        assert back.key_of(node) == graph.key_of(node)
        assert back.upstream(node) == graph.upstream(node)


def test_all_kinds_of_nodes_come_back(tmp_path):
    """What a plan follows is equal: columns, edges, sources, keys and the result."""
    graph = traced(everything, tmp_path)
    assert set(graph.kind) >= {TASK, MAP, FLAT, DYNAMIC, TRUTH, CHOICE, BARRIER}
    kinds = {type(source) for spec in graph.maps.values() for source in spec.sources}
    assert kinds == {Listed, Nodes, Elements, Split, Iterated}
    check_same(stored.decode(stored.encode(graph)), graph)


def test_all_kinds_of_references_and_values_come_back():
    """Also those that only large arguments and odd items have."""
    graph = Graph("odd")
    number = graph.add(GATHER, -1, -1, 1, -1, b"a", ())
    path = (("item", "a"), ("item", -3), ("field", "name"))
    graph.add(TASK, -1, -1, 1, -1, b"b", (number, Link(number, path, "outcome"), Const(0)))
    graph.constants += [b"small", Stored("/values/1", 10)]
    chunks = Chunk(b"I\x01.", whole=True), Chunk(Stored("/values/2", 9, check=True), whole=False)
    graph.maps[number] = MapSpec(
        (
            Listed((*(Piece(chunk, 1, 2) for chunk in chunks), Piece(range(9, 1, -2), 1, 3)), 7),
            Nodes((b"constant", number, Link(number, path), Const(1))),
            Elements(number, "successes"),
            Split(Link(number, path)),
            Iterated(2),
        ),
        star=True,
    )
    graph.iterators += [None] * 3
    back = stored.decode(stored.encode(graph))
    check_same(back, graph)
    assert back.iterators == [None] * 3


def test_items_that_are_no_text_and_no_whole_number_come_back_as_their_repr():
    """They are compared and shown, and never used to take a value apart."""
    graph = Graph("odd")
    graph.add(TASK, -1, -1, 1, -1, b"", (Link(0, (("item", slice(1, None)), ("item", True))),))
    (link,) = stored.decode(stored.encode(graph)).inputs[0]
    assert link.path == (("item", "=slice(1, None, None)"), ("item", "=True"))


def test_of_a_task_comes_back_what_the_engine_reads_and_no_function(tmp_path):
    """Limits and rates have keys, which are functions; they and the retries are left out."""
    graph = traced(everything, tmp_path)
    back = stored.decode(stored.encode(graph))
    for mine, other in zip(back.specs, graph.specs, strict=True):
        left_out = {
            "retry": Retry(),
            "limits": (),
            "rates": (),
            "cache": None,
        }
        code = Code(other.code.module, other.code.qualname, other.code.blob)
        assert mine == dataclasses.replace(other, code=code, **left_out)
    assert any(spec.limits and spec.rates for spec in graph.specs)


def test_functions_without_a_name_are_told_apart_and_not_kept():
    """A digest of 16 bytes stands for each."""
    graph, other = Graph("p", blobs=[b"x" * 100, b"y"]), Graph("p", blobs=[b"x" * 99, b"y"])
    mine, theirs = (stored.decode(stored.encode(each)).blobs for each in (graph, other))
    assert [len(each) for each in mine] == [16, 16]
    assert mine[0] != theirs[0]
    assert mine[1] == theirs[1]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipe=recipes())
def test_random_pipelines_come_back(tmp_path_factory, recipe):
    """Twice is no different from once."""
    graph = traced(lambda: build(recipe, lambda *_: None), tmp_path_factory.mktemp("values"))
    data = stored.encode(graph)
    back = stored.decode(data)
    check_same(back, graph)
    assert stored.encode(back) == data


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x80", b"\x90", b"\xa1x", b"\x07", b"no graph at all", b"\x81\xa7version\x01"],
)
def test_bytes_that_are_no_graph_raise_value_error(data):
    """Nothing else comes up, so a reader has one thing to catch."""
    with pytest.raises(ValueError, match="graph"):
        stored.decode(data)


def test_a_graph_of_a_newer_version_says_so(tmp_path, monkeypatch):
    """It is not read as if nothing had changed."""
    with monkeypatch.context() as patch:
        patch.setattr(stored, "VERSION", stored.VERSION + 1)
        data = stored.encode(Graph("p"))
    with pytest.raises(ValueError, match="newer taskflow"):
        stored.decode(data)


def test_a_graph_that_is_cut_short_raises_value_error(tmp_path):
    """Wherever the cut is."""
    data = stored.encode(traced(everything, tmp_path))
    for stop in range(0, len(data), 7):
        with pytest.raises(ValueError, match="graph"):
            stored.decode(data[:stop])


def test_damaged_bytes_give_a_graph_or_raise_value_error(tmp_path):
    """One byte that changed never brings up anything else."""
    data = stored.encode(traced(everything, tmp_path))
    world = random.Random(1)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(data)
        damaged[world.randrange(len(data))] ^= 1 << world.randrange(8)
        try:
            assert isinstance(stored.decode(bytes(damaged)).kind, bytearray)
        except ValueError:
            refused += 1
    assert 0 < refused < 2000


def test_files_need_no_utf8_names(tmp_path):
    """Their paths are those of tasks, and of calls."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")
    code = "@task\ndef one():\n    return 1\n@pipeline\ndef many():\n    return [one(), one()]\n"
    names = {"task": task, "pipeline": pipeline, "__name__": __name__}
    exec(compile(code, path, "exec"), names)
    graph = names["many"].trace()
    back = stored.decode(stored.encode(graph))
    assert {place for place, _ in back.places} | {spec.path for spec in back.specs} == {path}
