"""Runs whose tasks run in different ways: on an event loop, in threads, in processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from ledgers import Ledger, until

import taskflow
from taskflow import current, pipeline, task
from taskflow.executors.machine import THREAD_CAPS, cores
from taskflow.executors.processes import ProcessExecutor
from taskflow.executors.threads import ThreadExecutor


def _where():
    return os.getpid(), threading.current_thread().name


@task
def plain():
    return _where()


@task(executor="threads")
def threaded():
    return _where()


@task(executor="processes")
def apart():
    return _where()


@task
async def waiting():
    await asyncio.sleep(0)
    return _where()


@task
def places(*found):
    return dict(found)


@pipeline
def mixed():
    return plain(), threaded(), apart(), waiting()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


def _run(p, executor, **params):
    run = taskflow.start(p.options(executor=executor, progress=False), **params)
    run.wait(60)
    return run


def test_processes_keep_threads_and_async_tasks_in_workers_of_their_own():
    """Three kinds of tasks, three kinds of workers; none of them is this process."""
    in_plain, in_threads, in_process, on_loop = _run(mixed, ProcessExecutor(1)).result()
    assert in_plain[0] == in_process[0]
    assert len({in_plain[0], in_threads[0], on_loop[0], os.getpid()}) == 4
    assert in_plain[1] == "MainThread"
    assert (in_threads[1], on_loop[1]) == ("taskflow body", "taskflow loop")


def test_threads_are_here_and_processes_where_they_are_asked_for():
    """Under `threads` everything runs in this process, but for what asks for another one."""
    in_plain, in_threads, in_process, on_loop = _run(mixed, ThreadExecutor()).result()
    assert {in_plain[0], in_threads[0], on_loop[0]} == {os.getpid()}
    assert in_process[0] != os.getpid()
    assert in_plain[1] == in_threads[1] == "taskflow body"
    assert on_loop[1] == "taskflow loop"


@pytest.mark.ring_programs
def test_what_nobody_asks_for_is_not_started(monkeypatch):
    """A run of threads starts no process; a run of plain tasks starts no wide worker."""

    def refuse(*_, **__):
        raise AssertionError("it was started")

    @task
    def here(n):
        return n

    @pipeline
    def p():
        return here.map(range(20))

    executor = ProcessExecutor(1)
    assert _run(p, executor).result() == list(range(20))
    assert [lane.kind for lane in executor.lanes] == ["processes", "async", "threads"]
    assert [bool(slot.pid) for slot in executor._slots] == [True, False, False]
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(ProcessExecutor, "start", refuse)
    run = _run(p, ThreadExecutor())
    assert run.result() == list(range(20))
    assert not run._setup.snapshot  # the code that processes would need is not even written


def test_ctrl_c_does_not_reach_a_worker_that_starts(tmp_path):
    """The terminal sends it to all; also the first worker of a program takes no notice."""
    program = (
        "import os, signal\n"
        "from taskflow.call import Setup\n"
        "from taskflow.executors.processes import ProcessExecutor\n"
        "executor = ProcessExecutor(1)\n"
        f"executor.start(Setup('run', {str(tmp_path)!r}))\n"
        "(slot, *_) = executor._slots\n"
        "os.kill(next(iter(slot.process._pool._processes)), signal.SIGINT)\n"
        "while not slot.pid:\n"
        "    assert {type(said).__name__ for said in executor.wait(None)} <= {'Hello'}\n"
        "executor.stop()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.ring_programs
def test_values_go_from_kind_to_kind(tmp_path):
    """A map on the loop, its elements squared in threads, summed in a process: all by value."""

    @task
    async def fetch(n):
        await asyncio.sleep(0)
        return [n]

    @task(executor="threads")
    def square(xs):
        xs.append(xs[0] ** 2)
        return xs

    @task
    def total(xss):
        return sum(xs[1] for xs in xss)

    @pipeline
    def p():
        return total(square.map(fetch.map(range(200))))

    for executor in (ProcessExecutor(2), ThreadExecutor()):
        assert _run(p, executor).result() == sum(n * n for n in range(200))


# --- threads of numeric libraries ------------------------------------------------------------


@task
def caps(kind):
    return {name: os.environ.get(name) for name in THREAD_CAPS}


@pipeline
def all_caps():
    @task(executor="threads")
    def in_threads():
        return caps.fn(0)

    @task
    async def on_loop():
        return caps.fn(0)

    return caps(0), in_threads(), on_loop()


@pytest.mark.ring_programs
def test_numeric_libraries_share_the_cores_among_the_workers(monkeypatch):
    """Workers start with the share of one body; that of many threads is one core each."""
    for name in THREAD_CAPS:
        monkeypatch.delenv(name, raising=False)
    plain_caps, in_threads, on_loop = _run(all_caps, ProcessExecutor(1)).result()
    assert set(plain_caps.values()) == {str(cores())} == set(on_loop.values())
    assert set(in_threads.values()) == {"1"}


@pytest.mark.ring_programs
def test_the_users_own_number_of_threads_wins(monkeypatch):
    """A variable that is set stays as it is, whatever it says; the others are capped."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    for found in _run(all_caps, ProcessExecutor(2)).result():
        assert found["OMP_NUM_THREADS"] == "7"
        assert found["MKL_NUM_THREADS"] != "7"


