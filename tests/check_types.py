"""What mypy, pyright and ty say of the programs in tests/typing: `python tests/check_types.py`.

Those programs are never run. They state by `assert_type` what the public names are typed as, and
mark what has to be refused:

    fetch_page(5)  # type: ignore[arg-type]

All three have to report an error on exactly the marked lines. Where they cannot agree, the line
says who reports it, and why: `# only ty: why`, `# not mypy, pyright: why`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parent.parent
PROGRAMS: Final = ROOT / "tests" / "typing"

#: Where mypy finds the package; and no word of pyright about a newer one, which it would look for.
ENVIRONMENT: Final = {"MYPYPATH": str(ROOT), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
#: A line of a program: the name of its file, and its number.
Line = tuple[str, int]

_MARK: Final = re.compile(r"# type: ignore\[.*")
_EXCEPTION: Final = re.compile(r"# (only|not) ([a-z, ]+): \S")


def marked(text: str, checker: str) -> set[int]:
    """The lines of a program on which this checker has to report an error."""
    lines = enumerate(text.splitlines(), 1)
    return {number for number, line in lines if _is_marked(line, checker)}


def _is_marked(line: str, checker: str) -> bool:
    exception = _EXCEPTION.search(line)
    if exception is None:
        return bool(_MARK.search(line))
    word, names = exception.groups()
    return (checker in re.split(r",\s*", names)) == (word == "only")


def said_by_mypy(folder: Path) -> dict[Line, str]:
    """What mypy reports, as strict as it is with the package itself."""
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--output=json"]
    output = _output(["-m", "mypy", *settings, "."], folder)
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {
        (each["file"], each["line"]): each["message"]
        for each in found
        if each["severity"] == "error"
    }


def said_by_pyright(folder: Path) -> dict[Line, str]:
    """What pyright reports in its strict mode."""
    settings = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT)],
        # These programs are made of expressions that nobody uses: to look at them is the point.
        "reportUnusedExpression": False,
        "reportUnusedCoroutine": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    python = ["--pythonpath", sys.executable, "--pythonversion", "3.11"]
    output = _output(["-m", "pyright", "--outputjson", *python], folder)
    return {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1): _first_line(each["message"])
        for each in json.loads(output)["generalDiagnostics"]
        if each["severity"] == "error"
    }


def said_by_ty(folder: Path) -> dict[Line, str]:
    """What ty reports."""
    where = ["--python", sys.prefix, "--extra-search-path", str(ROOT), "--python-version", "3.11"]
    output = _output(["-m", "ty", "check", "--output-format=gitlab", *where, "."], folder)
    return {
        (each["location"]["path"], each["location"]["positions"]["begin"]["line"]): each[
            "description"
        ]
        for each in json.loads(output)
    }


CHECKERS: Final[dict[str, Callable[[Path], dict[Line, str]]]] = {
    "mypy": said_by_mypy,
    "pyright": said_by_pyright,
    "ty": said_by_ty,
}


def disagreements(checker: str, programs: Path = PROGRAMS) -> list[str]:
    """Where a checker reports an error on an unmarked line, or none on a marked one."""
    texts = {path.name: path.read_text() for path in programs.glob("*.py")}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            # Without the marks, which would have the checkers keep silent.
            (Path(folder) / name).write_text(_MARK.sub("", text))
        said = CHECKERS[checker](Path(folder))
    wanted = {(name, number) for name, text in texts.items() for number in marked(text, checker)}
    return [
        f"{name}:{number}: {checker} "
        + (f"says: {said[name, number]}" if (name, number) in said else "accepts it")
        for name, number in sorted(wanted ^ said.keys())
    ]


def _output(command: list[str], folder: Path) -> str:
    """What a checker prints when it is run in a folder."""
    finished = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache"), **os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    # 1 is "found something"; from 2 on the checker itself could not work.
    if finished.returncode > 1:
        raise SystemExit(f"{command[1]} failed:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def main() -> int:
    """Ask all of them; 1 if one disagrees with the marks."""
    programs = list(PROGRAMS.glob("*.py"))
    found = {checker: disagreements(checker) for checker in CHECKERS}
    for checker, lines in found.items():
        lines_marked = sum(len(marked(path.read_text(), checker)) for path in programs)
        print(f"{checker}: {len(programs)} programs, {lines_marked} lines refused as marked")
        print("".join(f"  {line}\n" for line in lines), end="")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
