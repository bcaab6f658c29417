"""`taskflow debug`: one task run again, in this process, in the debugger of Python."""

from __future__ import annotations

import asyncio
import inspect
import pdb  # noqa: T100 - what this command is for
from typing import TYPE_CHECKING, Any

import click

from taskflow.authoring.loading import own_traceback
from taskflow.cli.exits import FAILED, guarded
from taskflow.cli.history import SETTINGS, Command, takes_run
from taskflow.plain import safe_repr

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


@click.command(cls=Command, context_settings=SETTINGS)
@takes_run
@click.argument("task")
@click.option("--post-mortem", is_flag=True, help="Run it, and stop only where it raises.")
def debug(*, run: str, task: str, post_mortem: bool) -> int:
    """Run TASK of RUN with the same inputs, here, in pdb; the run itself stays as it is.

    The code is that of today, the inputs are those that were kept.

    \b
        taskflow debug last-failed 'extract[17]'
        echo 'break 41
        continue
        p html' | taskflow debug last 'extract[17]'
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _debugged(run, task, post_mortem=post_mortem))


def _debugged(run: str, task: str, *, post_mortem: bool) -> int:
    from taskflow.authoring.recovery import inputs_of

    function, args, kwargs, key = inputs_of(run, task)
    click.echo(f"{key}: {function.__module__}.{function.__qualname__}", err=True)
    body = _to_the_end(function)
    if post_mortem:
        return _after_the_fact(lambda: body(*args, **kwargs))
    try:
        _Debugger(function).runcall(body, *args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the task's own
        return _raised(error)
    return 0


class _Debugger(pdb.Pdb):
    """Stops at the first line of a function, whatever is called on the way there."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._code = getattr(inspect.unwrap(function), "__code__", None)
        self._is_there = self._code is None

    def stop_here(self, frame: FrameType) -> bool:
        self._is_there = self._is_there or frame.f_code is self._code
        return self._is_there and super().stop_here(frame)

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        if frame.f_code is not self._code:  # there, the line comes next
            super().user_call(frame, argument_list)


def _to_the_end(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that does what a task does: awaits what is async, makes a list of a generator."""

    def body(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        if inspect.iscoroutine(value):
            return asyncio.run(value)
        return list(value) if inspect.isgenerator(value) else value

    return body


def _after_the_fact(body: Callable[[], Any]) -> int:
    try:
        value = body()
    except Exception as error:  # noqa: BLE001 - the task's own
        code = _raised(error)
        pdb.post_mortem(error.__traceback__)
        return code
    click.echo(f"it did not raise; it returned {safe_repr(value)}", err=True)
    return 0


def _raised(error: Exception) -> int:
    click.echo("".join(own_traceback(error)), err=True, nl=False)
    return FAILED
