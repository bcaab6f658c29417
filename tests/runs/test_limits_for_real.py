"""Limits and rates in real workers, against the counts of servers and a ledger of the bodies."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import taskflow
from taskflow import Limit, Rate, pipeline, task
from taskflow.tasks import http

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import local_site

PAGES = 1000


def host_of(url):
    return urlsplit(url).hostname


@task(
    limit=Limit("per host", 2, key=host_of),
    rate=Rate("5/s", key=host_of),
    retries=2,
    retry_on=http.HttpError,
)
async def fetch(url, ledger):
    line = f"{time.monotonic_ns()} {host_of(url)} {os.getpid()}\n"
    with open(ledger, "a") as file:  # noqa: ASYNC230 - one line
        file.write(line)
    page = await http.async_request.fn("GET", url)
    return len(page.text)


@task
def total(lengths):
    return len(lengths), sum(lengths)


@pipeline
def scrape(urls: list[str], ledger: str):
    return total(fetch.map(urls, ledger=ledger))


@pytest.mark.ring_programs
def test_a_thousand_pages_of_ten_hosts_two_at_once_and_five_a_second(tmp_path):
    """The servers never have more than two readers, and after n seconds at most 5(n + 1) asked.

    A body notes its start some time after its turn was given, so that neighbouring notes may be
    closer than the turns were; but no note comes before its turn.
    """
    ledger = tmp_path / "ledger"
    began = time.monotonic_ns()
    with local_site.serve_hosts(10, latency_seconds=0.02) as sites:
        urls = [f"{sites[n % 10].url}/tides.html#{n}" for n in range(PAGES)]
        count, characters = taskflow.run(
            scrape.options(progress=False), urls=urls, ledger=str(ledger)
        )
    assert (count, characters > 0) == (PAGES, True)
    assert max(site.most_at_once for site in sites) == 2
    assert [site.requests["/tides.html"] for site in sites] == [PAGES // 10] * 10
    starts = defaultdict(list)
    for line in ledger.read_text().splitlines():
        moment, host, _ = line.split()
        starts[host].append(int(moment))
    assert len(starts) == 10
    for moments in map(sorted, starts.values()):
        for earlier, moment in enumerate(moments):
            assert earlier < 5 * ((moment - began) // 1_000_000_000 + 1)
