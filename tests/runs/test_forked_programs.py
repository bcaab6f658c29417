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


@pytest.mark.ring_programs
def test_a_child_that_ends_says_nothing_of_workers_that_are_not_its_own(tmp_path):
    """The child exits without a traceback of clean-up, and the run goes on."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "3 7"), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "AssertionError" not in ended.stderr
