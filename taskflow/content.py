"""The content of values as digests: equal for equal content, in any process and on any run.

A value is taken apart into a head, which says what it is, and parts, which are values again; its
digest is of the head and of what its parts come to. What has no order (sets, dicts) is put in the
order of the digests. Objects that say nothing better of themselves are taken apart as pickle
does it. A class may say better: `__taskflow_digest__(self)` returns what its content is.

1, True and 1.0 differ, 0.0 and -0.0 too; one nan is as good as another.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import logging
import marshal
import math
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from taskflow import tables
from taskflow.naming import is_installed, module_name, name_of
from taskflow.pickled import elements, shown

__all__ = ["Undigestible", "digest_of", "elements", "shown"]

#: Of what is longer, parents hold the digest in place of the bytes.
_SHORT: Final = 64
_CONSTANTS: Final = frozenset({int, str, bytes, bool, type(None)})
_SCALARS: Final = _CONSTANTS | {float}
_NAN: Final = marshal.dumps(math.nan, 2)
_CACHED: Final = type(functools.cache(len))

#: What a function, class or task is called in place of its code; see `digest_of`.
NameOf = Callable[[Any], str]


class Undigestible(ValueError):  # noqa: N818 - the word for it, as `Unpicklable` would be
    """A value has no content that a digest could be made of; `path` and `kind` name the part."""

    def __init__(self, where: str, path: str, kind: str, why: str) -> None:
        self.path = path.strip()
        way = f": {self.path}" if path else ""
        super().__init__(f"{where}{way} ({kind}) has no digest: {why}")
        self.kind = kind


class _Parts(NamedTuple):
    """A value taken apart; in groups of `group` parts, whose order counts only if it is 0."""

    head: str
    parts: Iterable[Any] = ()
    group: int = 0
    raw: Any = b""  #: bytes that count as they are
    step: Callable[[int], str] = lambda _: ""  #: how the way to part number n is written


class _State(dict[str, Any]):
    """The attributes of an object."""


def digest_of(value: object, where: str = "value", code: NameOf | None = None) -> bytes:
    """The digest of a value's content, 16 bytes.

    Raises `Undigestible` with the path to the part that has none; the message begins with `where`.
    Functions count by their compiled code, classes by name, what is installed by name alone;
    `code` says otherwise: it is called with each function, class and task, and returns what counts.
    """
    return _Digester(where, code).digest(value)


# --- the walk ------------------------------------------------------------------------------------


class _Open:
    """A value whose parts are being digested."""

    __slots__ = ("done", "parts", "rest", "value")

    def __init__(self, value: object, parts: _Parts) -> None:
        self.value = value
        self.parts = parts
        self.rest = iter(parts.parts)
        self.done: list[bytes] = []

    def close(self) -> bytes:
        """What the value comes to, once all its parts are done."""
        head, _, group, raw, _ = self.parts
        done = self.done
        if group:
            done = sorted(b"".join(done[at : at + group]) for at in range(0, len(done), group))
        hasher = blake2b(marshal.dumps(head, 2), digest_size=16)
        hasher.update(b"".join(done))
        hasher.update(raw)
        return b"#" + hasher.digest()


class _Digester:
    """Digests one value, without recursion: data may be nested deeper than Python's stack."""

    def __init__(self, where: str, code: NameOf | None) -> None:
        self._where = where
        self._code = code
        self._stack: list[_Open] = []
        # By id, which is unique only while an object lives: so they are kept.
        self._known: dict[int, tuple[bytes, object]] = {}
        self._open: set[int] = set()

    def digest(self, value: object) -> bytes:
        done = _quick(value)
        if done is not None:
            return blake2b(done, digest_size=16).digest()
        self._push(value)
        while True:
            top = self._stack[-1]
            if self._descend(top):
                continue
            done = top.close()
            self._stack.pop()
            self._open.discard(id(top.value))
            self._known[id(top.value)] = done, top.value
            if not self._stack:
                return done[1:]
            self._stack[-1].done.append(done)

    def _descend(self, top: _Open) -> bool:
        """Go through parts up to one that has to be taken apart itself; False if there is none."""
        done, known = top.done, self._known
        try:
            for part in top.rest:
                quick = _quick(part)
                if quick is not None:
                    done.append(quick)
                elif id(part) in known:
                    done.append(known[id(part)][0])
                else:
                    self._push(part)
                    return True
        except (Undigestible, MemoryError):
            raise
        except Exception as error:
            raise self._refusal(top.value, _line(error), self._stack[:-1]) from error
        return False

    def _push(self, value: object) -> None:
        if id(value) in self._open and not isinstance(value, types.FunctionType):
            raise self._refusal(value, "it contains itself", self._stack)
        try:
            # A function that calls itself stands in its own closure.
            inside = id(value) in self._open
            parts = _Parts("itself " + name_of(value)) if inside else self._apart(value)
        except MemoryError:
            raise
        except Exception as error:
            raise self._refusal(value, _line(error), self._stack) from error
        self._open.add(id(value))
        self._stack.append(_Open(value, parts))

    def _refusal(self, value: object, why: str, stack: list[_Open]) -> Undigestible:
        path = "".join(each.parts.step(len(each.done)) for each in stack)
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        return Undigestible(self._where, path, kind, why)

    def _apart(self, value: Any) -> _Parts:
        kind = type(value)
        own = getattr(kind, "__taskflow_digest__", None)
        if own is not None:
            return _Parts("own " + name_of(kind), (own(value),))
        if _is_task(value) and hasattr(value, "__self__"):
            return _Parts("method", (value.task, value.__self__))
        if isinstance(value, type) or kind is types.FunctionType or _is_task(value):
            if self._code is not None:
                return _Parts("code " + self._code(value))
            return _code_apart(value)
        for take_apart in (_APART.get(kind), _library_apart(kind), _family_apart(value)):
            if take_apart is not None:
                return take_apart(value)
        return _object_apart(value)


