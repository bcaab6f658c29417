"""Which progress suits where a run is started from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from taskflow.events import RunStarted
from taskflow.progress.lines import LineProgress, Prints
from taskflow.progress.paint import is_terminal
from taskflow.progress.terminal import TerminalProgress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from taskflow.events import Event
    from taskflow.interfaces import Listener


class FittingProgress:
    """A live table, or plain lines where tasks run in this very process.

    There a body may write to the terminal by any way it likes, ask a question with `input` or stop
    in a debugger, and a table that is drawn over all that would be in the way.
    """

    def __init__(self, stream: TextIO, *, full: bool | None = None) -> None:
        self._stream = stream
        self._full = full
        self.chosen: Listener | None = None  #: known once the run has started

    def notice(self, events: Sequence[Event]) -> None:
        if self.chosen is None:
            inline = any(isinstance(e, RunStarted) and e.executor == "inline" for e in events)
            self.chosen = (LineProgress if inline else TerminalProgress)(
                self._stream, full=self._full
            )
        self.chosen.notice(events)

    def close(self) -> None:
        if self.chosen is not None:
            self.chosen.close()


def default_progress(stream: TextIO | None = None, progress: bool | None = None) -> Listener | None:
    """What a program sees of a run that it starts: on `stream`, or standard error.

    Shown where a person watches, a terminal or a notebook; `progress=True` shows it anywhere,
    `progress=False` nowhere. What tasks print is shown in any case: it may be all there is to see.
    """
    in_notebook = stream is None and is_notebook()
    # Standard error would be red in a notebook.
    stream = stream or (sys.stdout if in_notebook else sys.stderr)
    if stream is None:  # a program without a console
        return None
    if progress is False:
        return Prints(stream)
    if in_notebook:
        from taskflow.progress.notebook import NotebookScreen

        return TerminalProgress(stream, screen=NotebookScreen(stream))
    if is_live(stream):
        return FittingProgress(stream)
    return LineProgress(stream) if progress else Prints(stream)


def command_line_progress(
    stream: TextIO | None = None, *, hidden: bool = False, full: bool = False
) -> Listener:
    """What the command line shows: always something, at the least what failed."""
    stream = stream or sys.stderr
    if is_live(stream) and not hidden:
        return FittingProgress(stream, full=full)
    return LineProgress(stream, quiet=hidden, full=full)


def is_live(stream: TextIO) -> bool:
    """Whether lines on this stream can be changed once written: a terminal, and no robot's."""
    return is_terminal(stream) and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
