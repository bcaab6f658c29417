"""Lines as spans of styled text, and how they become characters on a stream.

Everything shown is built from such lines, so the same row serves a live terminal, a log file and
a test. The colours are the eight that every theme of every terminal defines, but for black and
white, one of which vanishes on a light background and one on a dark.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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
_PLAIN: Final = str.maketrans("✔✘●○◐◓◑◒▾–·│╭╰├┆─━╸❱↻…×", "+x*.>>>>v--|,`|:-=->~.x")
#: What a write says when nobody is there any more: a window closed, a pipe without a reader.
_GONE: Final = frozenset({errno.EIO, errno.EPIPE, errno.ENXIO, errno.EBADF})

#: A word and the space around it, of which that at the front begins the text.
_WORD: Final = re.compile(r"^\s+|\S+\s*")
#: How much further right a broken line goes on.
_HANGING: Final = 2


def text_of(line: Line) -> str:
    """The line without its styles."""
    return "".join(text for text, _ in line)


def spaced(groups: Iterable[Line], between: Span = ("  ", "")) -> Line:
    """Several groups of spans as one line, apart by `between`; empty groups leave no gap."""
    joined: Line = []
    for group in filter(None, groups):
        joined += [between, *group] if joined else group
    return joined


def cells(text: str) -> int:
    """How many columns of a terminal the text takes; East Asian letters take two."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(each) for each in text)


def fitted(line: Line, width: int) -> Line:
    """The line cut to `width` columns, with a mark where it was cut."""
    if cells(text_of(line)) <= width:
        return line
    room, kept = width - 1, []
    for text, style in line:
        taken = _first_cells(text, room)
        kept.append((taken, style))
        if taken != text:
            break
        room -= cells(text)
    return [*kept, ("…", "dim")]


def wrapped(line: Line, width: int) -> list[Line]:
    """The line in as many as it takes, broken between spans or else at spaces.

    A word that is too long for any line stays whole, so an address can be copied.
    """
    start = text_of(line)
    if cells(start) <= width:
        return [line]
    indent = " " * min(width // 2, len(start) - len(start.lstrip()) + _HANGING)
    lines: list[Line] = [[]]
    used = 0
    for text, style in line:
        short = cells(text) <= width // 2
        for part in [text] if short else _WORD.findall(text):
            if used + cells(part.rstrip()) > width and used > len(indent):
                before, its_style = lines[-1][-1]
                lines[-1][-1] = before.rstrip(), its_style
                lines.append([(indent, "")])
                used = len(indent)
                part = part.lstrip()  # noqa: PLW2901 - the space went into the break
            lines[-1].append((part, style))
            used += cells(part)
    return lines


def padded(text: str, width: int) -> str:
    """The text filled up with spaces to `width` columns."""
    return text + " " * (width - cells(text))


class Paint:
    """How to write lines to one stream: with colours or without, with its signs or in ASCII."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.colour = wants_colour(stream)
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.unicode = codecs.lookup(self.encoding).name.startswith("utf")
        self._gone = False

    def line(self, line: Line) -> str:
        """The line as characters to write."""
        return "".join(self._span(text, style) for text, style in line).rstrip()

    def plain(self, text: str) -> str:
        """The text in characters that the stream can show."""
        if self.unicode:
            return text
        plain = text.translate(_PLAIN).encode(self.encoding, "backslashreplace")
        return plain.decode(self.encoding)

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, each ended, in one go."""
        self.write_text("".join(f"{line}\n" for line in lines))

    def write_text(self, text: str) -> None:
        """Write text as it is; once nobody is there to read it, a run goes on without."""
        if not text or self._gone:
            return
        try:
            with _blocking(self.stream):
                self.stream.write(text)
                self.stream.flush()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self._gone = True

    def _span(self, text: str, style: str) -> str:
        text = self.plain(text)
        if not self.colour or not style or not text.strip():
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


@contextlib.contextmanager
def _blocking(stream: TextIO) -> Iterator[None]:
    """Have writes wait: a program on the same terminal, such as ssh, may have set it not to."""
    try:
        number = stream.fileno()
        waits = os.get_blocking(number)
    except (AttributeError, OSError, ValueError):  # no file at all
        waits = True
    if waits:
        yield
        return
    os.set_blocking(number, True)
    try:
        yield
    finally:
        os.set_blocking(number, False)


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
