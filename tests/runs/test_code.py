"""Whose code a worker runs: what was loaded when the run started, wherever it came from."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.ring_programs

# The helper is edited, and the worker dies, while the run goes on.
EDITED = """
from helpers import helper

@task
def edit():
    for name in ("helpers.py", "lazy.py", "edited.py"):
        with open(name) as file:
            text = file.read()
        with open(name, "w") as file:
            file.write(text.replace("old", "new"))
    note("edited")

@task
def look(x):
    from lazy import late
    if len(open(os.environ["LEDGER"]).readlines()) < 3:
        note("dies")
        os._exit(1)
    return os.getpid(), "old", helper(), late()

@pipeline
def p(): return look(edit())
"""


def _write_edited(program):
    program.write("pyproject.toml", "", head="")
    program.write("edited.py", EDITED)
    program.write("helpers.py", "def helper(): return 'old helper'\n", head="")
    program.write("lazy.py", "def late(): return 'old late'\n", head="")


def test_a_run_keeps_the_code_it_started_with(program):
    """An edit during the run reaches no worker, not even one that is started after it.

    That holds for the task's module, for a helper of it, and for what is imported in a function.
    """
    _write_edited(program)
    program.write(
        "start.py", "import taskflow, edited\nprint(taskflow.run(edited.p)[1:])\n", head=""
    )
    assert program.run("start.py") == 0, program.err
    assert program.out == "('old', 'old helper', 'old late')\n"
    assert program.lines == ["edited", "dies", "dies"]
    assert "new helper" in (program.folder / "helpers.py").read_text()


@pytest.mark.ring_kill
def test_a_script_keeps_the_code_it_started_with(program):
    """So does a script, whose own functions travel by value and its helpers by name."""
    _write_edited(program)
    text = (program.folder / "edited.py").read_text()
    (program.folder / "edited.py").write_text(text + "\nprint(taskflow.run(p)[1:])\n")
    assert program.run("edited.py") == 0, program.err
    assert program.out == "('old', 'old helper', 'old late')\n"


def test_a_script_needs_no_guard_and_no_module(program):
    """Functions, classes, lambdas and caches of `__main__` work in workers, in both directions."""
    program.write(
        "script.py",
        """
        import dataclasses, functools, enum

        @dataclasses.dataclass
        class Page:
            url: str

        class Color(enum.Enum):
            RED = 1

        FACTOR = 3

        @functools.cache
        def client(): return FACTOR

        def helper(n): return n * client()

        @task
        def fetch(page, color):
            assert type(page) is Page and color is Color.RED
            return Page(page.url * helper(1)), color

        double = task(name="double")(lambda x: x * 2)

        def made():
            @task
            def inner(x):
                return [x, FACTOR]
            return inner

        @pipeline
        def p(url: str):
            got = fetch(Page(url), Color.RED)
            return got, double(2), made()(4), fetch.map([Page("x"), Page("y")], color=Color.RED)

        result = taskflow.run(p, "u")
        assert result == ((Page("uuu"), Color.RED), 4, [4, 3],
                          [(Page("xxx"), Color.RED), (Page("yyy"), Color.RED)]), result
        assert result[0][1] is Color.RED
        print("fine")
        """,
    )
    assert program.run("script.py") == 0, program.err
    assert program.out == "fine\n"
    assert program.run("-W", "error", "script.py") == 0, program.err


def test_a_lock_of_a_script_is_named_with_the_fix(program):
    """What cannot travel with a script's functions is said before the run, with what to do."""
    program.write(
        "script.py",
        """
        lock = threading.Lock()

        @task
        def work():
            with lock: return 1

        @pipeline
        def p(): return work()

        taskflow.run(p)
        """,
    )
    assert program.run("script.py") == 1
    last = program.err[program.err.index("taskflow.errors.CodeError") :]
    assert "lock" in last
    assert "work" in last
    assert "module" in last


def test_a_module_run_with_m_and_relative_imports(program):
    """`python -m pkg.mod` inside a package: relative imports, early and late, work in workers."""
    program.write("pkg/__init__.py", "", head="")
    program.write("pkg/sub/__init__.py", "BASE = 10\n", head="")
    program.write("pkg/sub/deep.py", "from .. import near\ndef add(n): return n + near.ONE\n", "")
    program.write("pkg/near.py", "ONE = 1\n", head="")
    program.write("pkg/data.txt", "data", head="")
    program.write(
        "pkg/mod.py",
        """
        from . import near
        from .sub import BASE

        @task
        def work(n):
            from importlib import resources
            from .sub.deep import add
            data = resources.files("pkg").joinpath("data.txt").read_text()
            return add(n) + BASE + near.ONE, data, __name__

        @pipeline
        def p(): return work(1)

        if __name__ == "__main__":
            print(taskflow.run(p))
        """,
    )
    program.write("start.py", "import taskflow, pkg.mod\nprint(taskflow.run(pkg.mod.p))\n", "")
    assert program.run("start.py") == 0, program.err
    assert program.out == "(13, 'data', 'pkg.mod')\n"
    assert program.run("-m", "pkg.mod") == 0, program.err
    assert program.out.startswith("(13, 'data', ")


