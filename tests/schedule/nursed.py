"""A folder of pipelines that is read by a nursery, and a pipe that tells who lives."""

from __future__ import annotations

import os
import select
import textwrap


class Nursed:
    """Writes files into a folder, and has them read."""

    def __init__(self, folder, nursery):
        self.folder = folder
        self.nursery = nursery

    def write(self, name, text):
        """Write a file, and say where it is."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    def read(self, *paths):
        """What is in some files, in their order."""
        for path in paths:
            self.nursery.ask(path, str(self.folder))
        found = {}
        while self.nursery.waiting:
            found.update((reading.file, reading) for reading in self.received())
        readings = [found[path] for path in paths]
        return readings[0] if len(paths) == 1 else readings

    def of(self, text, name="report.py"):
        """What is in a file with this text."""
        return self.read(self.write(name, text))

    def received(self):
        """What comes next, once something does."""
        ready, _, _ = select.select([self.nursery], [], [], 60)
        assert ready, "nothing was told"
        return self.nursery.receive()


class Pipe:
    """A named pipe that a process opens, and loses when it ends."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = str(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def next(self, most=100):
        """What is written to it; nothing when no process has it open any more."""
        ready, _, _ = select.select([self._fd], [], [], 60)
        assert ready, "nothing was written, and nobody has ended"
        return os.read(self._fd, most)

    def close(self):
        os.close(self._fd)
