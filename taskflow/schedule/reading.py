"""Reads a file of pipelines: imports it, and says in plain data what it defines.

This runs in a child that was forked for this one file: importing it may do anything.

What is digested is what was imported, byte for byte: modules of the project are compiled from the
bytes that are noted here, never from a cache of bytecode, which is told to be fresh by times in
whole seconds.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
import time
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskflow.authoring.loading import load, own_pipelines, own_traceback, root_and_name
from taskflow.authoring.source import (
    imported_by,
    is_project_file,
    project_root,
    sources_for,
)
from taskflow.call import Source
from taskflow.errors import LoadError, TaskflowError
from taskflow.schedule.defined import refuse_twins
from taskflow.schedule.folder import digest
from taskflow.schedule.messages import Reading
from taskflow.schedule.planning import deploy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import CodeType, ModuleType


def read(file: str, folder: str, tell: Callable[[Reading], None] = lambda _: None) -> Reading:
    """Import a file below a folder of pipelines, and describe the pipelines that it defines.

    What is known before anything of the file runs is told to `tell`, in case nothing comes after.
    """
    began = time.perf_counter()
    root, name = root_and_name(Path(file))
    search = list(dict.fromkeys((os.path.dirname(file), str(root), folder)))
    sys.path[:0] = [each for each in search if each not in sys.path]
    parts = _parts_on_disk(name, file, search)
    before = Reading(file, parts[file], parts=parts)
    tell(before)
    place = _project_of(file, folder)
    imported = _note_imports(place)
    try:
        found = _described(load(file), before, place, imported)
    except LoadError as error:
        found = before._replace(error=str(error))
    digests = {path: digest(text) for path, text in imported.items()}
    return found._replace(
        digest=digests.get(file, before.digest),
        parts={**parts, **found.parts, **digests},
        seconds=time.perf_counter() - began,
    )


def _project_of(file: str, folder: str) -> str:
    """The root of a file's project: at least all that is below the folder of pipelines."""
    root, folder = project_root(file), os.path.realpath(folder)
    return folder if root.startswith(os.path.join(folder, "")) else root


def _described(
    module: ModuleType, before: Reading, project: str, imported: Mapping[str, bytes]
) -> Reading:
    """What a module defines, or what is wrong with it: all at once."""
    pipelines = own_pipelines(module)
    if not pipelines:
        return before
    try:
        entries = refuse_twins(pipelines, imported.get(before.file, b""))
    except TaskflowError as error:
        return before._replace(error=str(error))
    sources = {
        name: Source(each.path, imported.get(each.path, each.text), each.is_package)
        for name, each in sources_for(next(iter(entries.values())).fn, project).items()
    }
    version = _version(sources, project)
    deployed, errors = [], []
    for entry, pipeline in entries.items():
        try:
            deployed.append(deploy(pipeline, before.file, entry, version))
        except TaskflowError as error:
            errors.append(f"{pipeline.short}: {error}")
        except Exception as error:  # noqa: BLE001 - a body is user code
            errors.append(f"{pipeline.short}: its body raises\n{''.join(own_traceback(error))}")
    if errors:
        return before._replace(error="\n".join(errors).rstrip())
    parts = {source.path: digest(source.text) for source in sources.values()}
    return before._replace(deployed=tuple(deployed), sources=sources, parts=parts)


def _version(sources: Mapping[str, Source], root: str) -> str:
    """A digest of sources by module and place in the project, wherever that is."""
    made = sha256()
    for name, source in sorted(sources.items()):
        place = os.path.relpath(os.path.realpath(source.path), root)
        for part in (os.fsencode(name), os.fsencode(place), source.text):
            made.update(sha256(part).digest())
    return made.hexdigest()[:16]


def _note_imports(root: str) -> dict[str, bytes]:
    """From now on, by path, the bytes that modules of the project are imported from."""
    noted: dict[str, bytes] = {}
    usual = SourceFileLoader.get_code

    def get_code(self: Any, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not is_project_file(path, root):
            return usual(self, fullname)
        text = noted[path] = self.get_data(path)
        lines = text.decode("utf-8", "replace").splitlines(keepends=True)
        # Without a time of change linecache never looks at the file again.
        linecache.cache[path] = (len(text), None, lines, path)
        code: CodeType = self.source_to_code(text, path)
        return code

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign] # this process is for that
    return noted


# --- what a file will import, from its text alone ----------------------------------------------


def _parts_on_disk(name: str, file: str, search: Sequence[str]) -> dict[str, str]:
    """The digests of a file and of the modules beside it that it imports; of none that is run.

    Where a module that is nowhere could be is noted, too: it may be written next.
    """
    parts: dict[str, str] = {}
    packages = [name[:at] for at, letter in enumerate(name) if letter == "."]
    waiting = [(name, file), *((each, place) for each, place in _found(packages, search) if place)]
    while waiting:
        module, path = waiting.pop()
        if path in parts:
            continue
        text = _text(path)
        parts[path] = "" if text is None else digest(text)
        source = Source(path, text or b"", os.path.basename(path) == "__init__.py")
        for each, place in _found(imported_by(module, source), search):
            if place:
                waiting.append((each, place))
            elif _is_nowhere(each):
                parts.update(dict.fromkeys(_places(each, search), ""))
    return parts


def _found(names: Iterable[str], search: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Modules and where each lies in the project; nowhere is empty."""
    for name in names:
        yield name, next(filter(os.path.isfile, _places(name, search)), "")


def _places(name: str, search: Sequence[str]) -> list[str]:
    """The paths that a module could have in a project, in the order in which they are tried."""
    bases = [os.path.join(folder, *name.split(".")) for folder in search]
    every = [(os.path.join(base, "__init__.py"), f"{base}.py") for base in bases]
    return [place for pair in every for place in pair]


def _is_nowhere(name: str) -> bool:
    """Whether Python would find no module of that name; none is imported to know it."""
    if "." in name:
        return False
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return False


def _text(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
