"""The rest of the programs that attacked the design: several files, processes, edits, large data.

Numbers go on with those of `test_programs.py`. Each asks for what the program has to do, as its
writer would see it, and most run as a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import test_programs

import taskflow
from taskflow import pipeline, task
from taskflow.errors import DefinitionError

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT = 60


@pytest.fixture(params=["inline", pytest.param("processes", marks=pytest.mark.ring_programs)])
def run(request):
    """Runs a pipeline in this process, and in two others."""

    def run(p, **params):
        chosen = p.options(executor=request.param, workers=2, progress=False)
        return taskflow.run(chosen, **params)

    return run


class Folder:
    """A folder of somebody's files, in which commands are run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> str:
        """Write a file; returns its name."""
        (self.path / name).write_text(textwrap.dedent(text))
        return name

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start `python ARGS` here."""
        return subprocess.Popen(
            [sys.executable, *args],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def python(self, *args: str) -> str:
        """What `python ARGS` prints; it has to succeed."""
        process = self.start(*args)
        out, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
        return out


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


LOADING = """
    from taskflow import pipeline, task

    @task
    def load(table: str) -> str:
        return f"{__name__} {table}"

    @pipeline
    def nightly(table: str = "prices") -> str:
        return load(table)
"""


def test_program_17_tasks_of_one_name_in_two_files_are_two(folder, monkeypatch):
    """A task is its module and name, so neither pipeline finds what the other has kept.

    And one that both import is one, whichever pipeline calls it.
    """
    folder.write("north.py", LOADING)
    folder.write("south.py", LOADING)
    folder.write(
        "both.py",
        """
        import north, south
        from taskflow import pipeline

        @pipeline
        def both():
            return [north.load("a"), south.load("a")]

        @pipeline
        def again():
            return north.load("b")
        """,
    )
    monkeypatch.syspath_prepend(folder.path)
    import both

    assert both.both() == ["north a", "south a"]
    assert [spec.name for spec in both.both.trace().specs] == ["north:load", "south:load"]
    assert [spec.name for spec in both.again.trace().specs] == ["north:load"]


CALLS = []


@task
def log_in():
    CALLS.append("log in")
    return "token"


@task
def ask(token, question):
    CALLS.append(question)
    if question == "b" and CALLS.count("b") == 1:
        raise ConnectionResetError(question)
    return question.upper()


@task(retries=2)
def session(questions):
    token = log_in()
    return [ask(token, question) for question in questions]


def test_program_23_a_login_and_its_calls_are_tried_again_together():
    """Tasks called in a task are functions, so its retries are those of the whole group.

    Retries of a pipeline are not offered, and that is said where they are asked for.
    """

    @pipeline
    def questions():
        return session(["a", "b", "c"])

    CALLS.clear()
    assert taskflow.run(questions.options(executor="inline", progress=False)) == ["A", "B", "C"]
    assert CALLS == ["log in", "a", "b", "log in", "a", "b", "c"]
    with pytest.raises(DefinitionError, match="@pipeline has no option 'retries'"):
        pipeline(retries=2)


@pytest.mark.ring_programs
def test_program_25_one_model_for_each_worker_of_a_script(folder):
    """`@resource` makes one for each worker, also in a script; `functools.cache` does no harm.

    A lock at module level, which cannot travel, is made inside of the task, or is a resource.
    """
    folder.write(
        "rate.py",
        """
        import functools, os, threading
        import taskflow
        from taskflow import pipeline, resource, task

        @resource
        def model():
            print("loaded")
            return {"made in": os.getpid()}

        @resource
        def lock():
            return threading.Lock()

        @functools.cache
        def words():
            return frozenset({"good", "fine"})

        @task
        def rate(text: str) -> tuple[int, int]:
            with lock():
                assert text in words()
                return model()["made in"], os.getpid()

        @pipeline
        def rated(times: int = 40) -> list[tuple[int, int]]:
            return rate.map(["good", "fine"] * times)

        if __name__ == "__main__":
            pairs = taskflow.run(rated.options(workers=2, progress=False))
            print(all(made == used for made, used in pairs), len(set(pairs)) <= 2, len(pairs))
            print(os.getpid() in {made for made, _ in pairs})
        """,
    )
    assert folder.python("rate.py").splitlines()[-2:] == ["True True 80", "False"]


@task
def load_array(size):
    return np.arange(size, dtype=np.int64)[::-1].copy()


@task
def sort_in_place(values):
    values.sort()
    values[0] = -1
    return values[:2].tolist()


@task
def first_of(values):
    return int(values[0])


@pipeline
def change_in_place(size: int):
    values = load_array(size)
    changed = sort_in_place(values)
    return changed, first_of.options(after=changed)(values)


@pytest.mark.parametrize("size", [1_000, 1_500_000], ids=["8 kB", "12 MB"])
def test_program_26_an_array_can_be_changed_in_place_whatever_its_size(run, size):
    """`values.sort()` works at 8 kB and at 12 MB, and nobody else sees it."""
    assert run(change_in_place, size=size) == ([-1, 1], size - 1)


@pytest.mark.ring_programs
def test_program_27_a_notebook_whose_module_was_edited_between_two_runs(folder):
    """The second run is of the edited code, though the process, and its cells, are the same."""
    folder.write(
        "notebook.py",
        """
        import importlib, pathlib, sys
        import taskflow

        sys.dont_write_bytecode = True
        module = pathlib.Path("steps.py")

        def edit(word):
            module.write_text(
                "from taskflow import task\\n@task\\n"
                f"def say(x: str) -> str:\\n    return {word!r} + x\\n"
            )

        CELL = '''
        from taskflow import pipeline, task
        @task
        def shout(x: str) -> str:
            return x.upper() + MARK
        @pipeline
        def spoken() -> str:
            return shout(steps.say("!"))
        '''

        def run():
            exec(CELL, globals())
            quiet = spoken.options(executor="processes", workers=1, progress=False)
            print(taskflow.run(quiet))

        edit("old")
        import steps

        MARK = "1"
        run()
        edit("newer")
        importlib.reload(steps)
        MARK = "2"
        run()
        """,
    )
    assert folder.python("notebook.py").splitlines() == ["OLD!1", "NEWER!2"]


@pytest.mark.ring_programs
def test_program_28_a_script_without_a_guard_is_only_looked_at(folder):
    """`taskflow graph` imports a file that runs itself, and nothing runs; `python` runs it once."""
    folder.write(
        "unguarded.py",
        """
        import taskflow
        from taskflow import pipeline, task

        @task
        def hello(name: str) -> str:
            print("hello", name)
            return name

        @pipeline
        def greet(name: str = "you") -> str:
            return hello(name)

        print("value", taskflow.run(greet.options(executor="inline", progress=False)))
        """,
    )
    drawn = folder.python("-m", "taskflow", "graph", "unguarded.py")
    assert "hello" in drawn
    assert "value" not in drawn
    assert folder.python("unguarded.py").splitlines().count("value you") == 1


@task
def extract(name):
    return name


@task
def note(what):
    return what


@task
def merge(parts):
    return parts


@pipeline
def yesterday():
    return merge([extract("a"), extract.map(["x", "y"])])


@pipeline(name="yesterday")
def today():
    note("one more call, at the top")
    return merge([extract("a"), extract.map(["x", "y"])])


def keys_of(p):
    """The keys of all calls of a pipeline."""
    graph = p.trace()
    return {graph.key_of(node) for node in range(len(graph))}


def test_program_29_a_call_inserted_at_the_top_renames_no_other(run):
    """Keys are path and name, not positions: what was done yesterday has the same key today."""
    assert keys_of(today) - keys_of(yesterday) == {"yesterday/note"}
    assert keys_of(yesterday) < keys_of(today)


@task
def charge(customer):
    return taskflow.current.task_key


@pipeline
def bill(customers: list[str]):
    return charge.options(key=lambda customer: customer).map(customers)


def test_program_30_an_element_is_its_customer_and_not_its_place_in_a_list(run):
    """With `key=`, a list that comes in another order, or longer, charges the same keys."""
    monday = run(bill, customers=["ada", "bob"])
    assert monday == ["bill/charge[ada]", "bill/charge[bob]"]
    assert set(run(bill, customers=["eve", "bob", "ada"])) - set(monday) == {"bill/charge[eve]"}


@pytest.mark.ring_programs
def test_program_32_two_terminals_in_one_folder(folder):
    """Two runs of one file at the same time both end well, and leave nothing behind."""
    folder.write(
        "squares.py",
        """
        from taskflow import pipeline, task

        @task
        def square(x: int) -> int:
            return x * x

        @task
        def total(xs: list[int]) -> int:
            return sum(xs)

        @pipeline
        def squares(n: int = 2000) -> int:
            return total(square.map(range(n)))
        """,
    )
    command = ("-m", "taskflow", "run", "--workers", "1", "squares.py", "--n")
    terminals = [folder.start(*command, n) for n in ("1000", "2000")]
    values = [terminal.communicate(timeout=TIMEOUT)[0].strip() for terminal in terminals]
    assert values == [str(sum(x * x for x in range(n))) for n in (1000, 2000)]
    assert [terminal.returncode for terminal in terminals] == [0, 0]
    assert {path.name for path in folder.path.iterdir()} <= {"squares.py", "__pycache__"}


def test_all_programs_of_the_list_are_there():
    """Each of the 32 is a test, here or in `test_programs.py`, and none is in both."""
    names = [
        name for name in (*globals(), *vars(test_programs)) if name.startswith("test_program_")
    ]
    assert sorted(int(name.split("_")[2]) for name in names) == list(range(1, 33))
