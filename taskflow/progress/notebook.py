"""The live area of a run in a notebook: one output of the cell, which is replaced again and again.

It is text with colours, which every front end shows in those of its theme, and a saved notebook
keeps only the last of it. What tasks print is ordinary output below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from IPython.display import display

from taskflow.progress.paint import fitted
from taskflow.progress.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.progress.paint import Line

#: A cell says nothing of its size: what fits into most, and scrolls in the others.
COLUMNS: Final = 100
LINES: Final = 40


class NotebookScreen(Screen):
    """The cell of a notebook that started a run."""

    _display: Callable[..., Any] = staticmethod(display)
    _shown_as: Any = None  #: the handle of the output, once there is one

    def size(self) -> tuple[int, int]:
        """As much as is shown of a table."""
        return COLUMNS, LINES

    def show(self, frame: Sequence[Line]) -> None:
        """Replace the table, and write below it what has gathered."""
        text = "\n".join(self.paint.line(fitted(line, COLUMNS - 1)) for line in frame)
        if self._shown_as is None:
            self._shown_as = self._display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._shown_as.update({"text/plain": text}, raw=True)
        self.paint.write(self._taken())

    def leave(self, frame: Sequence[Line]) -> None:
        """Show the table for the last time."""
        self.show(frame)
