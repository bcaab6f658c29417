"""The live area at the bottom of a terminal, and the lines that scroll above it.

rich moves the cursor. Loading it takes longer than a small run does, so that happens at the first
live frame; a run that is over before then is simply written down.
"""

from __future__ import annotations

import io
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from taskflow.progress.clean import output_lines
from taskflow.progress.paint import Paint, fitted, is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

    from taskflow.progress.paint import Line

_NARROWEST: Final = 20


class Screen:
    """One terminal: a live area of a few lines below everything else."""

    def __init__(self, stream: TextIO) -> None:
        self.paint = Paint(stream)
        self._above: deque[str] = deque()
        self._frame = _Frame(self.paint)
        self._live: Live | None = None
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
            columns, lines = os.get_terminal_size(self.paint.stream.fileno())
        except (OSError, ValueError):
            columns, lines = 80, 24
        columns, lines = _stated("COLUMNS", columns), _stated("LINES", lines)
        return max(columns or 80, _NARROWEST), lines or 24

    def show(self, frame: Sequence[Line]) -> None:
        """Replace the live area, and write what has gathered above it."""
        live = self._live or self._begin()
        width, height = self.size()
        live.console.size = width, height
        self._frame.lines = [fitted(line, width - 1) for line in frame]
        if self._above:
            # Whatever rich prints, it draws the live area below it anew.
            live.console.print(_Raw(self._gathered()), soft_wrap=True)
        else:
            live.refresh()

    def leave(self, frame: Sequence[Line]) -> None:
        """End the live area; its last frame stays."""
        if self._live is None:
            width, _ = self.size()
            lines = [self.paint.line(fitted(line, width - 1)) for line in frame]
            self.paint.write([*self._taken(), *lines])
            return
        self._return_streams()
        self.show(frame)
        self._live.stop()
        self._live = None

    def _begin(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(
            file=self.paint.stream,
            force_terminal=True,
            color_system="standard" if self.paint.colour else None,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self._live = Live(
            self._frame,
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        self._borrow_streams()
        return self._live

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

    def _gathered(self) -> str:
        return "".join(f"{line}\n" for line in self._taken())


class _Frame:
    """The live area as rich sees it: always the same object, with other lines."""

    def __init__(self, paint: Paint) -> None:
        self.lines: list[Line] = []
        self._paint = paint

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        for line in self.lines:
            for text, style in line:
                yield Segment(self._paint.plain(text), console.get_style(style or "none"))
            yield Segment.line()


class _Raw:
    """Painted lines that rich passes on as they are."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        yield Segment(self.text)


class _Above(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr` while a live area is below them."""

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

    def finish(self) -> None:
        """Hand on a last line without an end."""
        if self._begun:
            self.write("\n")

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _stated(variable: str, otherwise: int) -> int:
    value = os.environ.get(variable, "")
    return int(value) if value.isdecimal() and int(value) > 0 else otherwise
