"""Which old runs stay, as a person writes it, and their removal once a day."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from taskflow.errors import StoreError
from taskflow.records import Retention

if TYPE_CHECKING:
    from taskflow.interfaces import Store

_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.ASCII | re.IGNORECASE)


def tidy(store: Store, wish: str, now: float) -> None:
    """Remove old runs, unless that was done today; `wish` is as `retention_of` takes it."""
    retention = retention_of(wish)
    if retention is not None and store.gc_due(now):
        store.gc(retention, now)


def retention_of(wish: str) -> Retention | None:
    """What `runs=100,days=30,size=10GB` or a part of it means; None for `all`, which stays."""
    if wish.strip().lower() == "all":
        return None
    given: dict[str, float] = {}
    for part in filter(None, map(str.strip, wish.split(","))):
        name, _, text = part.partition("=")
        number = bytes_of(text) if name.strip() == "size" else _number(text)
        if number is None or name.strip() not in {"runs", "days", "size"}:
            raise StoreError(
                f"TASKFLOW_KEEP={wish!r}: {part!r} is not understood; write "
                "runs=100,days=30,size=10GB, a part of it, or all"
            )
        given[name.strip()] = number
    usual = Retention()
    runs, days = int(given.get("runs", usual.runs)), given.get("days", usual.days)
    return Retention(runs, days, int(given.get("size", usual.bytes)))


def bytes_of(text: str) -> float | None:
    """The number of bytes that `500MB` or `10g` means; None for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    return float(found[1]) * _UNITS[found[2].lower()] if found else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text.strip(), re.ASCII) else None
