# /// script
# dependencies = ["dbos"]
# ///
"""Steps of a workflow, one after the other in one process; each is committed to SQLite, flushed."""

from __future__ import annotations

from dbos import DBOS, DBOSConfig

from benchmarks import work
from benchmarks.peers.contest import Work, compete

same = DBOS.step()(work.same)
add_one = DBOS.step()(work.add_one)
total = DBOS.step()(work.total)


@DBOS.workflow()
def fan_out(n: int) -> int:
    """A step for each call, and one for the sum."""
    return work.fan_out(n, same, total)


@DBOS.workflow()
def chain(n: int) -> int:
    """Each step takes the value of the one before."""
    return work.chain(n, add_one)


def main() -> None:
    """With a database in this folder."""
    DBOS(
        config=DBOSConfig(
            name="benchmarks", system_database_url="sqlite:///dbos.sqlite", run_admin_server=False
        )
    )
    DBOS.launch()
    compete("dbos", fan_out=Work(1_000, fan_out), chain=Work(1_000, chain))
    DBOS.destroy()


if __name__ == "__main__":
    main()
