"""The benchmarks run as their reader would run them; how fast anything is, no test asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import contestants, history, plot
from benchmarks.contestants import PeerFailedError
from benchmarks.environments import NotAvailableError, Peer, peers
from benchmarks.measure import Answer, Block, Figure, Timing

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


def test_every_peer_says_what_it_needs_and_what_it_does():
    """The head of its module lists requirements, its docstring is one sentence for the table."""
    found = {peer.name: peer for peer in peers()}
    assert {"loky", "joblib", "dask", "ray", "prefect", "taskflow"} <= found.keys()
    assert found["loky"].requirements == ("loky",)
    assert found["loky"].is_here
    assert found["loky"].interpreter(Path("nowhere")) == sys.executable
    for peer in found.values():
        assert peer.note.endswith(".")
        assert "\n" not in peer.note


@pytest.mark.ring_programs
def test_a_peer_that_cannot_be_installed_is_told_apart(tmp_path):
    """The reason is pip's own; the table shows it where the peer would stand."""
    peer = Peer("nobody", (f"nobody @ file://{tmp_path}/nobody.whl",), "Nothing.")
    with pytest.raises(NotAvailableError, match=r"cannot be installed: .*nobody\.whl"):
        peer.interpreter(tmp_path)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('one'); raise SystemExit('no server')", "exit code 1: no server"),
        ("import signal; signal.pause()", "not done within 1 s"),
    ],
)
def test_a_peer_that_fails_or_hangs_is_ended_with_its_reason(tmp_path, code, reason):
    """One peer that does not work holds up nobody."""
    module = tmp_path / "broken.py"
    module.write_text(code)
    with pytest.raises(PeerFailedError, match=reason):
        contestants.run([sys.executable, str(module)], 1.0, patience=1)


def test_the_plot_is_a_picture_with_a_bar_for_each(tmp_path):
    """It is well-formed, names everybody, and has a style for dark pages."""
    timings = [
        Timing(name, 1000, "", None, [took]) for name, took in [("taskflow", 0.1), ("<b>", 2)]
    ]
    svg = plot.throughput(FACTS, [Block("no-ops", timings)])
    root = ET.fromstring(svg)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"taskflow", "<b>", "10,000/s", "500/s"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) == 2
    assert "prefers-color-scheme: dark" in svg


def test_the_history_that_is_kept_can_be_shown():
    """Every line of it has the figures of a commit."""
    lines = history.table().splitlines()
    assert lines[0].startswith("commit")
    assert len(lines) > 2


def benchmarks(*arguments):
    """The program, to its end."""
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
