"""Files of values: how rows name them, where they are, and when they are safe on the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from taskflow.call import Chunk, Piece, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator


class Names(NamedTuple):
    """The names of files of values, as rows of one run have them.

    A file of the run itself goes by its base name, one of another run by `run id/name`; the store
    may be moved. With no `run_id` all of them go by the longer name.
    """

    runs: str  #: the folder of the runs' folders
    run_id: str = ""

    def name(self, stored: Stored) -> str:
        """How a row names a file."""
        home, name = self.split(stored.path)
        if not home:
            return stored.path
        return name if home == self.run_id else f"{home}/{name}"

    def path(self, name: str) -> str:
        """Where the file is that a row names."""
        if name.startswith("/"):
            return name
        home, _, base = name.rpartition("/")
        return values_file(self.runs, home or self.run_id, base)

    def split(self, path: str) -> tuple[str, str]:
        """The run in whose folder a file is, and its base name; no run for one from elsewhere."""
        folder, name = os.path.split(path)
        folder, values = os.path.split(folder)
        runs, home = os.path.split(folder)
        return (home, name) if values == "values" and runs == self.runs else ("", path)


def values_file(runs: str, run_id: str, name: str = "") -> str:
    """Where a file of a value is; without a name the folder of all of a run."""
    return os.path.join(runs, run_id, "values", name) if name else f"{runs}/{run_id}/values"


def make_values(runs: str, run_id: str) -> str:
    """Make the folder of a run, and that of its values; only its user may look into them."""
    folder = os.path.join(runs, run_id)
    for each in (folder, values_file(runs, run_id)):
        with suppress(FileExistsError):  # a run that goes on has it
            os.mkdir(each, 0o700)
    return folder


def stored_in(value: Any) -> Iterator[Stored]:
    """The files that a value is in."""
    if isinstance(value, Stored):
        yield value
    elif isinstance(value, Piece | Chunk | tuple):
        for each in value:
            yield from stored_in(each)


def sync(path: str) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
