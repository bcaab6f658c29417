"""The marks of the states, as paths in a square of 10: no font has to have them."""

from __future__ import annotations

from typing import Final

_CIRCLE: Final = "M1 5A4 4 0 1 0 9 5A4 4 0 1 0 1 5"

MARKS: Final = {
    "failed": "M1.5 1.5L8.5 8.5M8.5 1.5L1.5 8.5",
    "crashed": "M6 .5L2.5 5.5H7.5L4 9.5",
    "timed_out": f"{_CIRCLE}M5 2.8V5.2L6.8 6.4",
    "running": "M2.5 1.2L8.5 5L2.5 8.8Z",
    "retrying": "M8.6 5A3.7 3.7 0 1 1 7.2 2.1M7.6 .2V2.6H5.2",
    "ready": "M3.6 5A1.4 1.4 0 1 0 6.4 5A1.4 1.4 0 1 0 3.6 5",
    "cancelled": f"{_CIRCLE}M2.3 7.7L7.7 2.3",
    "upstream_failed": "M5 9V3.4M2.2 5.8L5 3L7.8 5.8M1.5 .8H8.5",
    "pending": _CIRCLE,
    "skipped": "M1 5H6.2M4 2.4L6.6 5L4 7.6M8.8 2V8",
    "cached": "M5 .8L9.2 5L5 9.2L.8 5Z",
    "succeeded": "M1.2 5.4L4 8.2L8.9 2.2",
}
