"""`H` in a field: a value drawn from the schedule's id, so that not all schedules fire at once.

The draw is a hash: an id has the same values on every machine and in every version of Python.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from taskflow.cron import fields
from taskflow.cron.expression import EVERY, check_text, in_field, kinds_of, refuse, split
from taskflow.cron.fields import FieldError, Kind, number_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable

_HASHED: Final = re.compile(r"h(?:\((\d+)-(\d+)\))?(?:/(\d+))?", re.ASCII | re.IGNORECASE)
#: Every month has a day 28; one drawn above would be left out of some.
_LAST_DAY: Final = 28


def resolved(expression: str, ident: str) -> str:
    """An expression with single spaces, its alias written out, and values for `H`.

    Raises:
        DefinitionError: an `H` cannot be drawn as it is written.
    """
    check_text(expression)
    words = split(expression)
    if words[0] == EVERY:
        return " ".join(words)
    kinds = kinds_of(expression, words)
    for place, (kind, text) in enumerate(zip(kinds, words, strict=True)):
        try:
            words[place] = ",".join(
                _drawn(kind, item, _drawer(ident, kind, number))
                for number, item in enumerate(text.split(","))
            )
        except FieldError as error:
            refuse(expression, f"{in_field(kind, text)} {error.what}", error.fix)
    return " ".join(words)


def _drawer(ident: str, kind: Kind, number: int) -> Callable[[int], int]:
    """A function that draws a whole number below its argument."""
    seed = f"{ident}\n{kind.name}\n{number}".encode()
    drawn = int.from_bytes(blake2b(seed, digest_size=8).digest(), "big")
    return lambda below: drawn % below


def _drawn(kind: Kind, item: str, draw: Callable[[int], int]) -> str:
    """`H` as a number, `H/15` as a list that begins within the first 15; all else as it is."""
    match = _HASHED.fullmatch(item)
    if match is None:
        return item
    if kind is fields.YEAR:
        raise FieldError("cannot be drawn", "write a year, or *")
    first, last, step = match.groups()
    low, high = _bounds(kind, first, last)
    if step is None:
        return str(low + draw(high - low + 1))
    if len(step) > 4 or not 1 <= int(step) <= high - low + 1:
        raise FieldError(
            f"has a step that its range cannot take, {shown(item)}",
            f"write a step from 1 to {high - low + 1}",
        )
    values = range(low + draw(int(step)), high + 1, int(step))
    return ",".join(map(str, values))


def _bounds(kind: Kind, first: str | None, last: str | None) -> tuple[int, int]:
    if first is None or last is None:
        return kind.low, _LAST_DAY if kind is fields.DAY else kind.high
    low, high = number_of(kind, first), number_of(kind, last)
    if low >= high:
        raise FieldError("draws from a range without a choice", f"write {first} alone")
    return low, high
