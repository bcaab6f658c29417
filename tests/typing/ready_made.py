"""What type checkers see of the tasks that come along: shell commands, HTTP requests; never run."""

from __future__ import annotations

from typing import Any, assert_type

from taskflow import pipeline
from taskflow.tasks import http
from taskflow.tasks.shell import ShellResult, shell


@pipeline
def newest(repository: str) -> str:
    tags = http.get_json(f"https://api.github.com/repos/{repository}/tags")
    assert_type(tags, Any)
    return shell("git checkout {}", tags[0]["name"]).stdout


assert_type(shell("ls"), ShellResult)
assert_type(shell.options(retries=3)("ls {}", "a", timeout="5m").lines, list[str])
assert_type(shell.map(["ls", "pwd"], cwd="/"), list[ShellResult])
assert_type(http.get("https://a"), http.Response)
assert_type(http.get.map(["https://a"], timeout=3), list[http.Response])
assert_type(http.async_request("GET", "https://a"), http.Response)
assert_type(http.download("https://a", "file").path, str | None)

shell()  # type: ignore[call-arg]
shell("ls", timeout=[3])  # type: ignore[arg-type]
shell("ls").stdou()  # type: ignore[attr-defined]
http.get(3)  # type: ignore[arg-type]
http.get("https://a", timeout=[3])  # type: ignore[arg-type]
http.get("https://a", timeot=3)  # type: ignore[call-arg] # not ty: it does not look at unpacked names
