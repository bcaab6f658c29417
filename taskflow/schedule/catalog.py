"""Keeps what a store knows of a folder up to date with the files in it.

A file is read by a process of the nursery's. What it has is kept; of one that cannot be read the
error is, and what it had before goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.errors import StoreError
from taskflow.planned import FileRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from taskflow.schedule.around import Around
    from taskflow.schedule.folder import Folder
    from taskflow.schedule.messages import Reading

#: While many files are read, how often that is reported; seconds.
REPORT_SECONDS: Final = 5.0


class Catalog:
    """One folder of pipelines, and what is known of it."""

    def __init__(self, around: Around, folder: Folder) -> None:
        self._folder, self._book = folder, around.store.book
        self._nursery, self._say, self._clock = around.nursery, around.say, around.clock
        self._homes: dict[str, str] = {}  # by name of a pipeline, its file
        #: Files whose pipelines have names that others have; of earlier services, all bad ones.
        self._refused: set[str] = set()
        self._gone: list[str] = []  # files that are still to be removed from the store
        self._trouble = ""  # with the folder; it is said once
        self._asked: set[str] = set()
        self._read = 0  # files since nothing was to be read
        self._began = 0.0
        self._reported = 0.0
        for row in self._book.files(folder.path):
            folder.knows(row.path, row.parts)
            if row.error:
                self._refused.add(row.path)
        for each in self._book.pipelines(folder.path):
            if not each.is_gone:
                self._homes[each.deployed.name] = each.deployed.file

    def look(self) -> None:
        """Find what has changed in the folder, and have it read."""
        try:
            changes = self._folder.look()
        except OSError as error:  # a disk that is away is no folder without files
            why = f"it cannot be read: {error.strerror or error}; its pipelines stay as they were"
            if why != self._trouble:
                self._say("trouble", self._folder.path, error=why)
            self._trouble = why
            return
        self._trouble = ""
        back = set(changes.added_or_changed)
        self._gone = [path for path in self._gone if path not in back] + changes.gone
        self._read_all(changes.added_or_changed)
        while self._gone:  # told once only: what the store does not take now, it takes later
            path = self._gone[0]
            self._book.remove_file(path)
            self._gone.pop(0)
            self._refused.discard(path)
            self._say("gone", path)
            self._forget(path)

    def read_bad_files(self) -> None:
        """Read anew what could not be read: what it lacks may have been installed since."""
        self._read_all(row.path for row in self._book.files(self._folder.path) if row.error)

    def _read_all(self, paths: Iterable[str]) -> None:
        for path in paths:
            if not self._asked:
                self._began = self._reported = self._clock.monotonic()
                self._read = 0
            self._asked.add(path)
            self._nursery.ask(path, self._folder.path)

    def take(self, reading: Reading) -> None:
        """Keep what reading a file gave."""
        self._asked.discard(reading.file)
        self._folder.knows(reading.file, reading.parts)
        clash = "" if reading.error else self._clash(reading)
        error = reading.error or clash
        row = FileRow(reading.file, reading.digest, dict(reading.parts), error, self._clock.now())
        error = self._put(row, reading)
        self._refused.discard(reading.file)
        if clash:
            self._refused.add(reading.file)
        if error:
            self._say("bad file", reading.file, error=error)
        else:
            self._note(reading)
        self._read += 1
        self._report()

    def _put(self, row: FileRow, reading: Reading) -> str:
        """Write what reading a file gave; what is wrong with it, be it that it cannot be kept."""
        folder, seconds = self._folder.path, reading.seconds
        try:
            self._book.put_file(folder, row, reading.deployed, reading.sources, seconds)
        except StoreError:
            raise
        except Exception as odd:  # noqa: BLE001 - what users define may be odd in any way
            row = row._replace(error=f"{row.path}: what it defines cannot be kept: {odd}")
            self._book.put_file(folder, row, (), {}, seconds)
        return row.error

    def _clash(self, reading: Reading) -> str:
        """Why a file cannot have its pipelines: another one has their names already."""
        homes = {each.name: self._homes.get(each.name, reading.file) for each in reading.deployed}
        return "\n".join(
            f"{name!r} is defined in {home} already; give it another name here, such as "
            f'name="{name}_2"'
            for name, home in homes.items()
            if home != reading.file
        )

    def _note(self, reading: Reading) -> None:
        self._forget(reading.file, {each.name for each in reading.deployed})
        for each in reading.deployed:
            self._homes[each.name] = each.file
            schedules = "; ".join(planned.words for planned in each.schedules)
            self._say("loaded", each.name, version=each.version[:8], schedule=schedules)
            for planned in each.schedules:
                for warning in planned.warnings:
                    self._say("warning", planned.id, text=warning)

    def _forget(self, path: str, kept: Collection[str] = ()) -> None:
        """A file has these pipelines only; who was refused a name that is free now is read anew."""
        lost = {name for name, home in self._homes.items() if home == path and name not in kept}
        for name in lost:
            del self._homes[name]
        if lost:
            self._read_all(sorted(self._refused))

    def _report(self) -> None:
        """Say how far the reading of many files is."""
        now = self._clock.monotonic()
        took = now - self._began
        is_over = not self._asked and took > REPORT_SECONDS
        if is_over or now - self._reported > REPORT_SECONDS:
            self._reported = now
            rate = round(self._read / max(took, 0.001), 1)
            self._say("reading", f"{self._read:,} files", left=len(self._asked), per_second=rate)