def test_a_new_worker_has_the_share_of_the_one_that_died(monkeypatch, ledger):
    """A respawned worker is started with the same environment."""
    for name in THREAD_CAPS:
        monkeypatch.delenv(name, raising=False)

    @task
    def dies_once():
        if not ledger.lines:
            ledger.note("died")
            os._exit(1)
        return caps.fn(0)

    @pipeline
    def p():
        return dies_once()

    assert set(_run(p, ProcessExecutor(cores())).result().values()) == {"1"}


# --- endings ---------------------------------------------------------------------------------


@pytest.mark.ring_kill
def test_a_death_on_the_loop_is_charged_to_who_caused_it(ledger):
    """Of twenty bodies in flight one takes the worker along, three times; the others succeed."""

    @task
    async def work(n):
        if n == 7:
            os._exit(9)
        await asyncio.sleep(0.01)
        return n

    @pipeline
    def p():
        return taskflow.outcomes(work.map(range(20)))

    run = _run(p, ProcessExecutor(1))
    assert run.counts["crashed"] == 1
    assert [n for n, value in enumerate(run.result()) if not value and n] == [7]


@pytest.mark.ring_kill
def test_a_body_that_blocks_the_loop_is_ended_with_its_worker(ledger):
    """It times out; what took turns with it runs again, without having used up an attempt."""

    @task(timeout=0.2)
    async def blocks():
        time.sleep(60)  # noqa: ASYNC251 - that is the mistake

    @task
    async def beside(n):
        ledger.note(f"{n} {current.attempt}")
        await asyncio.sleep(0.01)
        return n

    @pipeline
    def p():
        return taskflow.outcomes([blocks(), *[beside(n) for n in range(5)]])

    run = _run(p, ProcessExecutor(1))
    assert run.counts["timed_out"] == 1
    assert run.result()[1:] == list(range(5))


@pytest.mark.ring_programs
def test_ctrl_c_twice_ends_a_run_of_threads(tmp_path):
    """What can be stopped is, with its clean-up; a thread that is stuck holds up nothing."""
    program = tmp_path / "stuck.py"
    program.write_text(
        "import asyncio, time, taskflow\n"
        "from taskflow import pipeline, task\n"
        "from taskflow.executors.threads import ThreadExecutor\n"
        "def say(text): print(text, flush=True)\n"
        "@task\n"
        "def stuck():\n"
        "    say('ready'); time.sleep(1000)\n"
        "@task\n"
        "def busy():\n"
        "    say('ready')\n"
        "    try:\n"
        "        while True: time.sleep(0.01)\n"
        "    finally: say('thread cleaned')\n"
        "@task\n"
        "async def naps():\n"
        "    say('ready')\n"
        "    try: await asyncio.sleep(1000)\n"
        "    finally: say('task cleaned')\n"
        "@pipeline\n"
        "def p(): stuck(), busy(), naps()\n"
        "if __name__ == '__main__':\n"
        "    taskflow.run(p.options(executor=ThreadExecutor(), progress=False))\n"
    )
    out = tmp_path / "out"
    with out.open("w") as file:
        running = subprocess.Popen([sys.executable, program], stdout=file, stderr=file)
    try:
        until(lambda: out.read_text().count("ready") == 3)
        running.send_signal(signal.SIGINT)
        until(lambda: "stopping: 3 running" in out.read_text() or running.poll() is not None)
        running.send_signal(signal.SIGINT)
        running.wait(30)
    finally:
        running.kill()
    assert "thread cleaned" in out.read_text()
    assert "task cleaned" in out.read_text()
