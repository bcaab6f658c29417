"""The promises about the house itself: what imports what, what is how long, what is explained."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import sizes

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "taskflow"

HEAVY = {
    "asyncio",
    "click",
    "cloudpickle",
    "concurrent.futures",
    "croniter",
    "dask",
    "distributed",
    "email",
    "graphviz",
    "http",
    "importlib.metadata",
    "loky",
    "msgspec",
    "multiprocessing",
    "numpy",
    "psycopg",
    "ray",
    "rich",
    "socket",
    "sqlite3",
    "ssl",
    "starlette",
    "subprocess",
    "taskflow.cli",
    "taskflow.engine",
    "taskflow.executors",
    "taskflow.launch",
    "taskflow.progress",
    "taskflow.store",
    "unittest",
    "urllib.request",
    "uvicorn",
}

# Of the standard library, what is slow to load; a run, or the command line, may need it.
SLOW = {
    "decimal",
    "difflib",
    "hashlib",
    "json",
    "logging",
    "pathlib",
    "platform",
    "traceback",
    "urllib.parse",
    "uuid",
}

# Who may know a library. What else it could be used for goes through that room.
KEEPERS = {
    "croniter": "cron",
    "graphviz": "draw",
    "loky": "executors",
    "sqlite3": "store",
}

# What a pure state machine has no use for. Only the loop, which drives it, may import these.
IMPURE = {
    "asyncio",
    "multiprocessing",
    "os",
    "queue",
    "selectors",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}

# The top level of OpenStack's package: a file of ours with such a name would overwrite theirs, or
# be overwritten.
OPENSTACK = (
    "atom conductors contrib deciders engines examples exceptions flow formatters jobs listeners "
    "logging patterns persistence retry states storage task test tests types utils version"
)


def test_importing_the_public_names_loads_nothing_heavy() -> None:
    """`from taskflow import task, pipeline` loads no database, no executor, no terminal, no engine.

    A list of names is exact where a stopwatch is noisy.
    """
    loaded = modules_loaded_by("import taskflow; from taskflow import pipeline, task")
    assert sorted(loaded & (HEAVY | SLOW)) == []


def test_the_command_line_loads_what_a_command_needs_only_when_it_runs() -> None:
    """The entry point alone loads click, and none of what runs, stores or draws."""
    loaded = modules_loaded_by("import taskflow.cli.main")
    assert sorted(loaded & (HEAVY - {"click", "taskflow.cli"})) == []


def test_imports_go_one_way() -> None:
    """Every contract in pyproject.toml holds: the layers, the front door, plain words."""
    lint = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    result = subprocess.run(
        [sys.executable, "-c", lint],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_library_is_known_to_one_room_only() -> None:
    """Replacing croniter, graphviz, loky or sqlite3 is a change in one place."""
    strays = [
        f"{path.relative_to(PACKAGE)} imports {library}"
        for path in PACKAGE.rglob("*.py")
        for library in imported(path) & KEEPERS.keys()
        if path.relative_to(PACKAGE).parts[0] != KEEPERS[library]
    ]
    assert strays == []


def test_the_engine_is_pure_but_for_its_loop() -> None:
    """A plan takes outcomes and gives calls; it has no clock, thread, socket or database."""
    strays = {
        path.name: sorted(imported(path) & IMPURE)
        for path in (PACKAGE / "engine").glob("*.py")
        if path.name != "loop.py" and imported(path) & IMPURE
    }
    assert strays == {}


def test_no_module_is_longer_than_400_lines() -> None:
    """A module that grows past 400 lines is two modules."""
    assert [size for size in sizes.modules() if size.lines > 400] == []


def test_launch_stays_a_meeting_place() -> None:
    """The one module that knows all parts is under 200 lines, so it is no second engine."""
    assert [
        size for size in sizes.modules() if size.name == "launch.py" and size.lines >= 200
    ] == []


def test_functions_are_short() -> None:
    """No function is longer than 60 lines, and half of them have 8 or less."""
    functions = sizes.functions()
    assert [size for size in functions if size.lines > 60] == []
    assert sizes.median(functions) <= 8


def test_every_public_name_says_what_it_is() -> None:
    """`help(taskflow.x)` has an answer for every x that taskflow offers."""
    import taskflow

    unexplained = [name for name in taskflow.__all__ if not explained(getattr(taskflow, name))]
    assert unexplained == []


def test_every_module_opens_with_a_sentence() -> None:
    """A reader who opens a file is told what is in it."""
    silent = [path for path in PACKAGE.rglob("*.py") if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_every_test_states_its_claim() -> None:
    """Each test has a docstring that says what is true if it passes."""
    silent = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_file_but_the_front_door_is_shared_with_the_other_taskflow() -> None:
    """OpenStack's package can be installed over ours and lose, or destroy, one file only."""
    ours = {path.stem for path in PACKAGE.iterdir()}
    assert ours & set(OPENSTACK.split()) == set()


def modules_loaded_by(code: str) -> set[str]:
    """What `code` adds to the modules of a fresh interpreter."""
    program = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    command = [sys.executable, "-P", "-c", program]
    output = subprocess.check_output(command, env=environment(), text=True)
    return set(output.split())


def environment() -> dict[str, str]:
    """This process's environment, with the package of this checkout first on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def explained(value: object) -> bool:
    """Whether `value`, or its class, has a docstring that a person wrote."""
    docstring = inspect.getdoc(value)
    # dataclasses write one that only repeats the signature
    return bool(docstring) and not docstring.startswith(f"{getattr(value, '__name__', None)}(")


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, inside functions too."""
    nodes = list(ast.walk(parsed(path)))
    modules = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {module.partition(".")[0] for module in modules}


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())
