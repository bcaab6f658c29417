"""Reads the iterator of a map in a thread of its own, only as far as the run asks."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from taskflow.authoring.tracing import refusing
from taskflow.executors.failing import report_of
from taskflow.values import encode_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.call import ErrorReport, Piece

    #: Elements, whether they are the last, and what the iterator raised.
    Read: TypeAlias = tuple[tuple[Piece, ...], bool, ErrorReport | None]


class Reader:
    """One iterator; the engine asks for more and takes what was read."""

    def __init__(
        self, iterator: Iterator[Any], name: str, directory: str, reducers: dict[type, Any]
    ) -> None:
        self._iterator = iterator
        self._name = name
        self._directory = directory
        self._reducers = reducers
        self._lock = threading.Lock()
        self._asked = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._wanted = 0
        self._is_reading = False
        self._read: Read | None = None

    def ask(self, count: int, wake: Callable[[], None]) -> None:
        """Read `count` more elements, then call `wake`; does nothing while it is reading."""
        with self._lock:
            if self._is_reading or self._read is not None:
                return
            self._is_reading = True
            self._wanted = count
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._serve, args=(wake,), name=f"reads for {self._name}.map", daemon=True
            )
            self._thread.start()
        self._asked.release()

    def take(self) -> Read | None:
        """What was read, if anything."""
        with self._lock:
            read, self._read = self._read, None
            return read

    @property
    def is_reading(self) -> bool:
        """Whether elements are on their way."""
        return self._is_reading

    def _serve(self, wake: Callable[[], None]) -> None:
        refusing.set(
            f"in the iterator that {self._name}.map runs over, which is read while the run goes "
            "on; make a list of the calls first: task.map([other(x) for x in xs])"
        )
        is_last = False
        while not is_last:
            self._asked.acquire()
            read = self._next(self._wanted)
            is_last = read[1]
            with self._lock:
                self._read = read
                wake()  # first: whoever waits while it is reading must not miss it
                self._is_reading = False

    def _next(self, count: int) -> Read:
        values: list[Any] = []
        try:
            values.extend(itertools.islice(self._iterator, count))
            pieces = tuple(encode_each(values, self._directory, self._reducers))
        except BaseException as error:  # noqa: BLE001 - user code; it ends as the map's failure
            return (), True, report_of(error)
        return pieces, len(values) < count, None
