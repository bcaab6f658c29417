"""Failures: tried again, ended in time, taken as values, and cleaned up after.

Five stations send their temperatures. One line is busy at first: `download` tries again. One text
has a hole. One makes a careless regular expression run for ages in C, where no exception gets in:
its process is killed, and the others never notice. A failure stops only what depends on it, and
`outcomes` hands it on as a value. `remove` runs whatever happened: such is its trigger rule.

Try:  taskflow run examples/04_failures.py --strict
"""

import re
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import taskflow
from taskflow import Failure, current, outcomes, pipeline, task

DELIVERIES = {
    "Ostend": "12.5 13.1 12.9",
    "Ghent": "14.2 14.8 15.1",
    "Namur": "11.0 n/a 11.4",
    "Arlon": "9.810.29.99.710.110.39.69.9-",
    "Spa": "8.1 8.4 7.9",
}


@task
def make_folder() -> Path:
    """A folder for what is downloaded."""
    return Path(tempfile.mkdtemp(prefix="stations-"))


@task(retries=3, retry_delay="50ms", retry_backoff=2, retry_on=ConnectionError)
def download(station: str, folder: Path) -> Path:
    """Save what a station sends; the line to Ghent is busy at the first two attempts."""
    if station == "Ghent" and current.attempt < 3:
        raise ConnectionError("the line is busy")
    (folder / station).write_text(DELIVERIES[station])
    return folder / station


@task(timeout="1s")
def mean(file: Path) -> float:
    """The mean temperature in a file."""
    text = file.read_text()
    if not re.fullmatch(r"([\d.]+ ?)+", text):  # careless: (x+)+ tries all ways to split it
        raise ValueError(f"not a list of temperatures: {text}")
    return round(statistics.mean(map(float, text.split())), 1)


@task
def report(means: Sequence[float | Failure]) -> str:
    """A line for each station: its mean, or why there is none."""
    shown = [str(it.error if isinstance(it, Failure) else it) for it in means]
    return "\n".join(f"{name:8}{it}" for name, it in zip(DELIVERIES, shown, strict=True))


@task(trigger_rule="always")
def remove(folder: Path) -> None:
    """Leave nothing behind."""
    shutil.rmtree(folder)


@pipeline
def failures(*, strict: bool = False) -> str:
    """Find the mean temperature at each station; if it is not `strict`, failures are no failure."""
    folder = make_folder()
    files = download.map(DELIVERIES.keys(), folder=folder)
    means = mean.options(key=lambda file: file.name).map(files)  # mean[Ghent], not mean[1]
    result = report(means if strict else outcomes(means))
    remove.options(after=result)(folder)
    return result


if __name__ == "__main__":
    print(taskflow.run(failures))
