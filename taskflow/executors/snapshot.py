"""Imports the modules of a run from the sources it was started with, not from today's files.

The engine writes the sources once, as one pickled table; every worker, also one that is started
after an edit, serves its imports from there. Lines in tracebacks come from there, too.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import pickle
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType


class Source(NamedTuple):
    """The source of one module as it was when the run started."""

    path: str
    text: bytes
    is_package: bool


class SnapshotFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules of a snapshot."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The spec of a module in the snapshot; None for all others."""
        del path, target
        source = self._sources.get(fullname)
        if source is None:
            return None
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=source.path, is_package=source.is_package
        )
        spec.has_location = True
        if source.is_package:
            # What is not in the snapshot (data, C extensions) is still found beside it.
            spec.submodule_search_locations = [source.path.rpartition("/")[0]]
        return spec

    def get_source(self, fullname: str) -> str:
        """The source text of a module."""
        return importlib.util.decode_source(self._sources[fullname].text)

    def is_package(self, fullname: str) -> bool:
        """Whether a module of the snapshot is a package."""
        return self._sources[fullname].is_package

    def get_code(self, fullname: str) -> CodeType:
        """The compiled module, under its own path."""
        source = self._sources[fullname]
        return compile(source.text, source.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code; a `taskflow.run` at its top level ends the import there."""
        from taskflow.importing import importing

        with importing(module.__name__):
            exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - it is an import


def install(path: str, search: Sequence[str]) -> None:
    """Serve imports from the snapshot in the file `path`, then from `search`."""
    sys.path[:] = [*search, *(entry for entry in sys.path if entry not in search)]
    if not path:
        return
    with open(path, "rb") as file:
        sources: dict[str, Source] = {
            name: Source(*fields) for name, fields in pickle.load(file).items()
        }
    sys.meta_path.insert(0, SnapshotFinder(sources))
    for source in sources.values():
        lines = source.text.decode("utf-8", "replace").splitlines(keepends=True)
        # Without a time of change linecache never looks at the file again.
        linecache.cache[source.path] = (len(source.text), None, lines, source.path)


def write(path: str, sources: dict[str, Source]) -> None:
    """Write a snapshot for `install`."""
    with open(path, "wb") as file:
        pickle.dump({name: tuple(source) for name, source in sources.items()}, file, 5)
