"""Imports the modules of a run from the sources it was started with, not from today's files.

The engine writes the sources once, as one pickled table; every worker, also one that is started
after an edit, serves its imports from there. Lines in tracebacks come from there, too.
"""

from __future__ import annotations

import linecache
import os
import pickle
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING, NamedTuple

from taskflow.call import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType


class Loaded(NamedTuple):
    """Code that a process may have loaded, or may have to load."""

    sources: dict[str, Source]
    #: Where modules are looked for that are not in the snapshot.
    search: tuple[str, ...]
    #: Files of modules that were found there, outside of any library, since a time.
    others: tuple[str, ...] = ()
    since: float = 0.0

    def is_part_of(self, needed: Loaded) -> bool:
        """Whether a process with this code loaded can go on with the code that is needed."""
        return (
            self.search == needed.search
            and all(needed.sources.get(name) == source for name, source in self.sources.items())
            and not any(_has_changed(path, self.since) for path in self.others)
        )


def _has_changed(path: str, since: float) -> bool:
    try:
        return os.stat(path).st_ctime >= since
    except OSError:
        return True


class SnapshotFinder:
    """Finds the modules of a snapshot; an entry of `sys.meta_path`."""

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
        # What is not in the snapshot (data, C extensions) is still found beside a package.
        beside = [os.path.dirname(source.path)] if source.is_package else None
        loader = SnapshotLoader(fullname, source)
        return spec_from_file_location(
            fullname, source.path, loader=loader, submodule_search_locations=beside
        )


class SnapshotLoader(SourceFileLoader):
    """Loads a module from its source in the snapshot, under its own path."""

    def __init__(self, fullname: str, source: Source) -> None:
        super().__init__(fullname, source.path)
        self._text = source.text

    def get_data(self, path: str) -> bytes:
        """The source of the module; any other file as it is today."""
        return self._text if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:
        """The compiled module; never from a cache of today's file."""
        del fullname
        return self.source_to_code(self._text, self.path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code; a `taskflow.run` at its top level ends the import there."""
        from taskflow.importing import importing

        with importing(module.__name__):
            exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - it is an import


def install(path: str, search: Sequence[str]) -> None:
    """Serve imports from the snapshot in the file `path`, then from `search`."""
    serve(read(path), search)


def serve(sources: dict[str, Source], search: Sequence[str]) -> None:
    """Serve imports from these sources, then from `search`."""
    sys.path[:] = [*search, *(entry for entry in sys.path if entry not in search)]
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, SnapshotFinder)]
    if not sources:
        return
    sys.meta_path.insert(0, SnapshotFinder(sources))
    for source in sources.values():
        lines = source.text.decode("utf-8", "replace").splitlines(keepends=True)
        # Without a time of change linecache never looks at the file again.
        linecache.cache[source.path] = (len(source.text), None, lines, source.path)


def read(path: str) -> dict[str, Source]:
    """The sources in the file `path`, by module; none without a file."""
    if not path:
        return {}
    with open(path, "rb") as file:
        return {name: Source(*fields) for name, fields in pickle.load(file).items()}


def write(path: str, sources: dict[str, Source]) -> None:
    """Write a snapshot for `install`."""
    with open(path, "wb") as file:
        pickle.dump({name: tuple(source) for name, source in sources.items()}, file, 5)
