"""What the Tab key offers; the file is read and never run."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete
from kept import NOON

from taskflow.cli.main import cli

FLOW = """
raise SystemExit("a Tab key ran this file")

import taskflow

@taskflow.pipeline
def fetch(url: str, max_depth: int = 3, *, strict: bool = True, fast=False): ...

@taskflow.task
def no_pipeline(x): ...
"""
CHOICES = """
class Mode(enum.StrEnum):
    fast = "f"
    slow = "s"
    _ignore_ = []
    def speed(self): ...

@pipeline
def p(i: int, mode: Mode | None = None, *, out_as: Literal["csv", "json"] = "csv"): ...
"""
OTHER = FLOW + "\n@taskflow.pipeline(tags='x')\ndef store(path: str): ...\n"


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """What is offered for words and the beginning of the next, in a folder with two files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.py").write_text(FLOW)
    (tmp_path / "two.py").write_text(OTHER)
    (tmp_path / "bad.py").write_text("def (")
    shell = ShellComplete(cli, {}, "taskflow", "_TASKFLOW_COMPLETE")

    def offer(*words):
        items = shell.get_completions(list(words[:-1]), words[-1])
        return [item.value if item.type == "plain" else item.type for item in items]

    return offer


def test_commands_and_files_are_offered(offered):
    """Files by the shell itself, which knows them best."""
    assert offered("gr") == ["graph"]
    assert offered("run", "on") == ["file"]
    assert offered("run", "one.py", "--url", "x") == ["file"]


def test_the_choices_of_a_parameter_are_offered(offered, tmp_path):
    """The names of an Enum of the same file and the texts of a Literal; else files."""
    (tmp_path / "flow.py").write_text(CHOICES)
    assert offered("run", "flow.py", "--mode", "") == ["fast", "slow"]
    assert offered("run", "flow.py", "--i", "1", "--mode", "s") == ["slow"]
    assert offered("run", "flow.py:p", "--out-as", "") == ["csv", "json"]
    assert offered("run", "flow.py", "--mode", "fast", "--i", "") == ["file"]
    assert offered("run", "flow.py", "--mode", "slow", "") == ["file"]


def test_the_pipelines_of_a_file_are_offered(offered):
    """After the colon."""
    assert offered("run", "two.py:") == ["two.py:fetch", "two.py:store"]
    assert offered("run", "two.py:s") == ["two.py:store"]


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (
            "one.py",
            ["--url", "--max-depth", "--strict", "--no-strict", "--fast", "--no-fast"],
        ),
        ("two.py:store", ["--path"]),
        ("two.py", []),
        ("bad.py", []),
        ("nowhere.py", []),
    ],
)
def test_parameters_are_offered_before_the_options_of_the_command(offered, target, options):
    """As far as reading the file tells them."""
    found = offered("run", target, "--")
    assert found[: len(options)] == options
    assert found[len(options)] == "--workers"


def test_runs_are_offered_by_their_ids(offered, history, monkeypatch):
    """The newest first, then the names that stand for one; nothing where there is no store."""
    history.run("ab12")
    history.run("ab34", created=NOON + 1)
    assert offered("show", "") == ["ab34", "ab12", "last", "last-failed"]
    assert offered("resume", "ab1") == ["ab12"]
    monkeypatch.setenv("TASKFLOW_STORE", "what?")
    assert offered("show", "") == []


def test_before_the_file_only_the_command_has_options(offered):
    """There is no pipeline yet."""
    assert offered("run", "--w") == ["--workers"]
