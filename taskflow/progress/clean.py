"""Text from tasks and strangers, made safe for a terminal.

A task key holds what a user mapped over, and a task's output holds whatever it printed or some
library wrote: escape sequences that move the cursor, retitle the window or hide text, letters that
turn the reading direction, half a picture. Names show all of that as escapes. Output keeps its
colours; what else it does to the terminal is dropped, and what cannot be shown is escaped.
"""

from __future__ import annotations

import re
from typing import Final

#: A longer line of output is cut: a whole file printed as one line fills a terminal for minutes.
LINE_LIMIT: Final = 4000

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_ESCAPE: Final = re.compile(
    r"(\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: cursor, erase, colour
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC and other strings: titles, links, pictures
    r"|\x1b[ -/]*[0-~]?)"  # the rest
)
_TAB: Final = 8


def one_line(text: str, limit: int = 80) -> str:
    """A name or a value in one line of at most `limit` characters, with nothing hidden in it."""
    if len(text) > 4 * limit:  # escaping makes text longer, so what is far outside is not needed
        text = f"{text[: 2 * limit]}{text[-2 * limit :]}"
    shown = _visible(text)
    if len(shown) <= limit:
        return shown
    tail = limit // 3
    return f"{shown[: limit - tail - 1]}…{shown[len(shown) - tail :]}"


def output_lines(text: str, *, colour: bool = False) -> list[str]:
    """The lines of a task's output; colours are kept if they are wanted."""
    return [
        line if len(line) <= LINE_LIMIT and line.isprintable() else _cleaned(line, colour=colour)
        for line in text.removesuffix("\n").split("\n")
    ]


def _cleaned(line: str, *, colour: bool) -> str:
    # What a line shows after its carriage returns: progress bars write `10%\r20%\r30%`.
    line = line.rstrip("\r").rpartition("\r")[2]
    pieces = _ESCAPE.split(line[:LINE_LIMIT])  # every other one is an escape
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            pieces[at] = _visible(piece.expandtabs(_TAB))
        elif not colour or not _COLOUR.fullmatch(piece):
            pieces[at] = ""
    if colour and len(pieces) > 1:
        pieces.append("\x1b[0m")  # a colour that a task leaves on ends with its line
    more = len(line) - LINE_LIMIT
    return "".join(pieces) + (f" … {more:,} more characters" if more > 0 else "")


def _visible(text: str) -> str:
    r"""The text with every character that is not printable written as `\n`, `\x1b` or `\u202e`."""
    return text if text.isprintable() else "".join(map(_spelled, text))


def _spelled(character: str) -> str:
    # Spaces other than the common one are not "printable" but harmless.
    if character.isspace() and ord(character) >= 0xA0 and character not in "\u2028\u2029":
        return " "
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
