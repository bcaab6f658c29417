"""What the names in a piece of code stand for: parts of the project, or what is installed."""

from __future__ import annotations

import functools
import sys
from hashlib import blake2b
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

from taskflow.authoring.definition import Definition
from taskflow.authoring.resource import Resource
from taskflow.authoring.source import base_of, imports_of, source_of
from taskflow.authoring.syntax import file_of, names_in
from taskflow.authoring.task import BoundTask
from taskflow.content import Undigestible, digest_of
from taskflow.naming import module_name, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

    from taskflow.authoring.syntax import Chain, Written

#: How a part is found again: its kind, and what tells it from others of that kind.
Key = tuple[Any, ...]
#: A function, a class, the name of a module; or a value with the module and name it was found by.
Thing = FunctionType | type | str | tuple[object, str, str]

#: What Python puts into every module; a script has other ones than a module.
_EVERY_MODULES: Final = frozenset(
    f"__{name}__"
    for name in ("builtins", "cached", "doc", "file", "loader", "name", "package", "path", "spec")
)
_PYTHON: Final = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
_CACHED: Final = type(functools.cache(len))
_LONGEST: Final = 20  #: a name that was handed on more often than this stays where it is


class Project(Protocol):
    """What has to be known of a project to tell what a name in it stands for."""

    def is_ours(self, thing: FunctionType | type | ModuleType) -> bool:
        """Whether a function, class or module is the project's own."""

    def is_our_module(self, name: str) -> bool:
        """Whether a module of that name, imported or not, is the project's own."""

    def note(self, key: Key, thing: Thing) -> None:
        """Remember what a key stands for."""


