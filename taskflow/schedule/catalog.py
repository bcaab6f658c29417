"""Keeps what a store knows of a folder up to date with the files in it.

A file is read by a process of the nursery's. What it has is kept; of one that cannot be read the
error is, and what it had before goes on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from taskflow.authoring.advice import near
from taskflow.errors import DefinitionError, StoreError
from taskflow.planned import FileRow
from taskflow.progress.words import counted

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
        self._folder, self._store, self._book = folder, around.store, around.store.book
        self._nursery, self._say, self._clock = around.nursery, around.say, around.clock
        #: By file, the names of its pipelines that others had; once they are free it is read anew.
        self._refused: dict[str, Collection[str]] = {}
        self._warned: set[tuple[str, str]] = set()
        self._seen = 0  # the changes in the store when this was last looked into
        self._gone: list[str] = []  # files that are still to be removed from the store
        self._trouble = ""  # with the folder; it is said once
        self._asked: set[str] = set()
        self._read = 0  # files since nothing was to be read
        self._began = 0.0
        self._reported = 0.0
        files = {row.path: row for row in self._book.files(folder.path)}
        for row in files.values():
            folder.knows(row.path, row.parts)
            if row.error:  # what it lacked may be there by now
                self._refused[row.path] = ()
        for each in self._book.pipelines(folder.path):
            file = each.deployed.file
            if not each.is_gone and file not in files:
                folder.knows(file, {file: ""})

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
            self._refused.pop(path, None)
            self._say("gone", path)
        self._read_refused()

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
        error, taken = self._put(reading)
        self._refused.pop(reading.file, None)
        if taken:
            self._refused[reading.file] = taken
        if error:
            self._say("bad file", reading.file, error=error)
        else:
            self._note(reading)
        self._read += 1
        if not self._asked and not error:
            self._warn_of_followers()
        self._report()

    def _put(self, reading: Reading) -> tuple[str, Collection[str]]:
        """Write what reading a file gave; what is wrong with it, and which names others have."""
        error, names = reading.error, dict[str, str]()
        try:
            if not error:
                names = self._write(reading, "")
                error = "\n".join(self._clash(*each) for each in names.items())
        except StoreError:
            raise
        except DefinitionError as wrong:
            error = f"{reading.file}: {wrong}"
        except Exception as odd:  # noqa: BLE001 - what users define may be odd in any way
            error = f"{reading.file}: what it defines cannot be kept: {odd}"
        if error:
            self._write(reading, error)
        # What a file has twice by itself is not free before it is changed.
        return error, [name for name, home in names.items() if home != reading.file]

    def _write(self, reading: Reading, error: str) -> dict[str, str]:
        path, folder, lives = reading.file, self._folder.path, self._store.lives
        row = FileRow(path, reading.digest, dict(reading.parts), error, self._clock.now())
        kept, sources = ((), {}) if error else (reading.deployed, reading.sources)
        return self._book.put_file(folder, row, kept, sources, reading.seconds, lives)

    def _clash(self, name: str, home: str) -> str:
        """Why a file cannot have a name that another has."""
        is_here = home.startswith(os.path.join(self._folder.path, ""))
        where = home if is_here else f"{home}, in a folder that is served with the same store,"
        return (
            f"{name!r} is defined in {where} already; give it another name here, such as "
            f'name="{name}_2"'
        )

    def _read_refused(self) -> None:
        """Read those anew whose names are free now.

        That a service of another folder is just not there frees none: it may be started again.
        """
        seen = self._book.changes() if self._refused else 0
        if seen != self._seen:
            refused = [file for file in self._refused if file not in self._asked]
            self._read_all([file for file in refused if not self._is_taken(file)])
            self._seen = seen

    def _is_taken(self, file: str) -> bool:
        """Whether another file has one of the names that were refused to this one."""
        homes = self._book.homes(self._refused[file])
        return any(
            home.file != file and (home.folder == self._folder.path or os.path.exists(home.file))
            for home in homes
        )

    def _note(self, reading: Reading) -> None:
        for each in reading.deployed:
            schedules = "; ".join(planned.words for planned in each.schedules)
            self._say("loaded", each.name, version=each.version[:8], schedule=schedules)
            for planned in each.schedules:
                for warning in planned.warnings:
                    self._warn(planned.id, warning)

    def _warn(self, schedule: str, text: str) -> None:
        """Say something of a schedule once, however often its file is read."""
        if (schedule, text) not in self._warned:
            self._warned.add((schedule, text))
            self._say("warning", schedule, text=text)

    def _warn_of_followers(self) -> None:
        """Say which schedules wait for what nobody has; a typing error, most likely."""
        found = self._book.unknown_followed()
        rows = self._book.pipelines() if found else ()
        for schedule, name in found:
            known = near(name, [row.deployed.name for row in rows if not row.is_gone])
            self._warn(schedule, f"it starts after {name!r}, and there is no such pipeline{known}")

    def _report(self) -> None:
        """Say how far the reading of many files is."""
        now = self._clock.monotonic()
        took = now - self._began
        is_over = not self._asked and took > REPORT_SECONDS
        if is_over or now - self._reported > REPORT_SECONDS:
            self._reported = now
            rate = round(self._read / max(took, 0.001), 1)
            self._say(
                "reading", counted(self._read, "file"), left=len(self._asked), per_second=rate
            )
