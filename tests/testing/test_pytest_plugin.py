"""The plugin in a session of its own: what it loads, what it shows, and that it is found."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "taskflow" / "testing" / "pytest_taskflow.py"

USER = """
import sys
from taskflow import pipeline, task
from taskflow.testing import assert_ran

@task(retries=2, retry_delay="1h")
def fetch(url):
    if url == "b":
        raise OSError("no route to host")
    return url

@pipeline
def scrape():
    return fetch.map(["a", "b"])

def test_good(taskflow_run, taskflow_clock):
    run = taskflow_run(scrape)
    assert_ran(run, fetch, times=2, attempts=4)
    assert taskflow_clock.time == 7200

def test_bad(taskflow_run):
    run = taskflow_run(scrape)
    assert run.state == "succeeded"
"""


def session(folder: Path, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a test file of a user, with no plugin but ours."""
    (folder / "test_user.py").write_text(program)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(PLUGIN.parent)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_taskflow", *options]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_session_that_uses_no_fixture_does_not_load_taskflow(tmp_path):
    """The plugin costs the import of one small file: a list of modules is exact, a clock noisy."""
    program = (
        "import sys\n"
        "def test_nothing_is_loaded():\n"
        "    ours = {name for name in sys.modules if name.partition('.')[0] == 'taskflow'}\n"
        "    assert 'pytest_taskflow' in sys.modules and not ours\n"
    )
    result = session(tmp_path, program)
    assert result.returncode == 0, result.stdout


def test_the_words_for_tests_need_no_pytest_and_nothing_heavy():
    """`import taskflow.testing` loads no test framework, no worker processes and no terminal."""
    code = "import sys, taskflow.testing; print(*sys.modules)"
    command = [sys.executable, "-P", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    loaded = set(subprocess.check_output(command, env=environment, text=True).split())
    heavy = {"pytest", "unittest", "loky", "rich", "click", "asyncio", "multiprocessing", "sqlite3"}
    assert loaded & heavy == set()


def test_a_failed_test_shows_what_its_runs_did(tmp_path):
    """Below an assertion that failed stands what ran, with states, and what failed in it."""
    told = session(tmp_path, USER).stdout
    assert "1 failed, 1 passed" in told
    assert "Captured taskflow call" in told
    assert "of scrape: failed in 7200 s" in told
    assert "  fetch  1 succeeded, 1 failed" in told
    assert "fetch[1] failed after 3 attempts: OSError: no route to host" in told


@pytest.mark.ring_programs
def test_the_fixtures_work_under_xdist(tmp_path):
    """Each worker of pytest-xdist has runs, clocks and stubs of its own."""
    pytest.importorskip("xdist")
    told = session(tmp_path, USER, "-p", "xdist", "-n", "2").stdout
    assert "1 failed, 1 passed" in told


def test_the_plugin_is_installed_as_a_module_of_its_own():
    """The entry point names a module that pytest can import without the package around it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module = project["project"]["entry-points"]["pytest11"]["taskflow"]
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {str(PLUGIN.relative_to(ROOT)): f"{module}.py"}
    assert not any("pytest" in each for each in project["project"]["dependencies"])
