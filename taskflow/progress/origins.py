"""Where an exception came from, read from the traceback as Python prints it.

An exception travels as text, since it may not survive pickling: its causes stand above it, and the
members of an exception group below, each behind a margin of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.call import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAINED: Final = re.compile(
    r"\n\n(?:The above exception was the (direct cause) of the following exception"
    r"|During handling of the above exception, another exception occurred):\n"
)
_MEMBER: Final = re.compile(r"^( *(?:\+-)?)\+-{16} (?:\d+|\.\.\.) -{16}$")
_MARGIN: Final = re.compile(r"^ *[|+] ?")
_FRAME: Final = re.compile(r'^  File "(.+)", line (\d+), in (.+)$')
_STEP: Final = 2  # letters by which a group within a group is further right


class Origin(NamedTuple):
    """An exception behind another: how they belong together, what it says, and its last frame."""

    word: str
    text: str
    frame: Frame | None
    depth: int = 0


def causes(traceback: str) -> Iterator[Origin]:
    """What an exception came from, the nearest first."""
    *parts, _ = _CHAINED.split(traceback)  # each but the last is followed by what joins it
    for text, direct in reversed(list(zip(parts[::2], parts[1::2], strict=True))):
        yield from _origin("caused by" if direct else "while handling", text.split("\n"))


def members(traceback: str) -> Iterator[Origin]:
    """The exceptions in an exception group, in their order, with those of groups inside."""
    first, depth, lines = -1, 0, list[str]()
    for line in traceback.split("\n"):
        mark = _MEMBER.match(line)
        if mark is None:
            lines.append(line)
            continue
        if first >= 0:
            yield from _origin("", lines, depth)
        first = len(mark[1]) if first < 0 else first
        depth, lines = (len(mark[1]) - first) // _STEP, []
    if first >= 0:
        yield from _origin("", lines, depth)


def _origin(word: str, lines: list[str], depth: int = 0) -> Iterator[Origin]:
    """The exception that a traceback ends with: it begins below the last frame."""
    lines = [_MARGIN.sub("", line) for line in lines]
    at = max((number for number, line in enumerate(lines) if line.startswith("  ")), default=-1)
    text = next((line.strip() for line in lines[at + 1 :] if line.strip(" -+")), "")
    found = next(filter(None, map(_FRAME.match, reversed(lines))), None)
    frame = Frame(found[1], int(found[2]), found[3], "", mine=True) if found else None
    if text:
        yield Origin(word, text, frame, depth)
