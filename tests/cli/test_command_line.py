"""The command line itself: its help, its version, its mistakes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from commands import ROOT, in_a_ring

from taskflow.cli.main import COMMANDS


def test_help_names_every_command(folder):
    """With a line that says what each does."""
    result = folder.taskflow("--help")
    assert result.returncode == 0
    for name, does in COMMANDS.items():
        assert f"  {name}" in result.stdout
        assert does in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(folder, name):
    """`taskflow COMMAND --help` shows its options."""
    result = folder.taskflow(name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"Usage: taskflow {name} [OPTIONS]")


def test_help_loads_no_more_than_it_shows():
    """A list of modules is exact where a stopwatch is noisy: no command, no rich, no engine."""
    code = (
        "import sys\n"
        "from taskflow.cli.main import exit_code\n"
        "exit_code(['--help'])\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(result.stderr.split())
    unwanted = {"rich", "graphviz", "msgspec", "loky", "sqlite3", "taskflow.cli.run"}
    assert loaded & unwanted == set()


@pytest.mark.ring_programs
def test_the_version_is_shown(folder):
    """Installed or not."""
    result = folder.taskflow("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("taskflow")


@pytest.mark.parametrize(
    "args",
    [
        ["rnu"],
        ["run", "--workers", "0", "x.py"],
        in_a_ring(["--nonsense"]),
        in_a_ring([]),
        in_a_ring(["run"]),
    ],
)
def test_bad_usage_ends_with_2(folder, args):
    """And says so on standard error."""
    result = folder.taskflow(*args)
    assert result.returncode == 2
    assert "Usage: taskflow" in result.stderr
    assert result.stdout == ""


@pytest.mark.ring_programs
@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("rnu", "did you mean run?"),
        ("flow.py", "to run it: taskflow run flow.py"),
        ("xyzzy", f"there are {', '.join(COMMANDS)}"),
    ],
)
def test_an_unknown_command_is_told_with_what_may_be_meant(folder, word, remedy):
    """A near miss, a file where a command was forgotten, or the list of commands."""
    result = folder.taskflow(word)
    assert result.returncode == 2
    assert remedy in result.stderr


def test_another_package_of_that_name_is_noticed(folder):
    """Where OpenStack's files lie over ours, the command says which of the two to remove."""
    code = (
        "import taskflow\n"
        "taskflow.__orchestrator__ = False\n"
        "from taskflow.cli.main import main\n"
        "main(['--help'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "OpenStack" in result.stderr
