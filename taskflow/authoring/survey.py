"""The parts of a project's code that a task uses, each looked at once.

A part is a function, a class, a constant, or a module that is imported when a function runs. It has
a digest of its own and uses other parts; the print of a task is of all that can be reached.
"""

from __future__ import annotations

import functools
import os
import sys
from contextlib import suppress
from hashlib import blake2b
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from taskflow.authoring.meaning import Names, cells_of, classes_around, label_of, plain
from taskflow.authoring.source import (
    imported_by,
    is_project_file,
    is_project_module,
    project_root,
    source_of,
)
from taskflow.authoring.syntax import file_of, module_digest
from taskflow.content import Undigestible, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskflow.authoring.meaning import Key, Thing
    from taskflow.authoring.syntax import SourceFile


class CodePrint(NamedTuple):
    """The fingerprint of a task's code, ready for JSON.

    `parts` are what it is made of: `{"text.clean": {"digest": ..., "at": "text.py:12", "kind":
    "helper"}}`. `unknown` names what has no content that could be compared.
    """

    digest: str
    parts: dict[str, dict[str, str]]
    unknown: list[str]


class _Part(NamedTuple):
    label: str
    kind: str
    digest: str
    at: str = ""
    uses: tuple[Key, ...] = ()
    unknown: tuple[str, ...] = ()  #: what in it cannot be computed; `{user}` is who uses it


def root_of(thing: Any) -> str:
    """The folder of the project that a task or function belongs to."""
    code = getattr(plain(thing), "__code__", None)
    path = code.co_filename if code else ""
    return project_root(path if os.path.exists(path) else os.path.join(os.getcwd(), "x"))


class Survey:
    """What is known of the code of one project, at one moment."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._parts: dict[Key, _Part] = {}
        self._things: dict[Key, Thing] = {}  # kept, so that their ids stay theirs
        self._is_file = functools.cache(lambda path: is_project_file(path, root))

    def print_of(self, thing: Any) -> CodePrint:
        """The print of one thing and all that it uses."""
        kind = type(plain(thing))
        names = Names(self, {}, kind.__module__)
        text = names.refer(thing, (kind.__module__, kind.__qualname__))
        start = list(names.uses)
        parts: dict[str, dict[str, str]] = {}
        unknown: dict[str, None] = {}
        for key, user in self._reached(start):
            part = self._part(key)
            shown = "code" if key == start[0] else part.kind
            label = _free(part.label, parts)
            parts[label] = {"digest": part.digest, "at": part.at, "kind": shown}
            unknown.update(dict.fromkeys(each.replace("{user}", user) for each in part.unknown))
        told = sorted((label, part["digest"]) for label, part in parts.items())
        return CodePrint(_hex(repr((text, told)).encode()), parts, list(unknown))

    def _reached(self, start: Iterable[Key]) -> Iterator[tuple[Key, str]]:
        """All parts that are used, the nearest first, each with the name of who uses it."""
        waiting = [(key, "it") for key in start]
        seen: set[Key] = set()
        for key, user in waiting:  # which grows meanwhile
            if key not in seen:
                seen.add(key)
                yield key, user
                part = self._part(key)
                waiting += [(each, part.label.rpartition(".")[2]) for each in part.uses]

    def note(self, key: Key, thing: Thing) -> None:
        """Remember what a key stands for until it is looked at."""
        self._things.setdefault(key, thing)

    def _part(self, key: Key) -> _Part:
        if key not in self._parts:
            thing = self._things[key]
            if isinstance(thing, FunctionType):
                self._parts[key] = self._function(thing)
            elif isinstance(thing, type):
                self._parts[key] = self._class(thing)
            elif isinstance(thing, str):
                self._parts[key] = self._module(thing)
            else:
                self._parts[key] = self._constant(*thing)
        return self._parts[key]

    # --- what belongs to the project ---

    def is_ours(self, thing: FunctionType | type | ModuleType) -> bool:
        """Whether a function, class or module is the project's own."""
        if isinstance(thing, FunctionType):
            if os.path.isfile(thing.__code__.co_filename):
                return self._is_file(thing.__code__.co_filename)
            name = thing.__globals__.get("__name__", "__main__")
        else:
            name = thing.__name__ if isinstance(thing, ModuleType) else thing.__module__
        module = sys.modules.get(name)
        if name == "__main__" or module is None:  # typed in, or executed from a text
            return True
        path = getattr(module, "__file__", None)
        return isinstance(path, str) and self._is_file(path)

    def is_our_module(self, name: str) -> bool:
        """Whether a module of that name, imported or not, is the project's own."""
        loaded = sys.modules.get(name)
        if loaded is not None:
            return self.is_ours(loaded)
        if name.partition(".")[0] in sys.stdlib_module_names:
            return False
        return is_project_module(name, self._root)

    def _place(self, path: str, line: int = 0) -> str:
        """A line of the project, as people are told of it."""
        shown = os.path.relpath(path, self._root) if os.path.isfile(path) else path
        return f"{shown}:{line}" if line else shown

    # --- parts ---

    def _function(self, fn: FunctionType) -> _Part:
        code, file = fn.__code__, file_of(fn.__code__.co_filename)
        names = Names(self, fn.__globals__, fn.__globals__.get("__name__"), cells_of(fn))
        names.within = code.co_qualname
        written = file.of_code(code, names.is_taskflows) if file else None
        own = names.read(written) if written else names.read_compiled(code)
        names.follow(getattr(fn, "__wrapped__", None))
        for each in classes_around(fn):
            names.follow(each)
        names.count(f"the defaults of {code.co_name}", (fn.__defaults__, fn.__kwdefaults__))
        at = self._place(code.co_filename, written.line if written else code.co_firstlineno)
        return self._made(label_of(fn), "helper", names, own, at)

    def _class(self, cls: type) -> _Part:
        module = sys.modules.get(cls.__module__)
        path = _path_of_class(cls) or getattr(module, "__file__", None) or ""
        file = file_of(path)
        names = Names(self, getattr(module, "__dict__", {}), cls.__module__)
        written = None
        if file and _is_current(cls, path, file):
            written = file.of_class(cls.__qualname__, names.is_taskflows)
        for base in cls.__bases__:
            names.follow(base)
        if file and written:
            own = names.read(written)
            content = _attributes(cls, file.names_of_class(cls.__qualname__))
        else:
            own, content = b"made by a call", _made_content(cls)
        for name, value in content.items():
            names.count(f"attribute `{cls.__qualname__}.{name}`", value)
        at = self._place(path, written.line if written else 0)
        return self._made(label_of(cls), "class", names, own, at)

    def _made(self, label: str, kind: str, names: Names, own: bytes, at: str) -> _Part:
        return _Part(label, kind, names.digest(own), at, tuple(names.uses), tuple(names.unknown))

    def _module(self, name: str) -> _Part:
        """A module that is imported when a function runs: it counts as a whole, as it is written.

        Importing it now could take long, and have effects that are not wanted yet.
        """
        source = source_of(name)
        if source is None:
            return _Part(name, "module", "")
        others = {each: each for each in imported_by(name, source) if self.is_our_module(each)}
        for each in others:
            self.note(("module", each), each)
        digest = "not Python"
        with suppress(SyntaxError, ValueError, RecursionError):  # its import will tell of it
            digest = module_digest(source.text).hex()
        uses = tuple(("module", each) for each in others)
        return _Part(name, "module", digest, self._place(source.path), uses)

    def _constant(self, value: object, module: str, name: str) -> _Part:
        names = Names(self, {}, module)
        unknown: tuple[str, ...] = ()
        try:
            digest = digest_of(value, code=names.named).hex()
        except Undigestible as error:
            digest = "unknown"
            unknown = (f"global `{name}`{error.path} of {{user}} ({error.kind})",)
        path = getattr(sys.modules.get(module), "__file__", None) or ""
        file = file_of(path) if path else None
        line = file.lines.get(name, 0) if file else 0
        at = self._place(path, line) if line else ""
        label = label_of(name, module)
        return _Part(label, "constant", digest, at, tuple(names.uses), unknown)


