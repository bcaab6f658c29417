"""How runs are stopped: by Ctrl-C, from code, by the end of the program, by their listeners."""

from __future__ import annotations

import threading

import pytest
from programs import gone

import taskflow
from taskflow import RunCancelled, pipeline, task
from taskflow.events import RunEnded
from taskflow.executors import warm

pytestmark = pytest.mark.ring_kill  # it interrupts whole programs

TWO_STEPS = """
@task
def first(n):
    note("began", n, os.getpid())
    until(lambda: os.path.exists("go"))
    note("ended", n)

@task
def second(x):
    note("second")

@task(trigger_rule="always")
def clean(x):
    note("cleaned")

@pipeline
def p():
    ends = [first(n) for n in range(2)]
    for end in ends: second(end)
    clean(second(first(9)))

try:
    taskflow.run(p.options(workers=2))
except KeyboardInterrupt:
    note("interrupted")
    sys.exit(130)
"""


def test_ctrl_c_lets_what_runs_end_and_begins_nothing_new(program):
    """After one Ctrl-C running bodies finish, clean-up runs, and KeyboardInterrupt comes out."""
    program.write("p.py", TWO_STEPS)
    program.start("p.py")
    program.noted("began", 2)
    program.interrupt()
    (program.folder / "go").touch()
    assert program.end() == 130
    assert sorted(line.split()[0] for line in program.lines) == [
        *("began", "began", "cleaned", "ended", "ended", "interrupted")
    ]
    assert program.left == []


def test_a_second_ctrl_c_ends_everything_now(program):
    """After two, bodies that go on are killed with their workers; clean-up runs all the same."""
    program.write("p.py", TWO_STEPS)
    program.start("p.py")
    pids = [words.split()[1] for words in program.noted("began", 2)]
    program.interrupt()
    program.said("stopping: 2 running")  # two signals at once are one
    program.interrupt()
    assert program.end() == 130
    assert [line for line in program.lines if not line.startswith("began")] == [
        *("cleaned", "interrupted")
    ]
    assert gone(pids)
    assert program.left == []
    assert "Traceback" not in program.err


HANGING_CLEANUP = """
@task
def work():
    note("began work")
    until(lambda: os.path.exists("never"))

@task(trigger_rule="always")
def clean(x):
    note("began clean")
    until(lambda: os.path.exists("never"))

@pipeline
def p():
    clean(work())

try:
    taskflow.run(p.options(workers=1))
except KeyboardInterrupt:
    note("interrupted")
    sys.exit(130)
"""


def test_a_third_ctrl_c_ends_clean_up_that_hangs(program):
    """Two spare the clean-up; one more, and it is over as well."""
    program.write("p.py", HANGING_CLEANUP)
    program.start("p.py")
    program.noted("began work", 1)
    program.interrupt()
    program.said("stopping: 1 running")
    program.interrupt()
    program.noted("began clean", 1)
    program.interrupt()
    assert program.end() == 130
    assert program.lines == ["began work", "began clean", "interrupted"]
    assert program.left == []


TWICE = """
    os.kill(os.getpid(), signal.SIGINT)
    note("once")
    os.kill(os.getpid(), signal.SIGINT)
    note("twice")
"""


def test_ctrl_c_inline(program):
    """In this process one Ctrl-C lets the body finish, the second is raised into it."""
    text = TWO_STEPS.replace("workers=2", 'executor="inline"')
    program.write("p.py", text.replace('until(lambda: os.path.exists("go"))', TWICE))
    assert program.run("p.py") == 130
    assert [line.split()[0] for line in program.lines] == [
        *("began", "once", "cleaned", "interrupted")
    ]


def test_ctrl_c_while_nothing_runs(program):
    """A run that only waits for the time of a retry ends at once."""
    program.write(
        "p.py",
        """
        @task(retries=1, retry_delay=1000)
        def fail():
            note("ran")
            raise ValueError

        @pipeline
        def p(): fail()

        taskflow.run(p.options(progress=True))
        """,
    )
    program.start("p.py")
    program.said("retry")
    program.interrupt()
    assert program.end() != 0
    assert "KeyboardInterrupt" in program.err
    assert program.left == []


