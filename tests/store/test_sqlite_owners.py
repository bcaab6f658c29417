"""Several processes on one SQLite store: who owns a run, and what becomes of what an owner left."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest
from keeping import NOON, TRACE, bare, begun, new_run, opened, outcome, program

from taskflow.errors import RunOwnedError, StoreError
from taskflow.records import Worker
from taskflow.store import owners

DRIVE = """
    ledger = begun(store)
    ledger.write([outcome(0), outcome(1)])
    ledger.flush()
    print("driving", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path):
    """A store in a folder that other processes open, too."""
    made = opened(tmp_path)
    yield made
    made.close()


def test_a_run_of_another_process_is_refused_while_it_lives_and_taken_over_when_killed(
    store, tmp_path
):
    """The refusal names the other process; after `kill -9` what it committed is there."""
    with program(tmp_path, DRIVE) as other:
        assert other.stdout.readline() == "driving\n"
        assert store.find("run-1").state == "running"
        with pytest.raises(RunOwnedError, match=rf"pid {other.pid} since .*taskflow cancel run-1"):
            store.take_over("run-1")
        other.kill()
        other.wait()
    assert store.find("run-1").state == "interrupted"
    ledger = store.take_over("run-1")
    ledger.begin(TRACE, list(store.kept("run-1", 1)))
    assert [each.node for each in store.kept("run-1", 2)] == [0, 1]
    assert store.find("run-1").epoch == 2


def test_of_two_that_take_a_run_over_one_wins(store, tmp_path):
    """The other is told who did."""
    begun(store).close()
    code = """
        sys.stdin.readline()
        try:
            store.take_over("run-1")
            print("mine", flush=True)
        except RunOwnedError as error:
            print(error, flush=True)
        sys.stdin.readline()
    """
    with program(tmp_path, code) as one, program(tmp_path, code) as two:
        for each in (one, two):
            each.stdin.write("go\n")
            each.stdin.flush()
        said = {one.pid: one.stdout.readline(), two.pid: two.stdout.readline()}
    (winner,) = [pid for pid, text in said.items() if text == "mine\n"]
    (loser,) = [text for text in said.values() if text != "mine\n"]
    assert f"owned by pid {winner}" in loser
    assert store.find("run-1").epoch == 2


def test_an_owner_that_was_replaced_writes_nothing_more(store, tmp_path):
    """Its records are dropped, and it is told; the other's are not touched."""
    ledger = begun(store)
    ledger.write([outcome(0)])
    ledger.flush()
    heard = threading.Event()
    ledger.on_news = heard.set
    # As it looks to others when the owner runs in a machine that was put to sleep and copied.
    store.writer.do(lambda connection: connection.execute("UPDATE runs SET boot = 'another'"))
    code = """
        ledger = store.take_over("run-1")
        ledger.begin(TRACE)
        ledger.write([outcome(5)])
        ledger.end("succeeded", seconds=1.0, counts={})
        print("done", flush=True)
    """
    with program(tmp_path, code) as other:
        assert other.stdout.readline() == "done\n"
    ledger.write([outcome(1)])
    assert heard.wait(30)
    for use in (ledger.poll, ledger.flush, lambda: ledger.begin(TRACE)):
        with pytest.raises(RunOwnedError, match="taken over"):
            use()
    assert [each.node for each in store.kept("run-1", 1)] == [0]
    assert [each.node for each in store.kept("run-1", 2)] == [5]
    assert store.find("run-1").state == "succeeded"


def test_workers_that_an_owner_left_behind_end_before_the_run_goes_on(store):
    """Their whole group is killed, and gone when the run is owned."""
    code = (
        "import subprocess, sys; subprocess.Popen(['sleep', '600']); print(1, flush=True); input()"
    )
    with sleeper(code) as worker:
        worker.stdout.readline()
        ledger = begun(store)
        ledger.write([Worker(0, worker.pid, owners.started(worker.pid), NOON)])
        ledger.close()
        store.take_over("run-1")
        assert worker.wait() == -signal.SIGKILL
        # Its output ends only when nobody of its group holds it any more.
        assert worker.stdout.read() == ""


