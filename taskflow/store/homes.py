"""To which file the names of pipelines and schedules belong, and what may not be kept of a file."""

from __future__ import annotations

import graphlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from taskflow.plain import readable, storable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from taskflow.planned import Deployed
    from taskflow.store.plans import Read


class Site(NamedTuple):
    """A file that has a pipeline, and the folder that it was read for."""

    file: str
    folder: str


def homes_of(read: Read, name: str, owner: str = "") -> Iterator[Site]:
    """Who has a pipeline of a name, or a schedule of another pipeline than `owner` with this id."""
    asked = {"name": storable(name), "owner": storable(owner)}
    for file, folder in read("homes_of", asked):
        yield Site(readable(file), readable(folder))


def taken(
    read: Read, own: Site, deployed: Sequence[Deployed], served: Collection[str]
) -> dict[str, str]:
    """Names of a file's pipelines and schedules that another has, each with its file.

    Another is a file of the same folder, or any of a folder that is served: there the same path
    counts, too. A file of a folder that nobody looks after loses its names.
    """

    def is_other(home: Site) -> bool:
        if home.folder == own.folder:
            return home.file != own.file
        return home.folder in served

    found: dict[str, str] = {}
    for name, owner in _names(deployed):
        for home in filter(is_other, homes_of(read, name, owner)):
            found[name] = home.file
    often = Counter(name for name, _ in _names(deployed))
    return found | {name: own.file for name, count in often.items() if count > 1}


def _names(deployed: Iterable[Deployed]) -> Iterator[tuple[str, str]]:
    """The names that a file needs, each with its pipeline; a schedule may bear its pipeline's."""
    for each in deployed:
        for name in {each.name, *(planned.id for planned in each.schedules)}:
            yield name, each.name


def circle(read: Read, deployed: Sequence[Deployed]) -> list[str]:
    """Pipelines of a file, and others, that would start one another for ever; empty if none do."""
    own = {each.name: {n for plan in each.schedules for n in plan.follows} for each in deployed}
    if not any(own.values()):
        return []
    after: dict[str, set[str]] = {}
    for pipeline, followed in read("followed", ()):
        after.setdefault(readable(pipeline), set()).add(readable(followed))
    try:
        graphlib.TopologicalSorter({**after, **own}).prepare()
    except graphlib.CycleError as error:
        found: list[str] = error.args[1]
        return found if own.keys() & set(found) else []
    return []
