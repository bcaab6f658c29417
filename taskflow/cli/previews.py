"""Values as a line of text, without running any code that a pickle could name.

What is more than plain data was told by its worker when it was made (`Kept.preview`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.call import Piece, Stored
from taskflow.cli.tables import size
from taskflow.lifecycle import GOOD
from taskflow.pickled import elements, shown, told, viewed
from taskflow.progress.clean import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskflow.call import Value
    from taskflow.cli.recorded import TaskRun


def preview(task_run: TaskRun, limit: int) -> str:
    """The value of a task run in a line, or why it has none; of several elements their number."""
    kept, value = task_run.kept, task_run.kept.value
    if kept.preview and task_run.alone:
        return one_line(kept.preview, limit)
    if isinstance(value, Piece):
        at = task_run.first - kept.first
        return element_preview([value], at, limit) if task_run.alone else ""
    if kept.state in GOOD and isinstance(value, (bytes, Stored)):
        return value_preview(value, limit)
    return one_line(kept.why or (value if isinstance(value, str) else ""), limit)


def value_preview(value: Value, limit: int) -> str:
    """One value in a line; one in a file is only told by its size."""
    if isinstance(value, Stored):
        return f"<{size(value.size)} in a file>"
    return one_line(shown(value, limit), limit)


def element_preview(pieces: Iterable[Piece], at: int, limit: int) -> str:
    """The element at this place of some pieces, in a line."""
    for chunk, start, count in pieces:
        if at >= count:
            at -= count
            continue
        if isinstance(chunk, range):
            return str(chunk[start + at])
        if isinstance(chunk.value, Stored):
            return value_preview(chunk.value, limit)
        if chunk.whole:
            return one_line(told(viewed(chunk.value)[start + at], limit), limit)
        return value_preview(elements(chunk.value)[start + at], limit)
    return ""
