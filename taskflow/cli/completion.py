"""What the Tab key offers: files, the pipelines in them, and their parameters.

A file is read, never run: code of the user has no place behind a key press.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click


def complete_target(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, and after a colon the pipelines of one."""
    path, colon, start = incomplete.rpartition(":")
    if not colon:
        return [CompletionItem(incomplete, type="file")]
    names = [name for name in _pipelines(path) if name.startswith(start)]
    return [CompletionItem(f"{path}:{name}") for name in names]


def complete_value(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files: the value of a parameter may be one."""
    return [CompletionItem(incomplete, type="file")]


def parameter_options(target: str, incomplete: str) -> list[CompletionItem]:
    """The parameters of a pipeline, as options."""
    path, _, name = (target, "", "") if os.path.exists(target) else target.rpartition(":")
    found = _pipelines(path)
    function = found.get(name) or (next(iter(found.values())) if len(found) == 1 else None)
    options = [] if function is None else list(_options(function.args))
    return [CompletionItem(each) for each in options if each.startswith(incomplete)]


def _pipelines(path: str) -> dict[str, ast.FunctionDef]:
    """The functions that are decorated as pipelines."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):  # nothing to offer
        return {}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in functions if any(map(_makes, node.decorator_list))}


def _makes(decorator: ast.expr) -> bool:
    """Whether this is `@pipeline`, `@taskflow.pipeline`, or a call of it."""
    named: Any = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (getattr(named, "attr", None) or getattr(named, "id", None)) == "pipeline"


def _options(args: ast.arguments) -> Iterator[str]:
    positional = [*args.posonlyargs, *args.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    defaults = [*missing, *args.defaults, *args.kw_defaults]
    for each, default in zip([*positional, *args.kwonlyargs], defaults, strict=True):
        name = each.arg.replace("_", "-")
        yield f"--{name}"
        hint = ast.unparse(each.annotation) if each.annotation else ""
        if hint.startswith("bool") or isinstance(getattr(default, "value", None), bool):
            yield f"--no-{name}"
