"""How arrays and tables are taken apart for their digests, without importing their libraries.

For a class of numpy, pandas or pyarrow that is known here there is a function that takes a value of
it apart: into a text, parts that are values again, and bytes. Layout in memory does not count:
an array in Fortran's order, a table put together from blocks is the same as its plain copy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

Apart = tuple[str, Sequence[Any], Any]
PartsOf = Callable[[Any], Apart]

#: Subclasses that are arrays and nothing more; others have content of their own, such as a mask.
_ARRAYS: Final = frozenset({"ndarray", "memmap", "matrix", "recarray"})


def of_numpy(kind: type) -> PartsOf | None:
    """How values of a class of numpy are taken apart, if they are arrays or scalars."""
    is_scalar = any(each.__qualname__ == "generic" for each in kind.__mro__)
    return _array if is_scalar or kind.__qualname__ in _ARRAYS else None


def of_pandas(kind: type) -> PartsOf | None:
    """How values of a class of pandas are taken apart, if it is a table or a part of one."""
    names = {each.__qualname__ for each in kind.__mro__ if _library(each) == "pandas"}
    return next((how for name, how in _PANDAS.items() if name in names), None)


def of_arrow(kind: type) -> PartsOf | None:
    """How values of a class of pyarrow are taken apart, if it is a table."""
    return {"Table": _arrow_table, "RecordBatch": _arrow_batch}.get(kind.__qualname__)


def _library(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _array(value: Any) -> Apart:
    array = value.__array__()
    head, flat = f"{type(value).__qualname__} {array.dtype} {array.shape}", array.ravel()
    if array.dtype.hasobject:
        return head, (flat.tolist(),), b""
    if not array.dtype.itemsize or not array.size:
        return head, (), b""
    return head, (), _one_nan(flat).view("u1").data


def _one_nan(flat: Any) -> Any:
    """The array with the same bytes for every nan; a complex number is two of its numbers."""
    if flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    if flat.dtype.kind != "f":
        return flat
    missing = flat != flat  # noqa: PLR0124 - nan is what differs from itself
    if missing.any():
        flat = flat.copy()
        flat[missing] = float("nan")
    return flat


# --- pandas ---------------------------------------------------------------------------------------


def _frame(value: Any) -> Apart:
    columns = [value.iloc[:, number].array for number in range(value.shape[1])]
    return "frame", (value.columns, value.index, value.attrs, columns), b""


def _series(value: Any) -> Apart:
    return "series", (value.name, value.index, value.attrs, value.array), b""


def _index(value: Any) -> Apart:
    levels = [value.get_level_values(level).array for level in range(value.nlevels)]
    return "index", (list(value.names), getattr(value, "freqstr", None), levels), b""


def _column(value: Any) -> Apart:
    """What is missing may stand on any bytes, so only the rest is looked at."""
    head = f"column {value.dtype}"
    if hasattr(value, "categories"):
        return head, (value.codes, value.categories, value.ordered), b""
    if hasattr(value, "asi8"):  # times: whole numbers since the epoch
        return head, (value.asi8,), b""
    if type(value).__qualname__ in {"PandasArray", "NumpyExtensionArray"}:
        return head, (value.to_numpy(),), b""
    if hasattr(value, "to_dense"):  # sparse: even what is missing in it is told sparsely
        return head, (value.to_dense(),), b""
    missing = value.isna()
    return head, (missing, value[~missing].to_numpy(dtype=object)), b""


_PANDAS: Final[dict[str, PartsOf]] = {
    "DataFrame": _frame,
    "Series": _series,
    "Index": _index,
    "ExtensionArray": _column,
}


# --- pyarrow --------------------------------------------------------------------------------------


def _arrow_table(value: Any) -> Apart:
    arrow = sys.modules["pyarrow"]
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, value.schema) as writer:
        writer.write_table(value.combine_chunks())
    return "table", (), memoryview(sink.getvalue())


def _arrow_batch(value: Any) -> Apart:
    return _arrow_table(sys.modules["pyarrow"].Table.from_batches([value]))
