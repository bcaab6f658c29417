"""Types in words: as errors and signatures say them, and as a page of help does."""

from __future__ import annotations

import operator
import re
import types
import typing
from collections import abc
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union
from uuid import UUID

from taskflow.authoring.returns import bare
from taskflow.plain import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The bounds that msgspec and annotated_types share: their words, and whether a value keeps them.
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any, Any], object]]]] = {
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "multiple_of": ("a multiple of", lambda value, bound: value % bound == 0),
    "pattern": ("matching", lambda value, bound: re.search(bound, value)),
    "min_length": ("of length >=", lambda value, bound: len(value) >= bound),
    "max_length": ("of length <=", lambda value, bound: len(value) <= bound),
}
#: How values of a type are written, where not everybody would know.
_WRITTEN: Final[dict[Any, str]] = {
    bool: "yes or no",
    date: "2026-01-31",
    datetime: "2026-01-31T12:30",
    time: "12:30",
    timedelta: "90, 5m or 1h30m",
    UUID: "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
}
_WORDS: Final[dict[Any, str]] = {
    str: "text",
    bytes: "text",
    float: "number",
    Decimal: "number",
    timedelta: "duration",
    datetime: "date-time",
    UUID: "uuid",
    Any: "value",
    types.NoneType: "none",
}
_SEVERAL: Final = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Set, abc.Collection)


def type_text(hint: Any) -> str:
    """A type in the words of errors and signatures: `int (>= 1) | None`, `fast | slow`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        bounds = bounds_text(hint)
        return type_text(args[0]) + (f" ({bounds})" if bounds else "")
    if origin in (Union, types.UnionType, Literal):
        return " | ".join(map(text_of if origin is Literal else type_text, args))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " | ".join(hint.__members__)
    if hint is Ellipsis or hint is types.NoneType:
        return "..." if hint is Ellipsis else "None"
    if isinstance(hint, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_text, hint))}]"
    name = getattr(origin or hint, "__name__", None) or str(hint)
    return f"{name}[{', '.join(map(type_text, args))}]" if args else name


def value_word(hint: Any) -> str:
    """What stands after an option in a page of help: `text`, `date`, `fast|slow`, `number...`."""
    hint = bare(hint)
    origin, args = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return "|".join(value_word(each) for each in args if each is not types.NoneType)
    if origin is Literal:
        return "|".join(map(text_of, args))
    if origin in _SEVERAL and (args or origin is not tuple):
        same = not args or len(args) == 1 or args[-1] is Ellipsis
        return f"{value_word(args[0])}..." if same and args else "values..." if same else "JSON"
    if origin in (dict, abc.Mapping, abc.MutableMapping) or typing.is_typeddict(origin):
        return "JSON"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "|".join(hint.__members__)
    if isinstance(hint, type) and issubclass(hint, PurePath):
        return "path"
    return _WORDS.get(hint) or type_text(hint)


def written(hint: Any) -> str:
    """An example of how a value of this type is written, or nothing."""
    try:
        return _WRITTEN.get(bare(hint), "")
    except TypeError:  # a hint without a hash
        return ""


def bounds_text(hint: Any) -> str:
    """The bounds in an `Annotated`: `>= 1, a multiple of 2`."""
    return ", ".join(f"{words} {bound}" for words, _, bound in bounds(hint))


def bounds(hint: Any) -> Iterator[tuple[str, Callable[[Any, Any], object], Any]]:
    """The bounds in an `Annotated`: words, whether a value keeps it, and the bound."""
    for meta in getattr(hint, "__metadata__", ()):
        for name, (words, holds) in _BOUNDS.items():
            bound = None if isinstance(meta, type) else getattr(meta, name, None)
            if bound is not None and not callable(bound):
                yield words, holds, bound


def notes(hint: Any) -> Iterator[Any]:
    """What stands in `Annotated` around a type, also below the `| None` of a default."""
    for each in (hint, *typing.get_args(hint)):
        yield from getattr(each, "__metadata__", ())
