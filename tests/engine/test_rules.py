"""Trigger rules: which states of the inputs let a task run, and how it ends where they do not."""

from __future__ import annotations

import pytest

from taskflow.engine.rules import RUN, judge, judge_map

STATES = {"g": "succeeded", "s": "skipped", "f": "failed", "u": "upstream_failed"}
ENDS = {"r": RUN, "s": "skipped", "u": "upstream_failed"}

#         inputs:                  (none) gg  gs  ss  gf  sf  ff  u
TABLE = {
    "all_success": "                r      r   s   s   u   u   u   u",
    "all_done": "                   r      r   r   r   r   r   r   r",
    "always": "                     r      r   r   r   r   r   r   r",
    "none_failed": "                r      r   r   r   u   u   u   u",
    "none_failed_min_one_success": "r      r   r   s   u   u   u   u",
    "one_success": "                r      r   r   s   r   u   u   u",
    "one_failed": "                 r      s   s   s   r   r   r   r",
    "all_failed": "                 r      s   s   s   s   s   r   r",
}
INPUTS = ("", "gg", "gs", "ss", "gf", "sf", "ff", "u")


@pytest.mark.parametrize("rule", TABLE)
def test_each_rule_judges_as_the_table_says(rule):
    """All rules, for all mixtures of good, skipped and failed inputs."""
    verdicts = [judge(rule, [STATES[each] for each in inputs]) for inputs in INPUTS]
    assert verdicts == [ENDS[each] for each in TABLE[rule].split()]


@pytest.mark.parametrize(
    ("rule", "constants", "verdict"),
    [
        ("one_failed", "g", RUN),
        ("one_success", "f", RUN),
        ("all_failed", "f", RUN),
        ("all_failed", "g", "skipped"),
        ("all_success", "f", "upstream_failed"),
        ("none_failed", "s", RUN),
    ],
)
def test_a_map_begins_if_some_element_could_run(rule, constants, verdict):
    """The elements count among the inputs, so the constants alone decide only what is certain."""
    assert judge_map(rule, [STATES[each] for each in constants]) == verdict
