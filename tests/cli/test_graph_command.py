"""`taskflow graph`: a drawing, or the graph in the language of Graphviz."""

from __future__ import annotations

import shutil

import pytest
from commands import in_a_ring

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


@pytest.mark.ring_programs
def test_parameters_that_are_not_given_are_inputs(folder, scrape):
    """A required parameter need not be given for a drawing."""
    without = folder.taskflow("graph", scrape)
    given = folder.taskflow("graph", scrape, "--url", "http://example.com")
    assert without.returncode == given.returncode == 0, without.stderr + given.stderr
    assert without.stdout != given.stdout


@pytest.mark.ring_programs
def test_a_dot_file_needs_no_program(folder, scrape):
    """Before FILE or after it, the option is the command's."""
    for args in (["-o", "a.dot", scrape], [scrape, "-o", "a.dot"]):
        result = folder.taskflow("graph", *args, PATH="/nowhere")
        assert result.returncode == 0, result.stderr
        assert result.stdout == ""
        assert (folder.path / "a.dot").read_text().startswith("digraph")
        (folder.path / "a.dot").unlink()


@pytest.mark.parametrize(("suffix", "begins"), [("svg", "<"), in_a_ring("mmd", "flowchart")])
def test_svg_and_mermaid_need_no_program(folder, scrape, suffix, begins):
    """They are written here; for a dark page, if wanted."""
    name = f"a.{suffix}"
    result = folder.taskflow("graph", "-o", name, "--theme", "dark", scrape, PATH="/nowhere")
    assert result.returncode == 0, result.stderr
    assert begins in (folder.path / name).read_text()[:200]


@pytest.mark.ring_programs
def test_without_dot_the_message_says_how_to_get_it(folder, scrape):
    """For the systems that people have; to choose another format is the user's to do."""
    result = folder.taskflow("graph", "-o", "a.pdf", scrape, PATH="/nowhere")
    assert result.returncode == 2
    for way in ("apt install graphviz", "brew install graphviz", "conda install graphviz"):
        assert way in result.stderr


@pytest.mark.ring_programs
def test_a_value_that_the_body_needs_is_asked_for_as_an_option(folder):
    """In words of the command line, not as a call in Python."""
    text = """
    from taskflow import pipeline, task

    @task
    def show(i: int) -> None: ...

    @pipeline
    def shows(how_many: int):
        for i in range(how_many):
            show(i)
    """
    name = folder.write("shows.py", text)
    result = folder.taskflow("graph", name)
    assert result.returncode == 2
    assert "give one after FILE: --how-many VALUE" in result.stderr
    assert ".trace(" not in result.stderr
    assert folder.taskflow("graph", name, "--how-many", "2").returncode == 0


@pytest.mark.ring_dot
@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
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
        in_a_ring(["-o", "nowhere/a.dot", "scrape.py"], "cannot write nowhere/a.dot: No such file"),
        in_a_ring(["scrape.py", "--ulr", "x"], "did you mean url?"),
        in_a_ring(["missing.py"], "there is no file missing.py"),
    ],
)
def test_what_cannot_be_drawn_ends_with_2(folder, scrape, args, message):
    """And says why."""
    result = folder.taskflow("graph", *args)
    assert result.returncode == 2
    assert message in result.stderr