def _line(error: Exception) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {text}"


def _quick(value: Any) -> bytes | None:
    """What a scalar, or a flat list of them, comes to; None for what has to be taken apart.

    In the format of `marshal` version 2, which knows no references, has been the same since
    Python 2.5, and says where it ends.
    """
    kind = type(value)
    if kind in _CONSTANTS:
        data = marshal.dumps(value, 2)
    elif kind is float:
        return marshal.dumps(value, 2) if value == value else _NAN  # noqa: PLR0124 - not nan
    elif (kind is list or kind is tuple) and _is_flat(value):
        data = marshal.dumps(value, 2)
    elif kind is dict and set(map(type, value)) <= {str} and _is_flat(value.values()):
        data = b"{" + marshal.dumps(sorted(value.items()), 2)
    else:
        return None
    return data if len(data) < _SHORT else b"#" + blake2b(data, digest_size=16).digest()


def _is_flat(values: Any) -> bool:
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return False
    return float not in kinds or all(map(float.__eq__, *_floats(values)))


def _floats(values: Any) -> tuple[list[float], list[float]]:
    floats = [each for each in values if type(each) is float]
    return floats, floats


# --- how values are taken apart ---------------------------------------------------------------


def _dict_apart(value: dict[Any, Any]) -> _Parts:
    def step(number: int) -> str:
        return f"[{list(value)[number // 2]!r}]" if number % 2 else " key"

    return _Parts("dict", _flattened(value), 2, step=step)


def _flattened(value: Any) -> Iterator[Any]:
    for item in value.items():
        yield from item


def _state_apart(value: _State) -> _Parts:
    return _Parts("state", _flattened(value), 2, step=lambda n: f".{list(value)[n // 2]}")


def _set_apart(value: Any) -> _Parts:
    kind = type(value)
    head = kind.__name__ if kind in (set, frozenset) else name_of(kind)
    # The attributes of a subclass are an element that no set could have.
    more = (_State(vars(value)),) if getattr(value, "__dict__", None) else ()
    return _Parts(head, (*value, *more), 1, step=lambda _: "{...}")


def _code_apart(value: Any) -> _Parts:
    """Functions by code, defaults and closure; classes by name; tasks by their function."""
    if isinstance(value, type):
        return _Parts("class " + name_of(value))
    if not isinstance(value, types.FunctionType):
        return _Parts("task", (value.fn,))
    if is_installed(value):
        return _Parts("function " + name_of(value))
    cells = [_cell(cell) for cell in value.__closure__ or ()]
    parts = (value.__code__, value.__defaults__, value.__kwdefaults__, *cells)
    names = ("", " default", " default", *value.__code__.co_freevars)
    return _Parts("function " + name_of(value), parts, step=lambda n: f" closure {names[n]}")


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return "an empty cell"


