"""Which files a folder of pipelines has, and which of them are to be read again."""

from __future__ import annotations

import os
import sys

import pytest

from taskflow.schedule.folder import Folder, digest_of


class Watched:
    """A folder, the time that its pace is measured by, and what stands for the reading of files."""

    def __init__(self, path):
        self.now = 0.0
        self.path = path
        self.folder = Folder(str(path), lambda: self.now)

    def write(self, name, text="x = 1\n"):
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def look(self, later=10.0):
        """The names of what is due after some time."""
        self.now += later
        return [os.path.relpath(path, self.path) for path in self.folder.look().added_or_changed]

    def read(self, file, *helpers):
        """Tell the folder that a file was read as it is now, with what it imports."""
        self.folder.knows(file, {path: digest_of(path) for path in (file, *helpers)})


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_every_file_below_is_found_but_what_is_no_pipeline(watched):
    """Hidden folders, caches, virtual environments and files with `_` in front are left out."""
    for name in ("a.py", "deep/er/b.py", "deep/_helper.py", "deep/__init__.py", ".git/hook.py"):
        watched.write(name)
    for name in ("__pycache__/a.py", "venv/pyvenv.cfg", "venv/lib/c.py", ".hidden.py", "notes.txt"):
        watched.write(name)
    (watched.path / "folder.py").mkdir()
    os.mkfifo(watched.path / "pipe.py")
    assert watched.look() == ["a.py", "deep/er/b.py"]


def test_a_circle_of_links_is_walked_once(watched):
    """A folder is entered once, by its own path where it has one; dead links are no files."""
    watched.write("sub/a.py")
    (watched.path / "again").symlink_to(watched.path / "sub")
    (watched.path / "sub" / "up").symlink_to(watched.path)
    (watched.path / "self").symlink_to("self")
    (watched.path / "dead.py").symlink_to("nowhere.py")
    (watched.path / "link.py").symlink_to("sub/a.py")
    assert watched.look() == ["link.py", "sub/a.py"]


@pytest.mark.skipif(sys.platform == "darwin", reason="there, names of files are UTF-8")
def test_a_name_that_is_no_utf8_is_a_name(watched):
    """It comes as Python has it, and leads to the file."""
    path = os.path.join(os.fsencode(watched.path), b"caf\xe9.py")
    with open(path, "w", encoding="ascii") as file:
        file.write("x = 1\n")
    assert watched.look() == [os.fsdecode(b"caf\xe9.py")]
    assert digest_of(os.fsdecode(path))


def test_nothing_is_told_twice(watched):
    """A file is due once for each content, whether it was read in between or not."""
    first, second = watched.write("a.py"), watched.write("b.py")
    assert watched.look() == ["a.py", "b.py"]
    watched.read(first)
    assert watched.look() == []
    watched.write("b.py", "x = 2\n")
    assert watched.look() == ["b.py"]
    watched.read(second)
    assert watched.look() == []


def test_a_touch_is_no_change(watched):
    """Times tell where to look; what counts is content."""
    file = watched.write("a.py")
    watched.look()
    watched.read(file)
    os.utime(file, (1, 1))
    assert watched.look() == []
    watched.write("a.py", "x = 2\n")
    os.utime(file, (1, 1))
    assert watched.look() == ["a.py"]


