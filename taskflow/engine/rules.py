"""Trigger rules: what becomes of a task once all its inputs have ended. The names are Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.lifecycle import FAILED, GOOD, SKIPPED, SUCCEEDED, UPSTREAM_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The verdict that the task runs.
RUN: Final = "run"

#: Rules under which a failed input can arrive as a value, a `Failure`.
TOLERANT: Final = frozenset({"all_done", "one_success", "one_failed", "all_failed", "always"})

#: Rules that can say no although every input succeeded.
PICKY: Final = frozenset({"one_failed", "all_failed"})


def judge(rule: str, states: Iterable[str]) -> str:
    """`RUN`, or the state in which a task with such inputs ends without running."""
    good = skipped = bad = 0
    for state in states:
        if state in GOOD:
            good += 1
        elif state == SKIPPED:
            skipped += 1
        else:  # failed, crashed, timed out, upstream failed, cancelled
            bad += 1
    total = good + skipped + bad
    if rule in {"always", "all_done"} or not total:
        return RUN
    return _VERDICTS[rule](good, skipped, bad)


def judge_map(rule: str, states: Iterable[str]) -> str:
    """What becomes of a map whose constants ended so: `RUN` if some element could run.

    The elements count among the inputs, and are judged one by one.
    """
    known = list(states)
    if RUN in (judge(rule, [*known, SUCCEEDED]), judge(rule, [*known, FAILED])):
        return RUN
    return judge(rule, known)


def _all_success(_good: int, skipped: int, bad: int) -> str:
    return UPSTREAM_FAILED if bad else SKIPPED if skipped else RUN


def _none_failed(_good: int, _skipped: int, bad: int) -> str:
    return UPSTREAM_FAILED if bad else RUN


def _none_failed_min_one_success(good: int, _skipped: int, bad: int) -> str:
    return UPSTREAM_FAILED if bad else RUN if good else SKIPPED


def _one_success(good: int, _skipped: int, bad: int) -> str:
    return RUN if good else UPSTREAM_FAILED if bad else SKIPPED


def _one_failed(_good: int, _skipped: int, bad: int) -> str:
    return RUN if bad else SKIPPED


def _all_failed(good: int, skipped: int, _bad: int) -> str:
    return SKIPPED if good or skipped else RUN


_VERDICTS: Final = {
    "all_success": _all_success,
    "none_failed": _none_failed,
    "none_failed_min_one_success": _none_failed_min_one_success,
    "one_success": _one_success,
    "one_failed": _one_failed,
    "all_failed": _all_failed,
}
