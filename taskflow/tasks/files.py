"""Files that bear their name only when they are whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from taskflow.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole_or_not(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write, beside `path` under another name; it becomes `path` when all went well.

    What had the name before stays until then, and for good when the block raises.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise DefinitionError(f"{name!r} cannot be written: no folder {folder!r}; make it first")
    number, partial = tempfile.mkstemp(prefix=f".{name[:100]}.", suffix=".part", dir=folder)
    try:
        with open(number, "wb") as file:
            yield file
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, os.path.join(folder, name))
    except BaseException:
        os.unlink(partial)
        raise


def _umask() -> int:
    os.umask(mask := os.umask(0o077))
    return mask
