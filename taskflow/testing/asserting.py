"""Assertions about what happened in a run; one that fails says what did."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from taskflow.events import ENDED
from taskflow.policies import seconds
from taskflow.testing.harness import history_of

if TYPE_CHECKING:
    from taskflow.policies import Duration
    from taskflow.testing.history import History, TaskRun


def assert_ran(
    run: Any, task: Any, *, times: int | None = None, attempts: int | None = None
) -> list[TaskRun]:
    """Assert that a task ran: exactly `times` task runs of it, with `attempts` bodies in all.

    `task` is the task, its name, or one of its runs (see `History.find`); an element of a map
    is one task run, and one that was tried three times counts once, with three attempts. Here
    and below the answer is the list of the task runs.
    """
    __tracebackhide__ = True
    history = history_of(run)
    found = [each for each in _find(history, task) if each.ran]
    if not found and times != 0:
        _fail(history, f"{_name(task)} did not run")
    if times is not None and len(found) != times:
        _fail(history, f"{_name(task)} ran {_times(len(found))}, not {_times(times)}", found)
    if attempts is not None and sum(each.attempts for each in found) != attempts:
        had = sum(each.attempts for each in found)
        _fail(history, f"{_name(task)} had {had} attempts, not {attempts}", found)
    return found


def assert_not_ran(run: Any, task: Any) -> None:
    """Assert that no body of a task began; a name like none of the run's but near one is refused.

    Whether it was skipped, cancelled or never called is another question.
    """
    __tracebackhide__ = True
    history = history_of(run)
    found = [each for each in _find(history, task, wanted=False) if each.ran]
    if found:
        _fail(history, f"{_name(task)} ran {_times(len(found))}", found)


def assert_state(
    run: Any,
    task: Any,
    state: str,
    *,
    times: int | None = None,
    match: str | None = None,
) -> list[TaskRun]:
    """Assert that all runs of a task, or exactly `times` of them, ended in a state.

    `match` is searched for, as a regular expression, in the error or the reason of each.
    """
    __tracebackhide__ = True
    history = history_of(run)
    if state not in ENDED:
        raise ValueError(f"no task run ends as {state!r}; it is one of {', '.join(sorted(ENDED))}")
    found = _find(history, task)
    alike = [each for each in found if each.state == state]
    if not found:
        _fail(history, f"{_name(task)} did not come to its end in this run")
    if times is None and len(alike) < len(found):
        others = [each for each in found if each.state != state]
        count = f"{len(others)} of {len(found)} runs of " if len(found) > 1 else ""
        _fail(history, f"{count}{_name(task)} did not end as {state}", others)
    if times is not None and len(alike) != times:
        _fail(history, f"{_name(task)} ended {_times(len(alike))} as {state}, not {times}", found)
    for each in alike:
        if match is not None and not re.search(match, _said(each)):
            _fail(history, f"what {each.label} says does not match {match!r}", [each])
    return alike


def assert_succeeded(run: Any, task: Any = None, *, times: int | None = None) -> None:
    """Assert that a run succeeded, or all runs of a task in it, or exactly `times` of them."""
    __tracebackhide__ = True
    if task is not None:
        assert_state(run, task, "succeeded", times=times)
        return
    history = history_of(run)
    if history.state != "succeeded":
        _fail(history, f"the run did not succeed, it is {history.state}")


def assert_failed(
    run: Any, task: Any = None, *, times: int | None = None, match: str | None = None
) -> None:
    """Assert that a run failed, or all runs of a task in it, or exactly `times` of them.

    `match` is searched for in the error: `assert_failed(run, "fetch[2]", match="404")`.
    """
    __tracebackhide__ = True
    if task is not None:
        assert_state(run, task, "failed", times=times, match=match)
        return
    history = history_of(run)
    if history.state != "failed":
        _fail(history, f"the run did not fail, it is {history.state}")
    said = [_said(each) for each in history.tasks.values() if each.error]
    if match is not None and not any(re.search(match, each) for each in said):
        _fail(history, f"no failure of the run matches {match!r}")


def assert_skipped(
    run: Any, task: Any, *, times: int | None = None, match: str | None = None
) -> None:
    """Assert that a task was skipped, by itself or with its inputs; `match` in its reason."""
    __tracebackhide__ = True
    assert_state(run, task, "skipped", times=times, match=match)


def assert_retried(
    run: Any, task: Any, *, times: int | None = None, delays: list[Duration] | None = None
) -> None:
    """Assert that a task was tried again, by each of its runs `times` times or with these delays.

    `assert_retried(run, "fetch", delays=["1s", "2s", "4s"])`.
    """
    __tracebackhide__ = True
    history = history_of(run)
    for each in assert_ran(history, task):
        had = each.delays
        if times is None and delays is None and not had:
            _fail(history, f"{each.label} was not tried again", [each])
        if times is not None and len(had) != times:
            _fail(history, f"{each.label} was tried again {_times(len(had))}, not {times}", [each])
        if delays is not None and not _alike(had, [seconds(delay) for delay in delays]):
            shown = ", ".join(f"{delay:g} s" for delay in had) or "none"
            _fail(history, f"the delays of {each.label} were {shown}, not {delays}", [each])


def assert_before(run: Any, first: Any, second: Any) -> None:
    """Assert that every run of one task had ended before any body of another began.

    Runs of tests begin one body when the last one has ended. In a run on worker processes this
    compares when ends became known.
    """
    __tracebackhide__ = True
    history = history_of(run)
    earlier, later = assert_ran(history, first), assert_ran(history, second)
    last = max(earlier, key=lambda each: each.last_heard)
    soonest = min(later, key=lambda each: each.first_heard)
    if last.last_heard >= soonest.first_heard:
        _fail(history, f"{soonest.label} ran before {last.label} had ended")


def assert_all_ended(run: Any) -> None:
    """Assert that the run is over and left nothing behind: no task run that began and not ended."""
    __tracebackhide__ = True
    history = history_of(run)
    left = [f"{count} of {name}" for name, count in history.running.items()]
    left += [str(each) for each in history.tasks.values() if each.state not in ENDED]
    if left:
        _fail(history, f"still on their way: {', '.join(left)}")
    if history.state == "running":
        _fail(history, "the run has not ended; wait for it with run.wait()")


def attempts(run: Any, task: Any) -> int:
    """How often bodies of a task began, over all its runs: tries and elements of maps."""
    return sum(each.attempts for each in _find(history_of(run), task))


# --- inside ----------------------------------------------------------------------------------


def _find(history: History, task: Any, *, wanted: bool = True) -> list[TaskRun]:
    """The runs of a task; fails for a name that was never heard of, since it may be misspelled."""
    __tracebackhide__ = True
    found = history.find(task)
    name = _name(task)
    if found or name in history.names:
        return found
    known = dict.fromkeys([*history.names, *history.tasks])
    near = difflib.get_close_matches(name, known, 3)
    if near or wanted:
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        _fail(history, f"no task {name!r} is part of the run{hint}")
    return found


def _name(task: Any) -> str:
    return str(getattr(task, "short", task))


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _said(run: TaskRun) -> str:
    return f"{run.error.type}: {run.error.message}" if run.error else run.why


def _alike(ones: tuple[float, ...], others: list[float]) -> bool:
    return len(ones) == len(others) and all(
        abs(one - other) < 1e-6 for one, other in zip(ones, others, strict=True)
    )


def _fail(history: History, what: str, about: list[TaskRun] | None = None) -> None:
    __tracebackhide__ = True
    shown = [f"  {each}" for each in (about or [])[:5]]
    raise AssertionError("\n".join([what, *shown, "", history.describe()]))
