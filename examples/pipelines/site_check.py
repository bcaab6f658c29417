"""Look at a web site every ten seconds: an HTTP request, a shell command, a Python function.

`SITE` names the site; `python examples/local_site.py` serves one. While a look at it takes longer
than ten seconds the next one is skipped, and `taskflow schedules history site_check` says so.
"""

import os

from taskflow import current, pipeline, task
from taskflow.tasks import http
from taskflow.tasks.shell import shell

SITE = os.environ.get("SITE", "http://127.0.0.1:8765")


@task
def report(status: int, words: list[str]) -> str:
    """What was seen, and when that was due."""
    at = current.scheduled_time
    return f"{at:%H:%M:%S} status {status}, {words[0].strip()} words"


@pipeline(schedule="*/10 * * * * *", timezone="UTC", overlap="skip", timeout="1m")
def site_check(site: str = SITE, page: str = "/tides.html") -> str:
    """Fetch a page, and count its words."""
    found = http.get(f"{site}{page}")
    words = shell('printf %s "$1" | wc -w', found.text)
    return report(found.status, words.lines)