def test_what_was_written_just_now_is_compared_again(watched):
    """An edit in the same instant, of the same size, leaves the times as they were."""
    file = watched.write("a.py", "x = 1\n")
    watched.look()
    watched.read(file)
    before = os.stat(file)
    watched.write("a.py", "x = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.look() == ["a.py"]


def test_a_helper_that_changes_makes_its_readers_due(watched):
    """Wherever it lies: a file is read from all that it imports."""
    helper = watched.write("_helper.py")
    users = [watched.write("a.py"), watched.write("b.py")]
    other = watched.write("c.py")
    watched.look()
    for file in users:
        watched.read(file, helper)
    watched.read(other)
    assert watched.look() == []
    watched.write("_helper.py", "x = 2\n")
    assert watched.look() == ["a.py", "b.py"]
    os.remove(helper)
    assert watched.look() == ["a.py", "b.py"]


def test_a_helper_that_was_missing_makes_its_reader_due_when_it_comes(watched):
    """Whoever writes the pipeline first and its helper second need not touch the first again."""
    file, helper = watched.write("a.py"), str(watched.path / "_helper.py")
    watched.look()
    watched.read(file, helper)
    assert watched.look() == []
    watched.write("_helper.py")
    assert watched.look() == ["a.py"]


def test_a_file_that_was_read_as_something_else_is_due_again(watched):
    """It was changed while it was read: what was read then is not what is there."""
    file = watched.write("a.py")
    watched.look()
    watched.folder.knows(file, {file: "the digest of half a file"})
    assert watched.look() == ["a.py"]


def test_what_is_known_from_before_is_due_only_if_its_content_differs(watched):
    """A service that starts again reads what was changed meanwhile, and nothing else."""
    same, other = watched.write("same.py"), watched.write("other.py")
    gone = str(watched.path / "gone.py")
    watched.read(same)
    watched.folder.knows(other, {other: "another"})
    watched.folder.knows(gone, {gone: "whatever"})
    changes = watched.folder.look()
    assert (changes.added_or_changed, changes.gone) == ([other], [gone])


def test_a_file_that_is_renamed_is_gone_and_new(watched):
    """Both are told in one look; one that is deleted is gone, once."""
    file = watched.write("a.py")
    watched.look()
    watched.read(file)
    os.rename(file, watched.path / "b.py")
    changes = watched.folder.look()
    assert changes.added_or_changed == [str(watched.path / "b.py")]
    assert changes.gone == [file]
    os.remove(watched.path / "b.py")
    assert watched.folder.look().gone == [str(watched.path / "b.py")]
    assert watched.folder.look().gone == []


def test_a_file_that_always_changes_is_read_at_a_pace(watched):
    """Once in two seconds at most, and those that waited longer come first."""
    watched.write("busy.py", "x = 0\n")
    assert watched.look() == ["busy.py"]
    watched.write("busy.py", "x = 1\n")
    assert watched.look(later=1.0) == []
    watched.write("busy.py", "x = 2\n")
    watched.write("zebra.py")
    assert watched.look(later=1.0) == ["zebra.py", "busy.py"]


def test_a_file_that_was_read_late_enough_is_not_read_for_nothing(watched):
    """It changed again while it waited to be read, and that is what was read."""
    file = watched.write("a.py")
    watched.look()
    watched.write("a.py", "x = 2\n")
    assert watched.look(later=1.0) == []
    watched.read(file)
    assert watched.look() == []


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(watched):
    """A disk that is away for a moment does not take pipelines with it."""
    file = watched.write("a.py")
    watched.look()
    watched.path.rename(watched.path.with_name("away"))
    with pytest.raises(FileNotFoundError):
        watched.folder.look()
    watched.path.with_name("away").rename(watched.path)
    assert watched.folder.look().gone == []
    watched.read(file)


def test_what_is_in_a_folder_that_cannot_be_read_stays(watched, monkeypatch):
    """Its files are neither gone nor due, and the folder is named; later all is as before."""
    file, other = watched.write("closed/a.py"), watched.write("open.py")
    watched.look()
    watched.read(file)
    watched.read(other)
    watched.look()
    with monkeypatch.context() as patch:
        for name in ("scandir", "stat"):
            patch.setattr(os, name, closed(getattr(os, name), f"{watched.path}/closed"))
        watched.write("open.py", "x = 2\n")
        changes = watched.folder.look()
        assert changes == ([other], [], [f"{watched.path}/closed/"])
        assert watched.look() == []
    assert watched.look() == []
    watched.write("closed/a.py", "x = 2\n")
    assert watched.look() == ["closed/a.py"]


def closed(call, folder):
    """A call of the system that may not know what is in a folder, as root always may."""

    def refused(path, *args, **options):
        if str(path).startswith(folder):
            raise PermissionError(path)
        return call(path, *args, **options)

    return refused
