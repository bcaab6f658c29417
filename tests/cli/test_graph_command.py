"""`taskflow graph`: a drawing, or the graph in the language of Graphviz."""

from __future__ import annotations

import shutil

import pytest

FLOW = """
from taskflow import pipeline, task

@task
def fetch(url: str) -> str:
    raise AssertionError("nothing runs")

@task
def save(text: str, path: str) -> None: ...

@pipeline
def scrape(url: str, path: str = "out"):
    save(fetch(url), path)
"""


@pytest.fixture
def scrape(folder):
    return folder.write("scrape.py", f"print('imported'){FLOW}")


def test_the_graph_is_printed_without_a_file(folder, scrape):
    """As text that `dot` reads, with nothing of the user's prints in it."""
    result = folder.taskflow("graph", scrape)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("digraph")
    assert result.stdout.rstrip().endswith("}")
    assert "fetch" in result.stdout


def test_parameters_that_are_not_given_are_inputs(folder, scrape):
    """A required parameter need not be given for a drawing."""
    without = folder.taskflow("graph", scrape)
    given = folder.taskflow("graph", scrape, "--url", "http://example.com")
    assert without.returncode == given.returncode == 0, without.stderr + given.stderr
    assert without.stdout != given.stdout


def test_a_dot_file_needs_no_program(folder, scrape):
    """Before FILE or after it, the option is the command's."""
    for args in (["-o", "a.dot", scrape], [scrape, "-o", "a.dot"]):
        result = folder.taskflow("graph", *args, PATH="/nowhere")
        assert result.returncode == 0, result.stderr
        assert result.stdout == ""
        assert (folder.path / "a.dot").read_text().startswith("digraph")
        (folder.path / "a.dot").unlink()


def test_without_dot_the_message_says_how_to_get_it(folder, scrape):
    """For the systems that people have."""
    result = folder.taskflow("graph", "-o", "a.svg", scrape, PATH="/nowhere")
    assert result.returncode == 3
    for way in ("apt install graphviz", "brew install graphviz", "conda install graphviz"):
        assert way in result.stderr


@pytest.mark.ring_dot
@pytest.mark.parametrize(
    ("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_a_picture_is_drawn(folder, scrape, suffix, magic):
    """By the suffix of its name."""
    assert shutil.which("dot")
    result = folder.taskflow("graph", "-o", f"a.{suffix}", scrape)
    assert result.returncode == 0, result.stderr
    assert (folder.path / f"a.{suffix}").read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "a.jpg", "scrape.py"], "'a.jpg' has to end in one of"),
        (["-o", "nowhere/a.dot", "scrape.py"], "cannot write nowhere/a.dot: No such file"),
        (["scrape.py", "--ulr", "x"], "did you mean url?"),
        (["missing.py"], "there is no file missing.py"),
    ],
)
def test_what_cannot_be_drawn_ends_with_2(folder, scrape, args, message):
    """And says why."""
    result = folder.taskflow("graph", *args)
    assert result.returncode == 2
    assert message in result.stderr
