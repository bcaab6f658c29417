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
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: cursor, erase, colour
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC and other strings: titles, links, pictures
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
_TAB: Final = 8


def one_line(text: str, limit: int = 80) -> str:
    """A name or a value in one line of at most `limit` characters, with nothing hidden in it."""
    if len(text) > 4 * limit:  # escaping makes text longer, so what is far outside is not needed
        text = f"{text[: 2 * limit]}{text[-2 * limit :]}"
    shown = text if text.isprintable() else escaped(text)
    if len(shown) <= limit:
        return shown
    tail = limit // 3
    return f"{shown[: limit - tail - 1]}…{shown[len(shown) - tail :]}"


def escaped(text: str) -> str:
    r"""The text with every character that is not printable written as `\n`, `\x1b` or `\u202e`."""
    return "".join(each if each.isprintable() else _spelled(each) for each in text)


def output_lines(text: str, *, colour: bool = False) -> list[str]:
    """The lines of a task's output; colours are kept if they are wanted."""
    lines = text.removesuffix("\n").split("\n")
    return [line if _is_plain(line) else _cleaned(line, colour=colour) for line in lines]


def _is_plain(line: str) -> bool:
    return len(line) <= LINE_LIMIT and line.isprintable()


def _cleaned(line: str, *, colour: bool) -> str:
    line = _last_state(line)
    more = len(line) - LINE_LIMIT
    if more > 0:
        line = line[:LINE_LIMIT]
    kept: list[str] = []
    at = 0
    for escape in _ESCAPE.finditer(line):
        kept.append(_visible(line[at : escape.start()]))
        if colour and _COLOUR.fullmatch(escape.group()):
            kept.append(escape.group())
        at = escape.end()
    kept.append(_visible(line[at:]))
    if colour and at:
        kept.append("\x1b[0m")  # a colour that a task leaves on ends with its line
    if more > 0:
        kept.append(f" … {more:,} more characters")
    return "".join(kept)


def _last_state(line: str) -> str:
    r"""What a line shows after its carriage returns: progress bars write `10%\r20%\r30%`."""
    states = [each for each in line.split("\r") if each]
    return states[-1] if states else ""


def _visible(text: str) -> str:
    return text if text.isprintable() else escaped(text.expandtabs(_TAB))


def _spelled(character: str) -> str:
    # Spaces other than the common one are not "printable" but harmless.
    if character.isspace() and ord(character) >= 0xA0 and character not in "\u2028\u2029":
        return " "
    return character.encode("unicode_escape").decode("ascii")
