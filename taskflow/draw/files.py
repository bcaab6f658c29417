"""Drawings as files: the suffix of the name says what is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskflow.draw.scene import picture_of
from taskflow.draw.words import FORMATS, DrawError
from taskflow.graph.graph import Graph

if TYPE_CHECKING:
    from os import PathLike

    from taskflow.draw.words import Facts


def render(
    drawing: Graph | Any,
    path: str | PathLike[str],
    facts: Facts | None = None,
    theme: str = "auto",
) -> None:
    """Write a graph to a file: .svg, .mmd and .md (Mermaid), .dot; `dot` makes .png and .pdf.

    A `graphviz.Digraph`, changed by hand perhaps, is drawn by `dot` in any case.
    """
    target = Path(path)
    suffix = target.suffix[1:].lower()
    if suffix not in FORMATS:
        known = ", ".join(f".{each}" for each in FORMATS)
        raise DrawError(f"cannot draw to {str(path)!r}: the name has to end in one of {known}")
    if isinstance(drawing, Graph):
        target.write_bytes(_of_graph(drawing, suffix, facts, theme))
    else:
        target.write_bytes(_of_graphviz(drawing, suffix))


def _of_graph(graph: Graph, suffix: str, facts: Facts | None, theme: str) -> bytes:
    from taskflow.draw import dot, mermaid, svg

    picture = picture_of(graph, facts)
    if suffix == "svg":
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg.to_svg(picture, theme)}'.encode()
    if suffix in {"mmd", "md"}:
        text = mermaid.to_mermaid(picture)
        return (f"```mermaid\n{text}```\n" if suffix == "md" else text).encode()
    return _of_graphviz(dot.to_graphviz(picture, theme), suffix)


def _of_graphviz(canvas: Any, suffix: str) -> bytes:
    from taskflow.draw import dot

    if suffix in {"mmd", "md"}:
        raise DrawError(f"a drawing by Graphviz cannot be written as .{suffix}: render the graph")
    if suffix in {"dot", "gv"}:
        return str(canvas.source).encode()
    return dot.piped(canvas, suffix)
