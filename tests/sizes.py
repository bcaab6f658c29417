"""How long the modules and functions of the package are: `python tests/sizes.py` prints the table.

The size of a function is its lines without its docstring.
"""

from __future__ import annotations

import ast
import statistics
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent / "taskflow"


class Size(NamedTuple):
    """The length of one module or function, and where it is."""

    lines: int
    room: str
    name: str


def modules() -> list[Size]:
    """Every module of the package, room by room."""
    return [Size(len(path.read_text().splitlines()), _room(path), path.name) for path in _paths()]


def functions() -> list[Size]:
    """Every function and method of the package, those inside others too."""
    return [
        Size(_lines(node), _room(path), f"{path.name}:{node.lineno} {node.name}")
        for path in _paths()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def total(sizes: list[Size]) -> int:
    """Their lines together."""
    return sum(size.lines for size in sizes)


def median(sizes: list[Size]) -> float:
    """The length of the one in the middle."""
    return statistics.median(size.lines for size in sizes)


def table() -> str:
    """Rooms with their modules, then what is known of the functions."""
    rows: list[str] = []
    for room, members in groupby(modules(), key=lambda size: size.room):
        inside = list(members)
        rows.append(f"{total(inside):6}  {room}/")
        rows += [f"{size.lines:12}  {size.name}" for size in inside]
    sizes = functions()
    rows.append(f"{total(modules()):6}  lines in all")
    rows.append(f"\n{len(sizes)} functions, median {median(sizes):g} lines; the longest:")
    rows += [f"{lines:12}  {room}/{name}" for lines, room, name in sorted(sizes)[:-6:-1]]
    return "\n".join(rows)


def _paths() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"), key=lambda path: (path.parent, path.name))


def _room(path: Path) -> str:
    return path.parent.relative_to(PACKAGE.parent).as_posix()


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        docstring = node.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


if __name__ == "__main__":
    print(table())
