"""The states that a task run and a run can be in, by name."""

from __future__ import annotations

from typing import Final

# --- states of a task run ------------------------------------------------------------------

PENDING: Final = "pending"  #: waits for its inputs
READY: Final = "ready"  #: inputs are there; waits for a slot
RUNNING: Final = "running"  #: given to a worker
RETRYING: Final = "retrying"  #: waits for its next attempt
SUCCEEDED: Final = "succeeded"
CACHED: Final = "cached"  #: taken from an earlier run
FAILED: Final = "failed"  #: its last attempt raised
CRASHED: Final = "crashed"  #: killed its worker three times
TIMED_OUT: Final = "timed_out"
UPSTREAM_FAILED: Final = "upstream_failed"  #: an input failed, so it never ran
SKIPPED: Final = "skipped"
CANCELLED: Final = "cancelled"

TASK_STATES: Final = (
    PENDING,
    READY,
    RUNNING,
    RETRYING,
    SUCCEEDED,
    CACHED,
    FAILED,
    CRASHED,
    TIMED_OUT,
    UPSTREAM_FAILED,
    SKIPPED,
    CANCELLED,
)

#: States with a value.
GOOD: Final = frozenset({SUCCEEDED, CACHED})
#: States that count as a failure of the task itself.
BAD: Final = frozenset({FAILED, CRASHED, TIMED_OUT})
#: States that never change again.
ENDED: Final = GOOD | BAD | {UPSTREAM_FAILED, SKIPPED, CANCELLED}

# --- states of a run -----------------------------------------------------------------------

RUN_STATES: Final = (
    "queued",
    "running",
    "paused",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "interrupted",
)

#: States of a run that may still go on, by itself or with whoever takes it up.
OPEN_RUNS: Final = frozenset({"queued", "running", "paused", "interrupted"})
