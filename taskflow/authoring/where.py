"""Where in the user's code something happened, for messages."""

from __future__ import annotations

import functools
import linecache
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from taskflow.plain import cell_name

if TYPE_CHECKING:
    from types import CodeType, FrameType

_PACKAGE: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_PICKLER: Final = f"{os.sep}cloudpickle{os.sep}"
# What people did not write themselves: the standard library, and what is installed.
_STANDARD: Final = (os.path.join(os.path.dirname(os.__file__), ""), "<frozen ")
_INSTALLED: Final = ("site-packages", "dist-packages")
_OURS, _LIBRARYS, _USERS = range(3)


def user_frame() -> FrameType | None:
    """The innermost frame that is neither taskflow's own nor a library's.

    A pipeline that is installed itself has no such frame: then it is the frame of its body.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _whose(frame.f_code.co_filename) == _OURS:
        frame = frame.f_back
    if frame is None or _whose(frame.f_code.co_filename) == _USERS:
        return frame
    first = found = frame
    while frame is not None and is_library(path := frame.f_code.co_filename):
        if path.startswith(_PACKAGE):
            return found
        found, frame = frame, frame.f_back
    return frame or first


@functools.cache  # of as many files as a program has: this is asked at every traced call
def _whose(path: str) -> int:
    """Whose the code in a file is; what pickles on our behalf counts as ours."""
    if path.startswith(_PACKAGE) or _PICKLER in path:
        return _OURS
    return _LIBRARYS if is_library(path) else _USERS


def is_library(path: str) -> bool:
    """Whether code in this file was written by someone else than the user."""
    return path.startswith((*_STANDARD, _PACKAGE)) or any(part in path for part in _INSTALLED)


def here() -> tuple[str, int]:
    """Path and line of the user's code that is running."""
    frame = user_frame()
    return ("?", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


class Places:
    """Numbers the lines that calls stand on, in a table; it is quick for one that called before."""

    def __init__(self, table: list[tuple[str, int]]) -> None:
        self._table = table
        self._numbers: dict[tuple[str, int], int] = {}
        self._calls: dict[tuple[int, int], int] = {}
        self._codes: list[CodeType] = []  # whose ids are in use

    def called(self, frame: FrameType) -> int:
        """The number of the line that a frame is at; `here()` if it is not the user's own."""
        number = self._calls.get((id(frame.f_code), frame.f_lasti))
        return self._first_call(frame) if number is None else number

    def _first_call(self, frame: FrameType) -> int:
        number = self.number(here())
        if _whose(frame.f_code.co_filename) == _USERS:
            self._calls[id(frame.f_code), frame.f_lasti] = number
            self._codes.append(frame.f_code)
        return number

    def number(self, place: tuple[str, int]) -> int:
        """The number of a place."""
        index = self._numbers.get(place)
        if index is None:
            index = self._numbers[place] = len(self._table)
            self._table.append(place)
        return index


def name_here(thing: Any) -> str:
    """The variable that holds a thing where the user's code is running; "" if none does."""
    frame = user_frame()
    names = {} if frame is None else frame.f_locals
    return next((name for name, value in list(names.items()) if value is thing), "")


def helper_given(thing: Any) -> str:
    """The user's plain function, called by other code of theirs, that was given a thing; or ""."""
    frame = user_frame()
    above = None if frame is None else frame.f_back
    if frame is None or above is None or is_library(above.f_code.co_filename):
        return ""  # such as the body of a pipeline
    code, known = frame.f_code, frame.f_locals
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = above.f_locals.get(code.co_name, frame.f_globals.get(code.co_name))
    is_plain = getattr(found, "__code__", None) is code  # a task has none
    return code.co_name if is_plain and any(known.get(name) is thing for name in given) else ""


def shown(place: tuple[str, int]) -> str:
    """A place as `file.py:12   the code there`."""
    path, line = place
    code = linecache.getline(path, line).strip()
    return f"{short_path(path)}:{line}" + (f"   {code}" if code else "")


def short_path(path: str) -> str:
    """A path relative to the working directory where that is shorter; or a notebook's cell."""
    if cell := cell_name(path):
        return cell
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):
        return path
    return relative if len(relative) < len(path) else path
