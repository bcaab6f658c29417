"""`taskflow.tasks.shell`: what a command is given, what comes back, and that nothing survives."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ledgers import begun_in_time

import taskflow
from taskflow import pipeline
from taskflow.errors import DefinitionError, TaskTimeout
from taskflow.tasks import shell as room
from taskflow.tasks.shell import ShellError, shell


@pytest.fixture
def fifo(tmp_path):
    """A pipe with a name: it ends when the last process that holds it is gone."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


# A command with a child and a grandchild, all of which hold the pipe "$1" open.
FAMILY = 'exec 3>"$1"; echo $$ >&3; (sleep 1000 & sleep 1000) & sleep 1000'


def test_it_gives_what_was_written_and_passes_it_on(capfd):
    """Both streams are in the result, and in the task's own output."""
    result = shell("echo one; echo two; echo oops >&2")
    assert (result.stdout, result.lines, result.stderr) == ("one\ntwo\n", ["one", "two"], "oops\n")
    assert (result.code, result.raw) == (0, b"one\ntwo\n")
    assert result.seconds > 0
    assert capfd.readouterr() == ("one\ntwo\n", "oops\n")


def test_lines_are_passed_on_while_the_command_runs(fifo, monkeypatch):
    """The command below waits for somebody to have seen its first line."""
    seen = []

    class Watching:
        def write(self, text):
            seen.append(text)
            if text == "first\n":
                fifo.write_text("go on\n")

        def flush(self):
            """Nothing is held back."""

    monkeypatch.setattr(sys, "stdout", Watching())
    shell('echo first; read word < "$1"; echo "$word"; printf 1%%\\\\r2%%\\\\r; printf end', fifo)
    assert "".join(seen) == "first\ngo on\n1%\r2%\rend"
    assert seen[0] == "first\n"


HOSTILE = ["a b", "$(exit 9)", "`exit 9`", "-n", "'", '"', "; exit 9", "*", "é\n\\", "", "--"]


def test_values_are_words_whatever_they_hold():
    """As `"$1"` of a text, and behind a list."""
    joined = "".join(f"<{each}>" for each in HOSTILE)
    assert shell('printf "<%s>" "$@"', *HOSTILE).stdout == joined
    assert shell(["printf", "<%s>"], *HOSTILE[:3], *HOSTILE[3:]).stdout == joined
    assert shell(["echo", 1, 2.5, Path("/x")]).stdout == "1 2.5 /x\n"


@pytest.mark.parametrize("text", ["false; echo on", "false | cat", "x=$(false); echo on"])
def test_a_text_stops_at_the_first_command_that_fails(text):
    """Also in the midst of a pipe, as `bash -e -o pipefail` does."""
    with pytest.raises(ShellError, match="exit code 1") as caught:
        shell(text)
    assert caught.value.code == 1
    assert caught.value.command == text


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("exit 7", 7, "exit code 7$"),
        ("kill -SEGV $$", -11, r"was ended by SIGSEGV \(segmentation fault\)"),
        ("kill -KILL $$", -9, "SIGKILL.*memory ran out"),
        ("(kill -TERM $BASHPID)", 143, r"SIGTERM \(terminated\), ended a part of it"),
        ("yes | true", 141, r"ok_codes=\(0, 141\)"),
        ("no-such-command", 127, r"not found; install it(.|\n)*\| bash.*no-such-command"),
        ("/dev/null", 126, r"chmod \+x"),
    ],
)
def test_an_exit_code_is_told_in_words(text, code, words):
    """With what to do about it, where there is something; and the error travels."""
    with pytest.raises(ShellError, match=words) as caught:
        shell(text)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.code, str(error)) == (code, str(caught.value))


def test_a_failure_shows_the_last_lines():
    """Of stderr, or of stdout when stderr is empty; not of what was long before."""
    with pytest.raises(ShellError) as caught:
        shell("seq 100; seq 201 300 >&2; exit 1")
    assert caught.value.last.split() == [str(number) for number in range(291, 301)]
    with pytest.raises(ShellError, match=r"\| 100$"):
        shell("seq 100; exit 1")


def test_other_codes_can_be_welcome():
    """One number or several."""
    assert shell("exit 3", ok_codes=3).code == 3
    assert shell("exit 3", ok_codes=[0, 3]).code == 3
    with pytest.raises(ShellError):
        shell("true", ok_codes=3)


