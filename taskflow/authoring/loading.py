"""Files of pipelines: how they are imported, and how a pipeline in one is found.

A file bears its stem as module name, a file inside a package its dotted name, just as `import`
would have it from the folder at the top: what is pickled by name in one process is found by that
name in another. That folder and the file's own go to the front of `sys.path`, so imports of
neighbours work as they do under `python FILE`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.advice import near
from taskflow.errors import ImportEnded, LoadError
from taskflow.importing import importing

if TYPE_CHECKING:
    from types import ModuleType

#: Modules of the standard library that no other module imports: a file may well bear their names.
_UNUSED: Final = {"antigravity", "idlelib", "lib2to3", "test", "this", "turtle", "turtledemo"}
_HERE: Final = str(Path(__file__).resolve().parent.parent) + os.sep
#: Set on a module whose import was ended by a `run` in it: where that stands.
_ENDED: Final = "__taskflow_ended__"


def load(path: str | os.PathLike[str]) -> ModuleType:
    """Import the file at `path`, or return its module if that was done before.

    A `taskflow.run` or `start` that is reached ends the import there, which is said on standard
    error; the module keeps what was defined until then.
    """
    file = _checked(Path(path))
    root, name = root_and_name(file)
    known = sys.modules.get(name)
    if known is not None and _is_file_of(known, file):
        return known
    _refuse_taken_name(file, name, known)
    for folder in (str(file.parent), str(root)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    with importing(name):
        return _imported(file, name)


def find(module: ModuleType, name: str | None = None) -> Any:
    """The pipeline of that name in a module, or its only one, or the one named like its file.

    A name is that of the function, or the `name` option. Pipelines that the module imports from
    elsewhere count if it has none of its own.
    """
    every = {key: value for key, value in vars(module).items() if _is_pipeline(value)}
    if name is not None:
        return _named(module, name, every)
    own = own_pipelines(module)
    candidates = list({id(value): value for value in (own or every).values()}.values())
    if len(candidates) == 1:
        return candidates[0]
    stem = module.__name__.rpartition(".")[2]
    for named in (stem, stem.lstrip("0123456789_")):  # 05_branches.py: what orders files is no name
        if named in own:
            return own[named]
    file = _shown(module.__file__)
    if not candidates:
        raise LoadError(f"{file} has no pipeline{_end_of(module)}{_hint(module)}")
    listed = "".join(f"\n    {file}:{_short(value)}" for value in candidates)
    raise LoadError(f"{file} has {len(candidates)} pipelines; say which one:{listed}")


def own_pipelines(module: ModuleType) -> dict[str, Any]:
    """The pipelines that a module defines, by what they are called in it."""
    return {
        key: value
        for key, value in vars(module).items()
        if _is_pipeline(value) and _home_of(value) == module.__name__
    }


def root_and_name(file: Path) -> tuple[Path, str]:
    """The folder to import from, and the dotted name of the file below it."""
    root = file.parent
    parts = [] if file.stem == "__init__" else [file.stem]
    while (root / "__init__.py").exists() and root != root.parent:
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


# --- which file, under which name ----------------------------------------------------------


def _checked(path: Path) -> Path:
    """The absolute path of a Python file that is there."""
    # Not resolved: a link has a name, and neighbours, of its own.
    file = path.absolute()
    if file.is_dir():
        files = sorted(each.name for each in file.glob("*.py") if not each.name.startswith("_"))
        some = f"; it holds {', '.join(files[:6])}" if files else ""
        raise LoadError(f"{path} is a folder, not a file of pipelines{some}")
    if not file.exists():
        meant = near(file.name, [each.name for each in file.parent.glob("*.py")])
        raise LoadError(f"there is no file {path}{meant}")
    if file.suffix == ".ipynb":
        raise LoadError(f"{path} is a notebook: call taskflow.run in it, or save it as a .py file")
    if file.suffix != ".py":
        raise LoadError(f"{path} is not a Python file: its name has to end in .py")
    try:
        file.stem.encode()
    except UnicodeEncodeError:
        raise LoadError(
            f"{path}: the name of a module has to be UTF-8, and this is not; rename the file"
        ) from None
    if "." in file.stem:
        better = file.stem.replace(".", "_") + ".py"
        raise LoadError(
            f"{path}: with a dot in its name the file cannot be imported, since Python takes what"
            f" stands before the dot for a package; rename it, for example to {better}"
        )
    return file


def _refuse_taken_name(file: Path, name: str, known: ModuleType | None) -> None:
    """A second module of one name would be taken for the first, here or in a worker."""
    better = f"{name}_pipeline.py"
    if "." not in name and name in sys.stdlib_module_names and name not in _UNUSED:
        raise LoadError(
            f"{_shown(file)} has the name of a module of Python's standard library, so one of the"
            f" two would be imported in place of the other; rename it, for example to {better}"
        )
    if known is None:
        return
    if getattr(known, "__file__", None) is None:
        del sys.modules[name]  # a folder without __init__.py, imported for what is in it
        return
    raise LoadError(
        f"{_shown(file)} would be imported as {name!r}, which is {_shown(known.__file__)} already;"
        f" rename it, for example to {better}"
    )


def _is_file_of(module: ModuleType, file: Path) -> bool:
    path = getattr(module, "__file__", None)
    return path is not None and Path(path).resolve() == file.resolve()


# --- importing -----------------------------------------------------------------------------


def _imported(file: Path, name: str) -> ModuleType:
    """Execute the file as module `name`, as `import` does, but keep it if a `run` ends it."""
    parent, _, last = name.rpartition(".")
    module: ModuleType | None = None
    try:
        package = importlib.import_module(parent) if parent else None
        spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=None)
        assert spec is not None  # the name ends in .py
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportEnded as ended:
        if module is None:  # it stands in an __init__.py above the file
            raise LoadError(
                f"{_shown(file)} cannot be imported: {_said(ended)}; put the call under "
                '`if __name__ == "__main__":`'
            ) from None
        setattr(module, _ENDED, _place_of(ended))
        sys.stderr.write(f"{_said(ended)}; the import ended there\n")
    except KeyboardInterrupt:
        sys.modules.pop(name, None)
        raise
    except BaseException as error:
        sys.modules.pop(name, None)
        raise LoadError(_told(error, file)) from error
    if package is not None:
        setattr(package, last, module)
    return module


def _said(ended: ImportEnded) -> str:
    """What the end of an import says of itself, with a shorter path."""
    return str(ended).replace(f"{Path.cwd()}{os.sep}", "", 1)


def _place_of(error: BaseException) -> str:
    """The innermost line of the user's code that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_machinery(frame.filename)]
    return f"{_shown(own[-1].filename)}:{own[-1].lineno}" if own else "?"


