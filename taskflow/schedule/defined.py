"""Which pipelines a file defines: two of one name in it are an error, not a guess."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from taskflow.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def refuse_twins(pipelines: Mapping[str, Any], text: bytes) -> dict[str, Any]:
    """The pipelines of a module by what they are called in it, each once.

    A copy with other options for how it runs stands for the pipeline itself.

    Raises:
        DefinitionError: two have one name, or the second took the place of the first.
    """
    for name, lines in _written_twice(text):
        if name in pipelines:
            raise DefinitionError(
                f"the pipeline {name!r} is defined twice, in lines {lines}; the first is lost: "
                "rename one of them"
            )
    chosen: dict[str, str] = {}
    # The one that is called like its function comes first.
    for entry in sorted(
        pipelines, key=lambda each: getattr(pipelines[each].fn, "__name__", "") != each
    ):
        pipeline = pipelines[entry]
        other = chosen.setdefault(pipeline.short, entry)
        if not _is_same(pipelines[other], pipeline):
            raise DefinitionError(
                f"{other} and {entry} are two pipelines with the name {pipeline.short!r}; give one "
                f'of them a name of its own: name="{entry}"'
            )
    return {entry: pipelines[entry] for entry in pipelines if entry in chosen.values()}


def _is_same(one: Any, other: Any) -> bool:
    """Whether two pipelines differ at most in how they run."""
    return one.fn is other.fn and one.chosen.schedule is other.chosen.schedule


def _written_twice(text: bytes) -> Iterator[tuple[str, str]]:
    """Names of functions that are decorated as pipelines more than once, and in which lines."""
    lines: dict[str, list[int]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and any(map(_is_pipeline, node.decorator_list)):
            lines.setdefault(node.name, []).append(node.lineno)
    for name, found in lines.items():
        if len(found) > 1:
            yield name, " and ".join(map(str, found))


def _is_pipeline(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return name == "pipeline"
