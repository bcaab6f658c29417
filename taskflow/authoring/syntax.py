"""Source files as syntax: what a loaded function or class was written as, and which names it uses.

What is written counts without what changes nothing when it runs: layout, comments, docstrings,
annotations, taskflow's own decorators. Class bodies keep their annotations, since dataclasses and
their like read them. The text is the same for all versions of Python.
"""

from __future__ import annotations

import ast
import linecache
import os
import warnings
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType

    IsOurs = Callable[[tuple[str, ...]], bool]

#: Names as they are read: `text.clean` is ("text", "clean").
Chain = tuple[str, ...]
Import = ast.Import | ast.ImportFrom
_Def = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
#: Hints, and what only some versions of Python tell.
_UNTOLD: Final = frozenset(
    {"ctx", "kind", "type_comment", "type_ignores", "type_params", "returns"}
)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


class Written(NamedTuple):
    """What a function or class is written as."""

    digest: bytes
    chains: tuple[Chain, ...]  #: names that are looked up when it runs, or when it is defined
    imports: tuple[Import, ...]  #: what it imports when it runs
    line: int


class SourceFile:
    """One version of a source file."""

    def __init__(self, path: str, text: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown when the file was imported
            self.tree = ast.parse(text)
            compiled = compile(self.tree, path, "exec", dont_inherit=True)
        self._codes = _by_place(compiled)
        self._nodes: dict[tuple[str, int], _Def] = {}
        #: Where names of the module were last bound; and what was imported from where.
        self.lines: dict[str, int] = {}
        self.imported: dict[str, ast.ImportFrom] = {}
        self._index(self.tree.body, "", is_module=True)
        self._written: dict[tuple[str, int], Written] = {}

    def _index(self, body: Sequence[Any], prefix: str, *, is_module: bool) -> None:
        for node in body:
            if isinstance(node, _Def):
                name = prefix + node.name
                self._nodes[name, _first_line(node)] = node
                inner = "." if isinstance(node, ast.ClassDef) else ".<locals>."
                self._index(node.body, name + inner, is_module=False)
                continue
            if is_module:
                self._note_names(node)
            for block in _BLOCKS:
                inside = getattr(node, block, None)
                if isinstance(inside, list):
                    self._index(inside, prefix, is_module=is_module)

    def _note_names(self, node: ast.AST) -> None:
        """Which names a statement of the module binds."""
        if isinstance(node, ast.ImportFrom):
            self.imported.update({each.asname or each.name: node for each in node.names})
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (each for target in targets for each in ast.walk(target))
            for name in names:
                if isinstance(name, ast.Name):
                    self.lines[name.id] = node.lineno
                    self.imported.pop(name.id, None)

    def has(self, code: CodeType) -> bool:
        """Whether loaded code is what stands in the file now."""
        return self._codes.get((code.co_qualname, code.co_firstlineno)) == code

    def of_code(self, code: CodeType, is_ours: IsOurs) -> Written | None:
        """What loaded code was written as; None if that is not in the file, or not certain."""
        if not self.has(code):
            return None
        node: ast.AST | None = self._nodes.get((code.co_qualname, code.co_firstlineno))
        if node is None and code.co_name == "<lambda>":
            node = self._lambda_on(code.co_firstlineno)
        return None if node is None else self._of(node, code, is_ours)

    def of_class(self, qualname: str, is_ours: IsOurs) -> Written | None:
        """What a class was written as; None if there is no single one of that name."""
        found = [
            (node, self._codes.get(key))
            for key, node in self._nodes.items()
            if key[0] == qualname and isinstance(node, ast.ClassDef)
        ]
        if len(found) != 1 or found[0][1] is None:
            return None
        return self._of(found[0][0], found[0][1], is_ours)

    def names_of_class(self, qualname: str) -> list[str]:
        """What the body of a class assigns."""
        bodies = [node.body for (name, _), node in self._nodes.items() if name == qualname]
        assigned = (
            node.targets if isinstance(node, ast.Assign) else [node.target]
            for body in bodies
            for node in body
            if isinstance(node, ast.Assign | ast.AnnAssign)
        )
        return [each.id for targets in assigned for each in targets if isinstance(each, ast.Name)]

    def _lambda_on(self, line: int) -> ast.Lambda | None:
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.Lambda))
        found = [node for node in nodes if node.lineno == line]
        return found[0] if len(found) == 1 else None

    def _of(self, node: ast.AST, code: CodeType, is_ours: IsOurs) -> Written:
        key = code.co_qualname, code.co_firstlineno
        if key not in self._written:
            self._written[key] = _written(node, code, is_ours)
        return self._written[key]


def file_of(path: str) -> SourceFile | None:
    """A source file as it is now, or was when a run began; a notebook's cell; None without any."""
    known = linecache.cache.get(path, ())
    if len(known) == 4 and known[1] is None:  # what was imported is not what is in the file
        return _parsed(path, "".join(known[2]))
    try:
        found = os.stat(path)
        return _file_at(path, found.st_mtime_ns, found.st_size)
    except (OSError, ValueError):
        lines = linecache.getlines(path)
        return _parsed(path, "".join(lines)) if lines else None


def module_digest(text: bytes) -> bytes:
    """The digest of what a whole module is written as."""
    writer = _Writer(lambda chain: chain[-1] in {"task", "pipeline", "resource"})
    writer.block(ast.parse(text).body)
    return writer.digest()


@lru_cache(maxsize=512)
def _file_at(path: str, _mtime: int, _size: int) -> SourceFile | None:
    import tokenize  # here: it is not needed by who runs nothing

    with tokenize.open(path) as file:
        return _parsed(path, file.read())


