"""What a service says of itself: lines for people, or of JSON for programs, on one stream."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from taskflow.progress.clean import output_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


class Say(Protocol):
    """Says what happened, and to what; the details are named."""

    def __call__(self, what: str, about: str = "", **details: Any) -> None:
        """Say one thing."""
        ...


#: What happened is as wide as this in lines for people.
_WIDTH: Final = 10


def lines(stream: TextIO, now: Callable[[], float]) -> Say:
    """Lines for people: when, what, about what, and the details as `name=value`."""

    def say(what: str, about: str = "", **details: Any) -> None:
        given = [f"{name}={value}" for name, value in details.items() if value not in ("", None)]
        text = "  ".join([f"{what:{_WIDTH}}", *filter(None, [about]), *given])
        first, *more = output_lines(text)
        stream.write("\n    ".join([f"{shown(now())}  {first}", *more]) + "\n")
        stream.flush()

    return say


def json_lines(stream: TextIO, now: Callable[[], float]) -> Say:
    """Lines of JSON: `time` in seconds since the epoch, `event`, `about`, and the details."""

    def say(what: str, about: str = "", **details: Any) -> None:
        said = {"time": round(now(), 3), "event": what.replace(" ", "_"), "about": about, **details}
        stream.write(f"{json.dumps(said, default=str)}\n")
        stream.flush()

    return say


def shown(seconds: float) -> str:
    """A moment as UTC in ISO 8601, with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
