"""An environment for each peer: this one if it has what the peer needs, else one of its own."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks.measure import say

#: What marks a comment as the requirements of a script (PEP 723).
_OPENS, _CLOSES = "# /// script", "# ///"
_HOME: Final = Path(__file__).parent / "peers"
#: How long an installation may take, in seconds.
_PATIENCE: Final = 600


class NotAvailableError(Exception):
    """A peer cannot be installed; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that runs Python functions, and what it needs for that."""

    name: str
    requirements: tuple[str, ...]
    #: What it does and what it does not, in one sentence.
    note: str

    def command(self, python: str) -> list[str]:
        """The program that measures it."""
        # -P: a module in the current folder must not be taken for the library of the same name.
        return [python, "-P", "-m", f"benchmarks.peers.{self.name}"]

    @property
    def is_here(self) -> bool:
        """Whether this environment has what it needs."""
        try:
            for requirement in self.requirements:
                version(_distribution(requirement))
        except PackageNotFoundError:
            return False
        return True

    def version(self, python: str) -> str:
        """Its version in an environment; that of Python if it is a part of that."""
        if not self.requirements:
            return platform.python_version()
        name = _distribution(self.requirements[0])
        code = f"from importlib.metadata import version; print(version({name!r}))"
        return subprocess.check_output([python, "-P", "-c", code], text=True).strip()

    def interpreter(self, folder: Path) -> str:
        """The Python of an environment with this peer, made in a folder if there is none yet.

        Raises `NotAvailableError` if it cannot be installed.
        """
        if self.is_here:
            return sys.executable
        return str(_installed(self, folder))


def peers() -> list[Peer]:
    """All of them."""
    return [_peer(path) for path in sorted(_HOME.glob("*.py")) if _OPENS in path.read_text()]


def default_folder() -> Path:
    """Where environments are made that nobody gave a folder for."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "taskflow-benchmarks"


def _peer(path: Path) -> Peer:
    text = path.read_text()
    head = text.partition(f"{_OPENS}\n")[2].partition(f"{_CLOSES}\n")[0]
    script = tomllib.loads(
        "".join(line.removeprefix("# ") for line in head.splitlines(keepends=True))
    )
    return Peer(path.stem, tuple(script["dependencies"]), ast.get_docstring(ast.parse(text)) or "")


def _distribution(requirement: str) -> str:
    """The name in front of a version or an extra."""
    return requirement.partition("<")[0].partition(">")[0].partition("[")[0].strip()


def _installed(peer: Peer, folder: Path) -> Path:
    kind = f"{sys.version_info[0]}.{sys.version_info[1]} {' '.join(peer.requirements)}"
    home = folder / f"{peer.name}-{hashlib.sha256(kind.encode()).hexdigest()[:8]}"
    python = home / "bin" / "python"
    done = home / "installed"
    if not done.exists():
        say(f"  installing {' '.join(peer.requirements)}")
        venv.create(home, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *peer.requirements]
        result = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        if result.returncode != 0:
            raise NotAvailableError(f"cannot be installed: {_reason(result.stderr)}")
        done.touch()
    return python


def _reason(said: str) -> str:
    """The first of pip's errors, and not the notice of a newer pip that it ends with."""
    lines = [line for line in said.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), "; ".join(lines[-1:]))
