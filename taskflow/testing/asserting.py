"""Assertions about what happened in a run; one that fails says what did."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.advice import near
from taskflow.lifecycle import ENDED
from taskflow.policies import seconds
from taskflow.testing.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.policies import Duration
    from taskflow.testing.history import TaskRun

#: pytest shows the line of the test, and not where in this module an assertion failed.
__tracebackhide__: Final = True


def assert_ran(
    run: History, task: Any, *, times: int | None = None, attempts: int | None = None
) -> list[TaskRun]:
    """Assert that a task ran: exactly `times` task runs of it, with `attempts` bodies in all.

    `task` is the task, its name, or one of its runs (see `History.find`); an element of a map
    is one task run, and one that was tried three times counts once, with three attempts. The
    answer is the list of the task runs.
    """
    found = [each for each in _find(run, task) if each.attempts]
    name, bodies = _name(task), sum(each.attempts for each in found)
    if not found and times != 0:
        _fail(run, f"{name} did not run")
    if times is not None and len(found) != times:
        _fail(run, f"{name} ran {_times(len(found))}, not {_times(times)}", found)
    if attempts is not None and bodies != attempts:
        _fail(run, f"{name} had {bodies} attempts, not {attempts}", found)
    return found


def assert_not_ran(run: History, task: Any) -> None:
    """Assert that no body of a task began; a name like none of the run's but near one is refused.

    Whether it was skipped, cancelled or never called is another question.
    """
    found = [each for each in _find(run, task, wanted=False) if each.attempts]
    if found:
        _fail(run, f"{_name(task)} ran {_times(len(found))}", found)


def assert_state(
    run: History, task: Any, state: str, *, times: int | None = None, match: str | None = None
) -> list[TaskRun]:
    """Assert that all runs of a task, or exactly `times` of them, ended in a state.

    `match` is searched for, as a regular expression, in the error or the reason of each. The
    answer is the list of these task runs.
    """
    if state not in ENDED:
        raise ValueError(f"no task run ends as {state!r}; it is one of {', '.join(sorted(ENDED))}")
    found, name = _find(run, task), _name(task)
    alike = [each for each in found if each.state == state]
    others = [each for each in found if each.state != state]
    if not found:
        _fail(run, f"{name} did not come to its end in this run")
    if times is None and others:
        _fail(run, f"{len(others)} of {len(found)} runs of {name} did not end as {state}", others)
    if times is not None and len(alike) != times:
        _fail(run, f"{name} ended {_times(len(alike))} as {state}, not {_times(times)}", found)
    for each in alike:
        if match is not None and not re.search(match, each.said):
            _fail(run, f"what {each.label} says does not match {match!r}", [each])
    return alike


def assert_succeeded(run: History, task: Any = None, *, times: int | None = None) -> None:
    """Assert that a run succeeded, or all runs of a task in it, or exactly `times` of them."""
    if task is not None:
        assert_state(run, task, "succeeded", times=times)
    elif run.state != "succeeded":
        _fail(run, f"the run did not succeed, it is {run.state}")


def assert_failed(
    run: History, task: Any = None, *, times: int | None = None, match: str | None = None
) -> None:
    """Assert that a run failed, or all runs of a task in it, or exactly `times` of them.

    `match` is searched for in the error: `assert_failed(run, "fetch[2]", match="404")`.
    """
    if task is not None:
        assert_state(run, task, "failed", times=times, match=match)
        return
    if run.state != "failed":
        _fail(run, f"the run did not fail, it is {run.state}")
    errors = [each.said for each in run.tasks.values() if each.error]
    if match is not None and not any(re.search(match, each) for each in errors):
        _fail(run, f"no failure of the run matches {match!r}")


def assert_skipped(
    run: History, task: Any, *, times: int | None = None, match: str | None = None
) -> None:
    """Assert that a task was skipped, by itself or with its inputs; `match` in its reason."""
    assert_state(run, task, "skipped", times=times, match=match)


def assert_retried(
    run: History, task: Any, *, times: int | None = None, delays: Sequence[Duration] | None = None
) -> None:
    """Assert that a task was tried again, by each of its runs `times` times or with these delays.

    `assert_retried(run, "fetch", delays=["1s", "2s", "4s"])`.
    """
    wanted = None if delays is None else [seconds(delay) for delay in delays]
    for each in assert_ran(run, task):
        had = each.delays
        if times is None and wanted is None and not had:
            _fail(run, f"{each.label} was not tried again", [each])
        if times is not None and len(had) != times:
            _fail(run, f"{each.label} was tried again {_times(len(had))}, not {_times(times)}")
        if wanted is not None and not _alike(had, wanted):
            shown = ", ".join(f"{delay:g} s" for delay in had) or "none"
            _fail(run, f"the delays of {each.label} were {shown}, not {delays}", [each])


# --- inside ----------------------------------------------------------------------------------


def _find(run: History, task: Any, *, wanted: bool = True) -> list[TaskRun]:
    """The runs of a task; fails for a name that was never heard of, since it may be misspelled."""
    if not isinstance(run, History):
        raise TypeError(
            f"nothing is known of what happened in {run!r}: give the run that taskflow_run(p, ...) "
            "or Harness().run(p, ...) returned, or one of Harness().runs"
        )
    found, name = run.find(task), _name(task)
    if not found and name not in run.names:
        hint = near(name, [*run.names, *run.tasks], repr)
        if hint or wanted:
            _fail(run, f"no task {name!r} is part of the run{hint}")
    return found


def _name(task: Any) -> str:
    return str(getattr(task, "short", task))


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _alike(ones: Sequence[float], others: Sequence[float]) -> bool:
    """Whether seconds are equal, but for what sums of floats are off."""
    return len(ones) == len(others) and all(map(math.isclose, ones, others))


def _fail(run: History, what: str, about: Sequence[TaskRun] = ()) -> None:
    shown = [f"  {each}" for each in about[:5]]
    raise AssertionError("\n".join([what, *shown, "", run.describe()]))
