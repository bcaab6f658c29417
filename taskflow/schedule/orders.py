"""What a service tells a process that runs something for it, as plain data."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from taskflow.planned import TickRow  # noqa: TC001 - orders are decoded by it
from taskflow.store.codec import pack, unpack

#: What a process that ran something for a service ends with, beside what a signal makes of it.
DONE: Final = 0
NOT_BEGUN: Final = 3  #: somebody else has the run


class RunOrder(NamedTuple):
    """Drive a run that the service has picked."""

    store: str
    run: str
    epoch: int
    version: str
    workers: int | None = None
    as_json: bool = False  #: how it says what its tasks write

    def encoded(self) -> bytes:
        """As bytes, for `decoded`."""
        return pack(("run", tuple(self)))


class HookOrder(NamedTuple):
    """Call a function that a pipeline names, with ticks that were late, or skipped."""

    store: str
    pipeline: str
    hook: str
    ticks: tuple[TickRow, ...]

    def encoded(self) -> bytes:
        """As bytes, for `decoded`."""
        return pack(("hook", (*self[:-1], [tuple(tick) for tick in self.ticks])))


def decoded(data: bytes) -> RunOrder | HookOrder:
    """The order that was encoded."""
    kind, fields = unpack(data)
    known: type[RunOrder | HookOrder] = RunOrder if kind == "run" else HookOrder
    return msgspec.convert(fields, known)