def test_another_process_with_the_number_of_a_worker_is_left_alone(store):
    """A process is who began when the record says so, since that boot of the machine."""
    with sleeper("print(1, flush=True); input()") as other:
        other.stdout.readline()
        ledger = begun(store)
        ledger.write([Worker(0, other.pid, owners.started(other.pid) - 1, NOON)])
        ledger.close()
        store.take_over("run-1")
        owners.end(other.pid, owners.started(other.pid), "another boot")
        assert other.poll() is None
        other.stdin.write("bye\n")
        other.stdin.flush()
        assert other.wait() == 0


def test_a_request_reaches_another_process(store, tmp_path):
    """It hears of it by itself, in a moment."""
    code = """
        import threading
        ledger = begun(store)
        heard = threading.Event()
        ledger.on_news = heard.set
        print("driving", flush=True)
        heard.wait(60)
        print(ledger.poll(), flush=True)
    """
    with program(tmp_path, code) as other:
        other.stdout.readline()
        assert store.request("run-1", "cancel")
        assert other.stdout.readline() == "['cancel']\n"


@pytest.mark.ring_programs
def test_processes_write_side_by_side(store, tmp_path):
    """Each gets its turn, and all that each wrote is there."""
    code = """
        ledger = begun(store, f"run-{os.getpid()}")
        for node in range(50):
            ledger.write([outcome(node)])
            ledger.flush()
        ledger.end("succeeded", seconds=1.0, counts={})
    """
    with program(tmp_path, code) as one, program(tmp_path, code) as two:
        mine = begun(store, "run-me")
        mine.write([outcome(node) for node in range(50)])
        mine.flush()
        assert (one.wait(), two.wait()) == (0, 0)
        names = [f"run-{one.pid}", f"run-{two.pid}", "run-me"]
    records = [[each.node for each in store.kept(name, 1)] for name in names]
    assert records == [list(range(50))] * 3


def test_a_child_that_was_forked_leaves_the_store_of_its_parent_alone(tmp_path):
    """It cannot write to the parent's run, opens its own, and the parent goes on."""
    code = """
        ledger = begun(store)
        ledger.write([outcome(0)])
        ledger.flush()
        child = os.fork()
        if not child:
            ledger.write([outcome(7)])
            try:
                ledger.flush()
            except StoreError as error:
                print(error, flush=True)
            begun(store, "run-2").end("succeeded", seconds=1.0, counts={})
            print(len(store.runs()), flush=True)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        ledger.write([outcome(1)])
        ledger.end("succeeded", seconds=1.0, counts={})
        print([each.node for each in store.kept("run-1", 1)])
    """
    with program(tmp_path, code, before=()) as process:
        lines = process.communicate()[0].splitlines()
    assert "forked" in lines[0]
    assert lines[1:] == ["2", "[0, 1]"]


def test_a_run_that_was_removed_meanwhile_says_so(store):
    """Somebody has removed its row by hand: nothing is written for it any more."""
    ledger = begun(store)
    store.writer.do(lambda connection: connection.execute("DELETE FROM runs"))
    ledger.write([outcome()])
    with pytest.raises(StoreError, match="was removed"):
        ledger.flush()


def test_what_a_job_says_of_itself_does_not_stop_others(store):
    """A run that cannot be created does not keep the records of another from being written."""
    ledger = begun(store)
    ledger.write([outcome(node) for node in range(100)])
    with pytest.raises(StoreError, match="already"):
        store.create(new_run())
    ledger.write([outcome(node) for node in range(100, 200)])
    ledger.flush()
    assert [each.node for each in store.kept("run-1", 1)] == list(range(200))


def test_a_record_that_cannot_be_kept_concerns_its_run_only(store):
    """The run is told what it was; another one in the same store goes on."""
    odd, other = begun(store, "odd"), begun(store, "other")
    odd.write([outcome(value=object())])
    other.write([outcome(1)])
    other.flush()
    with pytest.raises(StoreError, match="keep a object"):
        odd.flush()
    assert bare(store.kept("other", 1)) == [outcome(1)]


def sleeper(code):
    """A process that leads a group, as a worker does."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
