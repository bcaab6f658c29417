"""What an annotated return type says of a future: its fields, its items, how many values it is."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from typing import Any, Final

# Of these a value is, or becomes, a list: a generator task's value is the list of what it yields.
_LISTS: Final = frozenset(
    {
        list,
        collections.abc.Sequence,
        collections.abc.Iterable,
        collections.abc.Iterator,
        collections.abc.Generator,
        collections.abc.AsyncIterable,
        collections.abc.AsyncIterator,
        collections.abc.AsyncGenerator,
    }
)


def return_hint(fn: Any) -> Any:
    """The return annotation of a function, resolved as far as that goes; None if unknown."""
    inner = inspect.unwrap(fn)
    hint = getattr(inner, "__annotations__", {}).get("return")
    if isinstance(hint, str):
        try:
            hint = typing.get_type_hints(inner).get("return")
        except Exception:  # noqa: BLE001 - names that exist only for type checkers
            return None
    return None if hint is type(None) else hint


def arity_of(hint: Any) -> int | None:
    """How many values a value of this type unpacks to, if the type says so."""
    if isinstance(hint, Outputs):
        return hint.count
    hint = bare(hint)
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return len(hint._fields)
    if typing.get_origin(hint) is not tuple or hint is typing.Tuple:  # noqa: UP006 - users' own
        return None
    arguments = typing.get_args(hint)
    return None if Ellipsis in arguments else len(arguments)


def bare(hint: Any) -> Any:
    """A type without `Annotated`, without an alias's name, and without `| None`."""
    while True:
        named = getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if named is not None:
            hint = named  # `type X = int`, NewType("X", int)
        elif origin is typing.Annotated:
            hint = arguments[0]
        elif origin in (typing.Union, types.UnionType):
            some = [each for each in arguments if each is not types.NoneType]
            if len(some) != 1:
                return hint
            hint = some[0]
        else:
            return hint


def fields_of(hint: Any) -> set[str]:
    """The fields a class declares: dataclass, NamedTuple, attrs, msgspec, pydantic, hints."""
    hint = bare(hint)
    cls = typing.get_origin(hint) or hint
    if not isinstance(cls, type) or cls.__module__ == "builtins" or typing.is_typeddict(cls):
        return set()
    return {name for name in _fields(cls) if not name.startswith("_")}


def declares(hint: Any, name: str) -> bool:
    """Whether the class declares a field."""
    return hint is not None and name in fields_of(hint)


def field_of(hint: Any, name: str) -> Any:
    """The type of a declared field, if it can be resolved."""
    cls = bare(hint)
    found = getattr(cls, name, None)
    if isinstance(found, property):
        return return_hint(found.fget)
    try:
        return typing.get_type_hints(cls).get(name)
    except Exception:  # noqa: BLE001 - names that exist only for type checkers
        return None


def item_of(hint: Any, key: Any) -> Any:
    """The type of an item, where the container's type says it."""
    hint = bare(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if typing.is_typeddict(hint):
        return field_of(hint, key) if isinstance(key, str) else None
    if origin is tuple and isinstance(key, int):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return arguments[0]
        return arguments[key] if -len(arguments) <= key < len(arguments) else None
    if origin in _LISTS and arguments:
        return arguments[0] if isinstance(key, int) else hint
    if origin is dict and len(arguments) == 2:
        return arguments[1]
    if isinstance(key, int) and hasattr(hint, "_fields") and -1 < key < len(hint._fields):
        return field_of(hint, hint._fields[key])
    return None


class Outputs:
    """The hint of a task with `outputs=n`: so many values, of types unknown."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count


def _fields(cls: type) -> set[str]:
    from taskflow.plain import field_names  # it brings modules that most scripts never need

    names = set(field_names(cls) or ())
    if names and not dataclasses.is_dataclass(cls):
        return names
    for each in cls.__mro__:
        names |= set(vars(each).get("__annotations__", {}))
        names |= {name for name, value in vars(each).items() if isinstance(value, property)}
    return names
