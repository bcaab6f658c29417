"""Files that bear their name only when they are whole."""

from __future__ import annotations

import os
import secrets
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
    # A letter may be four bytes, and a name no more than 255.
    partial = os.path.join(folder, f".{name[:50]}.{secrets.token_hex(8)}.part")
    with open(partial, "xb") as file:
        try:
            yield file
            file.close()  # what a full disk refuses is refused here
            os.replace(partial, os.path.join(folder, name))
        except BaseException:
            os.unlink(partial)
            raise
