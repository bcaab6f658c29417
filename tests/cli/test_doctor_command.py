"""`taskflow doctor`: what it finds in order, and what it finds wrong."""

from __future__ import annotations

import os

import pytest
from kept import GOOD, NOON

from taskflow.store.health import examine, file_system_of
from taskflow.store.places import place_of

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 22 0:31 / /home rw,relatime shared:9 - nfs4 server:/home rw
36 35 8:2 / /home/ann/disk rw - xfs /dev/sdb1 rw
"""


def test_a_store_in_order_says_where_it_is_and_why(history):
    """With its size, and the versions that a report of a fault should name."""
    history.run("aa", *GOOD)
    page = history.told("doctor")
    for said in ("/history/store.db", "TASKFLOW_STORE names it", "integrity  ok", "python", "loky"):
        assert said in page
    assert "!" not in page


def test_without_a_name_the_store_is_found_upwards(history, tmp_path, monkeypatch):
    """Like git's; where there is none, it is said where the first run makes one."""
    monkeypatch.delenv("TASKFLOW_STORE")
    (tmp_path / "project" / "flows").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "project" / "flows")
    page = history.told("doctor")
    assert f"{tmp_path}/project/.taskflow/store.db, not there yet" in page
    assert "the first run makes one for the project" in page


def test_a_program_reads_the_same(history):
    """As one document."""
    history.run("aa", *GOOD)
    (found,) = history.json("doctor")
    assert (found["runs"], found["complaints"], found["warnings"]) == (1, [], [])
    assert found["versions"]["python"]


def test_a_store_that_is_not_there_yet_is_in_order(history):
    """Nothing is made by looking."""
    assert "not there yet" in history.told("doctor")
    assert not os.path.exists(place_of(history.url).folder)


@pytest.mark.parametrize("place", [0, 8192])
def test_a_damaged_store_ends_with_3(history, place):
    """Be it the head of the file or a page in the middle; what SQLite says of it is told."""
    history.run("aa", *GOOD)
    history.store.close()
    with open(place_of(history.url).database, "r+b") as file:
        file.seek(place)
        file.write(b"no database" * 1000)
    code, output, _ = history.taskflow("doctor")
    assert code == 3
    assert "integrity  damaged" in output
    assert "✘ " in output


def test_folders_of_runs_that_are_gone_are_named(history):
    """A kill between folder and row leaves one."""
    history.run("aa", *GOOD, created=NOON)
    os.makedirs(os.path.join(place_of(history.url).runs, "zz", "values"))
    assert examine(place_of(history.url)).leftovers == ("zz",)
    assert "! 1 folder of runs that are not in the store" in history.told("doctor")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "ext4"), ("/homes", "ext4"), ("/home/ann", "nfs4"), ("/home/ann/disk/x", "xfs")],
)
def test_the_file_system_is_that_of_the_nearest_mount_above(tmp_path, path, kind):
    """A name that only begins alike is another folder."""
    (tmp_path / "mounts").write_text(MOUNTS)
    assert file_system_of(path, str(tmp_path / "mounts")) == kind


def test_a_file_system_that_machines_share_is_warned_of(history):
    """Locks and shared memory may not work there."""
    health = examine(place_of(history.url))
    assert health._replace(file_system="nfs4").is_remote
    assert not health._replace(file_system="ext4").is_remote
