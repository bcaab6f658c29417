"""Workers that die, or nearly: what that costs whom, and what is said of it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from ledgers import Ledger, begun_in_time, lives, until

import taskflow
from taskflow import pipeline, task
from taskflow.engine import slots
from taskflow.errors import ExecutorError, TaskCrashed, TaskTimeout

pytestmark = pytest.mark.ring_kill  # it kills workers


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


def _ended(p, workers=2, **params):
    """A run of `p` in real workers, to its end."""
    run = taskflow.start(p.options(workers=workers, progress=False), **params)
    run.wait(60)
    return run


def _kill(number):
    os.kill(os.getpid(), number)
    time.sleep(30)


def _no_pipe():
    os.closerange(3, 200)


DEATHS = {
    "segfault": (lambda: ctypes.string_at(0), "SIGSEGV: segmentation fault in C code"),
    "abort": (os.abort, "SIGABRT: aborted"),
    "exit": (lambda: os._exit(3), "exit code 3: something in it called os._exit"),
    "exit_0": (lambda: os._exit(0), "exit code 0: something in it called os._exit"),
    "sigkill": (lambda: _kill(signal.SIGKILL), "SIGKILL: killed from outside"),
    "sigterm": (lambda: _kill(signal.SIGTERM), "SIGTERM: terminated from outside"),
    "closed": (_no_pipe, "it closed its connection to the engine"),
}


def test_a_task_that_kills_its_worker_is_tried_three_times_alone(ledger):
    """Each way to die costs that task an attempt; after three it has crashed, with the cause.

    Forty bystanders run once each, in whatever batches they were.
    """

    @task
    def bystander(n):
        ledger.note(n)
        return n

    @task
    def deadly(name):
        ledger.note(name)
        DEATHS[name][0]()

    @pipeline
    def p():
        kept = [bystander(n) for n in range(20)]
        for name in DEATHS:
            deadly.options(name=name)(name)
        return kept + [bystander(n) for n in range(20, 40)]

    run = _ended(p)
    assert run.counts == {"succeeded": 40, "crashed": len(DEATHS)}
    assert ledger.counts == {**{str(n): 1 for n in range(40)}, **dict.fromkeys(DEATHS, 3)}
    errors = {failure.task_key: failure for failure in run.failures}
    for name, (_, cause) in DEATHS.items():
        failure = errors[f"p/{name}"]
        assert failure.state == "crashed"
        assert isinstance(failure.error, TaskCrashed)
        assert f"its worker died 3 times; the last time: {cause}" in str(failure.error)


def test_elements_of_a_map_run_once_beside_one_that_kills_its_worker(ledger):
    """A death under an element is that element's: all others run to their end, alone if need be."""

    @task
    def work(n):
        if n == 77:
            os._exit(9)
        ledger.note(n)
        return n

    @pipeline
    def p():
        return taskflow.outcomes(work.map(range(150)))

    run = _ended(p)
    assert run.counts["crashed"] == 1
    assert run.counts["succeeded"] == 149
    assert [n for n, value in enumerate(run.result()) if not value and n] == [77]
    # Those in flight with it may have begun before; none was lost.
    assert set(ledger.counts) == {str(n) for n in range(150)} - {"77"}


def test_a_loss_does_not_use_up_retries(ledger):
    """A task that dies twice and then works has succeeded, without any `retries`."""

    @task
    def shaky():
        ledger.note("ran")
        if len(ledger.lines) < 3:
            os._exit(1)
        return taskflow.current.attempt

    @pipeline
    def p():
        return shaky()

    assert _ended(p).result() == 3


def test_memory_that_runs_out_is_an_exception_like_any_other():
    """MemoryError under RLIMIT_AS fails the task; its worker and the next task go on."""

    @task
    def greedy():
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, hard))
        try:
            return len(bytearray(4 << 30))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    @task
    def modest():
        return "fine"

    @pipeline
    def p():
        greedy()
        return modest()

    run = _ended(p, workers=1)
    assert run.counts == {"failed": 1, "succeeded": 1}
    assert [type(failure.error) for failure in run.failures] == [MemoryError]


