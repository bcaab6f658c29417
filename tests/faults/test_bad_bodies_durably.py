"""Task bodies that do their worst, all in one run that is kept: each fails alone, and it resumes.

What they come to is shown on each kind of executor elsewhere; here it goes through the store.
"""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.ring_kill

FLOW = """
import ctypes, json, re, resource, socket, subprocess, tempfile

class Two(Exception):
    def __init__(self, one, two):
        super().__init__(one)

class Held(Exception):
    def __init__(self):
        super().__init__("held")
        self.lock = threading.Lock()

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")
    __repr__ = __str__

class Own(BaseException):
    pass

def deep():
    return deep()

def chain():
    error = ValueError("last")
    for n in range(5000):
        above = ValueError(n)
        above.__cause__, error = error, above
    raise error

def nest():
    made = []
    for _ in range(100_000):
        made = [made]
    return made

def throw(error):
    raise error

def hoard():
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**32, before[1]))
    try:
        return bytearray(2**33)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

@task
def bad(how):
    note("bad", how)
    if os.path.exists("mended"):
        return how
    return eval(how)

@task
def good(n):
    note("good", n)
    return n

@task
def both(one, many):
    return len(many)

@pipeline
def flow(hows: list[str]):
    return both(bad.map(hows), good.map(range(200)))
"""

#: What a body does, how it ends, and a word of what is said of it.
ENDS = {
    "os._exit(3)": ("crashed", "exit code 3"),
    "os.kill(os.getpid(), 9)": ("crashed", "SIGKILL"),
    "os.kill(os.getpid(), 15)": ("crashed", "SIGTERM"),
    "os.abort()": ("crashed", "SIGABRT"),
    "ctypes.string_at(0)": ("crashed", "SIGSEGV"),
    "os.closerange(3, 200)": ("crashed", ""),
    "hoard()": ("failed", "MemoryError"),
    "sys.exit(0)": ("failed", "SystemExit"),
    "sys.exit(7)": ("failed", "SystemExit"),
    "throw(KeyboardInterrupt())": ("failed", "KeyboardInterrupt"),
    "throw(GeneratorExit())": ("failed", "GeneratorExit"),
    "throw(Own('mine'))": ("failed", "Own"),
    "throw(Two(1, 2))": ("failed", "Two"),
    "throw(Held())": ("failed", "Held"),
    "throw(Mute())": ("failed", "Mute"),
    "throw(ExceptionGroup('some', [ValueError(1), OSError(2)]))": ("failed", "ExceptionGroup"),
    "throw(ValueError('x' * 100_000_000))": ("failed", "ValueError"),
    "throw(ValueError(chr(0) + chr(0xd800) + chr(27) + '[2J'))": ("failed", "ValueError"),
    "chain()": ("failed", "ValueError"),
    "deep()": ("failed", "RecursionError"),
    "threading.Lock()": ("failed", "cannot be pickled"),
    "socket.socket()": ("failed", "cannot be pickled"),
    "(n for n in range(3))": ("failed", "cannot be pickled"),
    "nest()": ("failed", ""),
}


def test_bad_bodies_end_alone_are_kept_as_they_ended_and_run_again(project):
    """States and causes are in the store, bystanders are kept; mended, the bad ones run again."""
    project.write(FLOW)
    hows = list(ENDS)
    ended = project.taskflow("run", "flow.py", "--hows", json.dumps(hows))
    assert ended.code == 1, ended.err
    shown = project.run()
    failures = {each["task"]: each for each in shown["failures"]}
    assert len(failures) == len(ENDS)
    for number, (how, (state, word)) in enumerate(ENDS.items()):
        failure = failures[f"flow/bad[{number}]"]
        assert (how, failure["state"]) == (how, state)
        assert word in json.dumps(failure)
        assert project.noted[f"bad {how}"] == (3 if state == "crashed" else 1)
    states = {(each["name"], each["state"]): each["count"] for each in shown["tasks"]}
    assert states["good", "succeeded"] == 200
    assert states["both", "upstream_failed"] == 1
    assert all(project.noted[f"good {n}"] == 1 for n in range(200))
    before = project.noted
    (project.folder / "mended").touch()
    ended = project.taskflow("resume", "last")
    assert (ended.code, ended.out) == (0, "200\n")
    assert project.noted - before == {f"bad {how}": 1 for how in hows}
    # A message of 100 MB is no reason to keep all of it.
    assert sum(path.stat().st_size for path in project.store.glob("store.db*")) < 50_000_000
