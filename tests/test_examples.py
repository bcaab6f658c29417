"""The examples do what they say: each is run as its reader would run it, without a network."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import real_site

from examples import local_site

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

TEXTS = [
    *("/sourdough.html", "/bicycle.html", "/lighthouse.html", "/beehive.html", "/paper.html"),
    *("/salt.html", "/clock.html", "/bridges.html", "/owls.html", "/glass.html", "/maps.html"),
    *("/kettle.html", "/swifts.html", "/tides.html", "/letter-rust.html", "/letter-fog.html"),
    *("/slow.html", "/flaky.html", "/moved.html", "/cafe.html"),
]
FAILURES = {
    "/failing.html": "HTTP 500, text/html;charset=utf-8",
    "/gone.html": "HTTP 404, text/html;charset=utf-8",
    "/truncated.html": (
        "('Connection broken: IncompleteRead(1271 bytes read, 1000 more expected)', "
        "IncompleteRead(1271 bytes read, 1000 more expected))"
    ),
    "/photo.jpg": "HTTP 200, image/jpeg",
    "/empty.html": "no text found",
    "/drafts/moon.html": "disallowed by robots.txt",
    "/sitemaps/missing.xml": "HTTP 404, text/html;charset=utf-8",
}
SITEMAPS = [
    "/sitemap.xml",
    "/sitemaps/archive.xml.gz",
    "/sitemaps/articles.xml",
    "/sitemaps/letters.xml",
    "/sitemaps/more.xml",
    "/sitemaps/troubles.xml",
]


@pytest.mark.ring_programs
def test_hello_counts_the_primes(tmp_path):
    """The first program of the README prints the true number of primes below 200,000."""
    assert run("hello.py", cwd=tmp_path) == "17984 primes\n"


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """What `python scrape_site.py` prints and saves, with paths in place of urls."""
    folder = tmp_path_factory.mktemp("scraped")
    summary = json.loads(run("scrape_site.py", cwd=folder))
    failed = {urlsplit(url).path: error for url, error in summary["failed"].items()}
    records = [
        {**each, "url": urlsplit(each["url"]).path} for each in lines(folder, "corpus.jsonl")
    ]
    return {**summary, "failed": failed}, records


def test_scraping_accounts_for_every_page(scraped):
    """Each page has one line, also where it is listed twice or where sitemaps list each other.

    A sitemap that cannot be read has its line as well: nobody knows what it would have listed.
    """
    summary, records = scraped
    assert sorted(each["url"] for each in records if "text" in each) == sorted(TEXTS)
    assert {each["url"]: each["error"] for each in records if "error" in each} == FAILURES
    assert len(records) == len(TEXTS) + len(FAILURES)
    assert summary == {"pages": 27, "extracted": 20, "failed": FAILURES}


def test_scraping_extracts_the_articles_and_nothing_around_them(scraped):
    """Of each page the text is there, word for word, without its menu, side bar and footer."""
    for each in scraped[1]:
        if "text" in each:
            path = "/new-quay.html" if each["url"] == "/moved.html" else each["url"]
            article = re.sub(r"<[^>]+>", "", local_site.FILES[path])
            assert each["text"].split() == article.split()


@pytest.mark.ring_programs
def test_scraping_tries_again_only_what_may_be_different_the_next_time(tmp_path):
    """A page that fails once is asked for twice; one that is gone, once; a forbidden one, never.

    And no page or sitemap is asked for twice because two sitemaps list it.
    """
    with local_site.serve(delay_seconds=0) as site:
        run("scrape_site.py", "--domain", site.url, cwd=tmp_path)
    once = [*TEXTS, *FAILURES, *SITEMAPS, "/robots.txt", "/new-quay.html"]
    again = {"/flaky.html": 2, "/failing.html": 3, "/truncated.html": 3}
    expected = {**dict.fromkeys(once, 1), **again}
    del expected["/drafts/moon.html"]
    assert site.requests == expected


@pytest.mark.ring_programs
def test_scraping_goes_on_when_one_of_several_sites_is_not_there(tmp_path):
    """The pages of the others are all saved, and of the unreachable one the reason."""
    with local_site.serve(delay_seconds=0) as site, local_site.serve(delay_seconds=0) as other:
        domains = [site.url, "http://127.0.0.1:1", other.url]
        summary = json.loads(
            run("scrape_site.py", "--domain", *domains, "--path", "all.jsonl", cwd=tmp_path)
        )
    assert (summary["pages"], summary["extracted"]) == (27 + 1 + 27, 20 + 20)
    assert "Connection refused" in summary["failed"]["http://127.0.0.1:1/sitemap.xml"]
    urls = [each["url"] for each in lines(tmp_path, "all.jsonl")]
    assert sum(url.startswith(site.url) for url in urls) == 27
    assert sum(url.startswith(other.url) for url in urls) == 27


@pytest.mark.ring_programs
def test_the_command_line_runs_the_scraper_too(tmp_path):
    """`taskflow run FILE:NAME --domain URL` saves what the script saves."""
    program = "import sys; from taskflow.cli.main import main; sys.exit(main())"
    pipeline = f"{EXAMPLES / 'scrape_site.py'}:scrape_site"
    with local_site.serve(delay_seconds=0) as site:
        execute("-c", program, "run", pipeline, "--domain", site.url, cwd=tmp_path)
    assert len(lines(tmp_path, "corpus.jsonl")) == 27


def test_the_scraper_takes_less_than_a_hundred_lines():
    """It is what people build by hand without such a library, and it stays short."""
    assert len((EXAMPLES / "scrape_site.py").read_text().splitlines()) < 100


@pytest.mark.ring_docs
@pytest.mark.timeout(300)
def test_scraping_a_site_that_nobody_here_wrote_accounts_for_every_page(tmp_path):
    """Of some five hundred pages of Python's manual each is extracted, or says why it is not."""
    folder = tmp_path / "site"
    folder.mkdir()
    with real_site.serve(folder) as site:
        summary = json.loads(run("scrape_site.py", "--domain", site.url, cwd=tmp_path))
    records = lines(tmp_path, "corpus.jsonl")
    texts = {each["url"]: each["text"] for each in records if "text" in each}
    failed = {each["url"]: each["error"] for each in records if "error" in each}

    assert len(site.pages) > 400
    assert sorted(each["url"] for each in records) == sorted(site.pages)
    assert summary == {"pages": len(records), "extracted": len(texts), "failed": failed}
    assert all(failed.values())
    assert len(texts) > 0.99 * len(records)
    assert statistics.median(len(text.split()) for text in texts.values()) > 500

    asyncio = texts[f"{site.url}/docs/library/asyncio.html"]
    assert "asyncio is a library to write concurrent code using the async/await" in asyncio
    assert "Previous topic" not in asyncio
    assert "Zen of Python" in texts[f"{site.url}/docs/glossary.html"]


def run(example, *arguments, cwd):
    """What an example prints."""
    return execute(str(EXAMPLES / example), *arguments, cwd=cwd)


def execute(*arguments, cwd):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def lines(folder, name):
    with open(folder / name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
