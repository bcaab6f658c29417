"""`get`, `get_json`, `request` and `download`: HTTP requests as tasks.

    from taskflow.tasks import http

    @pipeline
    def newest(repository: str = "python/cpython"):
        tags = http.get_json(f"https://api.github.com/repos/{repository}/tags")
        return tags[0]["name"]

Needs the extra `http`. Each is tried again, up to four times and later each time, when the server
or the connection failed in a way that may pass, and the request may be repeated; a `Retry-After`
is obeyed without holding a worker. All of it is bounded: seconds, bytes, redirects, attempts. The
`async_` ones run by the thousand in one worker; in the body of an `async def` task of your own
write `await http.async_request.fn("GET", url)`: `.fn` is the function without the task.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping  # noqa: TC003 - a task's types are read
from dataclasses import replace
from typing import Any, Final, ParamSpec, TypedDict, TypeVar, Unpack

from taskflow.authoring.advice import near
from taskflow.authoring.task import Task, task
from taskflow.errors import DefinitionError
from taskflow.policies import Duration, seconds
from taskflow.tasks.answers import HttpBusyError, HttpError, Response
from taskflow.tasks.fetching import Question, client, fetch, fetched
from taskflow.tasks.files import whole_or_not

__all__ = [
    "HttpBusyError",
    "HttpError",
    "Options",
    "Response",
    "async_download",
    "async_request",
    "download",
    "get",
    "get_json",
    "request",
]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

#: Statuses that are a success.
SUCCESS: Final = range(200, 300)


class Options(TypedDict, total=False):
    """What each request can be told.

    `params` for the query, `headers`, `auth=(user, password)`, `json` (anything) or `data` (text,
    bytes, or a mapping for a form) as the body. `timeout` bounds all of it (1 minute; of a
    download 1 hour), `read_timeout` the time between two pieces (30 s), `max_bytes` the decoded
    body (50 MB; of a download 10 GB). `redirects=False` takes a redirection as the answer;
    `ok_statuses` are those that raise nothing (200 to 299).
    """

    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None
    auth: tuple[str, str] | None
    json: Any
    data: str | bytes | Mapping[str, Any] | None
    timeout: Duration
    read_timeout: Duration
    max_bytes: int
    redirects: bool
    ok_statuses: Iterable[int]


def _is_worth_it(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, HttpError) and error.again


def _repeated(fn: Callable[P, R_co]) -> Task[P, R_co]:
    """A task that is tried again after 1, 2, 4 and 8 seconds, somewhat more or less."""
    return task(retries=4, retry_delay=1, retry_backoff=2, retry_jitter=0.5, retry_on=_is_worth_it)(
        fn
    )


@_repeated
def request(method: str, url: str, **options: Unpack[Options]) -> Response:
    """Send a request and take the answer; see `Options`.

        request("POST", "https://example.com/orders", json={"n": 3})

    Another status than those of `ok_statuses` raises `HttpError`. A POST or PATCH is sent again
    only when the server cannot have acted on it, or when it has a header `Idempotency-Key`.
    """
    return fetched(_question(method, url, options))


@_repeated
def get(url: str, **options: Unpack[Options]) -> Response:
    """Get what is at a URL: `get(url).text` and `.body`, `.status`, `.headers`; see `Options`."""
    return fetched(_question("GET", url, options))


@_repeated
def get_json(url: str, **options: Unpack[Options]) -> Any:
    """Get what is at a URL, read as JSON; see `Options`."""
    return fetched(_question("GET", url, options)).json()


@_repeated
def download(url: str, path: str | os.PathLike[str], **options: Unpack[Options]) -> Response:
    """Write what is at a URL to a file, which is there whole or not at all; see `Options`.

    However large it is, little memory is used. The value has the `path`, and no body.
    """
    question = _question("GET", url, {**_OF_DOWNLOADS, **options})
    with whole_or_not(path) as file:
        answer = fetched(question, file)
    return replace(answer, path=os.fspath(path))


@_repeated
async def async_request(method: str, url: str, **options: Unpack[Options]) -> Response:
    """`request`, in the event loop that it is awaited in."""
    return await fetch(await client(), _question(method, url, options))


@_repeated
async def async_download(
    url: str, path: str | os.PathLike[str], **options: Unpack[Options]
) -> Response:
    """`download`, in the event loop that it is awaited in."""
    question = _question("GET", url, {**_OF_DOWNLOADS, **options})
    with whole_or_not(path) as file:
        answer = await fetch(await client(), question, file)
    return replace(answer, path=os.fspath(path))


_DEFAULTS: Final = Options(
    timeout=60,
    read_timeout=30,
    max_bytes=50_000_000,
    redirects=True,
    ok_statuses=SUCCESS,
)
_OF_DOWNLOADS: Final = Options(timeout=3600, max_bytes=10_000_000_000)


def _question(method: str, url: str, options: Options) -> Question:
    known = Options.__annotations__
    unknown = [name for name in options if name not in known]
    if unknown:
        meant = near(unknown[0], known, repr)
        raise DefinitionError(f"a request has no option {unknown[0]!r}{meant}")
    told: Options = {**_DEFAULTS, **options}
    data, json = told.get("data"), told.get("json")
    if data is not None and json is not None:
        raise DefinitionError("a request has one body: give json= or data=, not both")
    body = "content" if isinstance(data, (str, bytes)) else "data"
    return Question(
        method=method.upper(),
        url=url,
        headers=dict(told.get("headers") or {}),
        parts={"params": told.get("params"), "json": json, body: data},
        auth=told.get("auth"),
        timeout=seconds(told["timeout"]),
        read_timeout=seconds(told["read_timeout"]),
        max_bytes=told["max_bytes"],
        redirects=told["redirects"],
        ok_statuses=frozenset(told["ok_statuses"]),
    )
