"""Values and rare fields of records as bytes, and exactly back.

MessagePack, never pickle: whoever can write to a store must not get code to run in who reads it.
Plain data is as it is; all that MessagePack would give back as something else is a list whose first
item says what it is.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import msgspec.msgpack

from taskflow.call import Chunk, ErrorReport, Frame, Piece, Stored
from taskflow.plain import readable, storable

if TYPE_CHECKING:
    from collections.abc import Callable


_PLAIN: Final = frozenset({bytes, bool, type(None), float})
_WIDEST: Final = 2**63
_ERROR_FIELDS: Final = tuple(each.name for each in fields(ErrorReport))


def encode(value: Any, name: Callable[[Stored], str]) -> bytes:
    """A value as bytes; `name` says how the file of a `Stored` is written down."""
    return msgspec.msgpack.encode(_lower(value, name))


def decode(data: bytes, find: Callable[[str], str]) -> Any:
    """The value that was encoded; `find` gives the path of a file."""
    return _lift(msgspec.msgpack.decode(data), find)


def pack(value: Any) -> bytes:
    """A value without files as bytes."""
    return encode(value, _no_file)


def unpack(data: bytes) -> Any:
    """The value that was packed."""
    return decode(data, str)


def to_json(value: Any) -> str:
    """Plain data as JSON in ASCII, which SQLite takes whatever the texts in it are."""
    return json.dumps(value, separators=(",", ":"))


def _no_file(stored: Stored) -> str:
    raise TypeError(f"there is no place for a file here: {stored}")


def _lower(value: Any, name: Callable[[Stored], str]) -> Any:
    """Plain data with marks for all else."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str:
        known = storable(value)
        return known if isinstance(known, str) else ["u", known]
    if kind is int:
        return value if -_WIDEST <= value < _WIDEST else ["i", str(value)]
    if kind is Stored:
        return ["s", name(value), value.size]
    if kind is dict:
        return ["d", *[[_lower(each, name), _lower(part, name)] for each, part in value.items()]]
    if kind is range:
        return ["r", *[_lower(each, name) for each in (value.start, value.stop, value.step)]]
    mark = _MARKS.get(kind)
    if mark is not None:
        return [mark, *[_lower(each, name) for each in value]]
    if kind is ErrorReport:
        parts = [[each, _lower(getattr(value, each), name)] for each in _ERROR_FIELDS]
        return ["e", *parts]
    raise TypeError(f"a store has no way to keep a {kind.__qualname__}: {value!r:.200}")


def _lift(data: Any, find: Callable[[str], str]) -> Any:
    """What plain data with marks stands for."""
    if type(data) is not list:
        return data
    mark, *rest = data
    if mark == "s":
        # Whoever reads it did not see it written: the file may have suffered since.
        return Stored(find(rest[0]), rest[1], check=True)
    if mark == "u":
        return readable(rest[0])
    if mark == "i":
        return int(rest[0])
    if mark == "d":
        return {_lift(each, find): _lift(part, find) for each, part in rest}
    if mark == "e":
        known = {each: _lift(part, find) for each, part in rest}
        return ErrorReport(**{each: known[each] for each in _ERROR_FIELDS if each in known})
    return _MAKERS[mark]([_lift(each, find) for each in rest])


_MARKS: Final[dict[type, str]] = {tuple: "t", list: "l", Piece: "p", Chunk: "c", Frame: "f"}
_MAKERS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "t": tuple,
    "l": list,
    "p": Piece._make,
    "c": Chunk._make,
    "f": Frame._make,
    "r": lambda parts: range(*parts),
}
