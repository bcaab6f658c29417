"""A real web site to scrape: the HTML of Debian's `python3-doc` package, served on loopback.

The pages are as their authors left them. What a web site has and the package has not is made here:
a robots.txt, and sitemaps that list sitemaps that list sitemaps, every other one gzipped.
"""

from __future__ import annotations

import gzip
import subprocess
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "python3-doc"
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: A sitemap lists at most this many pages, or sitemaps: few, so that they nest three deep.
FAN_OUT = 10


class RealSite(NamedTuple):
    """Where the site is, and every page that its sitemaps list."""

    url: str
    pages: list[str]


@contextmanager
def serve(folder: Path) -> Iterator[RealSite]:
    """Keep the site up, on a free port, while the block runs; `folder` is for what is made."""
    (folder / "docs").symlink_to(documentation())
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        paths = sorted((folder / "docs").resolve().rglob("*.html"))
        pages = [f"{url}/docs/{path.relative_to(documentation())}" for path in paths]
        sitemap = write_sitemap(folder, url, "sitemap", pages)
        (folder / "robots.txt").write_text(f"User-agent: *\nDisallow:\n\nSitemap: {sitemap}\n")
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield RealSite(url, pages)
        finally:
            server.shutdown()


def documentation() -> Path:
    """The folder of HTML that the package has installed, whatever Python it is about."""
    try:
        listed = subprocess.check_output(["dpkg-query", "--listfiles", PACKAGE], text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"this test needs `apt-get install {PACKAGE}`") from error
    # The package itself holds only links to the documentation of the current version.
    links = (Path(line) for line in listed.splitlines() if line.endswith("/html"))
    return next(link.resolve() for link in links if (link / "index.html").exists())


def write_sitemap(folder: Path, url: str, name: str, listed: list[str]) -> str:
    """Write the sitemap of these pages, with smaller ones that it lists if they are many."""
    index = len(listed) > FAN_OUT
    if index:
        size = -(-len(listed) // FAN_OUT)
        parts = [listed[at : at + size] for at in range(0, len(listed), size)]
        listed = [write_sitemap(folder, url, f"{name}-{n}", part) for n, part in enumerate(parts)]
    kind, entry = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "\n".join(f"<{entry}><loc>{each}</loc></{entry}>" for each in listed)
    xml = f'<?xml version="1.0"?>\n<{kind} xmlns="{NAMESPACE}">\n{entries}\n</{kind}>\n'.encode()
    path = folder / (f"{name}.xml" if name[-1] in "p02468" else f"{name}.xml.gz")
    path.write_bytes(gzip.compress(xml) if path.suffix == ".gz" else xml)
    return f"{url}/{path.name}"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word about it."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""
