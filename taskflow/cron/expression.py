"""A cron expression as a value: its fields, or the duration of an `@every`."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from taskflow.cron import fields
from taskflow.cron.fields import Field, FieldError, Kind, field_of, shown
from taskflow.errors import DefinitionError
from taskflow.policies import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EVERY: Final = "@every"

_FIVE: Final = (fields.MINUTE, fields.HOUR, fields.DAY, fields.MONTH, fields.WEEKDAY)
_KINDS: Final = {
    5: _FIVE,
    6: (fields.SECOND, *_FIVE),
    7: (fields.SECOND, *_FIVE, fields.YEAR),
}
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=(\S*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Every:
    """Ticks at a fixed distance, in real time."""

    period: timedelta


@dataclass(frozen=True, slots=True)
class Cron:
    """The fields of an expression; those it does not have are second 0 and any year."""

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    year: Field

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows real time when clocks change: Debian's cron looks at these two.

        Others, such as `30 2 * * *`, name times of day: they fire once a day, whatever the
        clocks do.
        """
        return self.minute.has_star or self.hour.has_star

    @property
    def has_both_days(self) -> bool:
        """Whether day of month and day of week are both restricted."""
        return not (self.day.is_any or self.weekday.is_any)

    @property
    def needs_both_days(self) -> bool:
        """Whether of two restricted day fields both must match: one starts with `*`."""
        return self.has_both_days and (self.day.has_star or self.weekday.has_star)


def refuse(expression: object, what: str, fix: str) -> NoReturn:
    """Raise the error about an expression; the fix ends it."""
    quoted = shown(expression) if isinstance(expression, str) else repr(expression)
    raise DefinitionError(f"schedule={quoted} {what}; {fix}")


def read(expression: str, written: str | None = None) -> Cron | Every:
    """An expression as a value.

    Args:
        expression: with `H` resolved.
        written: how its user wrote it, for messages, if not so.

    Raises:
        DefinitionError: it is none, or has no one meaning; the message quotes the field.
    """
    check_text(expression)
    words = split(expression)
    if words[0] == EVERY:
        return _every(expression, words[1:])
    written = written or expression
    found = {}
    for kind, text in zip(kinds_of(expression, words), words, strict=True):
        try:
            found[kind.name] = field_of(kind, text)
        except FieldError as error:
            refuse(written, f"{in_field(kind, text)} {error.what}", error.fix)
    cron = _with_defaults(found)
    _check_days(written, cron)
    return cron


def check_text(expression: object) -> None:
    """Refuse what is not a text.

    Raises:
        DefinitionError: it is something else.
    """
    if not isinstance(expression, str):
        refuse(expression, "is not a text", "write a cron expression such as '0 6 * * *'")


def split(expression: str) -> list[str]:
    """The fields of an expression as texts; aliases are written out, case is kept.

    Raises:
        DefinitionError: it is no expression at all.
    """
    _check_characters(expression)
    words = expression.split()
    if not words:
        refuse(expression, "is empty", "write a cron expression such as '0 6 * * *'")
    if match := _ZONE.match(words[0]):
        zone = match[1] or "Europe/Brussels"
        refuse(expression, "names its zone", f'give it beside: timezone="{zone}"')
    if not words[0].startswith("@"):
        return words
    name = words[0].lower()
    if name == EVERY:
        return [name, *words[1:]]
    if name not in ALIASES or len(words) > 1:
        _refuse_alias(expression, name)
    return ALIASES[name].split()


def kinds_of(expression: str, words: Sequence[str]) -> tuple[Kind, ...]:
    """What the fields are, by how many there are.

    Raises:
        DefinitionError: there are too few or too many.
    """
    if len(words) not in _KINDS:
        refuse(
            expression,
            f"is not a cron expression: it has {len(words)} field{'s' * (len(words) != 1)}",
            f"write 5 ({', '.join(kind.name for kind in _FIVE)}), 6 with seconds first, or 7 with "
            "seconds first and the year last, such as '0 6 * * *'",
        )
    return _KINDS[len(words)]


def in_field(kind: Kind, text: str) -> str:
    """How a message names a field."""
    return f"is not a cron expression: its {kind.name} {shown(text)}"


def _with_defaults(found: dict[str, Field]) -> Cron:
    return Cron(
        found.get("second") or field_of(fields.SECOND, "0"),
        found["minute"],
        found["hour"],
        found["day of month"],
        found["month"],
        found["day of week"],
        found.get("year") or field_of(fields.YEAR, "*"),
    )


def _check_days(expression: str, cron: Cron) -> None:
    """Refuse what croniter would read as one of the two fields only, without a word."""
    nearest = any(each.letter == "W" for each in cron.day.specials)
    if cron.has_both_days and (cron.weekday.specials or nearest):
        days, weekdays = cron.day.text.upper(), cron.weekday.text.upper()
        refuse(
            expression,
            f"gives day of month {days!r} and day of week {weekdays!r}, one with W, # or L",
            "write * for one of them, or two schedules",
        )


def _check_characters(expression: str) -> None:
    for letter in expression:
        if not (" " <= letter <= "~" or letter in "\t\n\r\v\f"):
            name = unicodedata.name(letter, "a control character")
            refuse(
                expression,
                f"is not a cron expression: it holds {letter!a} ({name})",
                "type spaces, digits and letters of ASCII",
            )


def _every(expression: str, words: Sequence[str]) -> Every:
    try:
        length = seconds(" ".join(words))
    except DefinitionError:
        fix = "write it with units, such as @every 90s or @every 1h30m"
        refuse(expression, "has no duration that can be read", fix)
    if length < 1:
        refuse(expression, "is shorter than a second", "write @every 1s or longer")
    try:
        return Every(timedelta(seconds=length))
    except OverflowError:
        refuse(expression, "is longer than time itself", "write a shorter duration")


def _refuse_alias(expression: str, name: str) -> NoReturn:
    if name == "@reboot":
        refuse(
            expression,
            "has no times: it is about machines that start",
            "run the pipeline where your program starts, or write times such as '@hourly'",
        )
    known = [*ALIASES, "@every 5m"]
    near = difflib.get_close_matches(name, known, 1)
    fix = f"did you mean {near[0]}?" if near and near[0] != name else ""
    refuse(expression, "is unknown", f"{fix} write one of {', '.join(known)}".strip())
