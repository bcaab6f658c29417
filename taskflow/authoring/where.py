"""Where in the user's code something happened, for messages."""

from __future__ import annotations

import linecache
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def user_frame() -> FrameType | None:
    """The innermost frame that is not taskflow's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def here() -> tuple[str, int]:
    """Path and line of the user's code that is running."""
    frame = user_frame()
    return ("?", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def shown(place: tuple[str, int]) -> str:
    """A place as `file.py:12   the code there`."""
    path, line = place
    code = linecache.getline(path, line).strip()
    return f"{short_path(path)}:{line}" + (f"   {code}" if code else "")


def short_path(path: str) -> str:
    """A path relative to the working directory where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):
        return path
    return relative if len(relative) < len(path) else path
