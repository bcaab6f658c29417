"""A full disk, one that fails, a foreign lock, a kill: what the SQLite store says and keeps."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import textwrap
from contextlib import closing

import pytest
from keeping import begun, fill, opened, outcome, program

from taskflow.call import Stored
from taskflow.errors import StoreError
from taskflow.records import RunFilter

WRITE = """
    ledger = begun(store)
    print("begun", flush=True)
    for node in range(%d):
        ledger.write([outcome(node, value=b"x" * 1000)])
        try:
            ledger.flush()
        except StoreError as error:
            print(type(error).__name__, error, flush=True)
            break
        print(node, flush=True)
    try:
        ledger.write([outcome(-7)])
        ledger.poll()
        print("went on")
    except StoreError as error:
        ledger.close()
"""


def acknowledged(lines):
    """The nodes whose commit was told, and what was said then."""
    lines = lines.split("begun\n")[1].splitlines()
    nodes = [int(line) for line in lines if line.isdigit()]
    return nodes, lines[len(nodes) :]


def kept_nodes(folder):
    """The nodes that are kept, in a database that is whole."""
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store = opened(folder)
    nodes = [each.node for each in store.kept("run-1", 1)]
    store.take_over("run-1").close()
    store.close()
    return nodes


def test_a_full_disk_ends_the_writing_and_keeps_what_was_committed(tmp_path):
    """The run is told where to make room, and can be taken over when there is some again."""
    head = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
    with program(tmp_path, head + textwrap.dedent(WRITE % 5000)) as process:
        nodes, said = acknowledged(process.communicate()[0])
    assert len(said) == 1
    assert said[0].startswith("StoreFullError there is no room for the store")
    assert "taskflow gc" in said[0]
    assert kept_nodes(tmp_path) == nodes


def test_a_value_that_is_not_on_the_disk_is_not_named(tmp_path):
    """A row never names a file that was not there to be flushed."""
    store = opened(tmp_path)
    ledger = begun(store)
    ledger.write([outcome(0)])
    ledger.flush()
    ledger.write([outcome(1, value=Stored(f"{ledger.run_dir}/values/gone", 5))])
    with pytest.raises(StoreError, match="gone"):
        ledger.flush()
    assert [each.node for each in store.kept("run-1", 1)] == [0]
    store.close()


def test_a_program_that_keeps_the_database_locked_is_waited_for(tmp_path):
    """Nothing fails, history is still read, and it can be seen for how long the store waits."""
    store = opened(tmp_path)
    ledger = begun(store)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as browser:
        browser.execute("BEGIN EXCLUSIVE")
        ledger.write([outcome(0)])
        while ledger.busy == 0:
            os.sched_yield()
        assert len(store.runs()) == 1
        assert ledger.poll() == []
        assert list(store.kept("run-1", 1)) == []
        browser.execute("ROLLBACK")
    ledger.flush()
    assert ledger.busy == 0
    assert len(list(store.kept("run-1", 1))) == 1
    store.close()


def test_a_store_can_be_closed_while_a_program_keeps_it_locked(tmp_path):
    """What waits for the lock is told that it was not written."""
    store = opened(tmp_path)
    ledger = begun(store)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as browser:
        browser.execute("BEGIN EXCLUSIVE")
        ledger.write([outcome(0)])
        while ledger.busy == 0:
            os.sched_yield()
        store.close()
        with pytest.raises(StoreError, match="locked by another program"):
            ledger.poll()


def test_a_log_of_writes_that_was_cut_off_is_an_earlier_state(tmp_path):
    """Half of the last transaction counts as none of it."""
    store = opened(tmp_path / "one")
    ledger = begun(store)
    for node in range(10):
        ledger.write([outcome(node)])
        ledger.flush()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    store.close()
    wal = tmp_path / "two/store.db-wal"
    os.truncate(wal, os.path.getsize(wal) - 100)
    assert kept_nodes(tmp_path / "two") == list(range(9))


@pytest.mark.ring_kill
@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("fdatasync", 12),
        ("fdatasync", 14),
        ("fdatasync", 19),
        ("fsync", 6),
        ("fsync", 8),
        ("fsync", 11),
    ],
)
def test_a_flush_that_fails_is_never_tried_again(tmp_path, call, when):
    """The run is told, nothing after it is written, and what was acknowledged is there."""
    strace = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-e", "trace=fdatasync,fsync"]
    inject = ["-e", f"inject={call}:error=EIO:when={when}"]
    code = WRITE % 20
    if call == "fsync":
        code = code.replace('value=b"x" * 1000', 'value=value_file(ledger, f"{node}.value")')
    with program(tmp_path / "kept", code, before=[*strace, *inject]) as process:
        nodes, said = acknowledged(process.communicate()[0])
    assert [line.split()[0] for line in said] == ["StoreError"]
    assert "fails" in said[0]
    kept = kept_nodes(tmp_path / "kept")
    assert kept[: len(nodes)] == nodes == list(range(len(nodes)))
    # The one that was not acknowledged may be there; nothing after it is.
    assert len(kept) <= len(nodes) + 1


@pytest.mark.ring_kill
@pytest.mark.parametrize("after", [1, 7, 40, 200])
def test_a_kill_leaves_a_beginning_of_what_was_written(tmp_path, after):
    """All that was acknowledged, perhaps more, and no gap: records are committed in their order."""
    code = """
        ledger = begun(store)
        print("begun", flush=True)
        for node in range(100_000):
            ledger.write([outcome(2 * node)])
            ledger.write([outcome(2 * node + 1)])
            if node % 3 == 0:
                ledger.flush()
                print(2 * node + 1, flush=True)
    """
    with program(tmp_path, code) as process:
        process.stdout.readline()
        told = [int(process.stdout.readline()) for _ in range(after)][-1]
        os.kill(process.pid, signal.SIGKILL)
    nodes = kept_nodes(tmp_path)
    assert nodes == list(range(len(nodes)))
    assert len(nodes) > told


@pytest.mark.ring_kill
@pytest.mark.parametrize("when", range(1, 40, 3))
def test_a_kill_while_a_store_is_migrated_is_harmless(tmp_path, when):
    """Whoever opens it next finds it whole, and older runs as they were."""
    records = fill(opened(tmp_path / "kept"))
    code = """
        from taskflow.store import opening
        later = opening.migrations()
        opening.migrations = lambda: (*later, "CREATE TABLE x (y);", "CREATE TABLE z (y);")
        print(len(store.runs()), flush=True)
    """
    strace = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls")]
    inject = "-e", "trace=pwrite64,fdatasync,fsync,rename,unlink", "-e"
    calls = f"inject=pwrite64,fdatasync,fsync,rename,unlink:signal=SIGKILL:when={when}"
    with program(tmp_path / "kept", code, before=[*strace, *inject, calls]) as process:
        process.communicate()
    with program(tmp_path / "kept", code) as process:
        assert process.communicate()[0] == "1\n"
    with closing(sqlite3.connect(tmp_path / "kept/store.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        count = connection.execute("SELECT count(*) FROM outcomes").fetchone()[0]
    assert count == len(records)


@pytest.mark.ring_kill
@pytest.mark.parametrize("when", range(1, 40, 3))
def test_a_kill_while_a_store_is_made_is_harmless(tmp_path, when):
    """The next program finds nothing, or a part, and makes the rest."""
    code = """
        begun(store, f"run-{os.getpid()}").end("succeeded", seconds=1.0, counts={})
        store.close()
        print("made")
    """
    strace = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls")]
    inject = "-e", "trace=pwrite64,fdatasync,fsync,mkdir,unlink", "-e"
    calls = f"inject=pwrite64,fdatasync,fsync,mkdir,unlink:signal=SIGKILL:when={when}"
    with program(tmp_path / "kept", code, before=[*strace, *inject, calls]) as process:
        process.communicate()
    with program(tmp_path / "kept", code) as process:
        assert process.communicate()[0] == "made\n"
    store = opened(tmp_path / "kept")
    assert [row.state for row in store.runs(RunFilter(states=("succeeded",), limit=1))]
    store.close()
    assert (tmp_path / "kept/store.db").stat().st_mode & 0o77 == 0
