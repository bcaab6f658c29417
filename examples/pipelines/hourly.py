"""Two tasks in order, every hour.

Six fields have the seconds first: `0 0 * * * *` is the first second of every hour.
"""

from taskflow import pipeline, task


@task
def print_test1() -> None:
    """Say that the first task was here."""
    print("test 1")


@task
def print_test2() -> None:
    """Say that the second task was here."""
    print("test 2")


@pipeline(schedule="0 0 * * * *", timezone="Europe/Brussels")
def hourly() -> None:
    """Print two lines, one after the other."""
    print_test1() >> print_test2()  # type: ignore[operator]  # as order(...), which has types
