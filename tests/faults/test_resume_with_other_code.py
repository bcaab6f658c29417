"""A run goes on with today's code: what matches is kept, what does not is told or refused."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.ring_programs

FLOW = """
RATE = 2

@task
def numbers(n):
    note("numbers")
    return list(range(n))

@task
def scale(x):
    note("scale", x)
    return x * RATE

@task
def plus(x):
    note("plus", x)
    return x + 1

@task
def total(scaled, added):
    note("total")
    if not os.path.exists("mended"):
        raise ValueError("not yet")
    return sum(scaled) + sum(added)

@pipeline
def flow(n: int = 3):
    xs = numbers(n)
    return total(scale.map(xs), plus.map(xs))
"""


@pytest.fixture
def failed(project):
    """A run that has failed in its last task, which is mended by now."""
    project.write(FLOW)
    assert project.taskflow("run", "flow.py").code == 1
    project.ledger.unlink()
    (project.folder / "mended").touch()
    return project


def test_an_edit_of_the_file_runs_again_only_what_it_concerns(failed):
    """A changed constant runs again the task that uses it; each task is told what became of it."""
    failed.write("# a comment, which moves all lines\n" + FLOW.replace("RATE = 2", "RATE = 10"))
    ended = failed.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, "36\n")
    assert failed.noted == {"scale 0": 1, "scale 1": 1, "scale 2": 1, "total": 1}
    assert "numbers: 1 kept" in ended.err
    assert "plus: 3 kept" in ended.err
    assert "scale: 3 to run: " in ended.err
    assert "RATE" in ended.err


def test_a_pipeline_that_calls_other_tasks_keeps_those_that_match(failed):
    """A task that was put in, one that was taken out: what both graphs have is not run again."""
    failed.write(
        FLOW.replace("total(scale.map(xs), plus.map(xs))", "total(scale.map(plus.map(xs)), xs)")
    )
    ended = failed.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, "15\n")
    assert failed.noted == {"scale 3": 1, "total": 1}
    assert "numbers: 1 kept" in ended.err
    assert "plus: 3 kept" in ended.err


def test_a_file_that_is_gone_or_broken_leaves_the_run_as_it_was(failed):
    """The command says what it could not import, and the run resumes once the file is back."""
    text = (failed.folder / "flow.py").read_text()
    for wrong, said in [(None, "flow.py"), ("def flow(:", "SyntaxError"), ("x = 1", "flow")]:
        if wrong is None:
            (failed.folder / "flow.py").unlink()
        else:
            (failed.folder / "flow.py").write_text(wrong)
        ended = failed.taskflow("resume", "last")
        assert ended.code == 2, ended.err
        assert said in ended.err
        assert failed.run()["state"] == "failed"
    (failed.folder / "flow.py").write_text(text)
    assert failed.taskflow("resume", "last").out == "12\n"
    assert failed.noted == {"total": 1}


PAGE = """
class Page:
    def __init__(self, text):
        self.text = text
"""
PAGES = """
import importlib

@task
def fetch():
    note("fetch")
    return importlib.import_module("pages").Page("hello")

@task
def other():
    note("other")
    return 1

@task
def more(n):
    note("more")
    if not os.path.exists("mended"):
        raise ValueError("not yet")
    return n + 1

@task
def read(page, n):
    note("read")
    return page.text * n

@pipeline
def flow():
    return read(fetch(), more(other()))
"""


def test_a_result_whose_class_is_gone_names_the_task(project):
    """What takes it fails with the missing class and the task; the others go on; a rerun helps."""
    project.write(PAGE, "pages.py")
    project.write(PAGES)
    assert project.taskflow("run", "flow.py").code == 1
    (project.folder / "mended").touch()
    project.ledger.unlink()
    project.write(PAGE.replace("Page", "Sheet"), "pages.py")
    ended = project.taskflow("resume", "last")
    assert ended.code == 1
    print(ended.err)
    assert "fetch" in ended.err
    assert "Page" in ended.err
    assert project.noted == {"more": 1}
    (project.folder / "pages.py").write_text(PAGE)
    assert project.taskflow("resume", "last").out == "hellohello\n"
    assert project.noted == {"more": 1, "read": 1}
