"""`taskflow.tasks.http` against a server that misbehaves, and in runs."""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import sys
import threading

import pytest
from servers import serving

import taskflow
from taskflow import pipeline, resources, task
from taskflow.context import Context, context
from taskflow.errors import DefinitionError, RetryLater, TaskTimeout
from taskflow.tasks import fetching, http
from taskflow.tasks.http import HttpBusyError, HttpError


@pytest.fixture
def server():
    with serving() as server:
        yield server
        resources.close(None)


def test_a_body_is_read_as_bytes_text_and_json(server):
    """A response has the status, the headers by lower-case name, the body, and the charset."""
    answer = http.get(f"{server.url}/hello")
    assert (answer.status, answer.body, answer.text) == (200, b"hello", "hello")
    assert answer.headers["content-type"] == "text/plain"
    assert http.get(f"{server.url}/latin").text == "é"
    assert http.get_json(f"{server.url}/echo")["method"] == "GET"
    assert pickle.loads(pickle.dumps(answer)) == answer


def test_a_request_carries_query_headers_login_and_body(server):
    """What `Options` names arrives at the server."""
    told = http.request(
        "post", f"{server.url}/echo", params={"q": "a b"}, json=[1], auth=("me", "pass"),
        headers={"X-Mine": "1"},
    ).json()  # fmt: skip
    assert (told["method"], told["path"], told["body"]) == ("POST", "/echo?q=a+b", "[1]")
    assert told["headers"]["X-Mine"] == "1"
    assert told["headers"]["Authorization"].startswith("Basic ")
    assert http.request("PUT", f"{server.url}/echo", data={"a": "b"}).json()["body"] == "a=b"
    assert http.request("PUT", f"{server.url}/echo", data="text").json()["body"] == "text"
    assert http.request("HEAD", f"{server.url}/hello").body == b""


def test_requests_of_a_worker_share_connections_but_no_cookies(server):
    """One client serves them all; what one task was given as a cookie no other task sends."""
    for _ in range(5):
        told = http.get_json(f"{server.url}/echo")
    assert "Cookie" not in told["headers"]
    assert len(server.clients) == 1


@pytest.mark.parametrize(
    ("method", "status", "again"),
    [
        ("GET", 500, True), ("GET", 502, True), ("GET", 408, True), ("GET", 425, True),
        ("GET", 404, False), ("GET", 401, False), ("GET", 501, False), ("GET", 300, False),
        ("POST", 500, False), ("POST", 503, True), ("POST", 429, True), ("DELETE", 504, True),
    ],
)  # fmt: skip
def test_an_unwelcome_status_says_whether_another_try_may_help(server, method, status, again):
    """`HttpError` has status and start of the body; a POST is repeated only if it did nothing."""
    with pytest.raises(HttpError, match=rf"{status} .*\n  \| the reason\n  \| in two") as caught:
        http.request(method, f"{server.url}/status/{status}")
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.status, error.again) == (status, again)
    assert str(error) == str(caught.value)


def test_a_post_with_an_idempotency_key_may_be_repeated(server):
    """The header says that the server knows the request again."""
    with pytest.raises(HttpError) as caught:
        http.request("POST", f"{server.url}/status/500", headers={"Idempotency-Key": "7"})
    assert caught.value.again


def test_other_statuses_can_be_welcome(server):
    """`ok_statuses` names what raises nothing; a redirection can be an answer."""
    assert http.get(f"{server.url}/status/404", ok_statuses=(200, 404)).status == 404
    answer = http.get(f"{server.url}/moved", redirects=False, ok_statuses=[302])
    assert answer.headers["location"] == "/hello"
    assert http.get(f"{server.url}/moved").url == f"{server.url}/hello"


@pytest.mark.parametrize(
    ("path", "delay"),
    [("later/429/7/9", 7), ("later/503/0/9", 1), ("later/429/99999999999999999999999/9", 600)],
)
def test_a_retry_after_in_seconds_is_obeyed_within_bounds(server, path, delay):
    """The task comes back after so long, at least a second and at most ten minutes."""
    with pytest.raises(HttpBusyError) as caught:
        http.get(f"{server.url}/{path}")
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, RetryLater)
    assert (error.delay, error.status, error.body) == (delay, int(path.split("/")[1]), "busy")


@pytest.mark.parametrize(("year", "delay"), [(2999, 600), (1999, 1)])
def test_a_retry_after_may_be_a_date(server, year, delay):
    """A date is turned into seconds, with the same bounds."""
    with pytest.raises(HttpBusyError) as caught:
        http.get(f"{server.url}/until/{year}")
    assert caught.value.delay == delay


