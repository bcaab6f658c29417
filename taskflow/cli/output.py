"""Standard output while a run goes on: a reader that goes away ends the telling, not the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Output:
    """Writes to a stream until nobody reads it any more; `check` tells that at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._closed_pipe: BrokenPipeError | None = None

    def write(self, text: str) -> int:
        """Write, if somebody reads."""
        if self._closed_pipe is None:
            try:
                self._stream.write(text)
            except BrokenPipeError as error:
                self._closed_pipe = error
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._closed_pipe is None:
            try:
                self._stream.flush()
            except BrokenPipeError as error:
                self._closed_pipe = error

    def check(self) -> None:
        """Raise what was met when the reader went away."""
        if self._closed_pipe is not None:
            raise self._closed_pipe
