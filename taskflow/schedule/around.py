"""What all parts of one service share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from taskflow.interfaces import Clock
    from taskflow.records import Owner
    from taskflow.schedule.nursery import Nursery
    from taskflow.schedule.saying import Say
    from taskflow.store.sqlite import SqliteStore


class Around(NamedTuple):
    """The store and the folder of a service, its processes, its voice, its clock and its name."""

    store: SqliteStore
    folder: str
    nursery: Nursery
    say: Say
    clock: Clock
    me: Owner
