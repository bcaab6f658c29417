"""The events of a run as lines of JSON, for programs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from taskflow.events import RunEnded, as_plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from taskflow.events import Event


class JsonProgress:
    """A listener that writes one event per line.

    With `hold` the last event, `RunEnded`, waits for `finish`, which gives it the value of the run.
    """

    def __init__(self, stream: TextIO, *, hold: bool = False) -> None:
        self._stream = stream
        self._hold = hold
        self._held: RunEnded | None = None

    def notice(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._hold and isinstance(event, RunEnded):
                self._held = event
            else:
                self._stream.write(f"{as_json(as_plain(event))}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to free: the stream is the caller's."""

    def finish(self, value: Any = None) -> None:
        """Write the event that was held back, with the value that the run came to."""
        if self._held is not None:
            self._stream.write(f"{as_json({**as_plain(self._held), 'value': value})}\n")
            self._stream.flush()
            self._held = None


def as_json(value: Any) -> str:
    """The value as standard JSON in one line; what JSON does not know appears as its repr."""
    try:
        return json.dumps(value, default=repr, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # keys of other types, NaN, cycles
        return json.dumps(_known(value), default=repr, allow_nan=False)


def _known(value: Any, depth: int = 20) -> Any:
    if isinstance(value, dict) and depth:
        return {str(key): _known(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth:
        return [_known(inner, depth - 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, (str, int, float)) else repr(value)
