"""`run`, `start`, `resume` and `rerun`: what begins a run from Python."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from taskflow.authoring.definition import Definition
from taskflow.authoring.pipeline import Pipeline
from taskflow.errors import DefinitionError
from taskflow.importing import end_import

if TYPE_CHECKING:
    from taskflow.handle import Run

P = ParamSpec("P")
T = TypeVar("T")


def run(p: Pipeline[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a pipeline, wait for it, and return its value.

    Raises `ParameterError` before anything starts, `RunFailed` after all that could run has
    ended, `RunTimedOut`, `RunCancelled`; KeyboardInterrupt after Ctrl-C.
    """
    end_import(f"taskflow.run({_short(p)})")
    value: T = _value(_checked(p, "run").execute(p.parameters.bind(args, kwargs)))
    return value


def start(p: Pipeline[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Run:
    """Start a pipeline in the background; returns its `Run`."""
    end_import(f"taskflow.start({_short(p)})")
    begun: Run = _checked(p, "start").start(p.parameters.bind(args, kwargs))
    return begun


def _checked(p: Any, word: str) -> Any:
    if not isinstance(p, Pipeline):
        remark = f"pass it and its arguments apart, and do not call it: taskflow.{word}(p, x=1)"
        if isinstance(p, Definition):
            remark = "a task is called like a function, or in the body of a @pipeline"
        elif inspect.isroutine(p):
            remark = f"decorate {p.__name__} with @pipeline"
        raise DefinitionError(f"taskflow.{word} runs a @pipeline, not {p!r}\n  {remark}")
    return p


def _short(p: Any) -> str:
    return str(getattr(p, "short", p))


def resume(run_id: str, /, *, repair: bool = False, **options: Any) -> Any:
    """Go on with a run where it was, wait, and return its value.

    `run_id` is an id, a unique prefix of one, `"last"` or `"last-failed"`. What has ended well is
    kept where its code and its inputs are what they were; the rest runs with today's code. The
    `options` are those of `p.options(...)`; what is not given is as it was. With `repair`, all
    files of values are checked, and what made a damaged one runs again.

    Raises what `run` raises; `RunOwnedError` while another process drives the run.
    """
    from taskflow.authoring.recovery import resume as resumed

    end_import(f"taskflow.resume({run_id!r})")
    return _value(resumed(run_id, repair=repair, **options))


def rerun(run_id: str, /, *, start_from: str = "", **options: Any) -> Any:
    """Run again with the parameters of an earlier run, wait, and return the value.

    It is a new run. With the name of a task as `start_from`, only that task and what comes after
    it run; the rest is taken from the earlier run where code and inputs are equal.
    """
    from taskflow.authoring.recovery import rerun as run_again

    end_import(f"taskflow.rerun({run_id!r})")
    return _value(run_again(run_id, start_from=start_from, **options))


def _value(run: Run) -> Any:
    if run.interrupted:
        raise KeyboardInterrupt
    return run.result()
