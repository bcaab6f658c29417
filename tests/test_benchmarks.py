"""The benchmarks run as their reader would run them; how fast anything is, no test asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import history
from benchmarks.measure import Answer, Figure

ROOT = Path(__file__).parent.parent

FACTS = {"cores": 2, "system": "Linux", "python": "3.11.7", "date": "2026-11-22", "commit": "1"}


@pytest.mark.ring_long  # it measures
def test_questions_are_answered_with_checked_results(tmp_path):
    """A wrong result ends the program, so that it ends well says that all were right."""
    path = tmp_path / "figures.json"
    asked = ["fan_out", "chain", "skew"]
    result = benchmarks("--rounds", "1", "--scale", "0.002", "--json", path, *asked)
    assert result.returncode == 0, result.stdout + result.stderr

    answers = json.loads(path.read_text())["answers"]
    assert list(answers) == asked
    for answer in answers.values():
        for timing in answer["timings"]:
            assert timing["runner"] in result.stdout
            assert timing["note"] in result.stdout
            assert timing["median"] > 0
        assert answer["figures"]
        for figure in answer["figures"]:
            assert figure["name"] in result.stdout
            assert figure["unit"] in result.stdout


def test_an_unknown_question_is_refused_with_its_name():
    """Whoever mistypes is told what, and where the right ones are."""
    result = benchmarks("fan_in")
    assert result.returncode == 2
    assert "there is no question fan_in; --help lists them" in result.stderr


def test_the_history_shows_each_figure_over_commits(tmp_path):
    """A line for each figure that any of the commits has, a column for each commit."""
    path = tmp_path / "history.jsonl"
    for commit, name, value in [("old", "fan-out", 2.04), ("new", "chain", 1234.5)]:
        answers = {"q": Answer([], [Figure(name, value, "× loky")])}
        history.record({**FACTS, "commit": commit}, answers, path)
    rows = [line.split() for line in history.table(path).splitlines()]
    assert rows == [
        ["commit", "old", "new"],
        ["date", "2026-11-22", "2026-11-22"],
        ["fan-out", "(×", "loky)", "2.04"],
        ["chain", "(×", "loky)", "1,234"],
    ]


def benchmarks(*arguments):
    """The program, to its end."""
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
