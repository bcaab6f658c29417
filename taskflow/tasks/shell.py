"""`shell`: a command as a task.

    from taskflow.tasks.shell import shell

    @pipeline
    def thumbnails(folder: str):
        names = shell('ls "$1"', folder)
        return make_thumbnails(names.stdout)

A text is run by bash, which stops at the first command that fails, also in a pipe
(`bash -e -o pipefail`); a list is run as it is, without a shell. Values do not go into the text
but behind it: bash finds them as `"$1"`, `"$2"` ..., whatever characters they hold, and they may
be futures.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence  # noqa: TC003 - a task's types are read
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.task import task
from taskflow.errors import DefinitionError, TaskError, TaskTimeout
from taskflow.policies import Duration, seconds
from taskflow.tasks.files import whole_or_not
from taskflow.tasks.group import Group
from taskflow.tasks.streams import Stream, follow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

#: What runs a command that is a text.
BASH: Final = ("bash", "-e", "-o", "pipefail", "-c")
#: How long a command that was asked to end may clean up before it is killed.
GRACE_SECONDS: Final = 3.0
#: As much of stderr is kept.
_ERRORS_KEPT: Final = 64 * 1024
_LAST_LINES: Final = 10
#: Signals of which there is more to say than their names.
_SAID: Final[dict[int, str]] = {
    signal.SIGKILL: "killed from outside, or by the kernel because memory ran out",
    signal.SIGPIPE: "what read its output, such as head, had enough; if so, ok_codes=(0, 141)",
}

Argument = str | int | float | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class ShellResult:
    """How a command ended: `code`, `seconds`, and what it wrote.

    `stdout` and `stderr` are text; `raw` is stdout as bytes. Of a stream longer than what is kept
    the end is there, under a line that says how much is missing.
    """

    code: int
    raw: bytes
    stderr: str
    seconds: float
    left_out: int = 0

    @property
    def stdout(self) -> str:
        """What the command wrote to stdout, as text; of bytes that are not UTF-8 their numbers."""
        return _text(self.raw, self.left_out)

    @property
    def lines(self) -> list[str]:
        """The lines of stdout, without their ends."""
        return self.stdout.splitlines()


class ShellError(TaskError):
    """A command ended with an exit code that is not among `ok_codes`, or could not be started.

    `command`, `code` (negative: the number of the signal that ended it; None: not started) and
    `last`, the last lines it wrote.
    """

    def __init__(self, command: str, code: int | None, why: str, last: str = "") -> None:
        super().__init__(command, code, why, last)
        self.command = command
        self.code = code
        self.why = why
        self.last = last

    def __str__(self) -> str:
        last = "".join(f"\n  | {line}" for line in self.last.splitlines())
        return f"{self.command}\n  {self.why}{last}"


@task
def shell(
    command: str | Sequence[Argument],
    *values: Argument,
    timeout: Duration | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, Argument | None] | None = None,
    input: str | bytes | os.PathLike[str] | None = None,  # noqa: A002 - as in subprocess
    output: str | os.PathLike[str] | None = None,
    ok_codes: int | Iterable[int] = 0,
    keep: int = 10_000_000,
) -> ShellResult:
    """Run a command; what it writes appears as the task's output, line by line.

        shell("git log --oneline | wc -l", cwd=folder)
        shell('ffmpeg -i "$1" "$2"', source, target, timeout="10m")
        shell(["git", "log", "-1"], env={"GIT_PAGER": "cat"})
        shell.options(retries=3)("make", ok_codes=(0, 2))

    A text is run by bash, with `values` as `"$1"` and so on; it stops at the first command that
    fails. A list is run without a shell, with `values` behind it. `env` adds to the environment,
    None takes away. `input` is what stdin reads, a text, bytes or a `Path`; without it stdin is
    empty. `output` names a file that gets stdout, whole or not at all. Of stdout `keep` bytes are
    kept for the result.

    Another exit code than those of `ok_codes` raises `ShellError`, a longer run than `timeout`
    `TaskTimeout`. Whatever the command has started ends with it, also when the task is cancelled or
    its worker dies; only what has made itself a session of its own (`setsid`) stays.
    """
    argv, shown = _argv(command, values)
    limit = float("inf") if timeout is None else seconds(timeout)
    accepted = {ok_codes} if isinstance(ok_codes, int) else set(ok_codes)
    began = time.monotonic()
    out, err = Stream(_saying("stdout"), keep), Stream(_saying("stderr"), _ERRORS_KEPT)
    with _stdin(input) as stdin, _stdout(output) as stdout, Group() as group:
        try:
            process = group.start(
                argv, stdin=stdin, stdout=stdout, stderr=PIPE, cwd=cwd, env=_environment(env)
            )
        except (OSError, ValueError) as error:
            raise ShellError(shown, None, _not_started(argv[0], cwd, error)) from error
        streams = [(process.stdout, out), (process.stderr, err)]
        try:
            follow(process, streams, began + limit)
        except BaseException as error:
            _end(group, process, streams)
            if type(error) is not TimeoutError:  # but a cancel, or the timeout of the task itself
                raise
            late = f"ran longer than its timeout of {limit:g} s, and was ended"
            raise TaskTimeout(str(ShellError(shown, None, late, _last(out, err)))) from None
        code = process.returncode
        if code not in accepted:
            raise ShellError(shown, code, _why(code), _last(out, err))
    took = time.monotonic() - began
    return ShellResult(code, out.kept, _text(err.kept, err.left_out), took, out.left_out)


# --- what a command is given ---------------------------------------------------------------


def _argv(command: Any, values: Sequence[Any]) -> tuple[list[str], str]:
    """The words to run, and how to name them in a message."""
    words = [_word(each) for each in values]
    if isinstance(command, str):
        if not command.strip():
            raise DefinitionError('shell was given an empty command; write shell("make all")')
        shown = " ".join([command, *map(shlex.quote, words)])
        return [*BASH, command, "bash", *words], _shortened(shown)
    if not isinstance(command, (list, tuple)) or not command:
        raise DefinitionError(
            f'shell takes a text or a list of words, not {command!r}: shell("ls -l") or '
            'shell(["ls", "-l"])'
        )
    argv = [*map(_word, command), *words]
    return argv, _shortened(shlex.join(argv))


def _word(value: Any) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise DefinitionError(
            f"a word of a command is a text, a number or a path, not {value!r}; "
            "write each word by itself, and bytes into input="
        )
    return str(value)


def _environment(changes: Mapping[str, Any] | None) -> dict[str, str]:
    # Programs in Python keep their lines back when nobody seems to watch.
    environment = {"PYTHONUNBUFFERED": "1", **os.environ}
    for name, value in (changes or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = _word(value)
    return environment


@contextlib.contextmanager
def _stdin(given: Any) -> Iterator[Any]:
    """Where stdin reads: a file, so that no size of input can block anybody."""
    if given is None:
        yield DEVNULL
    elif isinstance(given, os.PathLike):
        with open(given, "rb") as file:
            yield file
    else:
        with tempfile.TemporaryFile() as file:
            file.write(given.encode() if isinstance(given, str) else given)
            file.seek(0)
            yield file


@contextlib.contextmanager
def _stdout(path: Any) -> Iterator[Any]:
    """Where stdout goes: to us, or to a file that bears its name only when all is well."""
    if path is None:
        yield PIPE
        return
    with whole_or_not(path) as file:
        yield file


# --- what it says --------------------------------------------------------------------------


def _saying(name: str) -> Any:
    """Write to the stream of that name that the task has now."""

    def say(text: str) -> None:
        stream = getattr(sys, name)
        stream.write(text)
        stream.flush()

    return say


def _end(group: Group, process: Popen[bytes], streams: list[Any]) -> None:
    """Ask the command to end, and pass on its last words; what stays is killed with the group."""
    group.ask_to_end()
    with contextlib.suppress(TimeoutError):
        follow(process, streams, time.monotonic() + GRACE_SECONDS)


def _text(data: bytes, left_out: int) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return f"[... {left_out:,} bytes left out ...]\n{text}" if left_out else text


def _last(out: Stream, err: Stream) -> str:
    """The last lines of stderr; of stdout when that is all there is."""
    text = _text(err.kept, 0).strip() or _text(out.kept[-_ERRORS_KEPT:], 0).strip()
    return "\n".join(_shortened(line) for line in text.splitlines()[-_LAST_LINES:])


def _shortened(text: str, limit: int = 500) -> str:
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text):,} characters)"


def _why(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"was ended by {_signal(-code)}"
    if code == 127:
        return "exit code 127: a command was not found; install it, or give env={'PATH': ...}"
    if code == 126:
        return "exit code 126: a command is not executable; chmod +x it, or name its interpreter"
    if 128 < code <= 128 + signal.NSIG:
        return f"exit code {code}: {_signal(code - 128)}, ended a part of it"
    return f"exit code {code}"


def _signal(number: int) -> str:
    """The name of a signal, and what it means."""
    try:
        name = signal.Signals(number).name
    except ValueError:  # one of those that have only a number
        return f"signal {number}"
    said = _SAID.get(number) or (signal.strsignal(number) or "unknown").lower()
    return f"{name} ({said})"


def _not_started(program: str, cwd: Any, error: Exception) -> str:
    if cwd is not None and not os.path.isdir(cwd):
        return f"could not be started: cwd={os.fspath(cwd)!r} is not a directory; make it first"
    if isinstance(error, FileNotFoundError):
        return (
            f"could not be started: there is no program {program!r}; install it, give its full "
            "path, or write the command as a text for bash"
        )
    return f"could not be started: {error}"
