"""Where the SQLite store is, what it makes there, and what it says of a place that will not do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from keeping import bare, begun, fill, new_run, opened, outcome, program, value_file

from taskflow.errors import StoreError
from taskflow.records import Removed, Retention
from taskflow.store import open_store, opening
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore
from taskflow.store.sqltext import migrations

# --- where ---


def test_the_store_of_a_project_is_found_upwards(tmp_path):
    """The nearest `.taskflow`; else beside what marks the project; else here."""
    deep = tmp_path / "project/src/deep"
    deep.mkdir(parents=True)
    assert place_of(None, str(deep)).folder == f"{deep}/.taskflow"
    (tmp_path / "project/pyproject.toml").touch()
    assert place_of(None, str(deep)).folder == f"{tmp_path}/project/.taskflow"
    (tmp_path / "project/src/.taskflow").mkdir()
    assert place_of(None, str(deep)).folder == f"{tmp_path}/project/src/.taskflow"


def test_no_project_is_looked_for_above_home(tmp_path, monkeypatch):
    """A `.git` around the homes of all is not the project of one."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert place_of(None, str(home)).folder == f"{home}/.taskflow"


def test_a_url_names_a_folder_or_a_file(tmp_path, monkeypatch):
    """What ends in a slash or is a folder is the store's; a file has its values beside it."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("there")
    places = {
        "sqlite:///new/": (f"{tmp_path}/new/store.db", f"{tmp_path}/new"),
        "sqlite:///there": (f"{tmp_path}/there/store.db", f"{tmp_path}/there"),
        "sqlite:///my.db": (f"{tmp_path}/my.db", f"{tmp_path}/my.files"),
        "sqlite:////data/my.db": ("/data/my.db", "/data/my.files"),
    }
    assert {url: place_of(url)[1:] for url in places} == places


@pytest.mark.parametrize("url", ["postgres://x", "sqlite://x", "sqlite:///", "store.db", ""])
def test_other_urls_are_refused(url):
    """With the two that there are."""
    with pytest.raises(StoreError, match=r"sqlite:///.*memory:"):
        open_store(url)


def test_a_process_has_one_store_of_a_url(tmp_path):
    """All that open it share it until it is closed; so it is with the one in memory."""
    url = f"sqlite:///{tmp_path}/"
    first = open_store(url)
    assert open_store(url) is first
    assert open_store(f"sqlite:///{tmp_path}/store.db") is first
    first.close()
    assert open_store(url) is not first
    assert open_store("memory:") is open_store("memory:")


# --- what is made ---


def test_looking_makes_nothing(tmp_path):
    """Who only asks for history, or cleans up, leaves no file behind."""
    store = opened(tmp_path / "new")
    assert store.runs() == []
    assert store.gc(Retention(), 0.0) == Removed()
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_only_its_user_may_look_into_a_store(tmp_path):
    """Folders and files are private, and a repository around them ignores them."""
    store = opened(tmp_path / "new")
    begun(store)
    for folder, _, files in os.walk(tmp_path / "new"):
        paths = [folder, *[f"{folder}/{file}" for file in files if file != ".gitignore"]]
        assert [path for path in paths if os.stat(path).st_mode & 0o77] == []
    assert (tmp_path / "new/.gitignore").read_text() == "*\n"
    store.close()


def test_a_folder_that_was_there_stays_as_it_was(tmp_path):
    """A store in somebody's data folder does not hide it from their repository, nor lock it."""
    os.chmod(tmp_path, 0o755)
    store = opened(tmp_path)
    begun(store)
    assert not (tmp_path / ".gitignore").exists()
    assert os.stat(tmp_path).st_mode & 0o777 == 0o755
    store.close()


def test_a_store_in_a_file_keeps_values_beside_it(tmp_path):
    """So that two of them in a folder do not mix."""
    store = SqliteStore(place_of(f"sqlite:///{tmp_path}/my.db"))
    assert begun(store).run_dir == f"{tmp_path}/my.files/runs/run-1"
    assert (tmp_path / "my.db").exists()
    store.close()


@pytest.mark.parametrize("name", ["ünï", "a b?c#d%41", "\udcff", "x" * 200])
def test_a_store_may_be_in_a_folder_of_any_name(tmp_path, name):
    """Names that mean something in a URL, or that are no text, are names."""
    store = opened(tmp_path / name)
    begun(store).write([outcome()])
    store.close()
    again = opened(tmp_path / name)
    assert len(list(again.kept("run-1", 1))) == 1
    again.close()


def test_a_store_can_be_moved(tmp_path):
    """What names files names them from the store."""
    store = opened(tmp_path / "old")
    ledger = begun(store)
    value = outcome(value=value_file(ledger, "v"))
    ledger.write([value])
    ledger.end("succeeded", seconds=1.0, counts={})
    store.close()
    shutil.move(tmp_path / "old", tmp_path / "new")
    store = opened(tmp_path / "new")
    (record,) = store.kept("run-1", 1)
    assert record.value.path == f"{tmp_path}/new/runs/run-1/values/v"
    assert os.path.exists(record.value.path)
    store.close()


