"""Defaults are made once, when a file is imported: what that means for the runs after it.

`since=date.today()` stays the day of the import, of which a warning tells; what a body appends to
the default of `found=[]` stays in that run, since each gets a copy.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import warnings
from contextlib import suppress
from linecache import getlines
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Functions that give another value each time; a call of another one gives a constant, as a rule.
_CHANGING: Final = frozenset(
    (
        *("today", "now", "utcnow", "time", "time_ns", "monotonic", "perf_counter"),
        *("uuid1", "uuid4", "random", "randint", "randrange", "choice", "uniform"),
        *("token_hex", "token_urlsafe", "mkdtemp", "mkstemp"),
    )
)
_CALLED: Final = re.compile(rf"\b({'|'.join(_CHANGING)})\s*\(")


def fresh(default: Any) -> Any:
    """A copy of a default that a run might change; anything else as it is.

    What has a hash counts as unchanging: a body may know `MISSING = object()` by `is`.
    """
    try:
        hash(default)
    except Exception:  # noqa: BLE001 - __hash__ and what copies are a stranger's code
        with suppress(Exception):
            return copy.deepcopy(default)
    return default


def warn_of_calls(fn: Callable[..., Any], name: str) -> None:
    """Warn of defaults that were made once though they would be another each time."""
    inner: Any = inspect.unwrap(fn)
    for parameter, call, line in _frozen(inner):
        warnings.warn_explicit(
            f"{name}: the default {parameter}={call} was made once, when this file was imported; a "
            f"run weeks later still gets it. Write {parameter}=None, and in the body: "
            f"if {parameter} is None: {parameter} = {call}",
            UserWarning,
            filename=inner.__code__.co_filename,
            lineno=line,
        )


def _frozen(fn: Any) -> Iterator[tuple[str, str, int]]:
    """Parameter, call and line of each such default."""
    code = getattr(fn, "__code__", None)
    if code is None or not (fn.__defaults__ or fn.__kwdefaults__):
        return
    with suppress(OSError, SyntaxError, ValueError):  # code without a file, or half of one
        lines = getlines(code.co_filename)
        first = code.co_firstlineno - 1
        body = min((line for *_, line in code.co_lines() if line and line > first + 1), default=0)
        # Nearly always the text alone says no: to take a function apart costs a millisecond.
        if not _CALLED.search("".join(lines[first : max(body, first + 1)])):
            return
        made = ast.parse(dedent("".join(inspect.getblock(lines[first:])))).body[0]
        if isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef):
            for parameter, default in _defaults(made.args):
                if any(map(_changes, ast.walk(default))):
                    yield parameter, ast.unparse(default), first + default.lineno


def _defaults(args: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*args.posonlyargs, *args.args]
    given = positional[len(positional) - len(args.defaults) :]
    yield from ((each.arg, value) for each, value in zip(given, args.defaults, strict=True))
    for each, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if value is not None:
            yield each.arg, value


def _changes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in _CHANGING
