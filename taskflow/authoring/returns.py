"""What an annotated return type says of a future: its fields, its items, how many values it is."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import Any


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
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return len(hint._fields)
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        if arguments == ((),):
            return 0
        return None if Ellipsis in arguments else len(arguments)
    return None


def declares(hint: Any, name: str) -> bool:
    """Whether a class declares a field: dataclass, NamedTuple, attrs, msgspec, pydantic, hints."""
    return isinstance(hint, type) and hint.__module__ != "builtins" and name in _fields(hint)


def field_of(hint: Any, name: str) -> Any:
    """The type of a declared field, if it can be resolved."""
    try:
        return typing.get_type_hints(hint).get(name)
    except Exception:  # noqa: BLE001 - names that exist only for type checkers
        return None


def item_of(hint: Any, key: Any) -> Any:
    """The type of an item, where the container's type says it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(key, int) and Ellipsis not in arguments:
        return arguments[key] if -len(arguments) <= key < len(arguments) else None
    if origin is list and arguments and isinstance(key, int):
        return arguments[0]
    if origin is dict and len(arguments) == 2:
        return arguments[1]
    return None


def element_of(hint: Any) -> Any:
    """The type of the elements of a list."""
    return item_of(hint, 0)


class Outputs:
    """The hint of a task with `outputs=n`: so many values, of types unknown."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count


def _fields(cls: type) -> set[str]:
    if dataclasses.is_dataclass(cls):
        return {field.name for field in dataclasses.fields(cls)} | _hints(cls)
    for attribute in ("_fields", "__struct_fields__", "model_fields"):
        found = getattr(cls, attribute, None)
        if found:
            return set(found)
    attrs = getattr(cls, "__attrs_attrs__", None)
    if attrs:
        return {field.name for field in attrs}
    return _hints(cls)


def _hints(cls: type) -> set[str]:
    names: set[str] = set()
    for each in cls.__mro__:
        names |= set(vars(each).get("__annotations__", {}))
        names |= {name for name, value in vars(each).items() if isinstance(value, property)}
    return names
