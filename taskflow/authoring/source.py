"""Reads code: which modules belong to the user's project, and their sources."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import os
import sys
import sysconfig
from importlib.machinery import SourceFileLoader as FileLoader
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

#: What marks the root of a project, nearest first.
MARKS: Final = (".taskflow", "pyproject.toml", ".git")

_INSTALLED: Final = tuple(
    os.path.realpath(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib", "platlib")
)
_OURS: Final = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


#: By module, the sources that were kept, and that this process imports from.
_SERVED: Final[dict[str, Source]] = {}


def note_served(sources: Mapping[str, Source]) -> None:
    """From now on this process imports from these sources."""
    _SERVED.clear()
    _SERVED.update(sources)


def sources_for(fn: Any, root: str = "") -> dict[str, Source]:
    """The sources of the project's modules that a run of `fn` may need, by module name.

    Those that are loaded, and those of the project that they import, also inside functions. The
    project is at `root`; without that, where the file of `fn` says. What this process imports from
    sources that were kept is the project's wherever it was: its files may be gone.
    """
    root = root or project_root(_file_of(fn))
    found = dict(_SERVED)
    waiting = [name for name, module in list(sys.modules.items()) if _in_project(module, root)]
    while waiting:
        name = waiting.pop()
        if name in found or name == "__main__":
            continue
        source = source_of(name)
        if source is not None:
            found[name] = source
            waiting += [each for each in imported_by(name, source) if is_project_module(each, root)]
    return found


def _file_of(fn: Any) -> str:
    """Where a function is written; if that is no file, a path in the working directory."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    path = code.co_filename if code else ""
    return path if os.path.exists(path) else os.path.join(os.getcwd(), "x")


def project_root(path: str) -> str:
    """The folder of the project that a file belongs to; the file's own folder if none is marked."""
    folder = os.path.dirname(os.path.realpath(path))
    home = os.path.realpath(os.path.expanduser("~"))
    here = folder
    while here not in (home, os.path.dirname(here)):
        if any(os.path.exists(os.path.join(here, mark)) for mark in MARKS):
            return here
        here = os.path.dirname(here)
    return folder


def _in_project(module: ModuleType | None, root: str) -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and is_project_file(path, root)


def is_project_file(path: str, root: str) -> bool:
    """Whether a file is source of the project at `root`, and not of something installed there."""
    if path.startswith((*_INSTALLED, _OURS + os.sep)):
        return False  # most are: this need not ask the disk
    real = _real(path)
    if not real.endswith(".py") or not real.startswith(root + os.sep):
        return False
    return not real.startswith((*_INSTALLED, _OURS + os.sep)) and "site-packages" not in real


@functools.lru_cache(maxsize=4096)
def _real(path: str) -> str:
    return os.path.realpath(path)


def is_project_module(name: str, root: str) -> bool:
    """Whether a module, imported or not, is of the project at `root`."""
    top = name.partition(".")[0]
    try:
        # First the top alone: to look for `a.b`, Python imports `a`, which may be a big library.
        spec = importlib.util.find_spec(top)
        where = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), ""))
        if not where or not _real(where).startswith(root + os.sep):
            return False
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return False
    return spec is not None and bool(spec.origin) and is_project_file(spec.origin or "", root)


def source_of(name: str) -> Source | None:
    """The source of a module, imported or not; None if it has none."""
    module = sys.modules.get(name)
    path, loader = getattr(module, "__file__", None), getattr(module, "__loader__", None)
    if path is None:
        spec = importlib.util.find_spec(name)
        path, loader = (spec.origin, spec.loader) if spec else (None, None)
    if path is None:
        return None
    try:
        # As it was imported: a snapshot has other texts than the files of today.
        text = loader.get_data(path) if isinstance(loader, FileLoader) else _content(path)
    except OSError:
        return None
    return Source(path, text, os.path.basename(path) == "__init__.py")


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@functools.lru_cache(maxsize=256)
def imported_by(name: str, source: Source) -> tuple[str, ...]:
    """The names of the modules that a source imports, with their packages."""
    try:
        tree = ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    package = name if source.is_package else name.rpartition(".")[0]
    statements = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
    return tuple(each for node in statements for each in imports_of(node, package))


def imports_of(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """The names of the modules that a statement in a package may import, with their packages."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_packages(alias.name)
    elif base := base_of(node, package):
        yield from _with_packages(base)
        for alias in node.names:
            yield f"{base}.{alias.name}"


def base_of(node: ast.ImportFrom, package: str) -> str:
    """The module that a `from` statement in a package names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def _with_packages(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
