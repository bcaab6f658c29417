"""The page of errors, examples/ERRORS.md: `python tests/errors_page.py --write` makes it anew.

For every error class it has what the docstring says, a program that raises it, and the message
that comes of it. The programs are in `errors_shown.py`; they are run, so the messages are real.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import json
import os
import pkgutil
import re
import runpy
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Final, NamedTuple

import taskflow
from taskflow import errors
from taskflow.errors import TaskflowError

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "examples" / "ERRORS.md"
#: What a program is called; messages show it, and beginners recognise it.
PROGRAM: Final = "scrape.py"

HEAD: Final = """\
# Errors

Every error that taskflow raises by itself: when, an example, and its message. All are in
`taskflow.errors`, if not said otherwise, and those that programs catch or raise in `taskflow` too.
A message says what happened, where, why, and what to write instead.

This page is made by running the examples: `python tests/errors_page.py --write`.
"""


class Shown(NamedTuple):
    """How a program ended: the classes of the exception, the first one being its own; its text."""

    classes: list[str]
    message: str


def classes() -> list[type[TaskflowError]]:
    """Every error class of the package that is not internal, a root before what is below it."""
    for module in pkgutil.walk_packages(taskflow.__path__, "taskflow."):
        with contextlib.suppress(ImportError):  # what belongs to an extra that is not installed
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return [cls for cls in _below(TaskflowError) if cls.__name__ not in INTERNAL]


def _below(cls: type[TaskflowError]) -> list[type[TaskflowError]]:
    """A class, then what is derived from it: in the order of errors.py, then by name."""
    # What has several bases belongs to the one that is named first.
    derived = [each for each in cls.__subclasses__() if each.__bases__[0] is cls]
    own = [each for each in derived if each.__module__.startswith("taskflow.")]
    return [cls, *(more for each in sorted(own, key=_rank) for more in _below(each))]


def _rank(cls: type) -> tuple[int, str]:
    known = list(vars(errors))
    place = known.index(cls.__name__) if cls.__module__ == errors.__name__ else len(known)
    return place, f"{cls.__module__}.{cls.__name__}"


#: These only tell our own code more than their base does, which is what people know them as.
INTERNAL: Final = {"InputNeededError", "NoDefaultError"}


def shown(programs: dict[str, str]) -> dict[str, Shown]:
    """Run programs, each in a folder of its own, in another process."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in programs.items():
            path = Path(folder, name, PROGRAM)
            path.parent.mkdir()
            path.write_text(text)
        # Messages name the folder of a run, which is the same everywhere but for this.
        everywhere = {"PYTHONPATH": str(ROOT), "TMPDIR": "/tmp"}
        store = {"TASKFLOW_STORE": "sqlite:///.taskflow/"}  # each program has its own
        finished = subprocess.run(
            [sys.executable, __file__, "--run", folder, *programs],
            env={**os.environ, **everywhere, **store},
            capture_output=True,
            check=False,
            text=True,
        )
        if finished.returncode:
            raise RuntimeError(f"the examples could not be run:\n{finished.stderr}")
        ends = json.loads(finished.stdout.splitlines()[-1])
    return {name: Shown(*end) for name, end in ends.items()}


def _run_all(folder: str, names: list[str]) -> None:
    """What the other process does: run them, and print how each ended."""
    ends = {}
    for name in names:
        os.chdir(Path(folder, name))
        ends[name] = _end_of(str(Path(folder, name, PROGRAM)))
        tempfile.tempdir = None  # which one of the programs sets
    print(json.dumps(ends))


def _end_of(path: str) -> Shown:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            runpy.run_path(path, run_name="__main__")
    except Exception as error:  # noqa: BLE001 - the reader is shown whatever comes
        # Of the notes, those that taskflow adds with a traceback are long, and the program's own.
        notes = [note for note in getattr(error, "__notes__", ()) if "Traceback" not in note]
        text = "\n".join([f"{type(error).__name__}: {error}", *notes])
        return Shown([cls.__name__ for cls in type(error).__mro__], _steady(text))
    return Shown(["nothing"], "")


def _steady(text: str) -> str:
    """A message without what changes from run to run."""
    text = re.sub(r"\b(run|resume|cancel) [0-9a-z]{11}\b", r"\1 6p0hbnvhw1v", text)
    text = re.sub(r"\bpid \d+ since [\d:]{8}", "pid 4711 since 14:02:07", text)
    text = text.replace(os.getcwd(), "/project")
    text = re.sub(r"127\.0\.0\.1:\d{4,}", "127.0.0.1:8000", text)
    text = re.sub(r"\btaskflow-\d+-\w+", "taskflow-4711-a1b2c3d4", text)
    text = re.sub(r"\b[0-9a-f]{24}\.value\b", "5b3f4905670868c914a94e8c.value", text)
    return re.sub(r" at 0x[0-9a-f]+", " at 0x7f5c2e1d4a40", text)


def page(ends: dict[str, Shown], programs: dict[str, str]) -> str:
    """The text of the page."""
    found = classes()
    tree = "\n".join(
        f"{'  ' * _depth(cls)}- [{cls.__name__}](#{cls.__name__.lower()}): {_sentence(cls)}"
        for cls in found
    )
    sections = [_section(cls, programs[cls.__name__], ends[cls.__name__]) for cls in found]
    return "\n".join([HEAD, tree, "", *sections])


def _depth(cls: type) -> int:
    return 0 if cls is TaskflowError else 1 + _depth(cls.__bases__[0])


def _sentence(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _section(cls: type, program: str, end: Shown) -> str:
    kinds = " and ".join(f"`{base.__name__}`" for base in cls.__bases__)
    home = "" if cls.__module__ == "taskflow.errors" else f", in `{cls.__module__}`"
    return (
        f"## {cls.__name__}\n\nInherits from {kinds}{home}.\n\n{inspect.getdoc(cls)}\n\n"
        f"```python\n{program}```\n\n```text\n{end.message}\n```\n"
    )


def programs() -> dict[str, str]:
    """The programs as they stand on the page."""
    from errors_shown import PROGRAMS

    return {name: textwrap.dedent(text).lstrip("\n").rstrip(" ") for name, text in PROGRAMS.items()}


def main() -> int:
    """Write the page, or say whether it is as it would be written."""
    if sys.argv[1:2] == ["--run"]:
        _run_all(sys.argv[2], sys.argv[3:])
        return 0
    texts = programs()
    for text in texts.values():
        ast.parse(text)
    made = page(shown(texts), texts)
    if "--write" in sys.argv:
        PAGE.write_text(made)
        return 0
    is_fresh = PAGE.exists() and PAGE.read_text() == made
    print("up to date" if is_fresh else "stale: python tests/errors_page.py --write")
    return int(not is_fresh)


if __name__ == "__main__":
    sys.exit(main())
