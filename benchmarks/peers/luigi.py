# /// script
# dependencies = ["luigi"]
# ///
"""2 processes, one forked for each task; what is done is what has a file, one for each task."""

from __future__ import annotations

import tempfile
from pathlib import Path

import luigi

from benchmarks import work
from benchmarks.peers.contest import Work, compete


class Kept(luigi.Task):
    """A task whose value is a file in a folder."""

    folder = luigi.Parameter()
    number = luigi.IntParameter()

    def output(self) -> luigi.LocalTarget:
        """Where its value is."""
        return luigi.LocalTarget(f"{self.folder}/{type(self).__name__}-{self.number}")

    def keep(self, value: int) -> None:
        """Write the value."""
        with self.output().open("w") as file:
            file.write(str(value))

    def taken(self) -> list[int]:
        """The values of what it requires."""
        return [int(Path(target.path).read_text()) for target in luigi.task.flatten(self.input())]


class Same(Kept):
    """A no-op."""

    def run(self) -> None:
        """Keep the number."""
        self.keep(work.same(self.number))


class Total(Kept):
    """The sum of no-ops."""

    def requires(self) -> list[Same]:
        """All of them."""
        return [Same(self.folder, i) for i in range(self.number)]

    def run(self) -> None:
        """Add them."""
        self.keep(work.total(self.taken()))


class Link(Kept):
    """One more than the link before."""

    def requires(self) -> list[Link]:
        """The one before."""
        return [Link(self.folder, self.number - 1)] if self.number > 1 else []

    def run(self) -> None:
        """Add one."""
        self.keep(work.add_one(*self.taken() or [0]))


def build(last: type[Kept], n: int) -> int:
    """Run all that the last task needs, in a new folder, and read its value."""
    with tempfile.TemporaryDirectory() as folder:
        task = last(folder, n)
        luigi.build([task], workers=work.WORKERS, local_scheduler=True, log_level="CRITICAL")
        return int(Path(task.output().path).read_text())


if __name__ == "__main__":
    compete(
        "luigi",
        fan_out=Work(500, lambda n: build(Total, n)),
        chain=Work(200, lambda n: build(Link, n)),
    )
