"""Where an exception came from, read from the traceback as Python prints it.

An exception travels as text, since it may not survive pickling: its causes stand above it, and the
members of an exception group below, each behind a margin of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAINED: Final = re.compile(
    r"\n\n(?:The above exception was the (direct cause) of the following exception"
    r"|During handling of the above exception, another exception occurred):\n"
)
_MEMBER: Final = re.compile(r"^( *(?:\+-)?)\+-{16} (?:\d+|\.\.\.) -{16}$")
_MARGIN: Final = re.compile(r"^ *[|+] ?")
_FRAME: Final = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+), in (?P<name>.+)$')
_STEP: Final = 2  # letters by which a group within a group is further right


class Origin(NamedTuple):
    """An exception behind another: how they belong together, what it says, and its last frame."""

    word: str
    text: str
    place: tuple[str, int, str] | None  #: path, line and function
    depth: int = 0


def causes(traceback: str) -> Iterator[Origin]:
    """What an exception came from, the nearest first."""
    marks = list(_CHAINED.finditer(traceback))
    begins = [0, *(mark.end() for mark in marks)]
    for begin, mark in reversed(list(zip(begins, marks, strict=False))):
        lines = traceback[begin : mark.start()].split("\n")
        word = "caused by" if mark[1] else "while handling"
        if found := _origin(word, [_without_margin(line) for line in lines]):
            yield found


def members(traceback: str) -> Iterator[Origin]:
    """The exceptions in an exception group, in their order, with those of groups inside."""
    first, depth, lines = -1, 0, list[str]()
    for line in traceback.split("\n"):
        mark = _MEMBER.match(line)
        if mark is None:
            lines.append(_without_margin(line))
            continue
        if first >= 0 and (found := _origin("", lines, depth)):
            yield found
        first = len(mark[1]) if first < 0 else first
        depth, lines = (len(mark[1]) - first) // _STEP, []
    if first >= 0 and (found := _origin("", lines, depth)):
        yield found


def _origin(word: str, lines: list[str], depth: int = 0) -> Origin | None:
    """The exception that a traceback ends with: it begins below the last frame."""
    at = max((number for number, line in enumerate(lines) if line.startswith("  ")), default=-1)
    text = next((line.strip() for line in lines[at + 1 :] if line.strip(" -+")), "")
    frame = next(filter(None, map(_FRAME.match, reversed(lines))), None)
    place = (frame["path"], int(frame["line"]), frame["name"]) if frame else None
    return Origin(word, text, place, depth) if text else None


def _without_margin(line: str) -> str:
    return _MARGIN.sub("", line)
