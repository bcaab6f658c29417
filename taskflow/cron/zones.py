"""What clocks on the wall show in a time zone, and when they are changed.

Everything is in seconds from the start of 1970: instants, which are real time, and wall times.
"""

from __future__ import annotations

import difflib
import zoneinfo
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from taskflow.errors import DefinitionError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Two zones, or a zone before and after a change, are never further apart than this.
FARTHEST: Final = 2 * 86400

#: Clocks of a zone are looked at in chunks of a bit more than a year. Within one, each look is 18
#: hours after the one before: since 1970 no zone has changed twice in less than six days.
_CHUNK: Final = 1 << 25
_LOOK: Final = 1 << 16
#: What is so short is an abbreviation, such as CEST, and never like the name that is meant.
_ABBREVIATION: Final = 5


class Piece(NamedTuple):
    """A span of real time, its end not included, in which wall time is `offset` ahead."""

    start: int
    end: int
    offset: int


class Zone:
    """A time zone, cut into pieces in which its clocks run evenly."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._chunks: dict[int, tuple[list[int], list[Piece]]] = {}

    def piece(self, at: int) -> Piece:
        """The piece that holds an instant; it may go on in the next with the same offset."""
        number = at // _CHUNK
        starts, pieces = self._chunks.get(number) or self._cut(number)
        return pieces[bisect_right(starts, at) - 1]

    def instant(self, wall: int) -> int:
        """When clocks first show a wall time, or are set forward over it."""
        piece = self.piece(wall - FARTHEST // 2)
        while wall >= piece.end + piece.offset:
            piece = self.piece(piece.end)
        return max(piece.start, wall - piece.offset)

    def reached(self, at: int) -> int:
        """The latest wall time that clocks have shown, or been set forward over, by an instant."""
        piece = self.piece(at)
        latest = at + piece.offset
        while piece.start > at - FARTHEST:
            piece = self.piece(piece.start - 1)
            latest = max(latest, piece.end + piece.offset - 1)
        return latest

    def changes(self, begin: int, end: int) -> list[tuple[int, int, int]]:
        """Changes of its clocks in a span of time: when, and the offsets before and after."""
        found = []
        piece = self.piece(begin)
        while piece.end < end:
            before, piece = piece, self.piece(piece.end)
            if before.offset != piece.offset:
                found.append((piece.start, before.offset, piece.offset))
        return found

    def _cut(self, number: int) -> tuple[list[int], list[Piece]]:
        """The pieces of a chunk."""
        start, end = number * _CHUNK, (number + 1) * _CHUNK
        starts, offsets = [start], [self._offset(start)]
        for look in range(start + _LOOK, end + 1, _LOOK):
            if self._offset(look) != offsets[-1]:
                starts.append(self._change(look - _LOOK, look))
                offsets.append(self._offset(look))
        ends = [*starts[1:], end]
        pieces = [Piece(*each) for each in zip(starts, ends, offsets, strict=True)]
        self._chunks[number] = starts, pieces
        return starts, pieces

    def _change(self, low: int, high: int) -> int:
        """The first instant with the offset that holds at `high`, and not yet at `low`."""
        after = self._offset(high)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == after:
                high = middle
            else:
                low = middle
        return high

    def _offset(self, at: int) -> int:
        shown = (EPOCH + timedelta(seconds=at)).astimezone(self.zone)
        return (shown.utcoffset() or timedelta()) // timedelta(seconds=1)


def zone_of(zone: str | tzinfo | None) -> Zone:
    """A zone by its IANA name, or by what Python has for one; None is UTC.

    Raises:
        DefinitionError: no zone has that name.
    """
    try:
        return _kept(zone)
    except TypeError:  # some libraries have zones that cannot be keys
        return Zone(_found(zone))


@lru_cache(maxsize=1024)
def _kept(zone: str | tzinfo | None) -> Zone:
    return Zone(_found(zone))


def _found(zone: object) -> tzinfo:
    if zone is None:
        return UTC
    if isinstance(zone, tzinfo):
        return zone
    if not isinstance(zone, str):
        raise DefinitionError(
            f"timezone={zone!r} is not a text; write an IANA name such as 'Europe/Brussels'"
        )
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DefinitionError(f"timezone={zone!r} is unknown; {_advice(zone)}") from None


def _advice(name: str) -> str:
    """What to write instead of an unknown zone, or to install if all are unknown."""
    known = zoneinfo.available_timezones()
    if "Europe/London" not in known:
        return "this system has no time zones: pip install tzdata"
    wanted = name.lower().replace(" ", "_")
    cities = [each for each in sorted(known) if wanted == each.lower().rpartition("/")[2]]
    if not cities and "/" not in name and len(name) <= _ABBREVIATION:
        return "an abbreviation does not say where: write an IANA name such as 'Europe/Brussels'"
    near = cities or difflib.get_close_matches(name, sorted(known), 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}write an IANA name such as 'Europe/Brussels' or 'UTC'"
