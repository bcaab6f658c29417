"""A value as a person types it and as JSON holds it: either is read back as the value.

Help shows a default so, `--json` the parameters of a run, a history what a run was started with.
"""

from __future__ import annotations

import reprlib
import sys
from collections import abc
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final

#: Elements and letters of a value that are told; of a larger one only the beginning is shown.
LARGEST: Final = 10_000
#: Types whose text is read back. Who has a value has its module: none is loaded for them.
_KNOWN: Final = (
    *(("datetime", "date"), ("datetime", "time"), ("datetime", "timedelta")),
    *(("decimal", "Decimal"), ("uuid", "UUID"), ("pathlib", "PurePath")),
)
_SIZED: Final = (str, bytes, list, tuple, set, frozenset, dict)
_UNITS: Final = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000))
_short: Final = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def text_of(value: Any) -> str:
    """The text that is read back as `value`."""
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (list, tuple, abc.Set, abc.Mapping)) or fields_of(value) is not None:
        import json  # here: `import taskflow` does without it

        with suppress(TypeError, ValueError, RecursionError):
            return json.dumps(plain(value), ensure_ascii=False)
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - __str__ is user code
        return safe_repr(value)


def plain(value: Any) -> Any:
    """What JSON can hold of `value`: read back as a parameter, it is the value again.

    What nobody could read back, and what is too large to be told, is a short text. Never raises.
    """
    try:
        return _Plainly(LARGEST).told(value)
    except Exception:  # noqa: BLE001 - too large, too deep, or an object that raises
        return safe_repr(value)


class _Plainly:
    """Makes one value plain, as long as there is room for it."""

    def __init__(self, room: int) -> None:
        self._room = room

    def told(self, value: Any) -> Any:
        """The value, or a part of it."""
        if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
            value = value.item()  # a numpy scalar
        self._room -= len(value) if isinstance(value, _SIZED) else 1
        if self._room < 0:
            raise ValueError("too large to be told")
        if isinstance(value, Enum):
            return value.name
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, bytes) or _is_known(value):
            return text_of(value)
        parts = value if isinstance(value, abc.Mapping) else fields_of(value)
        if parts is not None:
            return {text_of(key): self.told(each) for key, each in parts.items()}
        if isinstance(value, (list, tuple, abc.Set)):
            return [self.told(each) for each in value]
        return safe_repr(value)


def in_short(value: Any) -> str:
    """A value in one line, for people: dates, durations and choices as they are typed."""
    return text_of(value) if isinstance(value, Enum) or _is_known(value) else safe_repr(value)


def _is_known(value: Any) -> bool:
    loaded = [(sys.modules[module], name) for module, name in _KNOWN if module in sys.modules]
    return isinstance(value, tuple([getattr(module, name) for module, name in loaded]))


def fields_of(value: Any) -> dict[str, Any] | None:
    """The fields of a dataclass, named tuple, or struct of msgspec, attrs or pydantic."""
    names = field_names(type(value))
    if names is None:
        return None
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def field_names(kind: type) -> list[str] | None:
    """The fields that a class of such objects is made with; None for other classes."""
    if is_dataclass(kind):
        return [each.name for each in fields(kind) if each.init]
    if hasattr(kind, "__attrs_attrs__"):
        return [each.name for each in kind.__attrs_attrs__]
    marks = ("_fields", "__struct_fields__", "model_fields")
    return next((list(getattr(kind, mark)) for mark in marks if hasattr(kind, mark)), None)


def cell_name(path: str) -> str:
    """The cell of this notebook whose code has that path, such as `cell [3]`; "" for any other."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    spoken = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(path)
    return f"cell {spoken[1].removeprefix('In')}" if spoken else ""


def duration_text(value: timedelta) -> str:
    """A duration with units: `1h30m`, `2.5s`."""
    left = value // timedelta(microseconds=1)
    sign, left = ("-" if left < 0 else ""), abs(left)
    parts = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    if left or not parts:
        parts.append(f"{left / 1_000_000:.6f}".rstrip("0").rstrip(".") + "s")
    return sign + "".join(parts)


def safe_repr(value: Any) -> str:
    """A repr in one line and not too long, whatever the object does."""
    try:
        return " ".join(_short.repr(value).split())
    except Exception:  # noqa: BLE001 - __repr__ is user code
        return f"<{type(value).__qualname__}: no repr>"


def storable(text: str) -> str | bytes:
    """A text as SQLite and MessagePack take it: what is no Unicode, as in file names, is bytes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def readable(text: str | bytes) -> str:
    """The text that was made storable."""
    return text.decode("utf-8", "surrogatepass") if isinstance(text, bytes) else text
