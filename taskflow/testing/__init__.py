"""Testing pipelines: without processes, without waiting, and with words for what happened.

    from taskflow.testing import assert_ran, assert_failed, stub

    def test_scrape(taskflow_run):
        with stub(fetch, returns="<p>hello</p>", at={2: NotFound("404")}):
            run = taskflow_run(scrape_site, domain="https://example.com")
        assert run.state == "succeeded"
        assert run.value == 2
        assert_ran(run, fetch, times=3)
        assert_failed(run, "fetch[2]", match="404")

`taskflow_run` and the other fixtures come with the package, as a plugin of pytest; `Harness` does
the same without pytest. In both, time passes only on a `FakeClock`: what would wait is skipped.
"""

from taskflow.testing.asserting import (
    assert_failed,
    assert_not_ran,
    assert_ran,
    assert_retried,
    assert_skipped,
    assert_state,
    assert_succeeded,
)
from taskflow.testing.clock import FakeClock
from taskflow.testing.harness import Harness, TestedRun
from taskflow.testing.history import History, Recorder, TaskRun
from taskflow.testing.stubs import Stub, StubCall, spy, stub

__all__ = [
    "FakeClock",
    "Harness",
    "History",
    "Recorder",
    "Stub",
    "StubCall",
    "TaskRun",
    "TestedRun",
    "assert_failed",
    "assert_not_ran",
    "assert_ran",
    "assert_retried",
    "assert_skipped",
    "assert_state",
    "assert_succeeded",
    "spy",
    "stub",
]
