"""What code is called in identities and digests: the same in a script and where it is imported."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import FunctionType

_PYTHONS: Final = (os.path.join(os.path.dirname(os.__file__), ""), "<frozen ")
_OURS: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def module_name(module: str) -> str:
    """The name a module has in identities: a script bears the name of its file."""
    if module != "__main__":
        return module
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    path = getattr(main, "__file__", None)
    return os.path.splitext(os.path.basename(path))[0] if path else "__main__"


def name_of(thing: Any) -> str:
    """A function or class by its module and name."""
    module = getattr(thing, "__module__", None) or "builtins"
    return f"{module_name(module)}:{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def is_installed(fn: FunctionType) -> bool:
    """Whether a function belongs to Python, to an installed package or to taskflow."""
    path = fn.__code__.co_filename
    return path.startswith((*_PYTHONS, _OURS)) or any(part in path for part in _INSTALLED)
