"""A graph as bytes for a store: what is needed to follow its edges, and nothing that runs code.

Arguments stay the pickles that they are, and are not looked into. Functions that belong to the
policies of tasks (keys of limits) are left out: a graph that comes back is read, not run.
"""

from __future__ import annotations

import dataclasses
from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Chunk, Code, Piece, Stored
from taskflow.digests import plain_path
from taskflow.graph.graph import (
    Const,
    Elements,
    Graph,
    Iterated,
    Link,
    Listed,
    MapSpec,
    Nodes,
    Split,
    TaskSpec,
)
from taskflow.plain import readable, storable
from taskflow.policies import Retry

if TYPE_CHECKING:
    from taskflow.call import Value
    from taskflow.graph.graph import Ref, Source

#: Grows when what is written changes so that older code could not read it.
VERSION: Final = 1
_COLUMNS: Final = ("spec", "scope", "nth", "place")


def encode(graph: Graph) -> bytes:
    """The graph as bytes, for `decode`."""
    from msgspec import msgpack  # here: a run that keeps nothing needs none of it

    payloads = {payload: number for number, payload in enumerate(dict.fromkeys(graph.payload))}
    result = graph.result
    return msgpack.encode(
        {
            "version": VERSION,
            "pipeline": graph.pipeline,
            "kind": bytes(graph.kind),
            **{name: array("i", getattr(graph, name)).tobytes() for name in _COLUMNS},
            "payloads": list(payloads),
            "payload": array("i", map(payloads.__getitem__, graph.payload)).tobytes(),
            "inputs": [_refs(refs) if refs else refs for refs in graph.inputs],
            "after": list(graph.after.items()),
            "gates": list(graph.gates.items()),
            "maps": [(node, _map(spec)) for node, spec in graph.maps.items()],
            "labels": list(graph.labels.items()),
            "specs": [_spec(spec) for spec in graph.specs],
            "scopes": graph.scopes,
            "places": [(storable(path), line) for path, line in graph.places],
            "constants": [_value(value) for value in graph.constants],
            "iterators": len(graph.iterators),
            "result": None if result is None else (result[0], _refs(result[1])),
            "codes": graph.codes,
            # Functions are not run from here; that they are others is worth knowing.
            "blobs": [blake2b(blob, digest_size=16).digest() for blob in graph.blobs],
        }
    )


def decode(data: bytes) -> Graph:
    """The graph that was encoded; raises ValueError for what is none."""
    import msgspec

    try:
        raw: dict[str, Any] = msgspec.msgpack.decode(data, strict=False)
        if raw["version"] > VERSION:
            raise ValueError("the graph was written by a newer taskflow")
        return _graph(raw)
    except (msgspec.DecodeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a stored graph: {error!r}") from error


def _graph(raw: dict[str, Any]) -> Graph:
    graph = Graph(pipeline=raw["pipeline"], kind=bytearray(raw["kind"]), codes=raw["codes"])
    for name in _COLUMNS:
        setattr(graph, name, _numbers(raw[name]))
    graph.payload = [raw["payloads"][number] for number in _numbers(raw["payload"])]
    graph.inputs = [_read_refs(refs) for refs in raw["inputs"]]
    graph.after = {node: list(nodes) for node, nodes in raw["after"]}
    graph.gates = {node: (truth, expected) for node, (truth, expected) in raw["gates"]}
    graph.maps = {node: _read_map(spec) for node, spec in raw["maps"]}
    graph.labels = dict(raw["labels"])
    graph.specs = [_read_spec(spec) for spec in raw["specs"]]
    graph.scopes = [tuple(scope) for scope in raw["scopes"]]
    graph.places = [(readable(path), line) for path, line in raw["places"]]
    graph.constants = [_read_value(value) for value in raw["constants"]]
    graph.blobs = raw["blobs"]
    graph.iterators = [None] * raw["iterators"]
    if raw["result"] is not None:
        graph.result = (raw["result"][0], _read_refs(raw["result"][1]))
    return graph


def _numbers(column: bytes) -> list[int]:
    return memoryview(column).cast("i").tolist()


# --- references ------------------------------------------------------------------------------


def _refs(refs: tuple[Ref, ...]) -> Any:
    return [ref if type(ref) is int else _ref(ref) for ref in refs]


def _ref(ref: Ref) -> Any:
    if isinstance(ref, Link):
        return ("link", ref.node, plain_path(ref.path), ref.take)
    return ("const", ref.number) if isinstance(ref, Const) else ref


def _read_refs(refs: list[Any]) -> tuple[Ref, ...]:
    return tuple([ref if type(ref) is int else _read_ref(ref) for ref in refs])


def _read_ref(ref: Any) -> Ref:
    if type(ref) is int:
        return ref
    if ref[0] == "const":
        return Const(ref[1])
    return Link(ref[1], tuple((kind, step) for kind, step in ref[2]), ref[3])


# --- values ----------------------------------------------------------------------------------


def _value(value: Value) -> Any:
    return ("stored", *value) if isinstance(value, Stored) else value


def _read_value(value: Any) -> Value:
    return value if isinstance(value, bytes) else Stored(*value[1:])


def _piece(piece: Piece) -> Any:
    chunk, start, count = piece
    if isinstance(chunk, range):
        return ("range", (chunk.start, chunk.stop, chunk.step), start, count)
    return (_value(chunk.value), chunk.whole, start, count)


def _read_piece(piece: Any) -> Piece:
    first, second, start, count = piece
    if first == "range":
        return Piece(range(*second), start, count)
    return Piece(Chunk(_read_value(first), second), start, count)


# --- maps ------------------------------------------------------------------------------------


def _map(spec: MapSpec) -> Any:
    return (spec.star, [_source(source) for source in spec.sources])


def _source(source: Source) -> Any:
    if isinstance(source, Listed):
        return ("listed", [_piece(piece) for piece in source.pieces], source.count)
    if isinstance(source, Nodes):
        return ("nodes", [i if isinstance(i, bytes) else _ref(i) for i in source.items])
    if isinstance(source, Elements):
        return ("elements", source.node, source.take)
    if isinstance(source, Split):
        return ("split", _ref(source.ref))
    return ("iterated", source.number)


def _read_map(spec: Any) -> MapSpec:
    return MapSpec(tuple(_read_source(source) for source in spec[1]), spec[0])


def _read_source(source: Any) -> Source:
    kind, first = source[0], source[1]
    if kind == "listed":
        return Listed(tuple(_read_piece(piece) for piece in first), source[2])
    if kind == "nodes":
        return Nodes(tuple(i if isinstance(i, bytes) else _read_ref(i) for i in first))
    if kind == "elements":
        return Elements(first, source[2])
    return Split(_read_ref(first)) if kind == "split" else Iterated(first)


# --- tasks -----------------------------------------------------------------------------------


def _spec(spec: TaskSpec) -> Any:
    plain = {
        each.name: getattr(spec, each.name)
        for each in dataclasses.fields(spec)
        if each.name not in {"code", "retry", "limits", "rates", "cache"}
    }
    plain["path"] = storable(spec.path)
    return (plain, spec.code.module, spec.code.qualname, spec.code.blob)


def _read_spec(spec: Any) -> TaskSpec:
    plain, module, qualname, blob = spec
    plain["path"], plain["tags"] = readable(plain["path"]), tuple(plain["tags"])
    return TaskSpec(**plain, code=Code(module, qualname, blob), retry=Retry())
