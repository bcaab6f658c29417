"""The course does what its page says: programs, pictures, the notebook, all without a network."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path

import course
import pytest

from examples import local_site

#: What depends on the machine: Python's library, the libraries for pictures and for arithmetic.
UNSTEADY = {
    "12_word_count": r"[\d,]+",
    "13_thumbnails": r"\d+ bytes",
    "14_sweep": r"\d+\.\d%|\d+ neurons, rate \S+",
}


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Leaves no program of the course imported: other tests have files of such names, too."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield
    for name in course.PROGRAMS:
        sys.modules.pop(name, None)


SCRIPTS = [name for name in course.PROGRAMS if len(course.sections()[name].commands) == 1]
each_program = pytest.mark.parametrize("program", course.PROGRAMS)
each_script = pytest.mark.parametrize("program", SCRIPTS)


# --- what stands on the page


def test_the_course_shows_every_program():
    """Sixteen programs, numbered without a gap, each with its section; one is a notebook."""
    numbers = [int(path.stem[:2]) for path in course.EXAMPLES.glob("[01][0-9]_*")]
    assert sorted(numbers) == list(range(1, 17))
    assert sorted(course.sections()) == course.PROGRAMS


@each_program
def test_the_course_shows_code_as_it_is(program):
    """Each piece of code on the page stands in the program, letter by letter."""
    pieces = course.sections()[program].code
    assert pieces
    assert [piece for piece in pieces if piece not in course.source(program)] == []


@each_program
def test_a_program_of_the_course_is_short_and_says_what_it_teaches(program):
    """Under 80 lines; a docstring that says what to try; every function has its sentence."""
    tree = ast.parse(course.source(program))
    assert len(course.source(program).splitlines()) < 80
    lesson = ast.get_docstring(tree)
    assert "Try:" in lesson
    assert all((course.ROOT / file).exists() for file in re.findall(r"examples/\w+\.py", lesson))
    named = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [node.name for node in named if not ast.get_docstring(node)] == []


@each_program
def test_the_pictures_of_the_course_are_up_to_date(program):
    """Each says what its program's graph says now; tests/course.py --write draws them again."""
    drawn = [program, f"{program}_run"] if program in course.RUNS else [program]
    assert course.sections()[program].pictures == drawn
    assert course.words(course.kept(program))
    assert course.words(course.kept(program)) == course.words(course.picture(program))


@pytest.mark.ring_programs
@pytest.mark.parametrize("program", course.RUNS)
def test_the_pictures_of_runs_are_up_to_date(program):
    """Each shows the states and counts that a run now ends with."""
    assert course.words(course.kept(f"{program}_run")) == course.words(course.run_picture(program))


# --- what the programs print


