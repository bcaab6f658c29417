"""The fields of a cron expression: what each may hold, and which values that means.

croniter reads some texts as what nobody means by them: `5-5` as every minute, `55-5` around the
hour, `*/61` as 0. So fields are read here, and what has no one meaning is refused with the fix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The years that the year field can say; there are no ticks outside of them.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2099


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field counts, from where to where; `names` stand for its values from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    @property
    def example(self) -> str:
        """What to write in such a field."""
        low, high = self.low, self.high
        return f"*, a number from {low} to {high}, a range {low}-{high}, a step */2, or a list"


SECOND: Final = Kind("second", 0, 59)
MINUTE: Final = Kind("minute", 0, 59)
HOUR: Final = Kind("hour", 0, 23)
DAY: Final = Kind("day of month", 1, 31)
MONTH: Final = Kind(
    "month",
    1,
    12,
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
WEEKDAY: Final = Kind("day of week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
YEAR: Final = Kind("year", FIRST_YEAR, LAST_YEAR)

#: Sunday once more, so that `5-7` and `fri-sun` are the end of a week.
_SUNDAY: Final = 7
_ITEM: Final = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", re.ASCII)
_RANDOM: Final = re.compile(r"r(\(\d+-\d+\))?(/\d+)?", re.ASCII)
_NEAREST: Final = re.compile(r"(\d+)w", re.ASCII)
_NTH: Final = re.compile(r"(\w+)#(\d+)", re.ASCII)
_LAST_WEEKDAY: Final = re.compile(r"l(\d)", re.ASCII)


class FieldError(ValueError):
    """A field cannot be used: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Special(NamedTuple):
    """A day that has no fixed number: `L`, `15W`, `fri#2` (`nth` is 2) or `L5` (`nth` is -1)."""

    letter: str
    value: int = 0
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it was written, in lower case, and the values it means."""

    kind: Kind
    text: str
    values: tuple[int, ...]
    specials: tuple[Special, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether it was left open: `*`, or `?` for a day."""
        return self.text in {"*", "?"}

    @property
    def has_star(self) -> bool:
        """Whether it starts with `*`, which changes how cron reads it beside other fields."""
        return self.text.startswith("*")

    @property
    def is_all(self) -> bool:
        """Whether it means every value, however it is written."""
        return len(self.values) == self.kind.count


# Most fields are `*` or `0`: they are shared.
@lru_cache(maxsize=1024)
def field_of(kind: Kind, text: str) -> Field:
    """Read one field.

    Raises:
        FieldError: it has no meaning, or none that everybody would agree on.
    """
    text = text.lower()
    if "?" in text:
        return _open_day(kind, text)
    items = text.split(",")
    if not all(items):
        raise FieldError("has an empty item", "separate values by single commas, such as 1,15")
    if "*" in items and len(items) > 1:
        raise FieldError("has * beside other values, which it covers", "write * alone")
    specials = tuple(found for item in items if (found := _special(kind, item, items)))
    if specials and len(specials) != len(items) and kind is WEEKDAY:
        raise FieldError("mixes # or L with plain days", "write two schedules, one for each")
    if len(specials) == len(items):
        return Field(kind, text, (), specials)
    plain = [item for item in items if not _special(kind, item, items)]
    return Field(kind, text, _values(kind, plain), specials)


def number_of(kind: Kind, text: str) -> int:
    """A value by its number or its name; Sunday may be 7.

    Raises:
        FieldError: there is no such value.
    """
    if text in kind.names:
        return kind.low + kind.names.index(text)
    top = _SUNDAY if kind is WEEKDAY else kind.high
    if text.isdecimal() and text.isascii():
        # Numbers of thousands of digits are not even read.
        if len(text) <= 4 and kind.low <= int(text) <= top:
            return int(text)
        raise FieldError(f"is out of range at {shown(text)}", f"write {kind.low} to {top}")
    raise FieldError(f"cannot be read at {shown(text)}", _advice(kind, text))


def shown(text: str) -> str:
    """A text in quotes, cut short when it is long."""
    return repr(text if len(text) <= 60 else f"{text[:40]}…")


def _open_day(kind: Kind, text: str) -> Field:
    if kind not in {DAY, WEEKDAY}:
        raise FieldError("has ?, which is only for day of month and day of week", "write *")
    if text != "?":
        raise FieldError("has ? beside other characters", "write ? alone, or *")
    return Field(kind, text, tuple(range(kind.low, kind.high + 1)))


