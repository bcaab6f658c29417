"""A folder of pipelines: which files are in it, and which of them are to be read again.

What counts is content. A file is due when its bytes, or those of a module that it imports, are
others than those it was read from; times and sizes only tell which bytes are worth a look.
"""

from __future__ import annotations

import os
import stat
import time
from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: A file that changes all the time is read so often, at most; seconds.
PACE: Final = 2.0
#: A file that was written so lately may be written again without its times telling; seconds.
FRESH: Final = 2.0

#: What tells a changed file: times of content and of inode, size, inode. None: no regular file.
Stamp = tuple[int, ...] | None
#: Stands for a stamp that another content may bear, too: it was written just now.
_UNSURE: Final = ()
#: The bits of a mode that say what kind of file it is.
_KIND: Final = 0o170000


class Changes(NamedTuple):
    """What a look at a folder has found."""

    added_or_changed: list[str]  #: those that were never read, or not for the longest time, first
    gone: list[str]
    unseen: list[str]  #: folders that could not be looked into; what was in them stays


class Folder:
    """The files of pipelines below a folder, and what each was read from."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = os.path.abspath(path)
        self._clock = clock
        self._files: set[str] = set()
        self._stamps: dict[str, Stamp] = {}
        self._digests: dict[str, str] = {}
        self._parts: dict[str, Mapping[str, str]] = {}
        self._readers: defaultdict[str, set[str]] = defaultdict(set)
        #: To be compared with what they were read from; and those found to differ.
        self._doubtful: set[str] = set()
        self._due: set[str] = set()
        self._told: dict[str, float] = {}

    def knows(self, file: str, parts: Mapping[str, str]) -> None:
        """Note what a file was read from: by path, itself included, the digests of the sources.

        A path at which there was nothing, though it was asked for, has an empty digest.
        """
        self._forget_parts(file)
        self._parts[file] = parts
        for path in parts:
            self._readers[path].add(file)
        self._files.add(file)
        self._doubtful.add(file)

    def look(self) -> Changes:
        """Find what has changed; what is told here is not told again until it changes again.

        Raises:
            OSError: the folder itself cannot be read, so nothing is known to be gone.
        """
        found, unseen = _walk(self.path)
        hidden = tuple(unseen)
        gone = {file for file in self._files - found.keys() if not file.startswith(hidden)}
        for file in gone:
            self._forget(file)
        self._doubtful |= found.keys() - self._files
        self._files |= found.keys()
        for path in self._readers.keys() - found.keys():
            known = self._stamps.get(path)
            found[path] = known if path.startswith(hidden) else _stamp_at(path)
        for path in self._changed(found):
            self._doubtful |= self._readers.get(path, set()) | ({path} & self._files)
        self._due -= self._doubtful
        self._due |= {file for file in self._doubtful if self._differs(file)}
        self._doubtful.clear()
        return Changes(self._told_now(), sorted(gone), sorted(unseen))

    def _changed(self, stamps: dict[str, Stamp]) -> list[str]:
        """The paths with another content than at the last look."""
        before, now = self._stamps, time.time_ns()
        suspects = [path for path, stamp in stamps.items() if before.get(path) != stamp]
        suspects += [path for path, stamp in stamps.items() if stamp is None and path not in before]
        self._stamps = stamps
        changed = []
        for path in suspects:
            stamp = stamps[path]
            digest = "" if stamp is None else digest_of(path)
            if self._digests.get(path) != digest:
                self._digests[path] = digest
                changed.append(path)
            if stamp is not None and abs(now - stamp[1]) < FRESH * 1e9:
                stamps[path] = _UNSURE
        return changed

    def _differs(self, file: str) -> bool:
        """Whether a file was never read, or from something else than what is there now."""
        parts = self._parts.get(file)
        return parts is None or any(
            self._digests.get(path) != digest for path, digest in parts.items()
        )

    def _told_now(self) -> list[str]:
        """Those that are due and were not told of just now."""
        now, never = self._clock(), float("-inf")
        ready = [file for file in self._due if now - self._told.get(file, never) >= PACE]
        ready.sort(key=lambda file: (self._told.get(file, never), file))
        self._due.difference_update(ready)
        self._told.update(dict.fromkeys(ready, now))
        return ready

    def _forget(self, file: str) -> None:
        self._forget_parts(file)
        self._files.discard(file)
        self._due.discard(file)
        self._doubtful.discard(file)
        for kept in (self._parts, self._told, self._digests):
            kept.pop(file, None)

    def _forget_parts(self, file: str) -> None:
        for path in self._parts.get(file, ()):
            readers = self._readers[path]
            readers.discard(file)
            if not readers:
                del self._readers[path]


def digest_of(path: str) -> str:
    """The digest of a file's content; empty for a file that is not there or cannot be read."""
    try:
        with open(path, "rb") as file:
            return digest(file.read())
    except OSError:
        return ""


def digest(text: bytes) -> str:
    """The digest of a source."""
    return sha256(text).hexdigest()


def _walk(top: str) -> tuple[dict[str, Stamp], list[str]]:
    """The files of pipelines below a folder, and the folders that could not be read."""
    files: dict[str, Stamp] = {}
    unseen: list[str] = []
    entered: set[tuple[int, int]] = set()
    folders, links = [top], list[str]()
    while folders or links:
        # Links last: a folder that can be reached without one has its own path.
        folder = (folders or links).pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                _enter(entries, files, folders, links, is_top=folder == top)
        except (FileNotFoundError, NotADirectoryError):
            if folder == top:
                raise
        except OSError:
            if folder == top:
                raise
            unseen.append(os.path.join(folder, ""))
    return files, unseen


def _enter(
    entries: Iterable[os.DirEntry[str]],
    files: dict[str, Stamp],
    folders: list[str],
    links: list[str],
    *,
    is_top: bool,
) -> None:
    """Sort what is in a folder; nothing of a virtual environment."""
    inside: list[str] = []
    linked: list[str] = []
    own: dict[str, Stamp] = {}
    for entry in entries:
        name = entry.name
        if name.endswith(".py") and name[0] not in "._":
            # As `_stamp_at`, written out: this is done for each file at each look.
            try:
                status = entry.stat()
            except OSError:  # a link to nothing
                continue
            if status.st_mode & _KIND == stat.S_IFREG:
                own[entry.path] = (
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    status.st_size,
                    status.st_ino,
                )
        elif name == "pyvenv.cfg" and not is_top:
            return
        elif name[0] != "." and name != "__pycache__" and _is_folder(entry):
            (linked if entry.is_symlink() else inside).append(entry.path)
    files.update(own)
    folders += inside
    links += linked


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a circle
        return False


def _stamp_at(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return None
    if status.st_mode & _KIND != stat.S_IFREG:
        return None  # to open a pipe with such a name would wait for a writer
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
