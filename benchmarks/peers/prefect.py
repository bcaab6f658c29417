# /// script
# # prefect 3.8 does not start with a newer FastAPI
# dependencies = ["prefect", "fastapi<0.140"]
# ///
"""A server of its own, tasks in threads, retries, states and results in its SQLite database."""

from __future__ import annotations

from typing import Any

import prefect
from prefect.settings import (
    PREFECT_LOGGING_LEVEL,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

from benchmarks import work
from benchmarks.peers.contest import Work, compete

same = prefect.task(work.same)
add_one = prefect.task(work.add_one)
total = prefect.task(work.total)


@prefect.flow
def fan_out(n: int) -> int:
    """Separately submitted calls, and a sum."""
    return total.submit([same.submit(i) for i in range(n)]).result()


@prefect.flow
def mapped(n: int) -> int:
    """One map, and a sum."""
    return total.submit(same.map(range(n))).result()


@prefect.flow
def chain(n: int) -> int:
    """Each call takes the future of the one before."""
    last: Any = work.chain(n, add_one.submit)
    return last.result()


def main() -> None:
    """With a server that starts and ends with this program."""
    patient = {
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
        PREFECT_LOGGING_LEVEL: "ERROR",
    }
    with temporary_settings(patient):
        compete(
            "prefect", fan_out=Work(300, fan_out), mapped=Work(200, mapped), chain=Work(100, chain)
        )


if __name__ == "__main__":
    main()