def _values(kind: Kind, items: Sequence[str]) -> tuple[int, ...]:
    """The values of plain items, in order, each once."""
    found = {value for item in items for value in _range(kind, item)}
    if kind is WEEKDAY:
        found = {value % _SUNDAY for value in found}
    return tuple(sorted(found))


def _range(kind: Kind, item: str) -> range:
    """The values of `*`, `5`, `1-5`, or one of them with a step."""
    match = _ITEM.fullmatch(item)
    if match is None or (match[1] == "*" and match[2]) or item.startswith("l"):
        raise FieldError(f"cannot be read at {shown(item)}", _advice(kind, item))
    first, last, step = match.groups()
    if first == "*":
        low, high = kind.low, kind.high
    elif last:
        low, high = _bounds(kind, first, last)
    else:
        low = number_of(kind, first)
        high = kind.high if step and low <= kind.high else low
    widest = high - low + 1 if last else kind.count
    return range(low, high + 1, _step(step, widest, item))


def _bounds(kind: Kind, first: str, last: str) -> tuple[int, int]:
    low, high = number_of(kind, first), number_of(kind, last)
    if last == "sun" and low:
        high = _SUNDAY
    if low == high:
        raise FieldError("is a range from a value to itself", f"write {first}")
    if low > high:
        raise FieldError("is a range that runs backwards", f"write {_unwrapped(kind, first, last)}")
    return low, high


def _unwrapped(kind: Kind, first: str, last: str) -> str:
    """A range over the end of its field as ranges that are not: `55-59,0-5` for `55-5`."""
    if kind is WEEKDAY and last == "0":
        return f"{first}-7"
    if kind is WEEKDAY and first == "7":
        return f"0-{last}"
    named = first in kind.names and last in kind.names
    high = kind.names[-1] if named else str(kind.high)
    low = kind.names[0] if named else str(kind.low)
    return ",".join(a if a == b else f"{a}-{b}" for a, b in ((first, high), (low, last)))


def _step(text: str | None, widest: int, item: str) -> int:
    if text is None:
        return 1
    # As above: the length is asked first.
    if len(text) > 4 or not 1 <= int(text) <= widest:
        raise FieldError(
            f"has a step that its range cannot take, {shown(item)}",
            f"write a step from 1 to {widest}" if widest > 1 else "leave the step out",
        )
    return int(text)


def _special(kind: Kind, item: str, items: Sequence[str]) -> Special | None:
    """A day without a fixed number, None for any other item."""
    if kind is DAY and item == "l":
        return Special("L")
    if kind is DAY and (match := _NEAREST.fullmatch(item)):
        if len(items) > 1:
            raise FieldError("has W in a list", "write one day such as 15W, and other schedules")
        return Special("W", number_of(kind, match[1]))
    if kind is WEEKDAY and (match := _NTH.fullmatch(item)):
        if match[2] not in {"1", "2", "3", "4", "5"}:
            raise FieldError(f"has no such week, {shown(item)}", f"write {match[1]}#1 to #5")
        return Special("#", number_of(kind, match[1]) % _SUNDAY, int(match[2]))
    if kind is WEEKDAY and (match := _LAST_WEEKDAY.fullmatch(item)):
        return Special("#", number_of(kind, match[1]) % _SUNDAY, -1)
    return None


def _advice(kind: Kind, item: str) -> str:
    """What to write instead of something that cannot be read."""
    if _RANDOM.fullmatch(item):
        return "write H: R would draw other times at each start"
    if item.startswith("h") and kind is not YEAR:
        return "resolve H first: taskflow.cron.expand(expression, id of the schedule)"
    if kind is DAY and item in {"lw", "wl"}:
        return "write 31W, the weekday nearest to the last day"
    if kind is DAY and item.startswith("l-"):
        return "write L, or a day such as 28: days before the last one cannot be counted"
    if kind is WEEKDAY and item.endswith("l"):
        return f"write L{item[:-1] or '5'}, the last such day of the month"
    if item[:3] in kind.names:
        return f"write {item[:3]}"
    if kind.names and item[:1].isalpha():
        return f"write one of {', '.join(kind.names)}"
    return f"write {kind.example}"
