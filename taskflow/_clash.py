"""The guard against the other package of this name.

`taskflow` on the package index is OpenStack's library. Both install a folder `taskflow`, installers
do not warn, and the one installed last overwrites `taskflow/__init__.py`. So there are two ways to
notice: `refuse_clash` runs when that file is ours; `check_is_ours` runs in what only we install,
the command line and the workers, and finds out whether it still is.
"""

import os
import sys

_REMEDY = (
    "Keep one of them in this environment. To keep taskflow-orchestrator:\n"
    "    pip uninstall -y taskflow && pip install --force-reinstall taskflow-orchestrator"
)
_METADATA = (".dist-info", ".egg-info")


def refuse_clash() -> None:
    """Raise ImportError if OpenStack's taskflow is there too, unless TASKFLOW_ALLOW_CLASH=1."""
    found = _other_distribution()
    if found and os.environ.get("TASKFLOW_ALLOW_CLASH") != "1":
        raise ImportError(
            "two packages claim the name `taskflow`: taskflow-orchestrator, imported here, and"
            f" OpenStack's taskflow, found as {found}. Each overwrites a file of the other.\n"
            f"{_REMEDY}\n"
            "To import taskflow-orchestrator all the same, set TASKFLOW_ALLOW_CLASH=1."
        )


def check_is_ours() -> None:
    """Raise ImportError if another package's `taskflow/__init__.py` stands in place of ours."""
    package = sys.modules["taskflow"]
    if not getattr(package, "__orchestrator__", False):
        raise ImportError(
            f"{package.__file__} is not part of taskflow-orchestrator: OpenStack's taskflow, the"
            f" other package of this name, was installed over it.\n{_REMEDY}"
        )


def _other_distribution() -> str | None:
    """Return the metadata folder of a distribution called just `taskflow`, if there is one."""
    # importlib.metadata answers the same question, but loading it takes longer than all the rest of
    # `import taskflow`; listing the few folders that installers write to takes about 0.1 ms.
    standard_library = os.path.dirname(os.__file__)
    for folder in dict.fromkeys(map(str, sys.path)):
        if folder.startswith(standard_library) and not folder.endswith("-packages"):
            continue
        try:
            names = os.listdir(folder or ".")
        except OSError:  # a zip file, or an entry of the path that does not exist
            continue
        for name in names:
            # Ours is taskflow_orchestrator-0.1.0.dist-info: a hyphen stands only before a version.
            if name.startswith(("taskflow-", "taskflow.")) and name.endswith(_METADATA):
                return os.path.join(folder, name)
    return None
