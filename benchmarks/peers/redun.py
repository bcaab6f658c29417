# /// script
# dependencies = ["redun"]
# ///
"""Tasks in threads of one process; values and calls in SQLite, by default (as here) in memory."""

from __future__ import annotations

from redun import Scheduler
from redun import task as make_task

from benchmarks import work
from benchmarks.peers.contest import Work, compete

redun_namespace = "benchmarks"
same = make_task(cache=False)(work.same)
add_one = make_task(cache=False)(work.add_one)
total = make_task(cache=False)(work.total)


def value(expression: object) -> int:
    """Run with a new database."""
    scheduler = Scheduler()
    scheduler.load()
    return scheduler.run(expression)


if __name__ == "__main__":
    compete(
        "redun",
        fan_out=Work(500, lambda n: value(work.fan_out(n, same, total))),
        chain=Work(100, lambda n: value(work.chain(n, add_one))),
    )