@lru_cache(maxsize=512)
def _parsed(path: str, text: str) -> SourceFile | None:
    try:
        return SourceFile(path, text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _by_place(compiled: CodeType) -> dict[tuple[str, int], CodeType | None]:
    """All code in a module by name and line; None where two have the same."""
    found: dict[tuple[str, int], CodeType | None] = {}
    waiting = [compiled]
    while waiting:
        for code in waiting.pop().co_consts:
            if hasattr(code, "co_consts"):
                key = code.co_qualname, code.co_firstlineno
                found[key] = None if key in found else code
                waiting.append(code)
    return found


def _first_line(node: _Def) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def names_in(code: CodeType) -> set[str]:
    """The names that code, and code within it, may look up outside of it."""
    found = {*code.co_names, *code.co_freevars}
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            found |= names_in(constant)
    return found


def _written(node: ast.AST, code: CodeType, is_ours: IsOurs) -> Written:
    writer = _Writer(is_ours)
    writer.write(node)
    outside = _Writer(is_ours)
    outside.around(node)
    known = names_in(code)
    inside = {chain for chain in writer.chains if chain[0] in known}
    return Written(
        writer.digest(),
        tuple(sorted(inside | outside.chains)),
        tuple(writer.imports),
        getattr(node, "lineno", code.co_firstlineno),
    )


# --- writing -------------------------------------------------------------------------------------


class _Writer:
    """Writes syntax down as text, and notes the names that are read on the way."""

    def __init__(self, is_ours: IsOurs) -> None:
        self._is_ours = is_ours
        self._out: list[str] = []
        self.chains: set[Chain] = set()
        self.imports: list[Import] = []

    def digest(self) -> bytes:
        """The digest of what was written."""
        return blake2b("".join(self._out).encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def write(self, node: Any) -> None:
        """Write a node, or a list of them, or a plain field of one."""
        special = _SPECIAL.get(node.__class__)
        if special is not None:
            special(self, node)
        elif isinstance(node, ast.AST):
            self._out.append(node.__class__.__name__ + "(")
            kind: Any = type(node)
            for field in _fields(kind):
                value = getattr(node, field, None)
                if value is not None and value != []:
                    self._out.append(field + "=")
                    self.write(value)
            self._out.append(")")
        else:
            self._out.append(ascii(node) + ",")

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Write statements, without the docstring in front."""
        first = body[0] if body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            body = body[1:] if isinstance(first.value.value, str) else body
        self.write(list(body))

    def around(self, node: ast.AST) -> None:
        """Write what is evaluated around a definition; defaults count by their value."""
        for each in getattr(node, "decorator_list", ()):
            chain = chain_of(each.func if isinstance(each, ast.Call) else each)
            if not (chain and self._is_ours(chain)):
                self.write(each)
        if isinstance(node, ast.ClassDef):
            self.write(node.bases)
            self.write(node.keywords)

    def _list(self, nodes: list[Any]) -> None:
        self._out.append("[")
        for each in nodes:
            if not isinstance(each, ast.Pass):
                self.write(each)
        self._out.append("]")

    def _constant(self, node: ast.Constant) -> None:
        self._out.append(f"{type(node.value).__name__}:{node.value!a},")

    def _f_string(self, node: ast.JoinedStr) -> None:
        """Python 3.12 puts empty texts between some of the parts."""
        self._out.append("f(")
        for each in node.values:
            if not (isinstance(each, ast.Constant) and each.value == ""):
                self.write(each)
        self._out.append(")")

    def _name(self, node: ast.Name) -> None:
        self._out.append(f"<{node.id}>")
        if isinstance(node.ctx, ast.Load):
            self.chains.add((node.id,))

    def _attribute(self, node: ast.Attribute) -> None:
        chain = chain_of(node)
        if chain:
            self._out.append(f"<{'.'.join(chain)}>")
            self.chains.add(chain)
            return
        self._out.append(f".{node.attr}(")
        self.write(node.value)
        self._out.append(")")

    def _definition(self, node: _Def) -> None:
        self._out.append(f"{node.__class__.__name__} {node.name}(")
        self.around(node)
        if isinstance(node, ast.ClassDef):
            self._fields_of_class(node.body)
        else:
            self.write(node.args)
            self.block(node.body)
        self._out.append(")")

    def _fields_of_class(self, body: Sequence[ast.stmt]) -> None:
        for each in body:
            if isinstance(each, ast.AnnAssign):
                self._out.append("field:")
                self.write(each.annotation)
        self.block(body)

    def _argument(self, node: ast.arg) -> None:
        self._out.append(f"{node.arg},")

    def _annotated(self, node: ast.AnnAssign) -> None:
        """As the plain assignment; without a value, only the name."""
        if node.value is None:
            self.write(node.target)
        else:
            self.write(ast.Assign([node.target], node.value))

    def _import(self, node: Import) -> None:
        base = f"{node.level} {node.module}" if isinstance(node, ast.ImportFrom) else ""
        names = [(each.name, each.asname) for each in node.names]
        self._out.append(f"import {base} {names}")
        self.imports.append(node)


def chain_of(node: ast.AST) -> Chain:
    """`a.b.c` as names; empty if it does not begin with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


@lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(each for each in kind._fields if each not in _UNTOLD)


_SPECIAL: Final[dict[type, Callable[[_Writer, Any], None]]] = {
    list: _Writer._list,
    ast.Constant: _Writer._constant,
    ast.JoinedStr: _Writer._f_string,
    ast.Name: _Writer._name,
    ast.Attribute: _Writer._attribute,
    ast.FunctionDef: _Writer._definition,
    ast.AsyncFunctionDef: _Writer._definition,
    ast.ClassDef: _Writer._definition,
    ast.arg: _Writer._argument,
    ast.AnnAssign: _Writer._annotated,
    ast.Import: _Writer._import,
    ast.ImportFrom: _Writer._import,
}
