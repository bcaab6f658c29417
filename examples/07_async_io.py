"""Async input and output: many requests under way at once, and few of them at each host.

An `async def` task waits without a worker of its own: a thousand of them run in one process. That
is too many for any web site, so `fetch` says how many of its bodies may run at once *for each host*
and how many may start in a second. The key is a function of the task's arguments, and a page that
waits for its turn holds nothing back: pages of other hosts overtake it.

Ten small sites on this machine are read, 18 pages of each; they count their readers themselves.
Try:  python examples/local_site.py, and in another terminal, with two of the addresses it prints,
      taskflow run examples/07_async_io.py --sites http://127.0.0.1:... --sites http://127.0.0.2:...
"""

import re
from urllib.parse import urlsplit

import local_site

import taskflow
from taskflow import Failure, Limit, Rate, flatten, outcomes, pipeline, task
from taskflow.tasks import http


def host_of(url: str) -> str:
    """What tells one site from another: here also the port."""
    return urlsplit(url).netloc


@task(
    limit=Limit("per host", 2, key=host_of),
    rate=Rate("20/s", key=host_of),
    retries=2,
    retry_on=http.HttpError,
)
async def fetch(url: str) -> str:
    """Download a page."""
    answer = await http.async_request.fn("GET", url)  # .fn is the function, without the task
    return answer.text


@task
def pages(sitemap: str) -> list[str]:
    """The addresses that a sitemap lists."""
    return re.findall(r"<loc>(.*?)</loc>", sitemap)


@task
def report(texts: list[str | Failure]) -> str:
    """How much was read."""
    words = [len(text.split()) for text in texts if isinstance(text, str)]
    return f"{len(words)} of {len(texts)} pages, {sum(words):,} words"


@pipeline
def async_io(sites: list[str]) -> str:
    """Read all pages that the sitemaps of some sites list."""
    lists = [f"{site}/sitemaps/{name}.xml" for site in sites for name in ("archive", "articles")]
    sitemaps = fetch.map(lists)
    return report(outcomes(fetch.map(flatten(pages.map(sitemaps)))))


if __name__ == "__main__":
    with local_site.serve_hosts(10) as sites:
        print(taskflow.run(async_io, sites=[site.url for site in sites]))
        print(f"at most {max(site.most_at_once for site in sites)} requests at once to any host")