# --- what will not do ---


@pytest.mark.parametrize("kind", ["a file", "a loop", "too long", "below a file"])
def test_a_place_that_will_not_do_is_named_in_one_line(tmp_path, kind):
    """With what is wrong, and how to choose another."""
    (tmp_path / "file").write_text("x")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    name = {"a file": "file", "a loop": "loop", "too long": "x" * 5000, "below a file": "file/x"}
    store = opened(tmp_path / name[kind])
    with pytest.raises(StoreError, match="TASKFLOW_STORE=") as raised:
        store.create(new_run())
    assert "\n" not in str(raised.value)
    store.close()


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    """It is named, and not written over, whether one looks or writes."""
    path = tmp_path / "store.db"
    path.write_bytes(b"my thesis, the only copy " * 100)
    before = path.read_bytes()
    store = opened(tmp_path)
    for use in (store.runs, lambda: store.create(new_run())):
        with pytest.raises(StoreError, match=r"store\.db is no SQLite database"):
            use()
    store.close()
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(tmp_path):
    """Its tables are not ours to add to."""
    with closing(sqlite3.connect(tmp_path / "store.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
    store = opened(tmp_path)
    with pytest.raises(StoreError, match="another program"):
        store.create(new_run())
    store.close()


def test_a_damaged_store_says_how_to_rescue_it(tmp_path):
    """The message names the file, the command, and the backups that there are."""
    fill(opened(tmp_path))
    path = tmp_path / "store.db"
    (tmp_path / "store.db.v1.bak").touch()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    store = opened(tmp_path)
    with pytest.raises(StoreError, match=r"damaged.*\.recover.*backups: .*store\.db\.v1\.bak"):
        list(store.kept("run-1", 1))
    store.close()
    assert path.read_bytes() == data


def test_a_store_of_a_newer_taskflow_is_refused(tmp_path):
    """It is neither read nor written: what it means is not known here."""
    fill(opened(tmp_path))
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    store = opened(tmp_path)
    for use in (store.runs, lambda: store.create(new_run("run-2"))):
        with pytest.raises(StoreError, match=r"newer taskflow.*upgrade"):
            use()
    store.close()


def test_an_older_store_is_migrated_after_a_backup(tmp_path, monkeypatch):
    """By whoever opens it first, even to look; the backup is the store as it was."""
    records = fill(opened(tmp_path))
    later = (*migrations(), "ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'good';")
    monkeypatch.setattr(opening, "migrations", lambda: later)
    store = opened(tmp_path)
    assert bare(store.kept("run-1", 1)) == records
    store.close()
    versions = {}
    backup = f"store.db.v{len(migrations())}.bak"
    for name in ("store.db", backup):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            versions[name] = connection.execute("PRAGMA user_version").fetchone()[0]
            assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (3,)
    assert versions == {"store.db": len(migrations()) + 1, backup: len(migrations())}


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    """All steps are one transaction."""
    fill(opened(tmp_path))
    broken = (*migrations(), "DROP TABLE cache; DROP TABLE not_there;")
    monkeypatch.setattr(opening, "migrations", lambda: broken)
    store = opened(tmp_path)
    with pytest.raises(StoreError, match="not_there"):
        store.runs()
    store.close()
    monkeypatch.undo()
    store = opened(tmp_path)
    assert store.cached(["k"], 0.0) == {}
    store.close()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_history_of_a_read_only_folder_is_read_and_nothing_is_written(tmp_path):
    """Who may not write, such as on a mounted backup, still sees the runs."""
    fill(opened(tmp_path))
    for folder in [tmp_path, *tmp_path.parents[:3]]:
        os.chmod(folder, 0o755)
    os.chmod(tmp_path / "store.db", 0o644)
    code = """
        fill(opened(sys.argv[1] + "/warm"))
        os.setuid(65534)
        print([row.id for row in store.runs()], len(list(store.kept("run-1", 1))))
        try:
            store.create(new_run("run-2"))
        except StoreError as error:
            print(error)
    """
    with program(tmp_path, code) as process:
        said = process.communicate()[0]
    assert said.startswith("['run-1'] 3\nthe store "), said
    assert "TASKFLOW_STORE=" in said


def test_another_process_does_not_take_a_store_that_is_in_use_for_one_that_is_not(tmp_path):
    """Also where it was read before it was written: its log of writes is still there."""
    store = opened(tmp_path)
    fill(store)
    store.close()
    store = opened(tmp_path)
    assert len(store.runs()) == 1  # a reader is open when the writer comes
    ledger = begun(store, "run-2")
    ledger.write([outcome(0)])
    ledger.flush()
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT id FROM runs')"
    subprocess.run([sys.executable, "-c", look, str(tmp_path / "store.db")], check=True)
    assert (tmp_path / "store.db-wal").exists()
    ledger.write([outcome(1)])
    ledger.flush()
    assert [each.node for each in store.kept("run-2", 1)] == [0, 1]
    store.close()
