"""A server on this machine that misbehaves in every way a client has to expect."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import contextmanager
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Answers at `url`; `seen` are the requests it got, `ending` is set when it closes."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.seen = []
        self.clients = set()
        self.ending = threading.Event()

    def handle_error(self, request, client_address):
        """Clients that hang up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    """One method for each first part of a path, asked with the rest."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.clients.add(self.client_address)
        kind, *rest = self.path.partition("?")[0].strip("/").split("/")
        getattr(self, f"on_{kind}")(*rest)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the server asks for them so

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        headers = {"Content_Length": len(body), **headers}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def times_seen(self):
        return sum(path == self.path for _, path, _, _ in self.server.seen)

    def on_hello(self):
        self.answer(200, b"hello", Content_Type="text/plain")

    def on_latin(self):
        self.answer(200, "é".encode("latin-1"), Content_Type="text/plain; charset=latin-1")

    def on_echo(self):
        _, path, headers, body = self.server.seen[-1]
        told = {"method": self.command, "path": path, "headers": headers, "body": body.decode()}
        self.answer(200, json.dumps(told).encode(), Set_Cookie="a=1; Path=/")

    def on_status(self, status):
        self.answer(int(status), b"the reason\nin two lines")

    def on_later(self, status, after, times):
        """So many times `status`, with a `Retry-After`."""
        if self.times_seen() > int(times):
            self.answer(200, b"at last")
        else:
            self.answer(int(status), b"busy", Retry_After=after)

    def on_until(self, year):
        from datetime import UTC, datetime

        self.answer(429, Retry_After=format_datetime(datetime(int(year), 1, 1, tzinfo=UTC), True))

    def on_flaky(self, times):
        """So many times a connection that breaks before it has answered."""
        if self.times_seen() > int(times):
            self.answer(200, b"at last")
        else:
            self.close_connection = True

    def on_short(self):
        self.answer(200, b"ten bytes?", Content_Length=100)
        self.close_connection = True

    def on_endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while not self.server.ending.is_set():
            self.wfile.write(b"x" * 65536)

    def on_huge(self):
        self.answer(200, Content_Length=10**15)
        self.close_connection = True

    def on_silent(self):
        self.server.ending.wait()
        self.close_connection = True

    def on_stalling(self):
        self.answer(200, b"a beginning", Content_Length=100)
        self.server.ending.wait()
        self.close_connection = True

    def on_dripping(self):
        """A header that never ends, some of it every few milliseconds."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.server.ending.wait(0.01):
            self.wfile.write(b"x")
            self.wfile.flush()
        self.close_connection = True

    def on_garbage(self):
        self.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
        self.close_connection = True

    def on_bomb(self):
        self.answer(200, bomb(), Content_Encoding="gzip")

    def on_broken_gzip(self):
        self.answer(200, b"this is not gzip", Content_Encoding="gzip")

    def on_circle(self):
        self.answer(302, Location="/circle")

    def on_moved(self):
        self.answer(302, Location="/hello")

    def on_elsewhere(self, port):
        self.answer(302, Location=f"http://localhost:{port}/echo")


@cache
def bomb():
    """50 MB of nothing, in 50 kB."""
    return gzip.compress(bytes(50_000_000))


@contextmanager
def serving():
    """A server that runs as long as the block."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
