"""How errors end a command: what is said of them, and the exit code."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from taskflow.authoring.loading import own_traceback
from taskflow.errors import (
    CodeError,
    ExecutorError,
    RunCancelled,
    RunFailed,
    RunTimedOut,
    StoreError,
    TaskError,
    TaskflowError,
    UnknownRunError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED: Final = 1
USAGE: Final = 2
INTERNAL: Final = 3
STOPPED: Final = 4
UNMATCHED: Final = 5
INTERRUPTED: Final = 130

#: Errors of taskflow that are not the fault of what the user wrote.
_OURS: Final = (ExecutorError, CodeError, StoreError, TaskError)
_FOREIGN: Final = (
    str(Path(__file__).resolve().parent.parent),
    *{sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")},
)


def guarded(work: Callable[[], int], *, full: bool = False) -> int:
    """The exit code of `work`; whatever it raises is told."""
    try:
        return work()
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise  # the group knows what to do with these
    except Exception as error:  # noqa: BLE001 - the border to the user's code
        return told(error, full=full)


def told(error: Exception, *, full: bool = False) -> int:
    """Say on standard error what ended a command; the exit code."""
    code = code_of(error)
    if full or (code == INTERNAL and not isinstance(error, TaskflowError)):
        said = "".join(traceback.format_exception(error))
    elif isinstance(error, TaskflowError):
        said = f"Error: {error}"
    else:
        said = "".join(own_traceback(error))
    click.echo(said.rstrip(), err=True)
    return code


def code_of(error: Exception) -> int:
    """The exit code that an error means."""
    if isinstance(error, RunFailed):
        return FAILED
    if isinstance(error, (RunCancelled, RunTimedOut)):
        return STOPPED
    if isinstance(error, UnknownRunError):
        return UNMATCHED
    if isinstance(error, _OURS):
        return INTERNAL
    # What else is raised before anything runs comes from the user's file or parameters.
    return USAGE if isinstance(error, TaskflowError) or _is_users(error) else INTERNAL


def _is_users(error: Exception) -> bool:
    """Whether an error went through code of the user's own."""
    paths = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any(not path.startswith((*_FOREIGN, "<frozen")) for path in paths)
