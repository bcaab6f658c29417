"""Workers without work serve the next run of their process, as long as no run can tell."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ledgers import lives, until

import taskflow
from taskflow import pipeline, task
from taskflow.errors import RunPaused, StoreError
from taskflow.executors import fitness, machine, warm
from taskflow.store.ledger import SqliteLedger


def ran(p, **params):
    """The value of a run of `p` in one worker."""
    return taskflow.run(p.options(workers=1, progress=False), **params)


@task
def number():
    return os.getpid()


@task
def done(thing):
    thing()
    return os.getpid()


@pipeline
def ask():
    return number()


@pipeline
def do(thing):
    return done(thing)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes a module of a project that can be imported, and imports it, or does so again."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text):
        (tmp_path / "warmed.py").write_text(f"from taskflow import pipeline, task\n{text}")
        importlib.invalidate_caches()
        known = sys.modules.get("warmed")
        return importlib.reload(known) if known else importlib.import_module("warmed")

    yield write
    sys.modules.pop("warmed", None)


@pytest.fixture
def both(tmp_path):
    """A pipeline that needs two workers at once; it returns their numbers."""
    meeting = tmp_path / "meeting"
    os.mkfifo(meeting)

    @task
    def meet(mode):
        with open(meeting, mode):  # waits for the other
            return os.getpid()

    @pipeline
    def both():
        return [meet("r"), meet("w")]

    return both


def test_two_runs_of_a_process_are_served_by_the_same_workers(both):
    """Each worker of the second run has served the first."""
    first = set(taskflow.run(both.options(workers=2, progress=False)))
    second = set(taskflow.run(both.options(workers=2, progress=False)))
    assert second == first


def test_a_worker_starts_while_the_pipeline_is_traced():
    """The body of the pipeline finds one already, and its first task is run there."""
    found = []

    @pipeline
    def p():
        found.extend(pid for each in warm._park.processes for pid in each._pool._processes)
        return number()

    assert [ran(p)] == found


def test_edited_code_is_run_by_a_new_worker(project):
    """A module that was edited and loaded again is not that of workers that know the old one."""
    text = (
        "import os\n"
        "@task\ndef f():\n    return {}, os.getpid()\n"
        "@pipeline\ndef p():\n    return f()\n"
    )
    old, first = ran(project(text.format("'old'")).p)
    same, second = ran(sys.modules["warmed"].p)
    new, third = ran(project(text.format("'new'")).p)
    assert (old, same, new) == ("old", "old", "new")
    assert first == second != third


def test_a_module_that_only_the_worker_has_imported_is_not_served_stale(project, tmp_path):
    """What a task imports by a name that no source shows may be edited between runs, too."""
    plugin = tmp_path / "warm_plugin.py"
    plugin.write_text("word = 'old'\n")
    text = (
        "import importlib, os, sys\n"
        "@task\ndef f(name):\n"
        "    return importlib.import_module(name).word\n"
        "@pipeline\ndef p(name: str):\n    return f(name)\n"
    )
    p = project(text).p
    assert ran(p, name="warm_plugin") == "old"
    plugin.write_text("word = 'another'\n")  # of another length: Python tells by that, and seconds
    assert ran(p, name="warm_plugin") == "another"


def test_a_warning_is_shown_in_each_run(project, capfd):
    """Python shows a warning once for each line: once in a run, and not once in a worker."""
    text = (
        "import os, warnings\n"
        "@task\ndef f():\n    warnings.warn('mind', stacklevel=1)\n    return os.getpid()\n"
        "@pipeline\ndef p():\n    return f()\n"
    )
    p = project(text).p
    first = taskflow.run(p.options(workers=1, progress=True))
    assert "mind" in capfd.readouterr().err
    assert taskflow.run(p.options(workers=1, progress=True)) == first
    assert "mind" in capfd.readouterr().err


CHANGES = {
    "environment": lambda patch: patch.setenv("TASKFLOW_TEST_COLOUR", "red"),
    "umask": lambda _: os.umask(0o027),
    "limits": lambda _: resource.setrlimit(
        resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
    ),
    "path": lambda patch: patch.syspath_prepend("/nowhere"),
}


@pytest.mark.ring_programs
@pytest.mark.parametrize("change", CHANGES)
def test_a_worker_that_started_in_other_surroundings_is_ended(change, monkeypatch):
    """What a process takes over from its parent is as it was, or a new one is started."""
    umask, core = os.umask(0o022), resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (core[1], core[1]))
    try:
        if resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and change == "limits":
            pytest.skip("the limit is as low as it can be already")
        first = ran(ask)
        CHANGES[change](monkeypatch)
        assert ran(ask) != first
        until(lambda: not lives(first))
    finally:
        os.umask(umask)
        resource.setrlimit(resource.RLIMIT_CORE, core)


def _start_thread():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def _start_process():
    subprocess.Popen(["sleep", "60"])


def _leave_process_behind():
    subprocess.run("sleep 60 &", shell=True, check=True)


def _grow():
    global _much
    _much = bytearray(b"x") * (fitness.MOST_BYTES + 1)


LEFT_OVER = {
    "thread": _start_thread,
    "subprocess": _start_process,
    "orphan": _leave_process_behind,
    "variable": lambda: os.environ.update(COLOUR="red"),
    "umask": lambda: os.umask(0o777),
    "signal": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "logging": lambda: logging.getLogger().setLevel(logging.DEBUG),
    "memory": _grow,
}


@pytest.mark.ring_programs
@pytest.mark.parametrize("left", LEFT_OVER)
def test_a_worker_in_which_a_task_has_left_something_is_ended(left):
    """What would go on, or was changed for the whole process, ends with the run."""
    first = ran(do, thing=LEFT_OVER[left])
    assert ran(ask) != first
    assert not lives(first)


def test_what_a_task_has_changed_and_can_be_restored_is(tmp_path):
    """Directory, arguments and streams are those of the run."""

    def change():
        os.chdir(tmp_path)
        sys.argv[:] = ["other"]
        sys.stdout = None

    @task
    def surroundings():
        print("heard", flush=True)
        return os.getcwd(), sys.argv, os.getpid()

    @pipeline
    def look():
        return surroundings()

    first = ran(do, thing=change)
    assert ran(look) == (os.getcwd(), sys.argv, first)


def test_resources_are_closed_at_the_end_of_each_run(tmp_path):
    """The worker goes on, what was opened in it does not."""
    ledger = tmp_path / "ledger"

    @taskflow.resource
    def opened():
        with ledger.open("a") as file:
            print("opened", os.getpid(), file=file)
        yield
        with ledger.open("a") as file:
            print("closed", os.getpid(), file=file)

    def use():
        opened()

    first = ran(do, thing=use)
    assert ledger.read_text() == f"opened {first}\nclosed {first}\n"
    assert ran(do, thing=use) == first
    assert ledger.read_text() == 2 * f"opened {first}\nclosed {first}\n"


def test_a_worker_that_was_killed_meanwhile_is_replaced_without_a_word(capfd):
    """It had nothing to do: nobody has to hear of it."""
    first = ran(ask)
    os.kill(first, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # loky may have been quicker to take its code
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert ran(ask) != first
    assert capfd.readouterr().err == ""


def test_workers_of_a_run_that_cannot_be_kept_are_ended(tmp_path, monkeypatch):
    """The store goes on taking them for workers of that run, which its resume would kill."""

    def fail(*_, **__):
        raise StoreError("no space left")

    monkeypatch.setattr(SqliteLedger, "end", fail)
    p = ask.options(workers=1, progress=False, store=f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(RunPaused):
        taskflow.run(p)
    assert warm.is_empty()


def test_workers_end_after_a_while_without_work(monkeypatch):
    """A notebook that is left open holds none for ever."""
    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.01)
    first = ran(ask)
    until(lambda: not lives(first))


def test_no_more_are_kept_than_the_last_run_had(both, monkeypatch):
    """A run with one worker leaves one, whatever came before it."""
    for name in machine.THREAD_CAPS:  # else more workers have fewer threads each
        monkeypatch.setenv(name, "1")
    before = set(taskflow.run(both.options(workers=2, progress=False)))
    kept = ran(ask)
    assert kept in before
    assert [pid for pid in before if lives(pid)] == [kept]


PROGRAM = """
import os, sys
import taskflow
from taskflow import pipeline, task

