"""The live area at the bottom of a terminal, and the lines that scroll above it.

A frame is one write: up to where the last one began, the lines that come above, the new frame. The
cursor rests below it, where a shell's prompt goes if this process is killed, and is hidden within
the write only, so no end, however sudden, can leave a terminal without one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from taskflow.progress.clean import output_lines
from taskflow.progress.paint import Paint, cells, fitted, is_terminal, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from taskflow.progress.paint import Line

_NARROWEST: Final = 20
#: Terminals that know the first show what follows at once; all hide the cursor meanwhile.
_BEGIN: Final = "\x1b[?2026h\x1b[?25l"
_END: Final = "\x1b[?25h\x1b[?2026l"
#: A letter whose width terminals disagree about must not make a line of the frame two.
_NO_WRAP: Final = "\x1b[?7l"
_WRAP: Final = "\x1b[?7h"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"


class Screen:
    """One terminal: a live area of a few lines below everything else."""

    def __init__(self, stream: TextIO) -> None:
        self.paint = Paint(stream)
        self._above: deque[str] = deque()
        self._shown: list[int] = []  # how wide the lines of the last frame are
        self._live = False
        self._borrowed: dict[str, _Above] = {}

    def above(self, lines: Iterable[str]) -> None:
        """Have lines, already painted, written above the live area when it is next shown."""
        self._above.extend(lines)

    @property
    def has_news(self) -> bool:
        """Whether lines wait to be written."""
        return bool(self._above)

    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal as it is now."""
        try:
            known = os.get_terminal_size(self.paint.stream.fileno())
        except (OSError, ValueError):
            known = os.terminal_size((80, 24))
        columns, lines = shutil.get_terminal_size(known)
        return max(columns or 80, _NARROWEST), lines or 24

    def show(self, frame: Sequence[Line]) -> None:
        """Replace the live area, and write what has gathered above it."""
        if not self._live:
            self._live = True
            self._borrow_streams()
        width, _ = self.size()
        lines = [fitted(line, width - 1) for line in frame]
        painted = "".join(f"{self.paint.line(line)}{_REST_OF_LINE}\n" for line in lines)
        above = "".join(f"{line}\n" for line in self._taken())
        if above:  # it may be longer than what stands there
            above = f"{_REST_OF_SCREEN}{above}"
        home = self._home(width)
        self._shown = [cells(text_of(line).rstrip()) for line in lines]
        body = f"{home}{above}{_NO_WRAP}{painted}{_WRAP}{_REST_OF_SCREEN}"
        self.paint.write_text(f"{_BEGIN}{body}{_END}")

    def leave(self, frame: Sequence[Line]) -> None:
        """End the live area; its last frame stays."""
        if self._live:
            self._return_streams()
            self.show(frame)
            return
        width, _ = self.size()
        lines = [self.paint.line(fitted(line, width - 1)) for line in frame]
        self.paint.write([*self._taken(), *lines])

    @contextlib.contextmanager
    def kept_whole(self) -> Iterator[None]:
        """Give the program its streams back if what happens here fails."""
        try:
            yield
        except BaseException:
            self._return_streams()
            raise

    def _home(self, width: int) -> str:
        """To the first letter of the last frame, which a narrower window has wrapped anew."""
        rows = sum(max(1, -(-cells // width)) for cells in self._shown)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _borrow_streams(self) -> None:
        """What this process prints on the same terminal has to go above the live area too."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if is_terminal(stream) and is_terminal(self.paint.stream):
                self._borrowed[name] = _Above(self, stream)
                setattr(sys, name, self._borrowed[name])

    def _return_streams(self) -> None:
        for name, proxy in self._borrowed.items():
            proxy.finish()
            if getattr(sys, name) is proxy:
                setattr(sys, name, proxy.stream)
        self._borrowed.clear()

    def _taken(self) -> list[str]:
        return [self._above.popleft() for _ in range(len(self._above))]


class _Above:
    """Stands for `sys.stdout` or `sys.stderr` while a live area is below them.

    No base class: what is not here is to be found in the stream.
    """

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self.stream = stream
        self._screen = screen
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        paint = self._screen.paint
        for line in lines:
            self._screen.above(map(paint.plain, output_lines(line, colour=paint.colour)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def finish(self) -> None:
        """Hand on a last line without an end."""
        if self._begun:
            self.write("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
