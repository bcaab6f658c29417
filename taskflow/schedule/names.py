"""Names of pipelines and schedules: each belongs to one file of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskflow.schedule.messages import Reading


def clashes(readings: Iterable[Reading]) -> dict[str, str]:
    """By file, what is wrong with one that has a name of another; who comes first keeps it."""
    owners: dict[str, str] = {}
    errors: dict[str, str] = {}
    for reading in readings:
        names = list(dict.fromkeys(_names(reading)))
        taken = [name for name in names if name in owners]
        if taken:
            errors[reading.file] = "\n".join(
                f"{name!r} is already defined in {owners[name]}; give it another name here, "
                f'such as name="{name}_2"'
                for name in taken
            )
        else:
            owners.update(dict.fromkeys(names, reading.file))
    return errors


def _names(reading: Reading) -> Iterable[str]:
    for pipeline in reading.deployed:
        yield pipeline.name
        yield from (schedule.id for schedule in pipeline.schedules)
