"""The live area of a run in a notebook: one output of the cell, which is replaced again and again.

It is text with colours, which every front end shows in those of its theme, and a saved notebook
keeps only the last of it. What tasks print is ordinary output below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from taskflow.progress.paint import fitted
from taskflow.progress.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from taskflow.progress.paint import Line

#: A cell says nothing of its size: what fits into most, and scrolls in the others.
COLUMNS: Final = 100
LINES: Final = 40


class NotebookScreen(Screen):
    """The cell of a notebook that started a run; `stream` is where its output goes.

    `display` and `update` are those of `IPython.display`.
    """

    def __init__(
        self, stream: TextIO, display: Callable[..., Any], update: Callable[..., Any]
    ) -> None:
        super().__init__(stream)
        self._display = display
        self._update = update
        self._id = f"taskflow-{id(self):x}"

    def size(self) -> tuple[int, int]:
        """As much as is shown of a table."""
        return COLUMNS, LINES

    def show(self, frame: Sequence[Line]) -> None:
        """Replace the table, and write below it what has gathered."""
        text = "\n".join(self.paint.line(fitted(line, COLUMNS - 1)) for line in frame)
        show = self._update if self._live else self._display
        self._live = True
        show({"text/plain": text}, raw=True, display_id=self._id)
        self.paint.write(self._taken())

    def leave(self, frame: Sequence[Line]) -> None:
        """Show the table for the last time."""
        self.show(frame)