def test_a_task_that_closes_its_output_silences_nobody_else(capfd):
    """Closing fds 1 and 2, or the streams, lasts no longer than the task."""

    @task
    def close(how):
        if how == "fds":
            os.close(1)
            os.close(2)
        else:
            sys.stdout.close()
            sys.stderr.close()

    @task
    def speak(n):
        print("said", n)
        subprocess.run(["echo", "echoed", str(n)], check=True)
        print("complained", n, file=sys.stderr)

    @pipeline
    def p():
        first = close("fds")
        second = speak.options(after=first)(1)
        third = close.options(after=second)("streams")
        speak.options(after=third)(2)

    assert _ended(p, workers=1).state == "succeeded"
    shown = capfd.readouterr().err
    for words in ("said 1", "echoed 1", "complained 1", "said 2", "echoed 2", "complained 2"):
        assert words in shown


def test_what_a_worker_wrote_last_is_in_the_report():
    """Output that could not be sent any more, and the stack that faulthandler wrote, are kept."""

    @task
    def talks():
        print("on the way")
        ctypes.string_at(0)

    @pipeline
    def p():
        talks()

    run = _ended(p, workers=1)
    (report,) = [report for _, _, report in run._failed()]
    assert "on the way" in report.log_tail
    assert "Segmentation fault" in report.log_tail
    assert "in talks" in report.log_tail


def test_subprocesses_of_a_task_die_with_its_worker(ledger):
    """What a killed body had started does not stay behind."""

    @task
    def parent():
        child = subprocess.Popen(["sleep", "100"])
        ledger.note(child.pid)
        os._exit(1)

    @pipeline
    def p():
        parent()

    assert _ended(p, workers=1).state == "failed"
    pids = [int(line) for line in ledger.lines]
    assert len(pids) == 3
    until(lambda: not any(lives(pid) for pid in pids))


def test_a_child_that_returns_from_the_body_is_nobody(ledger):
    """A body that forks and lets both return gives one outcome, and the next task runs once."""

    @task
    def forks():
        return os.fork() == 0

    @task
    def follows(n):
        ledger.note(n)

    @pipeline
    def p():
        first = [forks() for _ in range(3)]
        return first, [follows.options(after=first)(n) for n in range(5)]

    assert _ended(p).result() == ([False] * 3, [None] * 5)
    assert ledger.counts == {str(n): 1 for n in range(5)}


# --- timeouts --------------------------------------------------------------------------------


def test_a_timeout_ends_a_body_that_holds_the_interpreter_lock(ledger):
    """A body stuck in C code cannot be asked to stop: its worker is killed, and it is retried."""

    @task(retries=1)
    def stuck():
        ledger.note("ran")
        ctypes.PyDLL(None).sleep(30)

    @task
    def other():
        return 1

    @pipeline
    def p(timeout):
        stuck.options(timeout=timeout)()
        return [other() for _ in range(10)]

    def attempt(timeout):
        ledger.clear()
        return _ended(p, timeout=timeout), timeout

    run, timeout = begun_in_time(attempt, lambda: len(ledger.lines) >= 2)
    assert run.counts == {"timed_out": 1, "succeeded": 10}
    assert ledger.lines == ["ran", "ran"]
    (failure,) = run.failures
    assert failure.state == "timed_out"
    assert isinstance(failure.error, TaskTimeout)
    assert f"{timeout:g} s" in str(failure.error)


