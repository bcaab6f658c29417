"""What the Tab key offers: files, the pipelines in them, their parameters, and runs.

A file is read, never run: code of the user has no place behind a key press.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any, Final

from click.shell_completion import CompletionItem

from taskflow.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

_RUNS: Final = 50


def complete_target(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, and after a colon the pipelines of one."""
    path, colon, start = incomplete.rpartition(":")
    if not colon:
        return [CompletionItem(incomplete, type="file")]
    names = [name for name in _pipelines(path) if name.startswith(start)]
    return [CompletionItem(f"{path}:{name}") for name in names]


def complete_value(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The choices of the parameter before it; else files: a value may be one."""
    option = next(reversed(ctx.params.get("words") or ()), "")
    choices = _choices(str(ctx.params.get("target") or ""), option)
    found = [CompletionItem(each) for each in choices if each.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def complete_run(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest runs by their ids, and the names that stand for one."""
    from taskflow.cli.history import the_store
    from taskflow.records import RunFilter

    try:
        runs = the_store().runs(RunFilter(limit=_RUNS))
    except StoreError:  # nothing to offer
        return []
    offered = [CompletionItem(run.id, help=f"{run.pipeline}, {run.state}") for run in runs]
    offered += [CompletionItem(name) for name in ("last", "last-failed")]
    return [each for each in offered if each.value.startswith(incomplete)]


def parameter_options(target: str, incomplete: str) -> list[CompletionItem]:
    """The parameters of a pipeline, as options."""
    function = _pipeline(*_path_and_name(target))
    options = [] if function is None else list(_options(function.args))
    return [CompletionItem(each) for each in options if each.startswith(incomplete)]


def _path_and_name(target: str) -> tuple[str, str]:
    path, _, name = (target, "", "") if os.path.exists(target) else target.rpartition(":")
    return path, name


def _read(path: str) -> list[ast.stmt]:
    """What stands in a file; nothing if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):  # nothing to offer
        return []


def _pipelines(path: str) -> dict[str, ast.FunctionDef]:
    """The functions that are decorated as pipelines."""
    functions = [node for node in _read(path) if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in functions if any(map(_makes, node.decorator_list))}


def _pipeline(path: str, name: str) -> ast.FunctionDef | None:
    """The pipeline that is meant, as the only one also without its name."""
    found = _pipelines(path)
    return found.get(name) or (next(iter(found.values())) if len(found) == 1 else None)


def _choices(target: str, option: str) -> list[str]:
    """The names of the Enum, or the texts of the Literal, that an option takes."""
    path, name = _path_and_name(target)
    function = _pipeline(path, name)
    if function is None:
        return []
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    wanted = option.removeprefix("--").replace("-", "_")
    hint = next((each.annotation for each in given if each.arg == wanted), None)
    if hint is None:
        return []
    classes = {node.name: node for node in _read(path) if isinstance(node, ast.ClassDef)}
    return [choice for part in ast.walk(hint) for choice in _offered(part, classes)]


def _offered(hint: ast.AST, classes: dict[str, ast.ClassDef]) -> list[str]:
    if isinstance(hint, ast.Subscript) and ast.unparse(hint.value).endswith("Literal"):
        return [str(part.value) for part in ast.walk(hint.slice) if isinstance(part, ast.Constant)]
    known = classes.get(hint.id) if isinstance(hint, ast.Name) else None
    if known is None or not any(ast.unparse(base).endswith("Enum") for base in known.bases):
        return []
    made = [target for each in known.body for target in getattr(each, "targets", ())]
    return [each.id for each in made if isinstance(each, ast.Name) and each.id[0] != "_"]


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
