"""Cron expressions; the only module that touches croniter.

Five fields, or six with the seconds first. Here they are only checked; when they fire is decided
where schedules are run.
"""

from __future__ import annotations

import zoneinfo
from typing import Final

from taskflow.errors import DefinitionError

_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_ALIASES: Final = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)


def check(expression: str, timezone: str | None = None) -> None:
    """Raise `DefinitionError` for an expression or a time zone that cannot be used."""
    fields = str(expression).split()
    if timezone is not None:
        _check_timezone(timezone)
    if len(fields) == 1 and fields[0] in _ALIASES:
        return
    if len(fields) not in (5, 6):
        raise DefinitionError(
            f"schedule={expression!r} is not a cron expression: it has {len(fields)} fields; write "
            f"5 ({', '.join(_FIELDS)}) or 6 with seconds first, such as '0 6 * * *'"
        )
    from croniter import croniter
    from croniter.croniter import CroniterError

    try:
        croniter.expand(expression, second_at_beginning=len(fields) == 6, strict=True)
    except (CroniterError, ValueError, KeyError) as error:
        raise DefinitionError(
            f"schedule={expression!r} is not a cron expression: {error}"
        ) from None


def _check_timezone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DefinitionError(
            f"timezone={name!r} is unknown; write an IANA name such as 'Europe/Brussels' or 'UTC'"
        ) from None
