"""Looks into pickled values without running any code of their classes.

Whatever a pickle would import is replaced by stand-ins, which take all that pickle does to an
object and remember little of it: to list a history must not import the user's modules, and
must not fail when a class has changed since.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import io
import itertools
import pickle
import reprlib
import uuid
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A larger pickle is not looked into.
LARGEST: Final = 1024 * 1024

#: What is made as itself: classes of Python's own, which are shown as people know them.
_KNOWN: Final[Mapping[str, Any]] = {
    f"{each.__module__}.{each.__qualname__}": each
    for each in (
        *(bytearray, complex, dict, frozenset, list, range, set, slice),
        *(dt.date, dt.time, dt.timedelta, dt.timezone),
        *(decimal.Decimal, fractions.Fraction, uuid.UUID),
    )
}

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def elements(data: bytes) -> list[bytes]:
    """Pickles that were written one after another, each by itself."""
    stream = io.BytesIO(data)
    found, at = [], 0
    while at < len(data):
        _Cutter(stream, buffers=itertools.repeat(b"")).load()
        found.append(data[at : stream.tell()])
        at = stream.tell()
    return found


def shown(data: bytes, limit: int = 200) -> str:
    """A pickled value in one line of at most `limit` characters, for listings; never raises.

    Plain data is shown as it is, other objects by their class and what is plain in them.
    """
    if len(data) > LARGEST:
        return f"<{len(data):,} bytes>"
    try:
        return told(viewed(data), limit)
    except Exception:  # noqa: BLE001 - damaged, or made by code that does more than stand-ins take
        return f"<{len(data):,} bytes that cannot be shown>"


def viewed(data: bytes) -> Any:
    """The value of a pickle, with stand-ins for all that is not plain data; `told` shows it."""
    return _Viewer(io.BytesIO(data), buffers=itertools.repeat(b"")).load()


def told(value: Any, limit: int = 200) -> str:
    """What is `viewed`, or a part of it, in one line of at most `limit` characters."""
    text = " ".join(_short.repr(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


# --- stand-ins that only have to be there -----------------------------------------------------


class _Meta(type):
    """Makes a class that is its own instance: it stands for classes, functions and objects alike.

    A class made by value is the result of a call, and pickle insists on a type there.
    """

    def __call__(cls, *_args: Any, **_kwargs: Any) -> Any:
        return cls

    def __setitem__(cls, key: Any, value: Any) -> None:
        """Take an item, and forget it."""


class _Nothing(metaclass=_Meta):
    """Takes all that pickle does to an object, and keeps nothing of it."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        return cls

    @classmethod
    def _take(cls, *_args: Any) -> None:
        """Take what an object is given, and forget it."""

    __setstate__ = append = extend = add = _take


class _Cutter(pickle.Unpickler):
    """Finds the end of a pickle."""

    def find_class(self, module: str, name: str) -> Any:
        return _Nothing

    def persistent_load(self, pid: Any) -> Any:
        return _Nothing


# --- stand-ins that can be shown -------------------------------------------------------------


class _Classes(type):
    """Shows a stand-in for a class as the class."""

    def __repr__(cls) -> str:
        return f"<class {cls.name!r}>"  # type: ignore[attr-defined] # all have it


class _Named(metaclass=_Classes):
    """Stands for an object of a class; `_seen` is what it was made from, as far as it is known."""

    name = "object"
    _seen: Any = ()

    def __new__(cls, *args: Any, **_kwargs: Any) -> Self:
        made = super().__new__(cls)
        made._seen = args
        return made

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        return self

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            state = {**(state[0] or {}), **state[1]}
        self._seen = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Take an item, and forget it."""

    def _take(self, *_args: Any) -> None:
        """Take what an object is given, and forget it."""

    append = extend = add = _take

    def __repr__(self) -> str:
        if isinstance(self._seen, dict) and self._seen:
            told = [f"{name}={_told(value)}" for name, value in self._seen.items()]
        elif isinstance(self._seen, tuple) and self._seen and any(map(_is_plain, self._seen)):
            told = [_told(value) for value in self._seen]
        else:
            return f"<{self.name}>"
        more = ["..."] if len(told) > _short.maxdict else []
        return f"{self.name.rpartition('.')[2]}({', '.join(told[: _short.maxdict] + more)})"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _told(value: Any) -> str:
    """A part of an object: only what cannot have parts itself, which might go on for long."""
    return _short.repr(value) if _is_plain(value) else "..."


def _named(name: str, base: type[_Named] = _Named) -> Any:
    return _Classes("_Named", (base,), {"name": name})


class _Rebuilt(_Named):
    """Stands for a function that rebuilds objects; most are given the class first."""

    def __new__(cls, *args: Any, **_kwargs: Any) -> Any:
        kind = args[0] if args else None
        if isinstance(kind, type) and issubclass(kind, _Named):
            return kind.__new__(kind, *args[1:])
        return super().__new__(cls)


def _moment(*made_from: Any) -> Any:
    """A date and time, whose zone may be a stand-in."""
    if isinstance(made_from[-1], _Named):
        plain = dt.datetime(*made_from[:-1])  # noqa: DTZ001 - pickle hands over its bytes
        return _named("datetime").__new__(_named("datetime"), str(plain), made_from[-1])
    return dt.datetime(*made_from)  # noqa: DTZ001 - it has the zone that it was pickled with


def _enum_member(kind: Any, name: Any) -> Any:
    return _named(f"{getattr(kind, 'name', 'object')}.{name}")()


def _class_by_value(_maker: Any, name: str, *_rest: Any) -> Any:
    return _named(name)


class _Viewer(pickle.Unpickler):
    """Makes plain data as it is, and stand-ins with names for everything else."""

    def __init__(self, file: io.BytesIO, **options: Any) -> None:
        super().__init__(file, **options)
        self._classes: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full == "datetime.datetime":
            return _moment
        if full in _KNOWN:
            return _KNOWN[full]
        if full == "builtins.getattr":
            return _enum_member
        if full.startswith("cloudpickle.") and name.startswith("_make_skeleton"):
            return _class_by_value
        if name.startswith("_") or name.rpartition(".")[2].startswith("_"):
            return _named(f"{module.partition('.')[0]} object", _Rebuilt)
        return self._classes.setdefault(full, _named(full))

    def persistent_load(self, pid: Any) -> Any:
        return _named("object")()
