"""Lines as spans of styled text, and how they become characters on a stream.

Everything shown is built from such lines, so the same row serves a live terminal, a log file and
a test. The styles are words that rich knows too.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

Span = tuple[str, str]  # text, style
Line = list[Span]

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}

#: The signs used, and what stands for them where the stream cannot show them.
_PLAIN: Final = str.maketrans("✔✘●○◐◓◑◒–·│╭╰├┆─━╸❱↻…×", "+x*.>>>>--|,`|:-=->~.x")


def text_of(line: Line) -> str:
    """The line without its styles."""
    return "".join(text for text, _ in line)


def spaced(line: Iterable[Line], between: str = "  ") -> Line:
    """Several groups of spans as one line, apart by `between`; empty groups leave no gap."""
    joined: Line = []
    for group in line:
        if group:
            joined += [(between, ""), *group] if joined else group
    return joined


def cells(text: str) -> int:
    """How many columns of a terminal the text takes; East Asian letters take two."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(each) for each in text)


def fitted(line: Line, width: int) -> Line:
    """The line cut to `width` columns, with a mark where it was cut."""
    if sum(cells(text) for text, _ in line) <= width:
        return line
    room, kept = width - 1, []
    for text, style in line:
        taken = _first_cells(text, room)
        kept.append((taken, style))
        if taken != text:
            break
        room -= cells(text)
    return [*kept, ("…", "dim")]


def padded(text: str, width: int) -> str:
    """The text filled up with spaces to `width` columns."""
    return text + " " * (width - cells(text))


class Paint:
    """How to write lines to one stream: with colours or without, with its signs or in ASCII."""

    def __init__(self, stream: TextIO, *, colour: bool | None = None) -> None:
        self.stream = stream
        self.colour = wants_colour(stream) if colour is None else colour
        self.unicode = _shows_unicode(stream)

    def line(self, line: Line) -> str:
        """The line as characters to write."""
        return "".join(self._span(text, style) for text, style in line).rstrip()

    def plain(self, text: str) -> str:
        """The text in characters that the stream can show."""
        if self.unicode:
            return text
        encoding = self.stream.encoding
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, each ended, in one go."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self.stream.write(text)
            self.stream.flush()

    def _span(self, text: str, style: str) -> str:
        text = self.plain(text)
        if not self.colour or not style:
            return text
        codes = ";".join(_CODES[word] for word in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"


def wants_colour(stream: TextIO) -> bool:
    """Whether to write colours: NO_COLOR, then FORCE_COLOR, then whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "") not in {"", "0"}:
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: Any) -> bool:
    """Whether a person sees this stream as it is written; a closed one is none."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _shows_unicode(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "").replace("_", "").startswith("utf")


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _first_cells(text: str, room: int) -> str:
    for at, character in enumerate(text):
        room -= _cells_of(character)
        if room < 0:
            return text[:at]
    return text
