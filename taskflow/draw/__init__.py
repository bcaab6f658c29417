"""A graph as a drawing: SVG of our own, Graphviz, Mermaid.

    box                 a task; `#2` its second call there
    stack of boxes      a map with its count, `×n` where only the run can tell
    dashed double box   a dynamic pipeline, which becomes a graph while running
    frame               a nested pipeline; dashed: one side of a `when`, or what a dynamic
                        pipeline became
    diamond             `when`; at the empty diamond its sides meet again
    pill                a parameter, `flatten`, the result
    thick line          element by element, nobody waits for the rest of the map
    line from a fork    a whole map, collected into a list
    line into a fork    one value, taken apart into the elements of a map
    dashed line         order only, nothing is handed on

A point joins many with many. Large graphs draw calls of one task in one pipeline as one box.
`scene` makes a `Picture` of a graph; `svg`, with the layout of `layout`, `dot` and `mermaid`
write it down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskflow.draw.words import FORMATS, THEMES, DrawError, Facts

if TYPE_CHECKING:
    from os import PathLike

    from taskflow.draw.picture import Picture
    from taskflow.graph.graph import Graph

__all__ = [
    "FORMATS",
    "THEMES",
    "DrawError",
    "Drawable",
    "Facts",
    "picture_of",
    "render",
    "to_graphviz",
    "to_mermaid",
    "to_svg",
]

# What these need is imported when they are called: few programs that import taskflow draw.


def picture_of(graph: Graph, facts: Facts | None = None) -> Picture:
    """What a drawing of a graph shows, as plain data; with `facts`, of a run."""
    from taskflow.draw import scene

    return scene.picture_of(graph, facts)


# Any: only `dot` knows that library.
def to_graphviz(graph: Graph, facts: Facts | None = None, theme: str = "auto") -> Any:
    """The drawing of a graph as a `graphviz.Digraph`."""
    from taskflow.draw import dot

    return dot.to_graphviz(picture_of(graph, facts), theme)


def to_svg(graph: Graph, facts: Facts | None = None, theme: str = "auto") -> str:
    """The drawing of a graph as SVG, laid out here: it needs no other program."""
    from taskflow.draw import svg

    return svg.to_svg(picture_of(graph, facts), theme)


def to_mermaid(graph: Graph, facts: Facts | None = None) -> str:
    """The drawing of a graph as Mermaid, which many sites show within Markdown."""
    from taskflow.draw import mermaid

    return mermaid.to_mermaid(picture_of(graph, facts))


def render(graph: Graph, path: str | PathLike[str], theme: str = "auto") -> None:
    """Write a graph to a file: .svg, .mmd and .md (Mermaid), .dot; `dot` makes .png and .pdf."""
    from pathlib import Path  # here: `import taskflow` does without it

    suffix = Path(path).suffix[1:].lower()
    if suffix not in FORMATS:
        known = ", ".join(f".{each}" for each in FORMATS)
        raise DrawError(f"cannot draw to {str(path)!r}: the name has to end in one of {known}")
    if suffix in {"png", "pdf"}:
        from taskflow.draw.dot import piped

        drawn = piped(to_graphviz(graph, theme=theme), suffix)
    elif suffix in {"dot", "gv"}:
        drawn = to_graphviz(graph, theme=theme).source.encode()
    elif suffix == "svg":
        svg = to_svg(graph, theme=theme)
        drawn = f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}'.encode()
    else:
        text = to_mermaid(graph)
        drawn = (f"```mermaid\n{text}```\n" if suffix == "md" else text).encode()
    Path(path).write_bytes(drawn)


class Drawable:
    """What can be drawn: a pipeline, and a run with its states and durations.

    Notebooks show it by themselves. Themes are "light", "dark", and "auto" for the reader's own.
    """

    def _drawn(self, params: dict[str, Any]) -> tuple[Graph, Facts | None]:
        """The graph, and what is known of its run."""
        raise NotImplementedError

    def to_svg(self, theme: str = "auto", /, **params: Any) -> str:
        """The drawing as SVG in one text, for a file or a page; needs no other program."""
        graph, facts = self._drawn(params)
        return to_svg(graph, facts, theme)

    def to_mermaid(self, **params: Any) -> str:
        """The drawing as Mermaid, which many sites show within Markdown."""
        return to_mermaid(*self._drawn(params))

    def to_graphviz(self, theme: str = "auto", /, **params: Any) -> Any:
        """The drawing as a `graphviz.Digraph`, whose files the program `dot` makes."""
        graph, facts = self._drawn(params)
        return to_graphviz(graph, facts, theme)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows; a body that cannot be traced by itself is shown by its name."""
        shown = {"text/plain": repr(self)}
        try:
            shown["image/svg+xml"] = self.to_svg()
        except Exception as error:  # noqa: BLE001 - a body is the user's code: it may raise anything
            shown["text/plain"] += f"\n(no drawing: {error})"
        return shown
