"""How tests call the command line: as a process of its own, in a folder of files."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def in_a_ring(*values: Any) -> Any:
    """A case that is much like another one: it waits for the run of all tests."""
    return pytest.param(*values, marks=pytest.mark.ring_programs)


class Folder:
    """A folder of pipeline files, and the command line called in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> str:
        (self.path / name).write_text(textwrap.dedent(text))
        return name

    def taskflow(
        self, *args: str, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Call the command line and wait for it."""
        return subprocess.run(
            [sys.executable, "-m", "taskflow", *args],
            cwd=self.path,
            env=self.environment(**variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def popen(self, *args: str) -> subprocess.Popen[str]:
        """Start the command line, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "taskflow", *args],
            cwd=self.path,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def environment(self, **variables: str) -> dict[str, str]:
        """A plain environment, with the package of this checkout first on the path."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("CI", "FORCE", "NO_"))}
        return {**plain, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **variables}