def test_a_retry_after_that_says_nothing_is_an_ordinary_failure(server):
    """What cannot be read leaves the wait to the task's own retries."""
    with pytest.raises(HttpError) as caught:
        http.get(f"{server.url}/later/429/soon/9")
    assert not isinstance(caught.value, RetryLater)
    assert caught.value.again


def test_a_server_cannot_say_later_for_ever(server):
    """After twenty attempts "later" is a failure that is not tried again."""
    facts = Context("run", "")
    facts.attempt = fetching.MOST_ATTEMPTS
    token = context.set(facts)
    try:
        with pytest.raises(HttpError, match="after 20 attempts") as caught:
            http.get(f"{server.url}/later/429/1/99")
    finally:
        context.reset(token)
        resources.close("run")
    assert not isinstance(caught.value, RetryLater)
    assert not caught.value.again


@pytest.mark.parametrize("path", ["flaky/9", "short", "garbage"])
def test_a_connection_that_breaks_is_worth_another_try(server, path):
    """Whether before the answer, in it, or with something that is none; but not of a POST."""
    for method, again in (("GET", True), ("POST", False)):
        with pytest.raises(HttpError, match="the connection broke") as caught:
            http.request(method, f"{server.url}/{path}")
        assert caught.value.again is again


def test_nobody_there_is_worth_another_try_of_any_method():
    """Nothing was sent, so even a POST may be repeated."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(HttpError, match="no connection") as caught:
            http.request("POST", url)
    assert caught.value.again
    resources.close(None)


@pytest.mark.parametrize("path", ["silent", "dripping", "stalling", "endless"])
def test_the_whole_of_a_request_ends_in_time(server, path):
    """Silence, a header byte by byte, half a body, a body without an end: the timeout holds."""
    with pytest.raises(HttpError, match=r"longer than its timeout of 0.2 s") as caught:
        http.get(f"{server.url}/{path}", timeout="200ms", max_bytes=10**15)
    assert caught.value.again


def test_the_wait_between_two_pieces_is_bounded(server):
    """`read_timeout` ends what stalls, long before the timeout of the whole."""
    with pytest.raises(HttpError, match=r"nothing came for 0.1 s"):
        http.get(f"{server.url}/stalling", read_timeout=0.1)


@pytest.mark.parametrize("path", ["endless", "huge", "bomb"])
def test_a_body_is_bounded_as_it_is_decoded(server, path):
    """No end, a promise too large, or 50 MB behind 50 kB of gzip: `max_bytes` is the end of it."""
    with pytest.raises(HttpError, match="longer than max_bytes=1,000,000") as caught:
        http.get(f"{server.url}/{path}", max_bytes=1_000_000)
    assert not caught.value.again


def test_what_cannot_be_decoded_or_parsed_is_said(server):
    """Broken gzip and JSON that is none are errors that no further try helps."""
    with pytest.raises(HttpError, match="cannot be decoded") as caught:
        http.get(f"{server.url}/broken_gzip")
    assert not caught.value.again
    with pytest.raises(HttpError, match=r"no JSON .*\n  \| hello"):
        http.get_json(f"{server.url}/hello")


def test_redirections_end(server):
    """A circle is noticed, and no further try helps."""
    with pytest.raises(HttpError, match="circle, or too often") as caught:
        http.get(f"{server.url}/circle")
    assert not caught.value.again


def test_a_login_stays_with_its_host(server):
    """A redirection to another host takes no Authorization along."""
    port = server.server_address[1]
    told = http.get_json(f"{server.url}/elsewhere/{port}", auth=("me", "pass"))
    assert "Authorization" not in told["headers"]


@pytest.mark.parametrize("path", ["status/404", "flaky/9", "later/429/1/9"])
def test_messages_hold_no_credentials(server, path):
    """User, password and what looks like a key in the query are masked; `.url` has no login."""
    url = f"http://me:hunter2@{server.url[7:]}/{path}?api_key=hunter3&q=ok&X-Amz-Signature=hunter4"
    with pytest.raises(HttpError) as caught:
        http.get(url, headers={"Authorization": "Bearer hunter5"})
    assert "hunter" not in str(caught.value) + repr(caught.value)
    assert "q=ok" in str(caught.value)
    assert caught.value.__cause__ is None
    assert http.get(f"http://me:hunter2@{server.url[7:]}/hello").url == f"{server.url}/hello"


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "no url", "http://", "http://u:p@h:port/", "http://u:u:p/u:p@h", "", "//x"]
)
def test_what_is_no_url_is_said_at_once(url):
    """No further try helps, and the message does not show what may be a password."""
    with pytest.raises(HttpError) as caught:
        http.get(url)
    assert "u:p" not in str(caught.value)
    resources.close(None)


def test_a_header_that_cannot_be_sent_is_not_shown(server):
    """What breaks the rules of HTTP may be a token with a newline at its end."""
    with pytest.raises(HttpError, match="a header has a name or value") as caught:
        http.get(f"{server.url}/hello", headers={"Authorization": "Bearer hunter2\n"})
    assert not caught.value.again
    assert "hunter" not in str(caught.value)


def test_wrong_options_are_named():
    """A misspelled option, or two bodies, is the caller's mistake and says so."""
    with pytest.raises(DefinitionError, match=r"did you mean .timeout"):
        http.get("http://x", timeot=3)
    with pytest.raises(DefinitionError, match="not both"):
        http.request("POST", "http://x", json=1, data="x")