def test_the_environment_is_added_to(monkeypatch):
    """None takes a name away; nothing of it stands in a message."""
    monkeypatch.setenv("TAKEN", "1")
    env = {"ADDED": 7, "SECRET": "hunter2", "TAKEN": None}
    assert shell('echo "$ADDED ${TAKEN-none} ${PATH:+path}"', env=env).stdout == "7 none path\n"
    with pytest.raises(ShellError) as caught:
        shell("exit 1", env=env)
    assert "hunter2" not in str(caught.value)


def test_it_runs_where_it_is_told(tmp_path):
    """`cwd` is a directory, or an error that says so."""
    assert shell("pwd", cwd=tmp_path).stdout == f"{tmp_path}\n"
    with pytest.raises(ShellError, match=r"nowhere.* is not a directory; make it first"):
        shell("pwd", cwd=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program", 1], "there is no program 'no-such-program'; install it"),
        (["echo", "x" * 3_000_000], "Argument list too long"),
        (["echo", "\0"], "null byte"),
        (["/etc/passwd"], "Permission denied"),
    ],
)
def test_what_cannot_be_started_says_why(command, words):
    """With a code of None, and a message of bounded length."""
    with pytest.raises(ShellError, match=words) as caught:
        shell(command)
    assert caught.value.code is None
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("command", ["", "  ", [], None, ["a", None], ["a", ["b"]], [b"a"], 5])
def test_what_is_no_command_is_refused(command):
    """With what one looks like."""
    with pytest.raises(DefinitionError):
        shell(command)


def test_stdin_is_a_text_bytes_a_file_or_empty(tmp_path):
    """However much of it there is, and whether or not the command reads it."""
    (tmp_path / "in").write_bytes(b"from a file")
    assert shell("cat", input="é").stdout == "é"
    assert shell("cat", input=tmp_path / "in").stdout == "from a file"
    assert shell("wc -c", input=bytes(5_000_000)).stdout.strip() == "5000000"
    assert shell("true", input=bytes(5_000_000)).code == 0
    assert shell("cat").raw == b""


def test_bytes_that_are_no_text_come_back_as_they_are():
    """`raw` has them; the text shows their numbers."""
    result = shell("printf '\\377\\0x'")
    assert (result.raw, result.stdout) == (b"\xff\0x", "\\xff\0x")


def test_of_much_output_the_end_is_kept_and_the_rest_counted():
    """Memory is bounded by `keep`, and the text says that something is missing."""
    result = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo end", keep=1000)
    assert (len(result.raw), result.left_out) == (1000, 3_000_004 - 1000)
    assert result.stdout.startswith("[... 2,999,004 bytes left out ...]\nxxx")
    assert result.stdout.endswith("xend\n")


def test_a_file_gets_the_output_whole_or_not_at_all(tmp_path):
    """A failure leaves what was there before, and nothing beside it."""
    path = tmp_path / "out"
    assert shell("printf new", output=path).raw == b""
    assert path.read_text() == "new"
    with pytest.raises(ShellError):
        shell("printf half; exit 1", output=path)
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["out"]
    with pytest.raises(DefinitionError, match="make it first"):
        shell("true", output=tmp_path / "none" / "out")


def test_a_files_name_may_be_as_long_as_any(tmp_path):
    """The name that it has meanwhile is no longer, in bytes."""
    path = tmp_path / ("字" * 85)
    shell("printf new", output=path)
    assert path.read_text() == "new"


def test_what_other_threads_write_keeps_its_mode(tmp_path, monkeypatch):
    """The mask of this process is not touched, not even for a moment."""
    monkeypatch.delattr(os, "umask")
    shell("true", output=tmp_path / "out")
    (tmp_path / "other").touch()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


def reading(fifo):
    """The reading end of a pipe, open before anybody writes; reading it waits for all writers."""
    end = open(fifo, "rb", opener=lambda path, _: os.open(path, os.O_RDONLY | os.O_NONBLOCK))  # noqa: SIM115 - the caller closes it
    os.set_blocking(end.fileno(), True)
    return end


def test_a_timeout_ends_the_whole_family(fifo):
    """The command, its children and theirs: the pipe that they hold ends."""
    pids = []

    def attempt(timeout):
        with reading(fifo) as end:
            with pytest.raises(TaskTimeout, match=f"longer than its timeout of {timeout:g} s"):
                shell(FAMILY, fifo, timeout=f"{timeout * 1000:g}ms")
            pids[:] = end.read().split()

    begun_in_time(attempt, lambda: pids)
    assert len(pids) == 1


