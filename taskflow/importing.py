"""While taskflow imports a file, a `run` or `start` in it ends the import instead of running."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from taskflow.errors import ImportEnded

if TYPE_CHECKING:
    from collections.abc import Iterator

_state = threading.local()


def is_importing() -> bool:
    """Whether taskflow imports a file in this thread."""
    return bool(getattr(_state, "depth", 0))


@contextmanager
def importing(name: str, notices: list[str] | None = None) -> Iterator[None]:
    """Mark that taskflow imports `name`; swallows the end of the import by `run` or `start`.

    Where the import ended is appended to `notices`.
    """
    _state.depth = getattr(_state, "depth", 0) + 1
    try:
        yield
    except ImportEnded as ended:
        if notices is not None:
            notices.append(f"{ended} (while importing {name})")
    finally:
        _state.depth -= 1


def end_import(what: str) -> None:
    """End the import of the file that calls this, if taskflow imports one just now."""
    if not is_importing():
        return
    frame = sys._getframe(2)  # noqa: SLF001 - the documented way to see the caller cheaply
    where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    raise ImportEnded(f"{where}: {what} does not run while taskflow imports the file")