def _told(error: BaseException, file: Path) -> str:
    """What went wrong in the file: the error as Python prints it, with the user's lines only."""
    lines = "".join(own_traceback(error)).rstrip()
    if isinstance(error, SystemExit):
        lines += '\nwhat is only for running the file goes under `if __name__ == "__main__":`'
    return f"{_shown(file)} cannot be imported:\n{lines}"


def own_traceback(error: BaseException) -> list[str]:
    """A traceback as Python formats it, without the frames of taskflow and of `import` itself."""
    told = traceback.TracebackException.from_exception(error)
    seen: set[int] = set()
    each: traceback.TracebackException | None = told
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        own = [frame for frame in each.stack if not _is_machinery(frame.filename)]
        each.stack = traceback.StackSummary.from_list(own)
        each = each.__cause__ or each.__context__
    lines = list(told.format())
    return lines if told.stack else [line for line in lines if not line.startswith("Traceback (")]


def _is_machinery(path: str) -> bool:
    return path.startswith((_HERE, "<frozen importlib")) or path == importlib.__file__


# --- finding a pipeline --------------------------------------------------------------------


def _named(module: ModuleType, name: str, every: dict[str, Any]) -> Any:
    if name in every:
        return every[name]
    for value in every.values():
        if name in {_short(value), getattr(value, "name", None)}:
            return value
    file = _shown(module.__file__)
    if meant := near(name, every):
        raise LoadError(f"{file} has no pipeline {name!r}{meant}")
    if hasattr(module, name):
        kind = type(getattr(module, name)).__name__
        raise LoadError(
            f"{name!r} in {file} is not a pipeline but a {kind}; decorate it with @pipeline"
        )
    known = f"; it has {', '.join(every)}" if every else ""
    raise LoadError(f"{file} has no pipeline {name!r}{known}{_end_of(module)}")


def _is_pipeline(value: object) -> bool:
    # Asked of the class: an object of a stranger may answer to any attribute.
    return bool(getattr(type(value), "__taskflow_pipeline__", False))


def _home_of(value: Any) -> str | None:
    return getattr(getattr(value, "fn", None), "__module__", None)


def _short(value: Any) -> str:
    return str(getattr(value, "short", None) or getattr(value, "name", None) or value)


def _end_of(module: ModuleType) -> str:
    place = getattr(module, _ENDED, None)
    return f" (its import ended at {place})" if place else ""


def _hint(module: ModuleType) -> str:
    if getattr(module, _ENDED, None):
        return '; put the call there under `if __name__ == "__main__":`'
    return "; decorate a function with @pipeline"


def _shown(path: object) -> str:
    """A path as a person in this directory would write it."""
    shown = os.path.relpath(str(path))
    return str(path) if shown.startswith(os.pardir) else shown
