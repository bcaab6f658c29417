"""A program may fork while a run goes on: its child has no part in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, time
from pathlib import Path
import taskflow
here = Path(sys.argv[1])

@taskflow.task
def wait(x):
    (here / "begun").touch()
    while not (here / "go on").exists():
        time.sleep(0.001)
    return x

@taskflow.pipeline
def waits():
    return wait(7)

if __name__ == "__main__":
    run = taskflow.start(waits.options(executor="processes", workers=1))
    while not (here / "begun").exists():
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        sys.exit(3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    (here / "go on").touch()
    print(code, run.result())
"""


NESTED = """
import os, sys
import taskflow

@taskflow.task
def seven():
    return 7

@taskflow.pipeline
def asks():
    return seven()

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

if __name__ == "__main__":
    taskflow.run(asks.options(executor="processes", workers=2))
    if child := os.fork():
        sys.exit(ended(child))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(16)]  # some have numbers of ours
    if grandchild := os.fork():
        os._exit(ended(grandchild))
    for each in files:
        os.fstat(each)
    os._exit(3)
"""


def _ended(text, folder):
    """How a program ends."""
    program = folder / "program.py"
    program.write_text(text)
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(program), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )


@pytest.mark.ring_programs
def test_a_fork_of_a_fork_loses_no_files(tmp_path):
    """What the first one closed has numbers that are those of its own files by then."""
    ended = _ended(NESTED, tmp_path)
    assert (ended.returncode, ended.stderr) == (3, "")


@pytest.mark.ring_programs
def test_a_child_that_ends_says_nothing_of_workers_that_are_not_its_own(tmp_path):
    """The child exits without a traceback of clean-up, and the run goes on."""
    ended = _ended(PROGRAM, tmp_path)
    assert (ended.returncode, ended.stdout.strip()) == (0, "3 7"), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "AssertionError" not in ended.stderr
