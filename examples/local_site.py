"""A small web site on loopback for the examples to read: most of its pages are fine, some are not.

Its paths are those of the files in `site/`; the troubles are methods of `Handler`. No other machine
can reach the site, and it is gone when the program ends. Run as a program, it is ten sites, which
stay until Ctrl-C.
"""

import gzip
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread

ROOT = Path(__file__).parent / "site"
FILES = {
    "/" + path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in ROOT.rglob("*.*")
}
KINDS = {
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".txt": "text/plain",
    ".xml": "application/xml",
}


class Site(ThreadingHTTPServer):
    """The server, how often each of its paths has been asked for, how many readers came at once."""

    def __init__(self, delay_seconds: float, host: str, latency_seconds: float) -> None:
        super().__init__((host, 0), Handler)
        self.delay_seconds = delay_seconds
        self.latency_seconds = latency_seconds
        self.requests: Counter[str] = Counter()
        self.most_at_once = 0
        self._now = 0
        self._lock = Lock()

    @property
    def url(self) -> str:
        """The address of the site."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"

    @contextmanager
    def reader(self) -> Iterator[None]:
        """Count a reader for as long as it is answered; every answer takes its way."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        time.sleep(self.latency_seconds)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what goes wrong, but not that a reader has hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serve(
    delay_seconds: float = 1.0, *, host: str = "127.0.0.1", latency_seconds: float = 0
) -> Iterator[Site]:
    """Keep the site up, on a free port, for as long as the block runs."""
    with Site(delay_seconds, host, latency_seconds) as site:
        Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield site
        finally:
            site.shutdown()


@contextmanager
def serve_hosts(count: int = 10, latency_seconds: float = 0.05) -> Iterator[list[Site]]:
    """Keep several such sites up, each on a host of its own where loopback has more than one."""
    hosts = [f"127.0.0.{n if sys.platform == 'linux' else 1}" for n in range(1, count + 1)]
    with ExitStack() as stack:
        sites = [serve(0, host=host, latency_seconds=latency_seconds) for host in hosts]
        yield [stack.enter_context(site) for site in sites]


class Handler(BaseHTTPRequestHandler):
    """Answers a request with a file of the site, or with the trouble that its path stands for."""

    server: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests[self.path] += 1
        answer = TROUBLES.get(self.path, Handler.file)
        with self.server.reader():
            answer(self)

    def file(self) -> None:
        """What most paths give: the rules, a sitemap or an article."""
        path, kind = self.path.removesuffix(".gz"), KINDS.get(Path(self.path).suffix)
        if path not in FILES or kind is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        # A sitemap must name its pages in full, with the host as this reader knows it.
        text = article(path) if path.endswith(".html") else FILES[path]
        body = text.replace("{site}", f"http://{self.headers['Host']}").encode()
        self.send(kind, body if path == self.path else gzip.compress(body))

    def slow(self) -> None:
        """A page that takes its time."""
        time.sleep(self.server.delay_seconds)
        self.file()

    def flaky(self) -> None:
        """A page that fails, but only when it is asked for the first time."""
        first = self.server.requests[self.path] == 1
        self.failing() if first else self.file()

    def failing(self) -> None:
        """A page that never works."""
        self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)

    def moved(self) -> None:
        """A page with a new address, which no sitemap mentions."""
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", "/new-quay.html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def old_encoding(self) -> None:
        """A page that is not in UTF-8; only the header says so."""
        self.send("text/html; charset=iso-8859-1", article(self.path).encode("iso-8859-1"))

    def truncated(self) -> None:
        """A page whose connection breaks halfway."""
        self.send("text/html", article("/tides.html").encode(), missing_bytes=1000)
        self.close_connection = True

    def photo(self) -> None:
        """Not a page at all."""
        self.send("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")

    def empty(self) -> None:
        """A page without a word on it."""
        self.send("text/html", b"<!DOCTYPE html><html><body></body></html>")

    def send(self, content_type: str, body: bytes, missing_bytes: int = 0) -> None:
        """Send an answer; it may promise more bytes than it has."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body) + missing_bytes))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: the terminal belongs to the program that reads the site."""


def article(path: str) -> str:
    """An article inside the frame that all pages of the site share."""
    return FILES["/layout.html"].replace("{article}", FILES[path])


TROUBLES = {
    "/slow.html": Handler.slow,
    "/flaky.html": Handler.flaky,
    "/failing.html": Handler.failing,
    "/moved.html": Handler.moved,
    "/cafe.html": Handler.old_encoding,
    "/truncated.html": Handler.truncated,
    "/photo.jpg": Handler.photo,
    "/empty.html": Handler.empty,
}


if __name__ == "__main__":
    with serve_hosts() as sites:
        print(*(site.url for site in sites), sep="\n", flush=True)
        with suppress(KeyboardInterrupt):
            Event().wait()