@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_a_killed_element_is_told_by_its_key_and_its_inputs(executor, monkeypatch):
    """A worker that was killed says nothing more: what its body worked on was said before."""
    monkeypatch.setattr(slots, "PATIENCE_SECONDS", 0.2)

    @task(timeout=0.2, executor=executor)
    def stuck(station):
        ctypes.PyDLL(None).sleep(30)

    @task(executor=executor)
    def dead(station):
        os._exit(3)

    @pipeline
    def p():
        stuck.options(key=str).map(["Namur"])
        dead.options(key=str).map(["Mons"])

    found = {key: (state, report.inputs) for key, state, report in _ended(p)._failed()}
    assert found == {
        "p/stuck[Namur]": ("timed_out", (("station", "'Namur'"),)),
        "p/dead[Mons]": ("crashed", (("station", "'Mons'"),)),
    }


def test_a_timeout_and_the_end_of_the_body_may_meet():
    """Bodies that take just as long as they may: each succeeds or times out, none is lost."""

    @task(timeout=0.02)
    def close_call(n):
        time.sleep(0.0195)
        return n

    @pipeline
    def p():
        return taskflow.outcomes(close_call.map(range(12)))

    run = _ended(p)
    assert run.state == "succeeded"
    counts = run.counts
    assert counts.get("succeeded", 0) + counts.get("timed_out", 0) == 12
    for n, value in enumerate(run.result()):
        assert value == n or isinstance(value.error, TaskTimeout)


def test_inline_a_timeout_is_raised_at_the_next_bytecode(ledger):
    """Without a process to kill, `TaskTimeout` comes up in the body; clean-up in it runs."""

    @task
    def endless():
        try:
            ledger.note("began")
            while True:
                pass
        finally:
            ledger.note("cleaned")

    @task
    def after():
        return "fine"

    @pipeline
    def p(timeout):
        endless.options(timeout=timeout)()
        return after()

    def attempt(timeout):
        ledger.clear()
        return p.options(executor="inline", progress=False).execute({"timeout": timeout})

    run = begun_in_time(attempt, lambda: "began" in ledger.lines)
    assert run.counts == {"timed_out": 1, "succeeded": 1}
    assert isinstance(run.failures[0].error, TaskTimeout)
    assert ledger.lines == ["began", "cleaned"]


# --- starting --------------------------------------------------------------------------------


def test_workers_that_cannot_start_end_the_run(monkeypatch, tmp_path, capfd):
    """Broken surroundings fail the run as a whole, after a few tries, not each of its tasks."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'loky.backend.popen_loky_posix' in sys.orig_argv:\n"
        "    print('broken surroundings', file=sys.stderr)\n"
        "    os._exit(5)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    @task
    def work(n):
        return n

    @pipeline
    def p():
        return work.map(range(100))

    with pytest.raises(ExecutorError, match=r"cannot start .exit code 5.* tried 3 times"):
        taskflow.run(p.options(workers=2, progress=False))
    assert "broken surroundings" in capfd.readouterr().err


def test_a_module_that_cannot_be_imported_fails_each_task_once(tmp_path, monkeypatch):
    """An import that fails in the worker is no reason to try again."""
    (tmp_path / "only_here.py").write_text(
        "import os, taskflow\n"
        f"if os.getpid() != {os.getpid()}: raise ImportError('not in a worker')\n"
        "@taskflow.task(retries=5)\n"
        "def work(n): return n\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    @pipeline
    def p():
        return [only_here.work(n) for n in range(3)]

    run = _ended(p)
    assert run.counts == {"failed": 3}
    assert {str(failure.error) for failure in run.failures} == {"not in a worker"}
    assert max(run._plan.attempts.last((n, -1)) for n in range(3)) <= 6


def test_too_few_file_descriptors_are_said_before_anything_starts():
    """Sixteen workers under `ulimit -n 64`: the error names the limit and what would fit."""
    program = (
        "import resource, taskflow\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "@taskflow.task\n"
        "def work(): print('ran')\n"
        "@taskflow.pipeline\n"
        "def p(): work()\n"
        "taskflow.run(p.options(workers=16))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "ExecutorError: 16 workers need some" in ended.stderr
    assert "ulimit -n" in ended.stderr
    assert "workers=" in ended.stderr.splitlines()[-1]
    assert "ran" not in ended.stderr + ended.stdout
