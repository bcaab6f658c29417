"""The SQL of the store by name; it is written in the `.sql` files beside this module."""

from __future__ import annotations

import functools
import os
import re
from typing import Final

_FOLDER: Final = os.path.join(os.path.dirname(__file__), "sql")
_FILES: Final = ("writing", "history", "schedules", "retention", "health")
_MARK: Final = "-- name: "
#: The values of one row.
_ROW: Final = re.compile(r"\(\?(, \?)*\)")


@functools.cache
def statements() -> dict[str, str]:
    """All statements: each follows a line `-- name: what_it_is_called`."""
    found = {}
    for file in _FILES:
        for section in _read(f"{file}.sql").split(_MARK)[1:]:
            name, _, text = section.partition("\n")
            found[name.strip()] = text.strip()
    return found


@functools.cache
def for_rows(name: str, count: int) -> str:
    """A statement for one row, `VALUES (?, ?)`, as one for `count` rows."""
    return _ROW.sub(lambda row: ", ".join([row[0]] * count), statements()[name])


@functools.cache
def migrations() -> tuple[str, ...]:
    """The scripts that bring a store from one version to the next; the first makes version 1."""
    names = os.listdir(os.path.join(_FOLDER, "migrations"))
    return tuple([_read(f"migrations/{name}") for name in sorted(names) if name.endswith(".sql")])


def _read(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return file.read()
