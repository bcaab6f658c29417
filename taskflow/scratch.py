"""Folders for the files of runs that nobody keeps, in the machine's folder for temporary files."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Final

from taskflow.errors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "taskflow-"


def new_run_dir() -> str:
    """A private folder for the files of one run; removes those of engines that were killed."""
    with disk():
        parent = tempfile.gettempdir()
        path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        os.mkdir(os.path.join(path, "values"))
    _sweep(parent)
    return path


@contextlib.contextmanager
def disk() -> Iterator[None]:
    """Say what to do when the files of a run cannot be written."""
    try:
        yield
    except OSError as error:
        raise ExecutorError(
            f"the files of a run cannot be written: {error}; free some space there, or point "
            "TMPDIR to a folder on a disk that has some"
        ) from error


def _sweep(parent: str) -> None:
    """Remove what runs have left whose engines were killed."""
    try:
        names = os.listdir(parent)
    except OSError:  # it may be written to, but not listed
        return
    for name in names:
        owner = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and owner.isdigit() and not lives(int(owner)):
            path = os.path.join(parent, name)
            with contextlib.suppress(OSError):
                if os.lstat(path).st_uid == os.getuid():
                    shutil.rmtree(path, ignore_errors=True)


def lives(pid: int) -> bool:
    """Whether there is a process with this number, be it another user's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