@cache
def printed(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A program of the course, run as its reader would run it."""
    return execute([str(course.EXAMPLES / f"{program}.py")], folder)


def execute(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(course.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


def steady(program: str, text: str) -> str:
    return re.sub(UNSTEADY[program], "…", text) if program in UNSTEADY else text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the programs of the course are run, and write what they write."""
    return tmp_path_factory.mktemp("course")


@pytest.mark.ring_programs
@each_script
def test_a_program_of_the_course_prints_what_its_page_shows(program, folder):
    """As a script, each prints what stands under its code, word for word."""
    result = printed(program, folder)
    shown = course.sections()[program].output
    assert steady(program, result.stdout or result.stderr) == steady(program, shown)


@pytest.mark.ring_programs
@each_script
def test_the_command_line_runs_the_course_too(program, tmp_path):
    """`taskflow run FILE` prints the same value, found without a name."""
    command = ["-m", "taskflow", "run", "--no-progress", str(course.EXAMPLES / f"{program}.py")]
    with local_site.serve_hosts() as sites:
        urls = [word for site in sites for word in ("--sites", site.url)]
        more = {"07_async_io": urls, "09_shell_and_http": ["--site", sites[0].url]}
        result = execute([*command, *more.get(program, [])], tmp_path)
    shown = steady(program, course.sections()[program].output)
    if program == "07_async_io":
        shown = shown.splitlines(keepends=True)[0]  # the rest is said by the servers
    said = steady(program, result.stdout or result.stderr)
    assert said == shown if result.stdout else said.startswith(shown)


@pytest.mark.ring_programs
def test_a_run_that_was_mended_goes_on_as_its_page_shows(tmp_path):
    """The commands of the chapter on resuming, in order, in one folder, print what it shows."""
    (tmp_path / "examples").symlink_to(course.EXAMPLES)
    for command, shown in course.sections()["16_resume"].commands:
        said = typed(command, tmp_path)
        assert re.fullmatch(shape(shown), told(said)), said


def typed(command: str, folder: Path) -> str:
    """What a line typed into a shell prints, with a store of its own in the folder."""
    function = f'taskflow() {{ "{sys.executable}" -m taskflow "$@"; }}'
    more = {"PYTHONPATH": str(course.ROOT), "TASKFLOW_STORE": f"sqlite:///{folder}/store/"}
    result = subprocess.run(
        ["sh", "-c", f"{function}\n{command}"],
        cwd=folder,
        env=os.environ | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.stdout


def told(text: str) -> str:
    """What a command prints without ids, times, rates and what it says while tasks take long."""
    text = re.sub(r"^◐.*\n|  \d[\d.,]*/s\b", "", course.steady(text), flags=re.MULTILINE)
    return re.sub(r"\b\d[\d.]*m?s\b|\d+ process(es)?", "…", text)


def shape(shown: str) -> str:
    """A pattern for what is shown; where a line says `...`, any lines may stand."""
    lines = told(shown).splitlines()
    return "".join(r"(.*\n)*?" if line == "..." else f"{re.escape(line)}\n" for line in lines)


# --- whether it is true


@pytest.mark.ring_programs
def test_failures_that_nobody_takes_fail_the_run_and_still_clean_up(tmp_path):
    """With --strict the run ends with code 1, names both failures, and its folder is gone."""
    program = str(course.EXAMPLES / "04_failures.py")
    result = subprocess.run(
        [sys.executable, "-m", "taskflow", "run", program, "--strict"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(course.ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "mean[Namur] failed (ValueError)" in result.stderr
    assert re.search(r"mean\[\w+\] timed out", result.stderr)
    assert list(tmp_path.glob("stations-*")) == []


@pytest.mark.ring_programs
def test_the_words_are_counted_right(folder):
    """The report equals a count in one loop over the same files."""
    library = Path(sysconfig.get_path("stdlib"))
    left_out = re.compile(r"(^|/)(site-packages|dist-packages|tests?|idlelib|lib2to3)/")
    every = library.rglob("*.py")
    files = [path for path in every if not left_out.search(f"{path.relative_to(library)}")]
    words = Counter()
    for path in files:
        with tokenize.open(path) as file:
            words.update(re.findall(r"[a-z]{2,}", file.read().lower()))
    lines = [f"{word:12}{n:>7,}" for word, n in words.most_common(5)]
    said = printed("12_word_count", folder).stdout.splitlines()
    assert said == [f"{len(files)} files, {words.total():,} words, 0 files unread", *lines]


@pytest.mark.ring_programs
def test_workers_and_luck_do_not_change_the_simulation(folder, tmp_path):
    """One worker finds the same numbers as two, to the last digit."""
    program = str(course.EXAMPLES / "11_monte_carlo.py")
    alone = execute(["-m", "taskflow", "run", "--workers", "1", program], tmp_path)
    assert alone.stdout == printed("11_monte_carlo", folder).stdout


@pytest.mark.ring_programs
def test_a_worker_opens_one_connection(folder):
    """Five searches open no more connections than there are workers."""
    opened = printed("08_resources", folder).stderr.count("opening a connection")
    assert 1 <= opened <= min(5, os.cpu_count() or 1)


# --- the notebook


@pytest.mark.ring_programs
@pytest.mark.filterwarnings("default")  # of the libraries that run notebooks
def test_the_notebook_gives_what_it_shows():
    """Run from top to bottom, its cells give the values and pictures that are kept in it.

    tests/course.py --write keeps new ones.
    """
    import nbformat

    kept = course.values(nbformat.read(course.NOTEBOOK, as_version=4))
    assert len(kept) == 6
    assert course.values(course.executed_notebook()) == kept