class Names:
    """The names of one piece of code: `uses` are the parts of the project they stand for."""

    def __init__(
        self,
        project: Project,
        scope: Mapping[str, Any],
        module: str | None,
        cells: Mapping[str, Any] | None = None,
    ) -> None:
        self._project = project
        self._scope = scope
        self._module = module or "__main__"
        self._cells = cells or {}
        self._meant: list[str] = []
        self._followed: set[int] = set()
        self.within = ""  #: the function whose cells these are
        self.uses: dict[Key, None] = {}
        self.unknown: list[str] = []

    def digest(self, own: bytes) -> str:
        """The digest of the code together with what its names stand for."""
        meant = "\n".join(sorted(self._meant)).encode("utf-8", "surrogatepass")
        return blake2b(own + meant, digest_size=16).hexdigest()

    def is_taskflows(self, chain: Chain) -> bool:
        """Whether a decorator of that name is taskflow's own, which says how to run, not what."""
        value = self._scope.get(chain[0])
        if value is None:  # it is imported where it is used
            return chain[-1] in {"task", "pipeline", "resource"}
        for name in chain[1:]:
            value = getattr(value, name, None)
        while isinstance(value, functools.partial):
            value = value.func
        return str(getattr(value, "__module__", "")).startswith("taskflow.")

    # --- whole pieces of code ---

    def read(self, written: Written) -> bytes:
        """Find out what all names in a text stand for; returns the digest of the text."""
        for chain in written.chains:
            self._look_up(chain)
        package = self._scope.get("__package__") or ""
        for node in written.imports:
            for name in imports_of(node, package):
                if self._project.is_our_module(name) and source_of(name):
                    self._use(("module", name), name)
        return written.digest

    def read_compiled(self, code: CodeType) -> bytes:
        """The same for compiled code, in which some of the names may be attributes."""
        for name in sorted(names_in(code)):
            self._look_up((name,))
        return _PYTHON.encode() + digest_of(code)

    def count(self, what: str, value: object) -> None:
        """Let the content of a value count, or be unknown."""
        try:
            self._meant.append(f"{what} {digest_of(value, code=self.named).hex()}")
        except Undigestible as error:
            way = f": {error.path}" if error.path else ""
            self.unknown.append(f"{what}{way} ({error.kind})")

    # --- single names ---

    def _look_up(self, chain: Chain) -> None:
        first, *rest = chain
        if first in self._cells:
            home = self._module, f"{self.within}.{first}"
            self._mean(chain, self._cells[first], home)
        elif first in self._scope and first not in _EVERY_MODULES:
            value, home = self._scope[first], (self._module, first)
            while isinstance(value, ModuleType) and rest and self._project.is_ours(value):
                if not hasattr(value, rest[0]):
                    break
                home = value.__name__, rest.pop(0)
                value = getattr(value, home[1])
            self._mean(chain, value, self._home(*home))

    def _mean(self, chain: Chain, value: object, home: tuple[str, str]) -> None:
        self._meant.append(f"{'.'.join(chain)} = {self.refer(value, home)}")

    def refer(self, value: object, home: tuple[str, str]) -> str:
        """What a value is that was found by a module and a name; the project's own is noted."""
        value = plain(value)
        if isinstance(value, ModuleType):
            return f"module {module_name(value.__name__)}"
        if isinstance(value, (FunctionType, type)):
            return self.named(value)
        module, name = home
        if module == self._module or self._project.is_our_module(module):
            # By identity too: functions made in a loop have closures of the same names.
            self._use(("constant", module, name, id(value)), (value, module, name))
        return f"{module_name(module)}:{name}"

    def _home(self, module: str, name: str) -> tuple[str, str]:
        """Where a name of a module comes from: it may be imported from another one."""
        for _ in range(_LONGEST):
            if not self._project.is_our_module(module):
                break
            loaded = sys.modules.get(module)
            file = file_of(getattr(loaded, "__file__", None) or "")
            node = file.imported.get(name) if file else None
            if node is None:
                break
            original = (each.name for each in node.names if (each.asname or each.name) == name)
            module = base_of(node, getattr(loaded, "__package__", None) or "")
            name = next(original, name)
        return module, name

    def named(self, thing: Any) -> str:
        """The name of a function, class or task; what is the project's own is noted as used."""
        thing = plain(thing)
        if not isinstance(thing, (FunctionType, type)):
            return self.refer(thing, (self._module, type(thing).__qualname__))
        if self._project.is_ours(thing):
            self._use(("code", id(thing)), thing)
            return label_of(thing)
        if isinstance(thing, FunctionType):  # it may be a wrapper around the project's code
            for each in (getattr(thing, "__wrapped__", None), *cells_of(thing).values()):
                self.follow(each)
        return name_of(thing)

    def follow(self, thing: object) -> None:
        """Note a function or class of the project as used; anything else is passed over."""
        thing = plain(thing)
        if isinstance(thing, (FunctionType, type)) and id(thing) not in self._followed:
            self._followed.add(id(thing))
            self._meant.append(f"with {self.named(thing)}")

    def _use(self, key: Key, thing: Thing) -> None:
        self._project.note(key, thing)
        self.uses[key] = None


def plain(thing: Any) -> Any:
    """The function in a task, a pipeline, a resource, a cached or static or class method."""
    while True:
        if isinstance(thing, BoundTask):
            thing = thing.task
        elif isinstance(thing, (Definition, Resource)):
            thing = thing.fn.func if isinstance(thing.fn, functools.partial) else thing.fn
        elif isinstance(thing, _CACHED):
            thing = thing.__wrapped__
        elif isinstance(thing, (staticmethod, classmethod)):
            thing = thing.__func__
        else:
            return thing


def label_of(thing: Any, module: str = "") -> str:
    """How a part of the project is called: `text.clean`, `scrape.LIMIT`."""
    if isinstance(thing, str):
        name = thing
    elif isinstance(thing, FunctionType):
        module, name = thing.__globals__.get("__name__", ""), thing.__code__.co_qualname
    else:
        module, name = thing.__module__, thing.__qualname__
    return f"{module_name(module or '__main__')}.{name.replace('.<locals>', '')}"


def cells_of(fn: FunctionType) -> dict[str, Any]:
    """The closure of a function by name, without what is not assigned yet."""
    found = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def classes_around(fn: FunctionType) -> list[type]:
    """The class that a method was written in, if it can be found by name."""
    found: Any = None
    *names, _ = fn.__code__.co_qualname.split(".")
    if names and "<locals>" not in names:
        found = fn.__globals__.get(names[0])
        for name in names[1:]:
            found = getattr(found, name, None)
    return [found] if isinstance(found, type) else []
