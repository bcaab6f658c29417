"""A schedule: two tasks in order, every hour.

The cron expression has six fields, seconds first, so `0 0 * * * *` is the first second of every
hour. (With five fields minutes come first, as usual.) The tasks hand nothing to each other, so `>>`
orders them: the second begins when the first has succeeded. (`order(a, b)` says the same to type
checkers.) What is scheduled stays an ordinary pipeline, to be run by hand at any time, and
`current.scheduled_time` is the hour it is for.

Try:  taskflow run examples/10_hourly.py
"""

import taskflow
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


if __name__ == "__main__":
    taskflow.run(hourly)
