"""A thread that says `tick` now and then, so that the time goes on while nothing happens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Ticker(threading.Thread):
    """Calls `tick` every `seconds`, from `start` to `stop`.

    A tick that raises is the last; what it raised is the `error`.
    """

    def __init__(self, tick: Callable[[], None], seconds: float) -> None:
        super().__init__(name="taskflow-ticker", daemon=True)
        self.error: Exception | None = None
        self._tick = tick
        self._seconds = seconds
        self._over = threading.Event()

    def run(self) -> None:
        """What the thread does."""
        try:
            while not self._over.wait(self._seconds):
                self._tick()
        except Exception as error:  # noqa: BLE001 - raised where somebody hears it
            self.error = error

    def stop(self) -> None:
        """Tick no more; returns once the last tick is over."""
        self._over.set()
        if self.is_alive():
            self.join()
