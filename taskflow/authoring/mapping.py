"""What a map runs over: each mapped argument as a source of elements, and the node for them."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.future import Future, MapFuture, unwrapped
from taskflow.authoring.reading import Reader
from taskflow.authoring.returns import item_of
from taskflow.authoring.task import NO_EACH_IN_STARMAP, Each
from taskflow.authoring.where import here, shown
from taskflow.call import Chunk, Piece
from taskflow.errors import ArgumentError, DefinitionError, TaskflowError
from taskflow.executors.answering import SPLIT_ELEMENTS, refusal, too_many
from taskflow.graph.graph import (
    FLAT,
    MAP,
    VALUE,
    Elements,
    Iterated,
    Link,
    Listed,
    MapSpec,
    Nodes,
    Split,
    known_count,
)
from taskflow.values import SCALARS, decode_piece, dumps, encode_each, why_unpicklable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.authoring.definition import Definition
    from taskflow.authoring.tracing import Trace
    from taskflow.graph.graph import Ref, Source

#: Rows of a starmap that are looked at when it is traced; the others are when they run.
CHECKED_ROWS: Final = 100


def trace_map(
    trace: Trace,
    definition: Definition,
    bound: tuple[Any, ...],
    columns: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    star: bool = False,
) -> MapFuture:
    """Trace a map: a node that runs `definition` for every element of the columns."""
    mapped = {name: value.values for name, value in kwargs.items() if isinstance(value, Each)}
    constants = {name: value for name, value in kwargs.items() if name not in mapped}
    if star and mapped:
        raise DefinitionError(f"{NO_EACH_IN_STARMAP}\n  here: {trace.shown_here()}")
    if not columns and not mapped:
        raise DefinitionError(
            f"{definition.short}.map needs something to run over\n  here: {trace.shown_here()}\n"
            f"  write {definition.short}.map(xs), or mark a keyword: .map(x=each(xs))"
        )
    if not star:
        placeholders = dict.fromkeys(mapped)
        definition.check_arguments([*bound, *columns], {**constants, **placeholders})
    slots: tuple[int | str, ...] = tuple(range(len(bound), len(bound) + len(columns)))
    slots = ("*",) if star else (*slots, *mapped)
    sources = Sources(trace, definition)
    found = [sources.of(column) for column in [*columns, *mapped.values()]]
    spec = MapSpec(tuple(sources.aligned(found)), star)
    check_lengths(trace, definition.short, spec)
    check_size(trace, definition.short, known_count(spec) or 0)
    if star:
        check_rows(trace, definition, bound, constants, spec)
    if definition.chosen.key is not None:
        check_keys(trace, definition, bound, kwargs, spec)
    args = bound if star else (*bound, *[None] * len(columns))
    payload, inputs = trace.taker.take(args, constants, definition, slots)
    node = trace.add(MAP, definition, payload, inputs, spec)
    hint = types.GenericAlias(list, (definition.returns,)) if definition.returns else None
    return MapFuture(trace, node, hint, known_count(spec))


def flatten_map(trace: Trace, lists: MapFuture) -> MapFuture:
    """Trace all elements of a map of lists as one map."""
    spec = MapSpec((Elements(lists._node, lists._take),))
    node = trace.add(FLAT, None, b"", (), spec, label="flatten")
    return MapFuture(trace, node, item_of(lists._returns, 0), None)


class Sources:
    """Makes sources of elements for one call of `.map`."""

    def __init__(self, trace: Trace, definition: Definition) -> None:
        self._trace = trace
        self._name = definition.short
        self._takes_functions = definition.takes_functions

    def of(self, values: Any) -> Source:
        """The source for one mapped argument."""
        values = unwrapped(values)
        if isinstance(values, MapFuture):
            self._trace.taker.ref(values)
            return Elements(values._node, values._take)
        if isinstance(values, Future):
            return Split(self._trace.taker.ref(values))
        if isinstance(values, range):
            return Listed((Piece(values, 0, len(values)),) if values else (), len(values))
        if isinstance(values, (str, bytes, bytearray, dict, set, frozenset)):
            raise DefinitionError(
                f"{self._name}.map: {refusal(values)}\n  here: {self._trace.shown_here()}"
            )
        if not self._takes_functions:
            self._trace.taker.refuse_uncalled(values, f"{self._name}.map")
        if isinstance(values, Iterator) or not isinstance(values, Sized):
            return self._iterated(values)
        elements: Any = values
        return self._listed(list(elements))

    def _iterated(self, values: Any) -> Source:
        try:
            iterator = iter(values)
        except TypeError:
            raise DefinitionError(
                f"{self._name}.map runs over a list, range, iterator, future or map, "
                f"not over {values!r}\n  here: {self._trace.shown_here()}\n"
                f"  for one element write {self._name}.map([x])"
            ) from None
        index = len(self._trace.graph.iterators)
        reader = Reader(iterator, self._name, self._trace.directory, self._trace.taker.reducers)
        self._trace.graph.iterators.append(reader)
        return Iterated(index)

    def _listed(self, values: list[Any]) -> Source:
        if SCALARS.issuperset(map(type, values)):
            return self._in_chunks(values)
        if nodes := self._trace.taker.nodes_of(values):
            return Nodes(tuple(nodes))
        try:
            futures = self._trace.taker.count_futures(values)
        except TaskflowError:
            raise
        except Exception as error:
            why = why_unpicklable(values, "elements", error, self._trace.taker.reducers)
            raise ArgumentError(f"{self._name}.map: {why}\n  here: {shown(here())}") from error
        return self._nodes(values) if futures else self._in_chunks(values)

    def _in_chunks(self, values: list[Any]) -> Listed:
        pieces: list[Piece] = []
        for start in range(0, len(values), SPLIT_ELEMENTS):
            part = values[start : start + SPLIT_ELEMENTS]
            if self._trace.directory:
                pieces += encode_each(part, self._trace.directory)
            else:
                chunk = Chunk(b"".join(map(dumps, part)), whole=False)
                pieces.append(Piece(chunk, 0, len(part)))
        return Listed(tuple(pieces), len(values))

    def _nodes(self, values: list[Any]) -> Nodes:
        """A list with futures in it: each element becomes ready by itself."""
        items: list[Ref | bytes] = []
        for value in values:
            plain = unwrapped(value)
            if type(plain) is Future and not plain._path:
                items.append(self._trace.taker.ref(plain))
            elif self._trace.taker.count_futures(value):
                items.append(self._trace.gather(value, "element"))
            else:
                items.append(dumps(value))
        return Nodes(tuple(items))

    def aligned(self, sources: list[Source]) -> list[Source]:
        """Sources whose elements have the same order.

        The elements of a `flatten` are numbered as they arrive. Beside anything that is
        numbered otherwise, they have to be collected into a list first.
        """
        roots = {self._root(source) for source in sources}
        if len(roots) == 1:
            return sources
        return [self._collected(source) for source in sources]

    def _root(self, source: Source) -> int:
        """The FLAT node whose numbers the elements have; -1 for numbers from 0 in order."""
        maps, kinds = self._trace.graph.maps, self._trace.graph.kind
        while isinstance(source, Elements):
            if kinds[source.node] == FLAT:
                return source.node
            above = [each for each in maps[source.node].sources if isinstance(each, Elements)]
            if not above:
                return -1
            source = above[0]
        return -1

    def _collected(self, source: Source) -> Source:
        if isinstance(source, Elements) and self._root(source) >= 0:
            return Split(
                Link(source.node, (), source.take) if source.take != VALUE else source.node
            )
        return source


def check_lengths(trace: Trace, name: str, spec: MapSpec) -> None:
    """Raise when a map zips lists that are known to differ in length."""
    counts = [
        count for source in spec.sources if (count := known_count(MapSpec((source,)))) is not None
    ]
    if len(set(counts)) > 1:
        raise DefinitionError(
            f"{name}.map runs over arguments of equal length, these have "
            f"{', '.join(map(str, counts))} elements\n  here: {trace.shown_here()}\n"
            "  keywords that stay the same for all elements are constants: f.map(xs, y=value)"
        )


def check_size(trace: Trace, name: str, count: int) -> None:
    """Raise when a map has more elements than the engine could keep account of."""
    if refused := too_many(count):
        why, _, remedy = refused.partition("; ")
        raise DefinitionError(f"{name}.map over {why}\n  here: {trace.shown_here()}\n  {remedy}")


def check_rows(
    trace: Trace,
    definition: Definition,
    bound: tuple[Any, ...],
    constants: dict[str, Any],
    spec: MapSpec,
) -> None:
    """Raise when one of the first rows is no tuple, or the first does not fit the signature."""
    (source,) = spec.sources
    for index, row in enumerate(itertools.islice(_known(source), CHECKED_ROWS)):
        if not isinstance(row, (tuple, list)):
            raise DefinitionError(
                f"{definition.short}.starmap runs over tuples of arguments; element {index} is "
                f"{row!r}\n  here: {trace.shown_here()}\n"
                f"  for one argument each write {definition.short}.map(xs)"
            )
        if not index:
            definition.check_arguments([*bound, *row], constants)


def check_keys(
    trace: Trace,
    definition: Definition,
    bound: tuple[Any, ...],
    kwargs: dict[str, Any],
    spec: MapSpec,
) -> None:
    """Raise when two known elements would have the same map key."""
    key = definition.chosen.key
    if key is None or not all(isinstance(source, Listed) for source in spec.sources):
        return
    if any(isinstance(value, Future) for value in kwargs.values()):
        return  # asked while running
    names = [name for name, value in kwargs.items() if isinstance(value, Each)]
    constants = {name: value for name, value in kwargs.items() if name not in names}
    seen: dict[str, int] = {}
    for index, row in enumerate(zip(*map(_known, spec.sources), strict=True)):
        args = row[0] if spec.star else row[: len(row) - len(names)]
        mapped = dict(zip(names, row[len(row) - len(names) :], strict=True))
        try:
            text = str(key(*bound, *args, **constants, **mapped))
        except Exception as error:
            raise DefinitionError(
                f"element {index} of {definition.short}.map has no key: key= raised "
                f"{type(error).__name__}: {error}\n  here: {trace.shown_here()}\n"
                "  make it return a text or a number for every element"
            ) from error
        if text in seen:
            raise DefinitionError(
                f"elements {seen[text]} and {index} of {definition.short}.map have the same "
                f"key {text!r}\n  here: {trace.shown_here()}\n"
                "  keys name task runs: make them differ"
            )
        seen[text] = index


def _known(source: Source) -> Iterator[Any]:
    """The elements of a source, as far as they are known."""
    pieces = source.pieces if isinstance(source, Listed) else ()
    return (value for piece in pieces for value in decode_piece(piece))
