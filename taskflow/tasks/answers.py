"""What comes back from a server: a `Response`, or an error that knows whether to try again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from taskflow.errors import RetryLater, TaskError

_BODY_SHOWN: Final = 500
_SECRET: Final = re.compile(
    r"(?i)([?&;][^=&;]*(?:key|token|secret|passw|auth|signature|sig|credential)[^=&;]*=)[^&;#]+"
)
_USER: Final = re.compile(r"(?<=//)[^/?#\s]*@")
_CHARSET: Final = re.compile(r"charset=[\"']?([\w.:-]+)")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: `status`, `url` (after redirects), `headers` (names in lower case) and the body.

    `body` is bytes, `text` and `json()` read it; of a download it is empty, and `path` names the
    file. `seconds` is the time from the question to the last byte.
    """

    status: int
    url: str
    headers: dict[str, str]
    body: bytes
    seconds: float
    path: str | None = None

    @property
    def text(self) -> str:
        """The body as text, in the charset that the server names, else UTF-8."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        try:
            return self.body.decode(found.group(1) if found else "utf-8", "replace")
        except LookupError:  # no charset of this world
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON; a `HttpError` with the start of the body if it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            why = f"the body is no JSON ({error})"
            raise HttpError("GET", shown(self.url), self.status, why, start_of(self.body)) from None


class HttpError(TaskError):
    """A request that brought no answer, or one with a status that is not welcome.

    `status` is None if there was no answer; `body` is the start of it; `again` says whether the
    same request may well succeed later. What looks like a credential is not in `url`.
    """

    def __init__(
        self,
        method: str,
        url: str,
        status: int | None,
        why: str,
        body: str = "",
        again: bool = False,  # noqa: FBT002 - pickle gives them by position
    ) -> None:
        self.args = (method, url, status, why, body, again)  # what pickle keeps
        self.method = method
        self.url = url
        self.status = status
        self.why = why
        self.body = body
        self.again = again

    def __str__(self) -> str:
        body = "".join(f"\n  | {line}" for line in self.body.splitlines()[:10])
        return f"{self.method} {self.url}: {self.why}{body}"


class HttpBusyError(HttpError, RetryLater):
    """The server asks to come back after `delay` seconds, and the task does, holding nothing."""

    def __init__(
        self, method: str, url: str, status: int | None, why: str, body: str, delay: float
    ) -> None:
        HttpError.__init__(self, method, url, status, why, body, again=True)
        self.args = (method, url, status, why, body, delay)
        self.delay = delay


def shown(url: str) -> str:
    """A URL as it may stand in a message: without user, password and what looks like a key."""
    hidden = _SECRET.sub(r"\1***", _USER.sub("***@", url))
    return hidden if len(hidden) <= 300 else f"{hidden[:300]}..."


def start_of(body: bytes) -> str:
    """The first words of a body, as text."""
    text = body[: 4 * _BODY_SHOWN].decode("utf-8", "backslashreplace").strip()
    return text if len(text) <= _BODY_SHOWN else f"{text[:_BODY_SHOWN]} ..."
