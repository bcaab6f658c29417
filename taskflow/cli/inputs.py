"""What a task run was given, as names and texts; read from the graph and the records of a run.

Constants are shown as they were pickled with the call, what other tasks made as
`fetch_page[17] -> '<html>...'`. Nothing is unpickled.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from taskflow.cli.previews import element_preview, preview, value_preview
from taskflow.cli.recorded import TaskRun
from taskflow.graph.graph import HELPERS, Const, Elements, Link, Listed, Nodes, Split, node_of
from taskflow.lifecycle import GOOD
from taskflow.pickled import told, viewed
from taskflow.progress.tally import within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.cli.recorded import Recorded
    from taskflow.graph.graph import Ref, Source
    from taskflow.records import Kept

_LIMIT: Final = 200
_HOLE: Final = re.compile(r"\bhole\((\d+)\)")
_HOLES: Final = re.compile(r"\bholes\((\d+), (\d+)\)")
#: Futures of one list that are shown.
_FEW: Final = 6


def inputs_of(recorded: Recorded, task_run: TaskRun) -> list[tuple[str, str]]:
    """Name and text of each argument; none of a span, nor where the graph does not know."""
    kept = task_run.kept
    if kept.error is not None and kept.error.inputs:
        return list(kept.error.inputs)
    if not task_run.alone or kept.node >= len(recorded.graph):
        return []
    try:
        return list(_Arguments(recorded, task_run).named())
    except Exception as error:  # noqa: BLE001 - a pickle can ask for anything of what it makes
        return [("arguments", f"cannot be shown: {type(error).__name__}")]


class _Arguments:
    """The arguments of one task run."""

    def __init__(self, recorded: Recorded, task_run: TaskRun) -> None:
        self._recorded = recorded
        self._graph = recorded.graph
        self._node = task_run.kept.node
        self._element = task_run.first
        self._above: dict[int, list[Kept]] = {}
        for kept in recorded.ended(self._graph.upstream(self._node)):
            self._above.setdefault(kept.node, []).append(kept)

    def named(self) -> Iterator[tuple[str, str]]:
        """Name and text of each."""
        graph, node = self._graph, self._node
        args, kwargs, slots = viewed(graph.payload[node])
        sources = graph.maps[node].sources if node in graph.maps else ()
        inputs = [self._mapped(source) for source in sources]
        inputs += [self._input(ref) for ref in graph.inputs[node]]
        filled = dict(zip(slots, inputs, strict=False))
        names = parameter_names(self._recorded, node)
        for where, value in [*enumerate(args), *kwargs.items()]:
            name = where if isinstance(where, str) else _at(names, where)
            yield name, filled.get(where) or _filled(told(value, _LIMIT), inputs)
        if "*" in filled:
            yield "*", filled["*"]

    def _input(self, ref: Ref) -> str:
        """A constant, or what a task made, behind its key."""
        if isinstance(ref, Const):
            return value_preview(self._graph.constants[ref.number], _LIMIT)
        node = node_of(ref)
        steps = ref.path if isinstance(ref, Link) else ()
        path = "".join(f".{s}" if kind == "field" else f"[{s!r}]" for kind, s in steps)
        return f"{self._key(node)}{path}{self._made(node) if not path else ''}"

    def _mapped(self, source: Source) -> str:
        """The element that this one was made for."""
        at = self._element
        if isinstance(source, Listed):
            return element_preview(source.pieces, at, _LIMIT)
        if isinstance(source, Nodes):
            item = source.items[at]
            return told(viewed(item), _LIMIT) if isinstance(item, bytes) else self._input(item)
        if isinstance(source, Elements) and self._graph.kind[source.node] in HELPERS:
            return f"element {at} of {self._key(source.node)}, flattened"
        if isinstance(source, Elements):
            return f"{self._key(source.node)}[{at}]{self._made(source.node, at)}"
        if isinstance(source, Split):
            return f"{self._key(node_of(source.ref))}[{at}]"
        return f"element {at} of an iterator"

    def _key(self, node: int) -> str:
        """The key of a task; of what joins some, their keys."""
        graph, pipeline = self._graph, self._recorded.run.pipeline
        if graph.kind[node] not in HELPERS:
            return within(pipeline, graph.key_of(node))
        return ", ".join(self._key(above) for above in graph.upstream(node))

    def _made(self, node: int, element: int = -1) -> str:
        """What a task made, if it is known: ` -> 'text'`; of a whole map how many it made."""
        records = self._above.get(node, [])
        if element < 0 and sum(kept.count for kept in records) > 1:
            return f" -> {sum(kept.count for kept in records):,} elements"
        for kept in records:
            if element < 0 or kept.first <= element < kept.first + kept.count:
                text = preview(TaskRun(kept, element), _LIMIT)
                text = text or ("" if kept.state in GOOD else kept.state.replace("_", " "))
                return f" -> {text}" if text else ""
        return ""


def _filled(text: str, inputs: Sequence[str]) -> str:
    """The text of an argument, with the inputs where its holes are."""

    def row(found: re.Match[str]) -> str:
        first, count = int(found[1]), int(found[2])
        more = ["..."] if count > _FEW else []
        return f"[{', '.join([*inputs[first : first + min(count, _FEW)], *more])}]"

    return _HOLES.sub(row, _HOLE.sub(lambda found: inputs[int(found[1])], text))


def parameter_names(recorded: Recorded, node: int) -> list[str]:
    """The names of a task's positional parameters, from the source that was kept."""
    code = recorded.graph.specs[recorded.graph.spec[node]].code
    source = recorded.store.sources(recorded.run.id, recorded.number).get(code.module)
    if source is None:
        return []
    body: Sequence[ast.AST] = ast.parse(source.text).body
    found: ast.AST | None = None
    for part in code.qualname.replace(".<locals>", "").split("."):
        found = next((each for each in body if getattr(each, "name", None) == part), None)
        body = getattr(found, "body", ())
    if not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    return [each.arg for each in [*found.args.posonlyargs, *found.args.args]]


def _at(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"argument {number + 1}"
