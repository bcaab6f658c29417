"""A thread that says `tick` now and then, so that the time goes on while nothing happens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Ticker:
    """Calls `tick` every `seconds` from a thread of its own, from `start` to `stop`.

    A tick that raises is the last; what it raised is the `error`.
    """

    def __init__(self, tick: Callable[[], None], seconds: float) -> None:
        self._tick = tick
        self.error: Exception | None = None
        self._seconds = seconds
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tick; does nothing the second time."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="taskflow-ticker", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Tick no more; returns once the last tick is over."""
        self._over.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._over.wait(self._seconds):
                self._tick()
        except Exception as error:  # noqa: BLE001 - raised where somebody hears it
            self.error = error
