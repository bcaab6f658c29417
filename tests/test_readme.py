"""What the README says is true: its program, its output, its commands and its names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import taskflow
from taskflow.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A command run from the root of the checkout, with its output."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_first_program_is_the_first_example() -> None:
    """Who reads the README and who opens examples/hello.py see the same program."""
    example = (ROOT / "examples" / "hello.py").read_text(encoding="utf-8")
    assert example.endswith(blocks("python")[0])


@pytest.mark.ring_programs
def test_the_first_program_prints_what_the_readme_shows() -> None:
    """The output under the program is its output."""
    shown = re.search(r"\$ python examples/hello.py\n(.*)\n", README)
    assert shown is not None
    assert run("examples/hello.py").stdout == shown.group(1) + "\n"


def test_the_command_line_prints_what_the_readme_shows() -> None:
    """Names, counts and the value are as shown; only ids and times differ."""
    shown = re.search(r"\$ taskflow run ([^\n]*)\n(●.*?)```", README, re.DOTALL)
    assert shown is not None
    finished = run("-m", "taskflow", "run", *shown.group(1).split())

    def steady(text: str) -> list[str]:
        found = re.findall(r"✔ \w+  \d+/\d+|· \d+ ok|^\d+$|^● \w+", text, re.MULTILINE)
        return list(found)

    assert steady(shown.group(2)) == steady(finished.stderr + finished.stdout)


def test_every_command_in_the_readme_exists() -> None:
    """The README names no command that is still to come."""
    named = set(re.findall(r"(?:`|\$ )taskflow ([a-z]+)", README))
    assert {"run", "resume", "show"} <= named
    assert named <= set(COMMANDS)


def test_every_option_in_the_readme_exists() -> None:
    """Commands have the options that the README gives them; what follows a file is its own."""
    checked = set()
    for command, words in re.findall(r"^\$ taskflow (\w+)([^#\n]*)", README, re.MULTILINE):
        own = re.split(r"\S+\.py|FILE|NAME", words)[0]
        named = set(re.findall(r"(?<= )--?[a-z][a-z-]*", own))
        module = importlib.import_module(f"taskflow.cli.{command}")
        known = {name for option in getattr(module, command).params for name in option.opts}
        assert named <= known, command
        checked |= named
    assert {"--from", "--since", "-f"} <= checked


def test_every_taskflow_name_in_the_readme_exists() -> None:
    """`taskflow.x` in the README is something that taskflow offers."""
    named = set(re.findall(r"`taskflow\.(\w+)", README))
    assert named
    for name in named - set(taskflow.__all__):
        assert importlib.util.find_spec(f"taskflow.{name}"), name


def test_the_schedules_in_the_readme_are_schedules() -> None:
    """The page shows a pipeline with three; each says when it runs."""
    shown = next(block for block in blocks("python") if "on_success_of" in block)
    found: dict[str, Any] = {}
    exec(shown, found)
    options = found["report"].chosen
    assert [each.name for each in options.schedules()] == ["morning", "often", "after"]


@pytest.mark.ring_programs
def test_a_folder_becomes_a_service_in_five_lines(tmp_path: Path) -> None:
    """The lines of the README, one after another, in a folder of their own."""
    console = next(block for block in blocks("console") if "taskflow serve pipelines/  " in block)
    lines = [line[2:].partition("#")[0].strip() for line in console.splitlines()]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "TASKFLOW_STORE": f"sqlite:///{tmp_path}/kept/"
    }  # fmt: skip

    def shell(line: str, **more: Any) -> subprocess.Popen[str]:
        line = line.replace("taskflow ", f"exec {sys.executable} -m taskflow ", 1)
        return subprocess.Popen(
            line, shell=True, cwd=tmp_path, env=environment, text=True, **more
        )  # fmt: skip

    assert shell(lines[0]).wait() == 0
    with shell(lines[1], stderr=subprocess.PIPE) as service:
        assert service.stderr is not None
        while "loaded" not in service.stderr.readline():
            continue
        for line in lines[2:]:
            with shell(line, stdout=subprocess.PIPE) as asked:
                assert "hourly" in asked.communicate()[0] or "history" in line
            assert asked.returncode == 0, line
        service.terminate()
        assert service.wait() == 0
