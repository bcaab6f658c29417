"""The guard against OpenStack's package `taskflow`, whichever of the two was installed last."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_importing_is_refused_where_the_other_taskflow_is_installed(tmp_path: Path) -> None:
    """The ImportError names both packages, the folder it found, and the command that mends it."""
    found = install(tmp_path, "taskflow-6.5.0.dist-info")
    result = python("import taskflow", ROOT, tmp_path)
    assert result.returncode == 1
    message = result.stderr.partition("ImportError: ")[2]
    assert "taskflow-orchestrator" in message
    assert "OpenStack's taskflow" in message
    assert str(found) in message
    assert "pip uninstall -y taskflow" in message


@pytest.mark.parametrize("name", ["taskflow-6.5.0-py3.11.egg-info", "taskflow.egg-info"])
def test_older_ways_of_installing_are_seen_too(tmp_path: Path, name: str) -> None:
    """Debian's packages and development checkouts leave an egg-info in place of a dist-info."""
    found = install(tmp_path, name)
    assert str(found) in python("import taskflow", ROOT, tmp_path).stderr


def test_the_clash_can_be_allowed(tmp_path: Path) -> None:
    """With TASKFLOW_ALLOW_CLASH=1 the package is imported beside the other one."""
    install(tmp_path, "taskflow-6.5.0.dist-info")
    result = python("import taskflow", ROOT, tmp_path, TASKFLOW_ALLOW_CLASH="1")
    assert (result.returncode, result.stderr) == (0, "")


def test_packages_with_longer_names_are_no_clash(tmp_path: Path) -> None:
    """Neither our own distribution nor one that merely starts like it is taken for the other."""
    install(tmp_path, "taskflow_orchestrator-0.1.0.dist-info")
    install(tmp_path, "taskflow_pipeline-1.0.dist-info")
    result = python("import taskflow", ROOT, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_what_is_no_folder_on_the_path_is_passed_over(tmp_path: Path) -> None:
    """A zip file, a missing folder, an empty entry: the guard looks on, as Python's import does."""
    archive = tmp_path / "code.zip"
    archive.write_bytes(b"")
    prepare = f"import sys, pathlib; sys.path += ['', pathlib.Path({str(tmp_path)!r})]"
    result = python(f"{prepare}; import taskflow", ROOT, archive, tmp_path / "missing")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_worker_notices_that_the_other_package_was_installed_over_ours(tmp_path: Path) -> None:
    """Where their `__init__.py` has replaced ours, the check raises, and says how to mend it."""
    overwritten(tmp_path)
    result = python("from taskflow._clash import check_is_ours; check_is_ours()", tmp_path)
    assert result.returncode == 1
    message = result.stderr.partition("ImportError: ")[2]
    assert str(tmp_path / "taskflow" / "__init__.py") in message
    assert "OpenStack's taskflow" in message
    assert "pip install --force-reinstall taskflow-orchestrator" in message


def test_the_command_line_notices_it_too(tmp_path: Path) -> None:
    """`taskflow` ends with exit code 2 and the same remedy, whatever it was asked to do."""
    overwritten(tmp_path)
    result = python("from taskflow.cli.main import main; main()", tmp_path)
    assert result.returncode == 2
    assert "pip install --force-reinstall taskflow-orchestrator" in result.stderr


def test_our_own_package_passes_the_check() -> None:
    """The check is silent where nothing is wrong."""
    code = "import taskflow; from taskflow._clash import check_is_ours; check_is_ours()"
    result = python(code, ROOT)
    assert (result.returncode, result.stderr) == (0, "")


def install(folder: Path, name: str) -> Path:
    """What an installer leaves behind beside the code of a distribution."""
    metadata = folder / name
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: taskflow\nVersion: 6.5.0\n")
    return metadata


def overwritten(folder: Path) -> None:
    """Our package in `folder`, with the other one's `__init__.py` in place of ours."""
    unneeded = shutil.ignore_patterns("__pycache__")
    package = shutil.copytree(ROOT / "taskflow", folder / "taskflow", ignore=unneeded)
    (package / "__init__.py").write_text("# all that OpenStack's taskflow has here is a licence\n")


def python(code: str, *path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that runs `code` with these entries first on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **variables}
    # -P: the current folder is not on the path
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