def _hex(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _free(label: str, taken: dict[str, Any]) -> str:
    """A label for one more part of that name: functions made in a loop share theirs."""
    number, free = 1, label
    while free in taken:
        number += 1
        free = f"{label}#{number}"
    return free


# --- classes -------------------------------------------------------------------------------------


def _methods(cls: type) -> list[FunctionType]:
    """The functions that were written in the body of a class."""
    found = (plain(getattr(each, "fget", each)) for each in vars(cls).values())
    prefix = cls.__qualname__ + "."
    return [
        each
        for each in found
        if isinstance(each, FunctionType) and each.__code__.co_qualname.startswith(prefix)
    ]


def _path_of_class(cls: type) -> str:
    paths = (each.__code__.co_filename for each in _methods(cls))
    return next((path for path in paths if not path.startswith("<")), "")


def _is_current(cls: type, path: str, file: SourceFile) -> bool:
    """Whether the methods of a class are what stands in its file now."""
    codes = (each.__code__ for each in _methods(cls))
    return all(file.has(code) for code in codes if code.co_filename == path)


def _attributes(cls: type, names: Iterable[str]) -> dict[str, Any]:
    """What the body of a class has assigned, as it is now; members of an enum stand in its text."""
    found = {name: vars(cls)[name] for name in names if name in vars(cls)}
    return {
        name: value
        for name, value in found.items()
        if not hasattr(type(value), "__get__") and not isinstance(value, cls)
    }


def _made_content(cls: Any) -> dict[str, Any]:
    """What a class comes to that has no text, or another one by now."""
    if hasattr(cls, "_fields"):
        return {"fields": cls._fields, "defaults": cls._field_defaults}
    if hasattr(cls, "__members__"):
        return {name: each.value for name, each in cls.__members__.items()}
    codes = {each.__name__: each.__code__ for each in _methods(cls)}
    names = (name for name in vars(cls) if not name.startswith("__"))
    return {"python": sys.version_info[:2], **_attributes(cls, names), **codes}
