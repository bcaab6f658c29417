"""Which progress suits where a run is started from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from taskflow.progress.lines import LineProgress
from taskflow.progress.paint import is_terminal
from taskflow.progress.terminal import TerminalProgress

if TYPE_CHECKING:
    from typing import TextIO

    from taskflow.interfaces import Listener

FULL_TRACEBACK: Final = "--full-traceback"


def default_progress(stream: TextIO | None = None, progress: bool | None = None) -> Listener | None:
    """What a program sees of a run that it starts: on `stream`, or standard error.

    Shown where a person watches, a terminal or a notebook; `progress=True` shows it anywhere,
    `progress=False` nowhere. What tasks print is shown in any case: it may be all there is to see.
    """
    if stream is None and is_notebook():
        stream, progress = sys.stdout, progress is not False
    stream = stream or sys.stderr
    if stream is None:  # a program without a console
        return None
    if progress is False:
        return LineProgress(stream, quiet=True, report=False)
    if is_live(stream):
        return TerminalProgress(stream)
    return LineProgress(stream, quiet=not progress, report=bool(progress))


def command_line_progress(
    stream: TextIO | None = None, *, hidden: bool = False, full: bool = False
) -> Listener:
    """What the command line shows: always something, at the least what failed."""
    stream = stream or sys.stderr
    if is_live(stream) and not hidden:
        return TerminalProgress(stream, full=full, hint=FULL_TRACEBACK)
    return LineProgress(stream, quiet=hidden, full=full, hint=FULL_TRACEBACK)


def is_live(stream: TextIO) -> bool:
    """Whether lines on this stream can be changed once written: a terminal, and no robot's."""
    return is_terminal(stream) and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
