"""Where a store is: its URL, the file of the database, and the folder of its runs."""

from __future__ import annotations

import errno
import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from taskflow.errors import StoreError, StoreFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ".taskflow"
_DATABASE = "store.db"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SCHEME = "sqlite:///"
#: What marks the folder of a project.
_MARKS = ("pyproject.toml", ".git")


class Place(NamedTuple):
    """The files of a store."""

    url: str
    database: str
    #: the folder of the lock and of the runs' folders
    folder: str

    @property
    def runs(self) -> str:
        """The folder of the folders of runs."""
        return os.path.join(self.folder, "runs")


def place_of(url: str | None, start: str | None = None) -> Place:
    """The place that a URL names; without one the store of the project that `start` is in."""
    if url is None:
        return _in_folder(_default(os.path.abspath(start or os.getcwd())))
    if not url.startswith(_SCHEME) or len(url) == len(_SCHEME):
        raise StoreError(
            f"{url!r} names no store: write sqlite:///folder/ or sqlite:////absolute/path.db for "
            "a file, or memory: for none"
        )
    path = os.path.expanduser(url.removeprefix(_SCHEME))
    whole = os.path.abspath(os.path.join(start or os.getcwd(), path))
    if path.endswith("/") or os.path.isdir(whole):
        return _in_folder(whole)
    if os.path.basename(whole) == _DATABASE:  # the same store has the same locks by any name
        return _in_folder(os.path.dirname(whole))
    return Place(f"{_SCHEME}{whole}", whole, f"{os.path.splitext(whole)[0]}.files")


def make_folder(place: Place) -> None:
    """Make what a store needs to be written to; only its user may look into it."""
    try:
        is_new = not os.path.isdir(place.folder)
        os.makedirs(place.runs, 0o700, exist_ok=True)
        if is_new:
            os.chmod(place.folder, 0o700)
        if is_new or os.path.basename(place.folder) == FOLDER:
            _make_ignore(place.folder)
    except OSError as error:
        raise unusable(place, error) from error


def unusable(place: Place, error: OSError) -> StoreError:
    """What to say of a place where no store can be written."""
    kind = StoreFullError if error.errno in _FULL else StoreError
    return kind(
        f"the store cannot be written at {place.folder}: {error.strerror or error}; choose "
        "another place with TASKFLOW_STORE=sqlite:///path, or keep nothing with "
        "TASKFLOW_STORE=memory:"
    )


def _make_ignore(folder: str) -> None:
    """Keep the store out of the project's repository."""
    path = os.path.join(folder, ".gitignore")
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("*\n")


def _in_folder(folder: str) -> Place:
    return Place(f"{_SCHEME}{folder}/", os.path.join(folder, _DATABASE), folder)


def _default(start: str) -> str:
    """The nearest store upwards, within the repository; else where the project begins; else here.

    A store of another user is passed by: to resume a run runs what its owner has put there.
    """
    for folder in _upwards(start):
        if _is_own(os.path.join(folder, FOLDER)):
            return os.path.join(folder, FOLDER)
        if os.path.exists(os.path.join(folder, ".git")):
            break
    home = os.path.expanduser("~")
    for folder in itertools.takewhile(lambda folder: folder != home, _upwards(start)):
        if any(os.path.exists(os.path.join(folder, mark)) for mark in _MARKS):
            return os.path.join(folder, FOLDER)
    return os.path.join(start, FOLDER)


def _is_own(folder: str) -> bool:
    try:
        return os.stat(folder).st_uid == os.getuid()
    except OSError:
        return False


def _upwards(folder: str) -> Iterator[str]:
    """A folder, and all that it lies in."""
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent
