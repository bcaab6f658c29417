"""One request, from the question to the last byte, within its bounds; and who carries it out.

All requests of a worker share a client, so connections are reused. Calls from ordinary tasks go
to a loop that runs in a thread of its own: only a loop can end a request on time whatever the
server does, say a header that comes a byte at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import IO, TYPE_CHECKING, Any, Final

from taskflow.authoring.resource import resource
from taskflow.context import current
from taskflow.errors import DefinitionError
from taskflow.tasks.answers import HttpBusyError, HttpError, Response, shown, start_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping

#: How soon a cancel or the timeout of the task itself is noticed, in seconds.
POLL_SECONDS: Final = 0.1
#: How long a request may take to end that nobody waits for any more.
GIVE_UP_SECONDS: Final = 1.0
#: So many times a server may say "later" before we take it as a no.
MOST_ATTEMPTS: Final = 20
#: However long a server asks us to stay away, we come back after so many seconds.
LONGEST_WAIT: Final = 600.0
#: How long a connection may take.
CONNECT_SECONDS: Final = 10.0
_ERROR_BODY: Final = 4000


#: Statuses by which a server says that it may do better later ...
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
#: ... and those of them that say that it has not done anything yet.
_UNTOUCHED: Final = frozenset({408, 425, 429, 503})
#: Methods that may be repeated without harm.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and its bounds in seconds and bytes; `parts` is what else it consists of."""

    method: str
    url: str
    headers: dict[str, str]
    parts: Mapping[str, Any]
    auth: tuple[str, str] | None
    timeout: float
    read_timeout: float
    max_bytes: int
    redirects: bool
    ok_statuses: Collection[int]

    @property
    def repeat(self) -> bool:
        """Whether it may be sent twice: by its method, or since the server would know it."""
        known = "idempotency-key" in {name.lower() for name in self.headers}
        return known or self.method in _IDEMPOTENT

    def misspelled(self) -> HttpError:
        """The error for what is no URL; where a password ends in it nobody knows."""
        where = "***" if "@" in self.url else shown(self.url)
        why = "this is no http:// or https:// URL; write all of it, and %40 for an @ in a password"
        return HttpError(self.method, where, None, why)

    def failed(self, why: str, *, again: bool = False, status: int | None = None) -> HttpError:
        """The error that says so of this request."""
        return HttpError(self.method, shown(self.url), status, why, again=again)

    def refused(self, answer: Any, body: bytes) -> HttpError:
        """The error for an answer with a status that is not welcome."""
        status, where, said = answer.status_code, shown(str(answer.url)), start_of(body)
        why = f"{status} {answer.reason_phrase}".strip()
        again = status in (_LATER if self.repeat else _UNTOUCHED)
        delay = _retry_after(answer.headers.get("retry-after", ""))
        if again and delay is not None:
            if current.attempt < MOST_ATTEMPTS:
                return HttpBusyError(self.method, where, status, why, said, delay)
            why, again = f"{why}, after {current.attempt} attempts", False
        return HttpError(self.method, where, status, why, said, again)


def _retry_after(value: str) -> float | None:
    """Seconds that a `Retry-After` asks for, within bounds; None if it says nothing."""
    if re.fullmatch(r"\s*\d+\s*", value):
        wanted = float(value[:20])
    else:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        wanted = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wanted, 1.0), LONGEST_WAIT)


def fetched(question: Question, file: IO[bytes] | None = None) -> Response:
    """Ask from an ordinary function; the body goes into `file` if there is one."""
    loop, client = session()
    over = threading.Event()

    async def ask() -> Response:
        try:
            return await fetch(client, question, file)
        finally:
            over.set()

    future = asyncio.run_coroutine_threadsafe(ask(), loop)
    try:
        while not wait((future,), POLL_SECONDS).done:
            pass  # in steps, so that a timeout of this thread's task can be raised between them
        return future.result()
    except BaseException:
        if future.cancel():
            over.wait(GIVE_UP_SECONDS)  # from then on nobody writes into the file
        raise


async def fetch(client: Any, question: Question, file: IO[bytes] | None = None) -> Response:
    """Ask in a loop; the body goes into `file` if there is one."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(question.timeout), _asked(client, question) as answer:
            if answer.status_code not in question.ok_statuses:
                raise question.refused(answer, await _start_of_body(answer))
            body = await _taken(question, answer, file)
    except TimeoutError:
        limit = f"it took longer than its timeout of {question.timeout:g} s"
        raise question.failed(limit, again=question.repeat) from None
    headers = {name.lower(): value for name, value in answer.headers.items()}
    url = str(answer.url.copy_with(username=None, password=None))
    return Response(answer.status_code, url, headers, body, time.monotonic() - began)


@contextlib.asynccontextmanager
async def _asked(client: Any, question: Question) -> AsyncIterator[Any]:
    """The answer, of which only the head is there yet; what goes wrong ends as a `HttpError`."""
    library = _library()
    try:
        request = client.build_request(
            question.method,
            question.url,
            headers=question.headers,
            timeout=library.Timeout(question.read_timeout, connect=CONNECT_SECONDS),
            **question.parts,
        )
        answer = await client.send(
            request, auth=question.auth, follow_redirects=question.redirects, stream=True
        )
        async with contextlib.aclosing(answer):
            yield answer
    except (library.InvalidURL, library.UnsupportedProtocol):
        raise question.misspelled() from None
    except library.LocalProtocolError:  # whose message would show the header
        why = "it cannot be sent: a header has a name or value that HTTP does not allow"
        raise question.failed(why) from None
    except library.TooManyRedirects:
        raise question.failed("it is redirected in a circle, or too often") from None
    except (library.ConnectError, library.ConnectTimeout) as error:
        # Nothing was sent: whatever the method, it can be tried again.
        lasting = "CERTIFICATE" in str(error)
        raise question.failed(f"no connection ({_told(error)})", again=not lasting) from None
    except library.TimeoutException:
        limit = f"nothing came for {question.read_timeout:g} s, its read_timeout"
        raise question.failed(limit, again=question.repeat) from None
    except library.DecodingError as error:
        raise question.failed(f"its body cannot be decoded ({_told(error)})") from None
    except library.HTTPError as error:
        raise question.failed(
            f"the connection broke ({_told(error)})", again=question.repeat
        ) from None


def _told(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}".rstrip(": "))


async def _taken(question: Question, answer: Any, file: IO[bytes] | None) -> bytes:
    """The body of an answer, decoded; at most `max_bytes` of it."""
    too_long = question.failed(
        f"its body is longer than max_bytes={question.max_bytes:,}; give more, or download it",
        status=answer.status_code,
    )
    promised = answer.headers.get("content-length", "")
    if promised.isdecimal() and int(promised) > question.max_bytes and question.method != "HEAD":
        raise too_long
    body = bytearray()
    size = 0
    async for chunk in answer.aiter_bytes():
        size += len(chunk)
        if size > question.max_bytes:
            raise too_long
        if file is None:
            body += chunk
        else:
            file.write(chunk)
    return bytes(body)


async def _start_of_body(answer: Any) -> bytes:
    body = bytearray()
    with contextlib.suppress(_library().HTTPError):  # the status says more than its bad end
        async for chunk in answer.aiter_bytes():
            body += chunk[:_ERROR_BODY]
            if len(body) >= _ERROR_BODY:
                break
    return bytes(body)


# --- who carries it out --------------------------------------------------------------------


@resource
def session() -> Iterator[tuple[asyncio.AbstractEventLoop, Any]]:
    """A loop in a thread of its own, and its client."""
    loop = asyncio.new_event_loop()
    # A daemon: Python waits for other threads before it closes what is left open.
    thread = threading.Thread(target=loop.run_forever, name="taskflow-http", daemon=True)
    thread.start()
    client = None
    try:
        client = _new_client()
        yield loop, client
    finally:
        asyncio.run_coroutine_threadsafe(_wound_up(client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _wound_up(client: Any) -> None:
    """End what is still under way in this loop: requests that were given up."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for each in left:
        each.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if client is not None:
        await client.aclose()


@resource
async def client() -> AsyncIterator[Any]:
    """The client of a loop that async tasks run in."""
    async with _new_client() as made:
        yield made


def _new_client() -> Any:
    library = _library()
    return library.AsyncClient(
        # How many are under way at once is for the limits of tasks to say.
        limits=library.Limits(max_connections=None, max_keepalive_connections=100),
        # Tasks must not see each other's cookies.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "taskflow"},
    )


def _library() -> Any:
    """The library below, imported when it is first used."""
    try:
        import httpx2
    except ImportError:
        raise DefinitionError(
            "the tasks of taskflow.tasks.http need httpx2: "
            "pip install 'taskflow-orchestrator[http]'"
        ) from None
    return httpx2
