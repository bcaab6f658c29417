"""`@resource` in whole programs: one for each worker, closed when the run ends."""

from __future__ import annotations

from collections import Counter

import pytest

pytestmark = pytest.mark.ring_programs

RESOURCES = """
import asyncio
from taskflow import resource

@resource
def db(name="main"):
    note("open", name, os.getpid())
    try:
        yield {"pid": os.getpid(), "lock": threading.Lock()}  # nothing that could be pickled
    finally:
        note("closed", name, os.getpid())

@task
def use(x):
    mine = db()["pid"]
    until(lambda: len({line.split()[2] for line in open(os.environ["LEDGER"])}) > 1)
    return mine == os.getpid() == db()["pid"] and mine

@task
def begin(x):
    return db()["pid"]
"""

MAIN = """
if __name__ == "__main__":
    print(taskflow.run(p.options(workers=2, progress=False)))
"""


def pids(program, word, name="main"):
    return Counter(line.split()[2] for line in program.lines if line.startswith(f"{word} {name}"))


@pytest.mark.parametrize("by_name", [False, True])
def test_each_worker_opens_one_and_closes_it_when_it_ends(program, by_name):
    """In a script, whose functions travel by value, and in a module, where they have a name."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
@pipeline
def p():
    return use.options(after=[begin.map(range(20))]).map(range(50))
"""
        + MAIN,
    )
    if by_name:
        program.write("start.py", "from tasks import p\n" + MAIN)
    assert program.run("start.py" if by_name else "tasks.py") == 0, program.err
    opened = pids(program, "open")
    assert set(opened.values()) == {1}
    assert len(opened) == 2
    assert pids(program, "closed") == opened
    assert program.left == []


def test_the_command_line_and_a_dynamic_pipeline_share_it_too(program):
    """What is traced in a worker brings no second copy of the resource along."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
@pipeline(dynamic=True)
def inner(n):
    return [begin(i) for i in range(n)]

@task
def count():
    return db() and 3

@pipeline
def p():
    return [begin(0), inner(count())]

if __name__ == "__main__":
    taskflow.run(p.options(workers=1, progress=False))
""",
    )
    command = ("-m", "taskflow", "run")
    for line in (
        (*command, "--workers=1", "tasks.py:p"),
        (*command, "--executor=inline", "tasks.py:p"),
        ("tasks.py",),
    ):
        (program.folder / "ledger").unlink(missing_ok=True)
        assert program.run(*line) == 0, program.err
        assert [line.split()[0] for line in program.lines] == ["open", "closed"], line


def test_a_worker_that_dies_takes_its_instance_along_and_the_next_makes_its_own(program):
    """Nothing is handed on, and the run ends well."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
@task(retries=0)
def dies(x):
    db()
    if len(open(os.environ["LEDGER"]).readlines()) < 2:
        os._exit(1)
    return db()["pid"] == os.getpid()

@pipeline
def p():
    return dies.map(range(1))
"""
        + MAIN,
    )
    assert program.run("tasks.py") == 0, program.err
    assert program.out == "[True]\n"
    assert len(pids(program, "open")) == 2
    assert len(pids(program, "closed")) == 1


def test_threads_share_one_and_async_tasks_one_for_each_loop(program):
    """32 threads and 200 async tasks that ask at once; each thread its own if it is asked for."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
import sqlite3

@resource
async def client():
    note("open client", os.getpid())
    await asyncio.sleep(0)
    yield {"loop": asyncio.get_running_loop()}
    await asyncio.sleep(0)
    note("closed client", os.getpid())

@resource(per="thread")
def lite():
    connection = sqlite3.connect(":memory:")
    note("open lite", threading.get_ident())
    yield connection
    connection.close()
    note("closed lite", threading.get_ident())

@task(executor="threads")
def in_thread(x):
    return id(db()), lite().execute("select 1").fetchone()[0]

@task
async def in_loop(x):
    found = await client()
    await asyncio.sleep(0)
    return found["loop"] is asyncio.get_running_loop() and (await client()) is found

@pipeline
def p():
    return in_thread.map(range(100)), in_loop.map(range(200))

if __name__ == "__main__":
    threads, loops = taskflow.run(p.options(workers=2, progress=False))
    print(len({place for place, _ in threads}), {one for _, one in threads}, set(loops))
""",
    )
    assert program.run("tasks.py") == 0, program.err
    assert program.out == "1 {1} {True}\n"
    assert list(pids(program, "open").values()) == list(pids(program, "closed").values()) == [1]
    assert pids(program, "open", "client") == pids(program, "closed", "client")
    assert set(pids(program, "open", "client").values()) == {1}
    assert pids(program, "open", "lite") == pids(program, "closed", "lite")
    assert "could not be closed" not in program.err


def test_a_thread_that_a_task_starts_gets_the_workers_instance(program):
    """Although it knows nothing of the run."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
from concurrent.futures import ThreadPoolExecutor

@task
def spread():
    with ThreadPoolExecutor(8) as pool:
        return len({id(each) for each in [db(), *pool.map(lambda _: db(), range(50))]})

@pipeline
def p():
    return spread()
"""
        + MAIN,
    )
    assert program.run("tasks.py") == 0, program.err
    assert program.out == "1\n"
    assert [line.split()[0] for line in program.lines] == ["open", "closed"]


def test_a_failure_to_open_fails_the_task_and_one_to_close_is_told(program):
    """The next attempt tries again; what went wrong at the end is in the output."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
@resource
def shaky():
    note("try")
    if len(open(os.environ["LEDGER"]).readlines()) < 3:
        raise OSError("not yet")
    yield "there"
    raise OSError("lost at last")

@task(retries=5)
def ask():
    return shaky()

@pipeline
def p():
    return ask()

if __name__ == "__main__":
    print(taskflow.run(p.options(workers=1)))
""",
    )
    assert program.run("tasks.py") == 0, program.err
    assert (program.out, program.lines) == ("there\n", ["try"] * 3)
    assert "the resource shaky could not be closed" in program.err
    assert "lost at last" in program.err


def test_an_instance_does_not_travel(program):
    """Returned from a task, or taken along by a pipeline's body, it is an error that says so."""
    program.write(
        "tasks.py",
        RESOURCES
        + """
@task
def give():
    return db()

@pipeline
def p():
    return give()
"""
        + MAIN,
    )
    assert program.run("tasks.py") == 1
    assert "open connections where they are used" in program.err
    assert [line.split()[0] for line in program.lines] == ["open", "closed"]
