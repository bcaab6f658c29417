"""An exception as plain data, made in the process where it happened, whatever it is made of."""

from __future__ import annotations

import linecache
import os
import pickle
import reprlib
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import ErrorReport, Frame
from taskflow.values import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

#: Longest text kept of a message or a traceback, in characters; the middle goes first.
TEXT_LIMIT: Final = 20_000
#: Most frames kept of a traceback: the outermost and the innermost.
FRAME_LIMIT: Final = 40
#: Largest pickled exception that travels, in bytes.
PICKLE_LIMIT: Final = 256 * 1024

_HERE: Final = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 120


def report_of(
    error: BaseException,
    arguments: Mapping[str, object] | None = None,
    *,
    retryable: bool = True,
) -> ErrorReport:
    """Describe an exception so that it can be shown and raised again elsewhere; never raises."""
    return ErrorReport(
        type=type_name(type(error)),
        message=shortened(told(error)),
        traceback=shortened(_formatted(error)),
        frames=_frames(error.__traceback__),
        pickled=_pickled(error),
        retryable=retryable,
        inputs=previews(arguments or {}),
    )


#: What is left to say of an exception when even that raises: made beforehand, for want of memory.
INDESCRIBABLE: Final = ErrorReport(
    "taskflow.errors.TaskError",
    "it raised something, and then describing that raised, too: its exception runs code of its own "
    "that fails, or memory ran out; raise a plain exception, or use less memory at once",
    retryable=False,
)


def note(error: BaseException, text: str) -> None:
    """Add a note to an exception, if it takes notes."""
    _safely(lambda: error.add_note(text))


def previews(arguments: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Arguments by name as a report shows them."""
    return tuple((name, preview(value)) for name, value in arguments.items())


def type_name(cls: type) -> str:
    """The name of a class as Python prints it in a traceback."""
    plain = cls.__module__ in {"builtins", "__main__"}
    return cls.__qualname__ if plain else f"{cls.__module__}.{cls.__qualname__}"


def preview(value: object) -> str:
    """A short one-line repr that never raises."""
    text = _safely(lambda: _short.repr(value)) or f"<{type(value).__qualname__}: no repr>"
    return " ".join(text.split())[:200]


def shortened(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text, or its head and tail with a mark of what is left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - limit:,} characters left out ...\n{text[-half:]}"


def told(error: BaseException) -> str:
    """The message of an exception, with its notes."""
    text = _safely(lambda: str(error))
    said = "<its __str__ raises>" if text is None else text
    notes = _safely(lambda: list(getattr(error, "__notes__", ()))) or ()
    return "\n".join([said, *(each for each in notes if isinstance(each, str))])


def _formatted(error: BaseException) -> str:
    lines = _safely(
        lambda: "".join(traceback.format_exception(type(error), error, _user(error.__traceback__)))
    )
    return lines if lines is not None else f"{type_name(type(error))}: <it cannot be formatted>"


def _user(tb: TracebackType | None) -> TracebackType | None:
    """Without taskflow's own frames at the top."""
    while tb is not None and tb.tb_next and tb.tb_frame.f_code.co_filename.startswith(_HERE):
        tb = tb.tb_next
    return tb


def _frames(tb: TracebackType | None) -> tuple[Frame, ...]:
    found: list[tuple[str, int, str]] = []
    while tb is not None:
        code = tb.tb_frame.f_code
        found.append((code.co_filename, tb.tb_lineno, code.co_name))
        tb = tb.tb_next
    if len(found) > FRAME_LIMIT:  # a RecursionError has a thousand
        found = found[: FRAME_LIMIT // 2] + found[-FRAME_LIMIT // 2 :]
    return tuple(
        Frame(path, line, name, linecache.getline(path, line).strip(), _is_mine(path))
        for path, line, name in found
    )


@lru_cache(maxsize=1)
def _libraries() -> set[str]:
    """Where the standard library and installed packages are."""
    import sysconfig  # here: it would be felt at each start of a worker

    return {sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")}


@lru_cache(maxsize=1024)
def _is_mine(path: str) -> bool:
    """Whether a file is the user's own: neither taskflow's, nor installed, nor Python's."""
    if path.startswith("<") and not path.startswith("<ipython"):
        return path == "<stdin>"
    foreign = path.startswith((_HERE, *_libraries()))
    return not foreign and "site-packages" not in path


def _pickled(error: BaseException) -> bytes:
    """The exception pickled, if it comes back as what it was; else nothing."""

    def round_trip() -> bytes:
        data = dumps(error)
        same = type(pickle.loads(data)).__qualname__ == type(error).__qualname__
        return data if same and len(data) <= PICKLE_LIMIT else b""

    return _safely(round_trip) or b""


def _safely(make: Callable[[], Any]) -> Any:
    """What `make` returns, or None if the user's own code in it raises, whatever it raises."""
    try:
        return make()
    except BaseException:  # noqa: BLE001 - __str__, __repr__ and __reduce__ are user code
        return None