def _compiled_apart(code: types.CodeType) -> _Parts:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return _Parts("code", (code.co_name, counts, *names, code.co_code, code.co_consts))


def _is_task(value: Any) -> bool:
    return hasattr(type(value), "__taskflow_uncalled__") and hasattr(value, "fn")


def _number_apart(value: complex) -> _Parts:
    return _Parts("complex", (value.real, value.imag))


_APART: Final[dict[type, Callable[[Any], _Parts]]] = {
    list: lambda value: _Parts("list", value, step="[{}]".format),
    tuple: lambda value: _Parts("tuple", value, step="[{}]".format),
    dict: _dict_apart,
    _State: _state_apart,
    OrderedDict: lambda value: _Parts("ordered", list(_flattened(value))),
    set: _set_apart,
    frozenset: _set_apart,
    complex: _number_apart,
    bytearray: lambda value: _Parts("bytearray", raw=bytes(value)),
    memoryview: lambda value: _Parts(f"memory {value.format} {value.shape}", raw=value.tobytes()),
    types.MappingProxyType: lambda value: _Parts("proxy", (dict(value),)),
    types.ModuleType: lambda value: _Parts("module " + module_name(value.__name__)),
    types.MethodType: lambda value: _Parts("method", (value.__func__, value.__self__)),
    types.CodeType: _compiled_apart,
    _CACHED: lambda value: _Parts("cached", (value.__wrapped__,)),
    logging.Logger: lambda value: _Parts("logger " + module_name(value.name)),
}


def _family_apart(value: Any) -> Callable[[Any], _Parts] | None:
    """How subclasses are taken apart that pickle would write in no certain order, or not whole."""
    if isinstance(value, enum.Enum):
        return _member_apart
    if isinstance(value, (set, frozenset)):
        return _set_apart
    if isinstance(value, tuple) and hasattr(type(value), "_fields"):
        return _named_tuple_apart
    return None


def _member_apart(value: Any) -> _Parts:
    # The members of a flag that is made of several have names that differ between Pythons.
    told = value.value if isinstance(value, enum.Flag) else value.name
    return _Parts("enum", (type(value), told))


def _named_tuple_apart(value: Any) -> _Parts:
    fields = value._fields
    state = _State(getattr(value, "__dict__", {}))
    parts = (type(value), fields, *value, state)
    return _Parts("named", parts, step=lambda n: f".{fields[n - 2]}" if n - 2 < len(fields) else "")


def _object_apart(value: Any) -> _Parts:
    """An object as pickle takes it apart; protocol 5 would hand out buffers instead of content."""
    kind = type(value)
    reducer = copyreg.dispatch_table.get(kind)
    reduced: Any = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return _Parts(f"name {module_name(getattr(value, '__module__', '') or '')}:{reduced}")
    make, args, state, items, pairs = (*reduced, None, None, None)[:5]
    if not isinstance(make, type):
        make = name_of(make)
    parts = (make, args, _attributes(kind, state), list(items or ()), dict(pairs or ()))
    return _Parts("object", parts)


def _attributes(kind: type, state: Any) -> Any:
    """The attributes of an object, without what it has only computed from the others."""
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        state = {**(state[0] or {}), **state[1]}
    if not isinstance(state, dict):
        return state
    return _State(
        (name, value)
        for name, value in state.items()
        if not isinstance(getattr(kind, str(name), None), functools.cached_property)
    )


def _library_apart(kind: type) -> Callable[[Any], _Parts] | None:
    """How arrays and tables are taken apart, of libraries that nobody has to have."""
    library = kind.__module__.partition(".")[0]
    if library == "pathlib":
        return lambda path: _Parts(f"path {kind.__qualname__}", (str(path),))
    parts_of = _LIBRARIES.get(library, lambda _: None)(kind)
    if parts_of is None:
        return None

    def apart(value: Any) -> _Parts:
        head, parts, raw = parts_of(value)
        return _Parts(f"{library} {head}", parts, raw=raw)

    return apart


_LIBRARIES: Final = {
    "numpy": tables.of_numpy,
    "pandas": tables.of_pandas,
    "pyarrow": tables.of_arrow,
}
