"""Word count: many small files, a task for each, and nothing to tune.

Which words does Python's own library use most? `find` lists its some 600 files, and the map over
that list grows as soon as it is known. A file takes a few milliseconds. Short tasks travel to the
workers in batches, sized by how long they were measured to take, so a task for each file costs
little more than a loop; yet a file that cannot be read is a failure of its own.

Try:  taskflow run examples/12_word_count.py --folder . --suffix .md
"""

import re
import sysconfig
import tokenize
from collections import Counter
from pathlib import Path

import taskflow
from taskflow import Failure, outcomes, pipeline, task

LIBRARY = Path(sysconfig.get_path("stdlib"))
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}


@task
def find(folder: Path, suffix: str) -> list[Path]:
    """The files with this suffix, in a folder and the folders in it."""
    files = folder.rglob(f"*{suffix}")
    return sorted(file for file in files if LEFT_OUT.isdisjoint(file.relative_to(folder).parts))


@task
def count(file: Path) -> Counter[str]:
    """How often each word occurs in a file."""
    with tokenize.open(file) as text:  # in the encoding that the file declares
        return Counter(re.findall(r"[a-z]{2,}", text.read().lower()))


@task
def report(counts: list[Counter[str] | Failure], top: int) -> str:
    """The most frequent words of all files, and how many files could not be read."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each if isinstance(each, Counter) else {})
    unread = sum(isinstance(each, Failure) for each in counts)
    words = sorted(total, key=lambda word: (-total[word], word))[:top]
    lines = [f"{len(counts)} files, {total.total():,} words, {unread} files unread"]
    return "\n".join(lines + [f"{word:12}{total[word]:>7,}" for word in words])


@pipeline
def word_count(folder: Path = LIBRARY, suffix: str = ".py", top: int = 5) -> str:
    """Find the most frequent words in many files."""
    return report(outcomes(count.map(find(folder, suffix))), top)


if __name__ == "__main__":
    print(taskflow.run(word_count))
