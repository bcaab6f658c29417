"""What the value of a task looks like, in one short line: made where it is, as the task ends.

History shows these, and unpickles nothing: loading an object runs code. A small value of builtin
types needs none: whoever reads it can show it safely.
"""

from __future__ import annotations

import reprlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Abort
from taskflow.executors.failing import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskflow.call import Value

#: Characters of a preview, at most.
LIMIT: Final = 400
#: Objects that are pickled in so many bytes are asked for their own repr; of larger ones it may
#: take for ever.
SMALL_BYTES: Final = 64 * 1024
#: The opcode by which a pickle refers to a class or a function.
_STACK_GLOBAL: Final = b"\x93"
#: Whose tables and arrays are shown by their shape, columns and first rows: that costs nothing
#: there. Of a lazy one it would compute it.
_TABULAR: Final = frozenset({"numpy", "pandas", "polars", "pyarrow"})
#: Whose objects have a short repr, however large they are.
_KNOWN: Final = _TABULAR | {"datetime", "decimal", "pathlib"}
_PLAIN: Final = (float, complex, bool, type(None))
_COLUMNS: Final = 12
_ROWS: Final = 3
_ITEMS: Final = 6
_LETTERS: Final = 60
_LARGE_INT_BITS: Final = 4096


def preview_of(value: object, made: Value) -> str:
    """A line that shows a value; empty where `made`, its pickled form, is builtin types alone."""
    if isinstance(made, bytes):
        if _STACK_GLOBAL not in made:
            return ""
        brief = _trusting if len(made) <= SMALL_BYTES else _wary
    else:
        brief = _wary
    try:
        text = " ".join(brief.repr(value).split())
    except Abort:
        raise
    except BaseException:  # noqa: BLE001 - __repr__ is user code; a preview is never worth a failure
        text = f"<{type_name(type(value))}: its repr raises>"
    if len(text) > LIMIT:
        text = text[: LIMIT - 3] + "..."
    return text.encode("utf-8", "backslashreplace").decode()


class _Brief(reprlib.Repr):
    """A repr whose cost does not grow with the value; asks objects for theirs if it trusts them."""

    def __init__(self, *, trusts: bool) -> None:
        super().__init__()
        self.maxstring = self.maxother = 120
        self._trusts = trusts

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, (str, bytes, bytearray)):
            more = f"... ({len(x):,} in all)" if len(x) > _LETTERS else ""
            return repr(x[:_LETTERS]) + more
        library = next(filter(_KNOWN.__contains__, _libraries(type(x))), "")
        shape = getattr(x, "shape", None) if library in _TABULAR else None
        if shape:
            return f"{library}.{type(x).__qualname__} {_times(shape)}{self._inside(x, level)}"
        if self._trusts or library or isinstance(x, _PLAIN):
            return super().repr_instance(x, level)
        sized = f", {len(x):,} items" if hasattr(type(x), "__len__") else ""
        return f"<{type_name(type(x))}{sized}>"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """In the order of the dict: to sort a million keys takes a while."""
        if level <= 0:
            return "{...}" if x else "{}"
        items = islice(x.items(), self.maxdict)
        inner = [f"{self.repr1(k, level - 1)}: {self.repr1(v, level - 1)}" for k, v in items]
        return "{" + ", ".join([*inner, *["..."] * (len(x) > self.maxdict)]) + "}"

    def repr_set(self, x: set[Any], level: int) -> str:
        return super().repr_set(x if len(x) < 1000 else set(islice(x, _ITEMS + 1)), level)

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        small = x if len(x) < 1000 else frozenset(islice(x, _ITEMS + 1))
        return super().repr_frozenset(small, level)

    def repr_int(self, x: int, level: int) -> str:
        bits = x.bit_length()
        return super().repr_int(x, level) if bits < _LARGE_INT_BITS else f"<int of {bits:,} bits>"

    def _inside(self, x: Any, level: int) -> str:
        """The type of what is in an array, or the columns of a table; and the first of it."""
        if hasattr(type(x), "columns"):
            names = [f"{name} {dtype}" for name, dtype in islice(_columns(x), _COLUMNS)]
            names += ["..."] * (len(x.columns) > _COLUMNS)
            return f" ({', '.join(names)}): {self.repr1(_rows(x), level)}"
        return f" {x.dtype}: {self.repr1(_first(x), level)}"


def _libraries(kind: type) -> Iterable[str]:
    """The libraries of a class and of what it is derived from."""
    return (base.__module__.partition(".")[0] for base in kind.__mro__)


def _times(shape: Iterable[int]) -> str:
    return " × ".join(f"{length:,}" for length in shape)


def _columns(table: Any) -> Iterable[tuple[Any, Any]]:
    # Looked up in the class: columns of a pandas table are attributes, too.
    if not hasattr(type(table), "schema"):
        return zip(table.columns, table.dtypes, strict=True)
    schema = table.schema
    items: Iterable[tuple[Any, Any]] = (
        schema.items() if hasattr(schema, "items") else zip(schema.names, schema.types, strict=True)
    )
    return items


def _rows(table: Any) -> list[Any]:
    """The first rows of a table, as dicts."""
    kind = type(table)
    if hasattr(kind, "to_dicts"):
        rows = table.head(_ROWS).to_dicts()
    elif hasattr(kind, "to_pylist"):
        rows = table.slice(0, _ROWS).to_pylist()
    else:
        rows = table.head(_ROWS).to_dict("records")
    return list(rows)


def _first(array: Any) -> list[Any]:
    """The first items of an array or a column."""
    flat = array.flat if hasattr(type(array), "flat") else array  # numpy: whatever its shape
    few = flat[: _ITEMS + 1]
    return list(few.tolist() if hasattr(few, "tolist") else few.to_list())


_trusting: Final = _Brief(trusts=True)
_wary: Final = _Brief(trusts=False)