@task
def number():
    return os.getpid()

@pipeline
def ask():
    return number()

def pid():
    return taskflow.run(ask.options(workers=1, progress=False))

if __name__ == "__main__":
    print(pid(), flush=True)
    {rest}
"""


def started(tmp_path, rest):
    """A program that has printed the number of a worker without work, and that number."""
    path = Path(tmp_path / "program.py")
    path.write_text(PROGRAM.replace("{rest}", rest))
    command = [sys.executable, path]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return program, int(program.stdout.readline())


@pytest.mark.ring_programs
@pytest.mark.parametrize("rest", ["", "sys.exit(3)", "raise KeyboardInterrupt", "os._exit(1)"])
def test_a_program_that_ends_leaves_no_worker(tmp_path, rest):
    """Whichever way it ends, and without waiting."""
    program, worker = started(tmp_path, rest or "pass")
    program.communicate(timeout=60)
    until(lambda: not lives(worker))


@pytest.mark.ring_kill
def test_a_program_that_is_killed_leaves_no_worker(tmp_path):
    """Its workers are tied to it by the kernel, those without work, too."""
    program, worker = started(tmp_path, "input()")
    assert lives(worker)
    program.kill()
    program.communicate(timeout=60)
    until(lambda: not lives(worker))


@pytest.mark.ring_programs
def test_a_fork_has_no_part_in_workers_without_work(tmp_path):
    """The child starts its own, and its end does not touch those of its parent."""
    rest = (
        "child = os.fork()\n"
        "    if not child:\n"
        "        print(pid(), flush=True)\n"
        "        sys.exit()\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    print(pid(), flush=True)"
    )
    program, worker = started(tmp_path, rest)
    out, _ = program.communicate(timeout=60)
    childs, again = map(int, out.split())
    assert program.returncode == 0
    assert again == worker != childs
    until(lambda: not lives(childs) and not lives(worker))
