"""Who listens to a run, kept apart from it: what a listener does is no part of the run."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskflow.events import Event
    from taskflow.interfaces import Listener


class Heard:
    """A listener as a run has it: one that fails is told nothing more, and the run goes on."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._failed = False

    def notice(self, events: Sequence[Event]) -> None:
        """Tell the listener."""
        self._tell(lambda: self._listener.notice(events))

    def close(self) -> None:
        """Tell it that this was all."""
        self._tell(self._listener.close)

    def _tell(self, call: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - what a listener does is no part of the run
            self._failed = True
            name = type(self._listener).__name__
            say(f"the listener {name} is told nothing more, it raised {error!r}")


def say(text: str) -> None:
    """One line on standard error, if there is one."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"taskflow: {text}\n")


def tell(hook: Callable[[Any], None] | None, run: Any) -> None:
    """Call who wants to know that a run has ended; what it raises is no part of the run."""
    if hook is None:
        return
    try:
        hook(run)
    except Exception as error:  # noqa: BLE001 - the border to the user's code
        say(f"run {run.id} is {run.state}; the hook that is told of it raised {error!r}")
