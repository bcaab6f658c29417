"""Records of `logging` on their way from a body to the engine, with their level and logger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.errors import TaskTimeout
from taskflow.executors.failing import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

#: Characters of one record that travel; of more, the middle is left out.
RECORD_CHARACTERS: Final = 256 * 1024


class Record(NamedTuple):
    """A record as it is shown and kept."""

    level: int
    logger: str
    text: str


class RecordHandler(logging.Handler):
    """Hands on records, worded like those of a program that had called `logging.basicConfig`.

    What a body changes about `logging` is its own affair: without this handler, or beside it, what
    others write is plain output.
    """

    def __init__(self, send: Callable[[Record], None]) -> None:
        super().__init__()
        self._send = send
        worded = "%(asctime)s %(levelname)s %(name)s  %(message)s"
        self.setFormatter(logging.Formatter(worded, "%H:%M:%S"))

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass a record on, without the lock of handlers.

        A timeout is raised in a body at any point: it could leave that lock locked for ever.
        """
        passed: object = self.filter(record)
        if passed:  # since Python 3.12 it may be another record
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        try:
            text = shortened(self.format(record), RECORD_CHARACTERS) + "\n"
            if not text.isascii():  # half a surrogate pair is no text to anybody else
                text = text.encode("utf-8", "backslashreplace").decode()
            self._send(Record(record.levelno, record.name, text))
        except TaskTimeout:
            raise
        except Exception:  # noqa: BLE001 - as every handler does: a bad record ends no task
            self.handleError(record)