def test_a_task_of_a_script_runs_a_run_of_its_own(program):
    """A child run finds the functions of the script too, inline and in workers, and expands."""
    program.write(
        "script.py",
        """
        @task
        def one(n): return n + 1

        @pipeline
        def inner(n): return one(n)

        @pipeline(dynamic=True)
        def tree(n): return one(n) if n < 2 else [tree(n - 1), inner(n)]

        @task
        def outer(executor):
            options = {"executor": executor, "workers": 1}
            return taskflow.run(inner.options(**options), 5), taskflow.run(deep.options(**options))

        @pipeline
        def deep(): return tree(2)

        @pipeline
        def p(): return outer("inline"), outer("processes"), tree(3)

        print(taskflow.run(p))
        """,
    )
    assert program.run("script.py") == 0, program.err
    assert program.out == "((6, [2, 3]), (6, [2, 3]), [[2, 3], 4])\n"


def test_code_without_a_file(program):
    """What was typed into an interpreter, or a notebook, travels by value."""
    program.write(
        "shell.py",
        """
        import code
        cells = [
            "import taskflow\\nfrom taskflow import task, pipeline",
            "N = 5",
            "@task\\ndef add(x): return x + N\\n",
            "@pipeline\\ndef p(): return add(1)\\n",
            "print(taskflow.run(p))",
            "N = 7",
            "print(taskflow.run(p))",
        ]
        shell = code.InteractiveInterpreter({"__name__": "__main__"})
        for cell in cells:
            assert not shell.runsource(cell, symbol="exec")
        """,
    )
    assert program.run("shell.py") == 0, program.err
    assert program.out == "6\n8\n", program.err
    program.run("-c", "import taskflow as t\n@t.task\ndef f(): return 3\n@t.pipeline\n"
                "def p(): return f()\nprint(t.run(p))")  # fmt: skip
    assert program.out == "3\n", program.err


def test_an_unguarded_run_ends_the_import_in_a_worker(program):
    """A module that runs a pipeline when imported: its tasks still work in other runs."""
    program.write(
        "unguarded.py",
        """
        @task
        def work(n): return n + 1

        @pipeline
        def p(): return work(1)

        if os.environ.get("FIRST"):
            note("imported", os.getpid())
        print("unguarded", taskflow.run(p))
        """,
    )
    program.write(
        "start.py",
        """
        import unguarded

        @task
        def late():
            import unguarded
            return unguarded.work.fn(10)

        @pipeline
        def q(): return unguarded.work(2), late()

        print(taskflow.run(q))
        """,
    )
    assert program.run("unguarded.py") == 0, program.err
    assert program.out == "unguarded 2\n"
    assert program.run("start.py") == 0, program.err
    assert program.out == "unguarded 2\n(3, 11)\n"


def test_installed_modules_are_imported_as_they_are(program):
    """Tasks of an installed package run, and are no part of the snapshot."""
    site = program.folder / "lib" / "site-packages"
    program.write("lib/site-packages/kit.py", "@task\ndef work(n): return n, __file__\n")
    program.write(
        "start.py",
        """
        import kit

        @pipeline
        def p(): return kit.work(1)

        print(taskflow.run(p))
        """,
    )
    paths = os.pathsep.join([str(program.root), str(site)])
    assert program.run("start.py", PYTHONPATH=paths) == 0, program.err
    assert program.out == f"(1, {str(site / 'kit.py')!r})\n"


def test_workers_see_the_program_they_belong_to(program):
    """Arguments, working directory, environment and search path are those of the program."""
    program.write(
        "script.py",
        """
        os.chdir("sub")
        sys.path.insert(0, "/somewhere")
        os.environ["CHANGED"] = "late"

        @task
        def look():
            return sys.argv, os.getcwd(), os.environ["CHANGED"], sys.path[0], sys.stdin.read()

        @pipeline
        def p(): return look()

        print(taskflow.run(p) == (sys.argv, os.getcwd(), "late", "/somewhere", ""))
        """,
    )
    (program.folder / "sub").mkdir()
    assert program.run("script.py", "--flag", "x") == 0, program.err
    assert program.out == "True\n"


def test_the_root_of_a_project_is_found_upwards_only(tmp_path, monkeypatch):
    """The nearest marked folder above a file, never the home folder or the root of the disk."""
    from taskflow.authoring.source import project_root

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert project_root(str(inner / "x.py")) == str(inner)
    (tmp_path / "a" / "pyproject.toml").touch()
    assert project_root(str(inner / "x.py")) == str(tmp_path / "a")
    assert project_root("/x.py") == "/"


# --- files -----------------------------------------------------------------------------------

HELLO = "@task\ndef f(): note('ran')\n@pipeline\ndef p(): f()\ntaskflow.run(p)\n"


def test_a_full_disk_is_said_before_the_run(program):
    """No space for the files of a run: an error with the fix, and nothing has started."""
    limit = "import resource as r\nr.setrlimit(r.RLIMIT_FSIZE, (10, -1))\n"
    report = "finally: r.setrlimit(r.RLIMIT_FSIZE, (-1, -1))\n"
    program.write("script.py", limit + HELLO.replace("taskflow.run", "try: taskflow.run") + report)
    assert program.run("script.py") == 1
    assert "ExecutorError: the files of a run cannot be written" in program.err
    assert "TMPDIR" in program.err
    assert program.lines == []
    assert program.left == []


def test_a_missing_folder_for_temporary_files_is_no_matter(program):
    """Python then takes another one, and so does a run."""
    program.write("script.py", HELLO)
    assert program.run("script.py", TMPDIR="/nowhere/at/all") == 0, program.err
    assert program.lines == ["ran"]
