"""The events of a run as lines of JSON, for programs."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow.events import RunEnded, apart, as_plain
from taskflow.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from taskflow.events import Event
    from taskflow.secret import Redactor


# Not `json.dumps`, which makes an encoder for each line.
_encoded: Final = json.JSONEncoder(default=repr, allow_nan=False).encode


class JsonProgress:
    """A listener that writes one event per line; the last waits for the value of the run.

    Every line has `event`, its kind, and `time`, when it was told, in seconds since the epoch.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._clock = clock
        self._last: RunEnded | None = None

    def notice(self, events: Sequence[Event]) -> None:
        now = round(self._clock(), 3)
        for event in apart(events):
            if isinstance(event, RunEnded):
                self._last = event
            else:
                self._stream.write(f"{as_json({'time': now, **as_plain(event)})}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to free: the stream is the caller's."""

    def finish(self, value: Any, redact: Redactor | None = None) -> None:
        """Write the end of the run, with the value that it came to, without its secrets."""
        if self._last is not None:
            if redact is not None and redact.needed:
                value = _without_secrets(value, redact)
            self._stream.write(f"{as_json({**as_plain(self._last), 'value': value})}\n")
            self._stream.flush()


def as_json(value: Any) -> str:
    """The value as standard JSON in one line; what JSON does not know appears as its repr."""
    try:
        return _encoded(value)
    except (TypeError, ValueError, RecursionError):  # keys of other types, NaN, cycles
        return json.dumps(_known(value))


def _without_secrets(value: Any, redact: Redactor) -> Any:
    """What JSON tells of a value, masked in its texts and where a number is the secret."""

    def number(text: str) -> Any:
        return text if redact(text) == MASK else json.loads(text)

    return redact(json.loads(as_json(value), parse_int=number, parse_float=number))


def _known(value: Any, depth: int = 20) -> Any:
    if isinstance(value, dict) and depth:
        return {str(key): _known(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth:
        return [_known(inner, depth - 1) for inner in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else repr(value)
