"""Save the main text of every page of some web sites: a line of JSON each, with text or error."""

import argparse
import json
from urllib.parse import urldefrag, urljoin
from xml.etree import ElementTree as ET

import local_site
import trafilatura
from protego import Protego
from urllib3 import exceptions, request

from taskflow import Failure, outcome, outcomes, pipeline, run, successes, task

AGENT = {"User-Agent": "taskflow-example"}
Found = list[str | Failure] | list[dict[str, bool] | Failure]  # what pages or sitemaps gave
Record = dict[str, str]  # a url, with its text or its error


@task(limit=4, retries=2, retry_delay=0.5, retry_on=exceptions.HTTPError, timeout=60)
def fetch(url: str, robots: str = "") -> str:
    """Download a text. All requests are made here, so the limit holds for all of them together."""
    if not Protego.parse(robots).can_fetch(url, AGENT["User-Agent"]):
        raise PermissionError("disallowed by robots.txt")
    got = request("GET", url, headers=AGENT, timeout=10, preload_content=False)
    kind, _, charset = got.headers.get("Content-Type", "text/html").partition("; charset=")
    if got.status == 200 and any(word in kind for word in ("text", "xml", "zip", "octet")):
        body = got.read(20_000_000)  # longer files are cut off
        return body.decode(charset, "replace") if charset else trafilatura.utils.decode_file(body)
    raise (exceptions.HTTPError if got.status >= 429 else ValueError)(f"HTTP {got.status}, {kind}")


@task
def read_robots(site: str, robots: str | Failure) -> tuple[str, dict[str, bool]]:
    """The rules of a site and its sitemaps; where there are no rules, nothing is forbidden."""
    rules = "" if isinstance(robots, Failure) else robots
    sitemaps = [*Protego.parse(rules).sitemaps] or [urljoin(site, "/sitemap.xml")]
    return rules, dict.fromkeys(sitemaps, True)


@task
def read_sitemap(xml: str) -> dict[str, bool]:
    """The urls that a sitemap lists; of each, whether it is a sitemap itself."""
    root = ET.fromstring(xml.strip())  # noqa: S314 - expat itself refuses entities that explode
    urls = [urldefrag((loc.text or "").strip()).url for loc in root.iterfind("*/{*}loc")]
    return dict.fromkeys(urls, root.tag.endswith("sitemapindex"))


@task(timeout=60)
def extract_text(html: str) -> str:
    """The main content of a page, without its menus, side bars and footers."""
    trafilatura.core.LOGGER.setLevel("ERROR")  # a page without text is reported by us
    if text := trafilatura.extract(html, fast=True, include_comments=False):
        return text
    raise ValueError("no text found")


@task
def account(urls: list[str], found: list[Found], deeper: list[Record]) -> list[Record]:
    """A record for each page, and for each sitemap that could not be read."""
    named = list(zip(urls, [it for part in found for it in part], strict=True))
    failed = [{"url": url, "error": str(it.error)} for url, it in named if isinstance(it, Failure)]
    return [{"url": url, "text": it} for url, it in named if isinstance(it, str)] + failed + deeper


@task
def save(sites: list[list[Record]], path: str) -> dict[str, object]:
    """Write all records, and tell how many pages gave text and why the others did not."""
    records = [record for site in sites for record in site]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    failed = {record["url"]: record["error"] for record in records if "error" in record}
    return {"pages": len(records), "extracted": len(records) - len(failed), "failed": failed}


@pipeline(dynamic=True)
def scrape(listings: list[dict[str, bool]], robots: str, seen: set[str]) -> list[Record]:
    """Scrape the pages that are listed for the first time, and those of newly listed sitemaps."""
    new = {url: kind for listing in listings for url, kind in listing.items() if url not in seen}
    pages, sitemaps = ([url for url in new if new[url] is kind] for kind in (False, True))
    texts = extract_text.map(fetch.map(pages, robots=robots))
    deeper = read_sitemap.map(fetch.map(sitemaps, robots=robots))
    rest = scrape(successes(deeper), robots, seen | new.keys()) if sitemaps else []
    return account(pages + sitemaps, [outcomes(texts), outcomes(deeper)], rest)


@pipeline
def scrape_site(domain: list[str], path: str = "corpus.jsonl") -> dict[str, object]:
    """Scrape all domains at the same time and save what was found."""
    rules = [read_robots(url, outcome(fetch(urljoin(url, "/robots.txt")))) for url in domain]
    return save([scrape([sitemaps], robots, set()) for robots, sitemaps in rules], path)


if __name__ == "__main__":
    with local_site.serve() as site:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--domain", nargs="+", default=[site.url])
        parser.add_argument("--path", default="corpus.jsonl")
        print(json.dumps(run(scrape_site, **vars(parser.parse_args())), indent=2))
