"""The process that forks children, for files and for runs, and how it ends."""

from __future__ import annotations

import os
import signal

import pytest
from nursed import Nursed

from taskflow.errors import ExecutorError
from taskflow.schedule.folder import Folder
from taskflow.schedule.messages import Ended

RUNNING = """\
import atexit, os, signal, sys, threading

def main(payload):
    deed, _, path = payload.decode().partition(" ")
    if deed == "fail":
        raise ValueError("no")
    if deed == "leave":
        sys.exit(3)
    if deed == "return":
        return "a word of farewell"
    if deed == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    pipe = open(path, "w", buffering=1)
    pipe.write("begun")
    pipe.flush()
    if deed == "wait":
        signal.pause()
    if deed == "tidy":
        atexit.register(pipe.write, "at exit")
        threading.Thread(target=pipe.write, args=["thread, "]).start()
    if deed == "read":
        with open(path + ".in") as more:
            pipe.write(more.read())
"""


GOOD = """\
from taskflow import pipeline

@pipeline
def good():
    pass
"""
#: A file that opens a pipe, and hangs.
HELD = """\
pipe = open({!r}, "wb", 0)
pipe.write(b"x")
while True: pass
"""


@pytest.fixture
def runs(folder, start_nursery, tmp_path, monkeypatch):
    """A nursery whose runs are one function of ours."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "runs_of_test.py").write_text(RUNNING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    return Nursed(folder, start_nursery(runner="runs_of_test:main"))


def begun(nursed, pipe, deed):
    """Start a run, and wait until it goes on."""
    nursed.nursery.start_run("one", f"{deed} {pipe.path}".encode())
    assert pipe.next(5) == b"begun"  # and no more: it may go on to write at once


def test_many_files_are_read(nursed):
    """All of them, each in a child."""
    nursed.write("_helper.py", "def clean(x): return x\n")
    text = """\
    from taskflow import pipeline, task
    from _helper import clean
    @task
    def fetch(x): return clean(x)
    @pipeline(schedule="H 6 * * *", timezone="Europe/Brussels")
    def p{0}(n: int = 3): return fetch(fetch(n))
    """
    files = [nursed.write(f"p{number}.py", text.format(number)) for number in range(80)]
    readings = nursed.read(*files)
    assert {reading.error for reading in readings} == {""}
    assert len({each.name for reading in readings for each in reading.deployed}) == 80


def test_a_file_leaves_nothing_for_the_next(nursed):
    """Modules, environment, working directory and signals are as taskflow had them."""
    nursed.write("one/_helper.py", "names = ['one']\n")
    nursed.write("two/_helper.py", "names = []\n")
    text = """\
    import os, signal, threading
    import taskflow
    import _helper
    if "LEFT" in os.environ or os.getcwd() == "/" or threading.active_count() > 1:
        _helper.names.append("left")
    taskflow.left = getattr(taskflow, "left", 0) + 1
    os.environ["LEFT"] = "x"
    os.chdir("/")
    p = taskflow.pipeline(name="-".join([*_helper.names, str(taskflow.left)]))(lambda: None)
    """
    files = [nursed.write(f"{each}/report.py", text) for each in ("one", "two")]
    assert [each.deployed[0].name for each in nursed.read(*files)] == ["one-1", "1"]


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="Linux tells of threads there")
def test_a_nursery_has_one_thread(nursed):
    """A process with several is not safe to fork."""
    nursed.of("import threading\nthreading.Thread(target=print).start()\n")
    assert len(os.listdir(f"/proc/{nursed.nursery._process.pid}/task")) == 1


def test_children_that_read_end_with_the_service(hurried, pipe):
    """The nursery hangs up on them, and ends."""
    hurried.nursery.ask(hurried.write("a.py", HELD.format(pipe.path)))
    assert pipe.next() == b"x"
    hurried.nursery.close()
    assert pipe.next() == b""


def test_children_that_read_end_with_a_nursery_that_is_killed(hurried, pipe):
    """The kernel sees to it; the service hears of it, and knows what it still waits for."""
    file = hurried.write("a.py", HELD.format(pipe.path))
    hurried.nursery.ask(file)
    assert pipe.next() == b"x"
    os.kill(hurried.nursery._process.pid, signal.SIGKILL)
    assert pipe.next() == b""
    with pytest.raises(ExecutorError, match="SIGKILL"):
        hurried.received()
    assert hurried.nursery.waiting == [file]


def test_a_file_that_kills_its_nursery_again_and_again_is_given_up(hurried):
    """The files that wait with it are read; it is read again once it has changed."""
    bad = hurried.write("a.py", "import os\nos.kill(os.getppid(), 9)\n")
    good = [hurried.write(f"{each}.py", GOOD.replace("good", each)) for each in "bcd"]
    for path in (bad, *good):
        hurried.nursery.ask(path)
    found = {}
    while hurried.nursery.waiting or bad not in found:
        try:
            found.update((reading.file, reading) for reading in hurried.received())
        except ExecutorError:
            hurried.nursery.start_anew()
    assert {found[path].error for path in good} == {""}
    assert "died each time" in found[bad].error
    folder = Folder(str(hurried.folder))
    for path, reading in found.items():
        folder.knows(path, reading.parts)
    assert folder.look().added_or_changed == []
    hurried.write("a.py", GOOD)
    assert folder.look().added_or_changed == [bad]


@pytest.mark.parametrize(
    ("deed", "status", "how"),
    [
        ("fail", 1, "exit code 1"),
        ("leave", 3, "exit code 3"),
        ("return", 1, "exit code 1"),
        ("crash", -signal.SIGSEGV, "SIGSEGV: segmentation fault in C code"),
    ],
)
def test_the_end_of_a_run_is_told(runs, deed, status, how):
    """With its status, and in words if it did not end well."""
    runs.nursery.start_run("one", deed.encode())
    assert runs.received() == [Ended("one", status, how)]


def test_a_run_ends_as_a_program_does(runs, pipe):
    """Its threads are waited for, and what it left to be done at exit is done."""
    begun(runs, pipe, "tidy")
    assert runs.received() == [Ended("one", 0)]
    assert pipe.next() == b"thread, at exit"


def test_a_run_can_be_stopped(runs, pipe):
    """By a signal, which it takes as a program takes it; one for a run that ended goes nowhere."""
    begun(runs, pipe, "wait")
    runs.nursery.stop_run("one")
    assert runs.received() == [Ended("one", -signal.SIGTERM, "SIGTERM: terminated from outside")]
    runs.nursery.stop_run("one")
    runs.nursery.start_run("two", b"leave")
    assert runs.received() == [Ended("two", 3, "exit code 3")]


def test_a_run_lives_on_when_the_service_ends(runs, pipe):
    """It is nobody's child then, and goes on."""
    os.mkfifo(f"{pipe.path}.in")
    begun(runs, pipe, "read")
    runs.nursery.close()
    with open(f"{pipe.path}.in", "w") as more:
        more.write("and on")
    assert pipe.next() == b"and on"


def test_a_run_is_ended_while_files_are_read(runs, pipe):
    """Neither waits for the other; the limit of a file is none of a run."""
    begun(runs, pipe, "wait")
    assert runs.of("from taskflow import pipeline\n@pipeline\ndef p(): pass\n").deployed
    runs.nursery.stop_run("one", signal.SIGKILL)
    (ended,) = runs.received()
    assert (ended.ident, ended.status) == ("one", -signal.SIGKILL)


def test_a_nursery_that_stands_still_is_given_up(nursed):
    """One that answers is left alone; of one that was stopped the service takes another."""
    nursery = nursed.nursery
    for _ in range(3):
        nursery.check()
        assert nursed.received() == []  # its answer, which is for nobody else
    os.kill(nursery._process.pid, signal.SIGSTOP)
    nursery.ask(nursed.write("good.py", GOOD), str(nursed.folder))
    nursery.check()
    nursery.check()
    with pytest.raises(ExecutorError, match="SIGKILL"):
        nursed.received()
    nursery.start_anew()
    (reading,) = nursed.received()
    assert [each.name for each in reading.deployed] == ["good"]