@pytest.mark.parametrize("waits", ["sleep 1000 & wait", "kill -STOP $$"])
def test_a_timeout_leaves_time_to_clean_up(capfd, tmp_path, waits):
    """SIGTERM comes first, and what is said then is passed on; who had stopped is woken."""
    ready = tmp_path / "ready"

    def attempt(timeout):
        with pytest.raises(TaskTimeout) as caught:
            shell(f"trap 'echo cleaned up; exit 0' TERM; touch $1; {waits}", ready, timeout=timeout)
        return str(caught.value), capfd.readouterr().out

    told, out = begun_in_time(attempt, ready.exists)
    assert "| cleaned up" in told
    assert out == "cleaned up\n"


def test_who_does_not_listen_is_killed(monkeypatch):
    """A command that ignores SIGTERM ends all the same."""
    monkeypatch.setattr(room, "GRACE_SECONDS", 0.1)
    with pytest.raises(TaskTimeout):
        shell("trap '' TERM; while true; do sleep 0.01; done", timeout=0.2)


def test_what_is_left_in_the_background_ends_with_the_command(fifo):
    """It neither holds the task up nor stays, even if it writes on for ever."""
    with reading(fifo) as end:
        result = shell('exec 3>"$1"; sleep 1000 & yes > /dev/null & echo done', fifo)
        assert result.stdout == "done\n"
        assert end.read() == b""  # comes back: nobody holds it any more


def test_an_interrupt_ends_the_family(fifo, monkeypatch):
    """Whatever exception reaches the task, the command is gone when it goes on."""

    class Interrupting:
        def write(self, text):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Interrupting())
    with reading(fifo) as end:
        with pytest.raises(KeyboardInterrupt):
            shell(f"{FAMILY} & echo go; wait", fifo)
        end.read()


PROGRAM = """
    import os, sys, taskflow
    from taskflow import current, pipeline, task
    from taskflow.tasks.shell import shell

    @task
    def long(path):
        if current.attempt > 1:
            return
        with open(path + ".worker", "w") as file:
            print(os.getpid(), file=file)
        shell({family!r}, path)

    @pipeline
    def p(path: str):
        long(path)

    if __name__ == "__main__":
        taskflow.run(p.options(workers=1, progress=False), path=sys.argv[1])
"""


@pytest.mark.parametrize("victim", ["engine", pytest.param("worker", marks=pytest.mark.ring_kill)])
def test_when_its_worker_or_the_engine_is_killed_the_family_ends(fifo, tmp_path, victim):
    """By SIGKILL, which nobody can answer: the pipe that the family holds ends."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM).format(family=FAMILY))
    environment = {**os.environ, "PYTHONPATH": str(Path(taskflow.__file__).parent.parent)}
    engine = subprocess.Popen(
        [sys.executable, program, fifo], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        with open(fifo) as file:
            assert int(file.readline()) > 1
            worker = int(Path(f"{fifo}.worker").read_text())
            os.kill(worker if victim == "worker" else engine.pid, signal.SIGKILL)
            assert file.read() == ""
        assert engine.wait() == (0 if victim == "worker" else -signal.SIGKILL)
    finally:
        engine.kill()
        engine.wait()


@pipeline
def greeting(name: str):
    said = shell('echo "hello $1"', name)
    return shell(["wc", "-c"], input=said.stdout).lines[0]


def test_its_fields_are_futures_in_a_pipeline():
    """The value of one command feeds the next, in this process and in workers."""
    assert greeting("you").strip() == "10"
    assert taskflow.run(greeting.options(workers=1, progress=False), name="me").strip() == "9"


@pipeline
def endless(path: str):
    shell.options(timeout=0.5)(FAMILY, path)


def test_the_engines_timeout_ends_it_also_where_nothing_can_be_killed(fifo):
    """Inline, `TaskTimeout` is raised in the task, and the family is gone after it."""
    with reading(fifo) as end:
        with pytest.raises(TaskTimeout, match=r"timeout of 0.5 s"):
            endless(str(fifo))
        end.read()


COUNT = 'echo x >> "$1"; test "$(wc -l < "$1")" -ge 3'


@pipeline
def stubborn(path: str):
    return shell.options(retries=2)(COUNT, path).code


def test_options_are_those_of_any_task(tmp_path):
    """Retries, for one."""
    assert stubborn(str(tmp_path / "count")) == 0
