"""What tasks of a served run write."""

from __future__ import annotations

from taskflow.events import RunNoticed, TaskWrote
from taskflow.schedule.output import Output


def test_each_line_says_whose_it_is():
    """Of which run and task; what was seen where it was written is not said twice."""
    said = []
    output = Output(lambda *words, **details: said.append((*words, details)), "site", "6p0")
    output.notice([
        TaskWrote("site/fetch", "one\ntwo\x1b[31m\n"),
        TaskWrote("site/fetch", "three\n", seen=True),
        RunNoticed("the store is on a network"),
    ])  # fmt: skip
    output.close()
    assert said == [
        ("output", "site", {"run": "6p0", "task": "fetch", "text": "one"}),
        ("output", "site", {"run": "6p0", "task": "fetch", "text": "two"}),
        ("notice", "site", {"run": "6p0", "text": "the store is on a network"}),
    ]