def test_ctrl_c_that_was_switched_off_stays_off(program):
    """A program that was started to ignore SIGINT, as by `nohup`, goes on ignoring it."""
    program.write("p.py", TWO_STEPS)
    program.write(
        "start.py",
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "p.py"])
        """,
    )
    program.start("start.py")
    program.noted("began", 2)
    program.interrupt()
    (program.folder / "go").touch()
    assert program.end() == 0
    assert program.lines.count("second") == 3


def test_a_program_that_ends_interrupts_the_run_it_did_not_wait_for(program):
    """At exit such a run is stopped, its clean-up runs, and one line on stderr says so."""
    program.write("p.py", TWO_STEPS.split("try:", maxsplit=1)[0] + PLAIN_START)
    assert program.run("p.py") == 0
    assert program.out == "bye\n"
    (line,) = [each for each in program.err.splitlines() if "stopping: " not in each]
    assert line.startswith("taskflow: run ")
    assert "is interrupted, since the program ends; run.result() would wait for it" in line
    assert [each for each in program.lines if not each.startswith("began")] == ["cleaned"]
    assert program.left == []


PLAIN_START = """
run = taskflow.start(p.options(workers=2, progress=False))
until(lambda: os.path.exists(os.environ["LEDGER"]))
print("bye")
"""


def test_a_program_that_waited_ends_in_silence(program):
    """A run that has ended, in whatever way, is not mentioned at exit."""
    program.write(
        "p.py",
        """
        @task
        def work(n): return n

        @pipeline
        def p(): return work.map(range(3))

        runs = [taskflow.start(p.options(workers=1, progress=False)) for _ in range(3)]
        print([run.result() for run in runs])
        """,
    )
    assert program.run("-W", "error", "p.py") == 0
    assert program.out == "[[0, 1, 2], [0, 1, 2], [0, 1, 2]]\n"
    assert program.err == ""
    assert program.left == []


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_run_at_exit_is_told_that_it_comes_too_late(program, executor):
    """Python starts nothing any more when a program ends, and says so in words of its own."""
    program.write(
        "late.py",
        f"""
        import atexit
        import taskflow
        from taskflow import pipeline, task

        @task
        def work(): return 1

        @pipeline
        def p(): return work()

        atexit.register(lambda: taskflow.run(p.options(executor={executor!r})))
        """,
    )
    program.run("late.py")
    assert "ExecutorError: the program is ending, and can start no workers any more" in program.err


def test_an_error_in_the_program_ends_its_runs(program):
    """An exception that leaves the program takes the runs in the background with it."""
    fails = PLAIN_START.replace('print("bye")', "1 / 0")
    program.write("p.py", TWO_STEPS.split("try:", maxsplit=1)[0] + fails)
    assert program.run("p.py") == 1
    assert "ZeroDivisionError" in program.err
    pids = [line.split()[2] for line in program.lines if line.startswith("began")]
    assert gone(pids)
    assert program.left == []


# --- from code -------------------------------------------------------------------------------


def _waiting(executor, tmp_path):
    path = str(tmp_path / "go")

    @task
    def wait(n):
        import os
        import time

        while not os.path.exists(path):
            time.sleep(0.002)
        return n

    @pipeline
    def p():
        return [wait(n) for n in range(4)]

    return p.options(executor=executor, workers=2, progress=False)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_run_is_waited_for_from_any_thread(executor, tmp_path):
    """`wait` with a timeout says how it stands; all threads that wait get the same result."""
    run = taskflow.start(_waiting(executor, tmp_path))
    assert run.wait(0.01) in {"queued", "running"}
    with pytest.raises(TimeoutError, match="is still"):
        run.result(0.0)
    found = []
    threads = [threading.Thread(target=lambda: found.append(run.result())) for _ in range(3)]
    for thread in threads:
        thread.start()
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join(30)
    assert found == [[0, 1, 2, 3]] * 3
    assert run.state == "succeeded"


def test_cancel_from_code_ends_a_run(tmp_path):
    """`cancel` from another thread: nothing new begins, what runs is killed after the grace."""
    run = taskflow.start(_waiting("processes", tmp_path))
    threading.Thread(target=run.cancel, args=(0.0,)).start()
    assert run.wait(30) == "cancelled"
    with pytest.raises(RunCancelled):
        run.result()
    run.cancel()  # too late, and harmless
    assert set(run.tasks.values()) == {"cancelled"}


def test_cancel_with_a_grace_lets_what_runs_end(tmp_path):
    """What was running within the grace has succeeded; the rest is cancelled."""
    run = taskflow.start(_waiting("inline", tmp_path))
    run.cancel()
    (tmp_path / "go").touch()
    assert run.wait(30) == "cancelled"
    assert set(run.tasks.values()) <= {"succeeded", "cancelled"}


def test_runs_run_beside_each_other(tmp_path):
    """Several runs in threads of one program do not touch each other."""
    (tmp_path / "go").touch()
    runs = [taskflow.start(_waiting("processes", tmp_path)) for _ in range(3)]
    assert [run.result(30) for run in runs] == [[0, 1, 2, 3]] * 3


# --- listeners -------------------------------------------------------------------------------


class Listening:
    """Remembers what it was told; fails where it is asked to."""

    def __init__(self, fails=None, error=ValueError):
        self.told = []
        self.closed = 0
        self._fails, self._error = fails, error

    def notice(self, events):
        self.told += events
        if self._fails == "notice":
            raise self._error("no ears")

    def close(self):
        self.closed += 1
        if self._fails == "close":
            raise self._error("no door")


@pytest.mark.parametrize("where", ["notice", "close"])
@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_listener_that_fails_does_not_touch_the_run(executor, where, tmp_path, capsys):
    """Its error is one line on stderr; the run and its other listeners go on."""
    (tmp_path / "go").touch()
    bad, good = Listening(where), Listening()
    run = _waiting(executor, tmp_path).start({}, [bad, good])
    assert run.wait(30) == "succeeded"
    assert isinstance(good.told[-1], RunEnded)
    assert (bad.closed, good.closed) == (0 if where == "notice" else 1, 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("taskflow: the listener Listening is told nothing more, it raised")


def test_an_engine_that_breaks_leaves_no_workers(tmp_path):
    """Whatever ends the engine's loop, no worker goes on, waiters are told, files are removed."""
    import os

    from programs import gone

    run = _waiting("processes", tmp_path).start({}, [Listening("notice", SystemExit)])
    with pytest.raises(SystemExit):
        run.wait(30)
    assert run.state == "interrupted"
    warm.end_all()  # one that had nothing to do yet waits for another run
    children = [pid for pid in os.listdir("/proc") if pid.isdigit() and _parent(pid) == os.getpid()]
    workers = [pid for pid in children if b"popen_loky" in _command(pid)]
    assert gone(workers)


def _parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""