def test_a_download_is_there_whole_or_not_at_all(server, tmp_path):
    """The file has its name when the last byte is in it; a failure leaves what was there."""
    target = tmp_path / "page"
    answer = http.download(f"{server.url}/hello", target)
    assert (target.read_bytes(), answer.path, answer.body) == (b"hello", str(target), b"")
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()
    for path in ("short", "status/404"):
        with pytest.raises(HttpError):
            http.download(f"{server.url}/{path}", target)
    with pytest.raises(HttpError, match="max_bytes"):
        http.download(f"{server.url}/bomb", target, max_bytes=1000)
    assert target.read_bytes() == b"hello"
    assert os.listdir(tmp_path) == ["page"]
    with pytest.raises(DefinitionError, match="make it first"):
        http.download(f"{server.url}/hello", tmp_path / "none" / "page")


def _umask():
    os.umask(mask := os.umask(0))
    return mask


def test_threads_share_the_client(server):
    """Requests of many threads at once all get their own answers."""
    found = []
    threads = [
        threading.Thread(
            target=lambda n=n: found.append(
                http.get_json(f"{server.url}/echo", params={"n": n})["path"]
            )
        )
        for n in range(32)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == sorted(f"/echo?n={n}" for n in range(32))


def test_async_requests_run_side_by_side_and_close_with_their_loop(server, tmp_path):
    """`await` gives the same answers and errors; the client is closed before the loop ends."""

    async def main():
        url = f"{server.url}/hello"
        answers = await asyncio.gather(*(http.async_request("GET", url) for _ in range(50)))
        with pytest.raises(HttpError):
            await http.async_request("GET", f"{server.url}/status/404")
        await http.async_download(url, tmp_path / "page")
        return answers

    assert {answer.text for answer in asyncio.run(main())} == {"hello"}
    assert (tmp_path / "page").read_text() == "hello"
    assert not resources.is_open(None)


def test_a_request_that_is_given_up_leaves_nothing_behind(server, tmp_path):
    """Closing the session while a request is under way ends it, its thread and its file."""
    failures = []

    def ask():
        try:
            http.download(f"{server.url}/stalling", tmp_path / "page")
        except BaseException as error:  # noqa: BLE001 - whatever ends it
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not server.seen:
        pass
    resources.close(None)
    asking.join()
    assert len(failures) == 1
    assert os.listdir(tmp_path) == []
    assert "taskflow-http" not in {thread.name for thread in threading.enumerate()}


def test_without_the_library_the_extra_is_named(monkeypatch):
    """The message is the line to type."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(DefinitionError, match=r"pip install 'taskflow-orchestrator\[http\]'"):
        http.get("http://127.0.0.1/")


def test_importing_the_tasks_loads_no_client():
    """The library is imported by the first request."""
    import subprocess

    code = "import sys, taskflow.tasks.http; print('httpx2' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"


@task
def length(text: str) -> int:
    return len(text)


@pipeline
def lengths(urls: list[str]):
    return length.map([http.get.options(retry_delay=0)(url).text for url in urls])


def test_in_a_run_requests_are_tried_again_and_come_back_later(server):
    """Broken connections and `Retry-After` end well, and the fields of a response are lifted."""
    urls = [f"{server.url}/{path}" for path in ("flaky/2", "later/429/1/1", "hello")]
    assert taskflow.run(lengths.options(workers=2, progress=False), urls=urls) == [7, 7, 5]
    assert len(server.seen) == 6


@pipeline
def impatient(url: str):
    return http.get.options(timeout=0.3, retries=0)(url).status


def test_the_timeout_of_the_task_ends_a_request_where_nothing_can_be_killed(server):
    """Inline, `TaskTimeout` is raised in the task while it waits, and the request is given up."""
    with pytest.raises(TaskTimeout, match=r"timeout of 0.3 s"):
        impatient(f"{server.url}/silent")
