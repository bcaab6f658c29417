"""A small file system for tests, in a mount namespace that ends with the process that holds it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from projects import Project

_HOLD = 'mount -t tmpfs -o size="$1" none "$0" && echo mounted && cat'
_ENTER = 'cd "$0" && exec "$@"'


class Disk:
    """A file system that only the commands of a project see."""

    def __init__(self, holder: int, folder: Path) -> None:
        self._holder = holder
        self._folder = folder

    def grow(self, size: str) -> None:
        """Make room."""
        how = ["mount", "-o", f"remount,size={size}", str(self._folder)]
        subprocess.run([*self.enter, *how], check=True)

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command is started by that is to see it."""
        return ("nsenter", "-m", "-t", str(self._holder))


@contextmanager
def disk(project: Project, folder: Path, size: str) -> Iterator[Disk]:
    """Put a file system of so many bytes on a folder, for the commands of a project."""
    folder.mkdir(parents=True, exist_ok=True)
    holder = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", _HOLD, str(folder), size],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:  # the end of its input ends it
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mounted\n"
        made = Disk(holder.pid, folder)
        project.before = (*made.enter, "sh", "-c", _ENTER, str(project.folder))
        try:
            yield made
        finally:
            project.before = ()
